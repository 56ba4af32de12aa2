"""Packs a program with its manual page, completions and texts: release_archive.py TARGET OUT [RUNNER...]

Prints the path of OUT/cxr-VERSION-TARGET.tar.gz. The program must run on this machine, or after the
words of RUNNER. The same input gives the same bytes: no names of users, and no time but that of the
commit (SOURCE_DATE_EPOCH).
"""

import gzip
import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
TEXTS = ["LICENSE", "README.md", "CHANGELOG.md"]
PRINTED = {
    "cxr.1": ["man"],
    "completions/cxr.bash": ["completions", "bash"],
    "completions/_cxr": ["completions", "zsh"],
    "completions/cxr.fish": ["completions", "fish"],
    "completions/_cxr.ps1": ["completions", "powershell"],
}


def contents(program: Path, runner: list[str]) -> dict[str, bytes]:
    """Returns the files of the archive."""
    files = {name: (ROOT / name).read_bytes() for name in TEXTS}
    for name, command in PRINTED.items():
        files[name] = subprocess.check_output([*runner, program, *command])
    files[program.name] = program.read_bytes()
    return files


def pack(folder: str, files: dict[str, bytes], program: str) -> bytes:
    """Returns a compressed tar file with the files in a folder."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as compressed:
        with tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for name in sorted(files):
                member = tarfile.TarInfo(f"{folder}/{name}")
                member.size = len(files[name])
                member.mode = 0o755 if name == program else 0o644
                member.mtime = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
                tar.addfile(member, io.BytesIO(files[name]))
    return packed.getvalue()


def main(target: str, out: Path, runner: list[str]) -> None:
    suffix = ".exe" if "windows" in target else ""
    program = ROOT / "target" / target / "release" / f"cxr{suffix}"
    version = subprocess.check_output([*runner, program, "--version"], text=True).split()[1]
    name = f"cxr-{version}-{target}"
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{name}.tar.gz"
    path.write_bytes(pack(name, contents(program, runner), program.name))
    print(path)


if __name__ == "__main__":
    if len(sys.argv) <= 2 or "--help" in sys.argv[:2]:
        sys.exit(__doc__)
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
