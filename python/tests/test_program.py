"""The wheel: its files, and the program in it."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata, resources
from pathlib import Path

import pytest

import cxr


def test_the_program_is_that_of_the_wheel():
    program = Path(cxr.find_program())
    assert program.parent == Path(sys.executable).parent
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert version.stdout == f"cxr {metadata.version('cxr')}\n"


def test_the_module_starts_the_program():
    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "cxr", *arguments], capture_output=True, text=True, check=False
        )

    assert run("--version").stdout == f"cxr {metadata.version('cxr')}\n"
    assert run("no-such-command").returncode == 2


def test_the_module_is_typed_and_needs_nothing():
    assert resources.files("cxr").joinpath("py.typed").is_file()
    needed = [entry for entry in metadata.requires("cxr") or [] if "extra ==" not in entry]
    assert needed == []


def test_the_manual_page_and_the_completions_are_installed():
    share = Path(sys.prefix) / "share"
    assert ".TH cxr 1" in (share / "man/man1/cxr.1").read_text()
    for name in (
        "bash-completion/completions/cxr",
        "zsh/site-functions/_cxr",
        "fish/vendor_completions.d/cxr.fish",
        "cxr/_cxr.ps1",
    ):
        assert "selftest" in (share / name).read_text()


def test_a_missing_program_is_named(monkeypatch):
    monkeypatch.setattr("cxr._program._places", lambda _: iter([Path("/nowhere/cxr")]))
    with pytest.raises(cxr.ProgramNotFound, match="/nowhere/cxr") as raised:
        cxr.verify(".")
    assert "pip install --force-reinstall cxr" in str(raised.value)


def copied(folder, program=None):
    """A copy of the module, with a program as `pip install --target DIR` lays it out."""
    copy = folder / "cxr"
    copy.mkdir(parents=True)
    for file in Path(cxr.__file__).parent.glob("*.py"):
        (copy / file.name).write_bytes(file.read_bytes())
    (folder / "bin").mkdir()
    if program is not None:
        (folder / "bin/cxr").symlink_to(program)
    return folder


def python(folder, *arguments, **options):
    """Runs Python with the modules in a folder. `-S` hides the installed wheel."""
    command = [sys.executable, "-S", *arguments]
    options = {"env": {"PYTHONPATH": str(folder), **options}, "capture_output": True, "text": True}
    return subprocess.run(command, check=False, **options)


FIND = ("-c", "import cxr; print(cxr.find_program())")


def test_a_copy_of_the_module_with_the_program_beside_it(tmp_path):
    copy = copied(tmp_path / "copy", cxr.find_program())
    found = python(copy, *FIND)
    assert (found.stdout, found.stderr) == (f"{copy / 'bin/cxr'}\n", "")


def test_the_program_of_another_installation_is_not_taken(tmp_path):
    copy = copied(tmp_path / "copy")
    user = tmp_path / "user/bin"
    user.mkdir(parents=True)
    (user / "cxr").symlink_to(cxr.find_program())
    found = python(copy, *FIND, PYTHONUSERBASE=str(user.parent), PATH=str(user))
    assert found.stdout == "" and "ProgramNotFound" in found.stderr
    assert str(copy / "bin/cxr") in found.stderr and str(user) not in found.stderr
    (copy / "bin/cxr").write_bytes(Path(cxr.find_program()).read_bytes())
    assert f"{copy / 'bin/cxr'} (it is there, but nobody may run it" in python(copy, *FIND).stderr


@pytest.mark.parametrize("version", ["9.9.9", "0.1"])
def test_a_program_of_another_version_is_not_taken(tmp_path, version):
    copy = copied(tmp_path / "copy", cxr.find_program())
    wheel = copy / "cxr.dist-info"
    wheel.mkdir()
    (wheel / "METADATA").write_text(f"Metadata-Version: 2.4\nName: cxr\nVersion: {version}\n")
    (wheel / "RECORD").write_text("cxr/__init__.py,,\nbin/cxr,,\n")
    found = python(copy, *FIND)
    assert found.stdout == "" and f"and this module needs {version}" in found.stderr
    assert "pip install --force-reinstall cxr" in found.stderr


def test_a_program_for_another_machine_is_an_error_of_its_own(tmp_path):
    copy = copied(tmp_path / "copy")
    program = copy / "bin/cxr"
    program.write_bytes(b"\x7fELF" + bytes(60))
    program.chmod(0o755)
    for call in ("find_program()", "verify('.')", "labels('nih')"):
        code = f"import cxr\ntry: cxr.{call}\nexcept cxr.RunError as error: print(error)"
        run = python(copy, "-c", code)
        assert run.stdout.startswith(f"this machine did not start {program}: Exec format error; ")
        assert "for another kind of machine than this one (" in run.stdout, run.stderr
    run = python(copy, "-m", "cxr", "--version")
    assert run.returncode == 1 and run.stderr.startswith("cxr: this machine did not start ")
