"""Adds the manual page and the completions to a wheel: complete_wheel.py WHEEL CXR...

CXR is a program of the same version that runs on this machine, after the words that run it if it is
for another processor. Installers put the files below the
`share` of their prefix, where `man` and the shells look.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

FILES = {
    "man/man1/cxr.1": ["man"],
    "bash-completion/completions/cxr": ["completions", "bash"],
    "zsh/site-functions/_cxr": ["completions", "zsh"],
    "fish/vendor_completions.d/cxr.fish": ["completions", "fish"],
    "cxr/_cxr.ps1": ["completions", "powershell"],
}


def complete(wheel: Path, program: list[str]) -> None:
    tool = [sys.executable, "-m", "wheel"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*tool, "unpack", "--dest", folder, wheel], check=True)
        (root,) = Path(folder).iterdir()
        (scripts,) = root.glob("*.data/scripts")
        for name, command in FILES.items():
            path = scripts.parent / "data/share" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(subprocess.check_output([*program, *command]))
        # It writes the list of files and their digests again.
        subprocess.run([*tool, "pack", "--dest-dir", wheel.parent, root], check=True)


if __name__ == "__main__":
    if len(sys.argv) <= 2 or "--help" in sys.argv[:2]:
        sys.exit(__doc__)
    complete(Path(sys.argv[1]), sys.argv[2:])
