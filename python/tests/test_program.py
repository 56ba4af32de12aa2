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
    monkeypatch.setattr("cxr._program._places", lambda: iter([Path("/nowhere/cxr")]))
    with pytest.raises(cxr.ProgramNotFound, match="/nowhere/cxr") as raised:
        cxr.verify(".")
    assert "pip install --force-reinstall cxr" in str(raised.value)


def test_a_copy_of_the_module_with_the_program_beside_it(tmp_path):
    """As `pip install --target DIR` lays it out."""
    copy = tmp_path / "cxr"
    copy.mkdir()
    for file in Path(cxr.__file__).parent.glob("*.py"):
        (copy / file.name).write_bytes(file.read_bytes())
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/cxr").symlink_to(cxr.find_program())
    # `-S` hides the installed wheel.
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import cxr; print(cxr.find_program())"
    found = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True)
    assert (found.stdout, found.stderr) == (f"{tmp_path / 'bin/cxr'}\n", "")
