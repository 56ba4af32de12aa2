"""The program `cxr` that was installed with this module."""

from __future__ import annotations

import errno
import os
import platform
import re
import subprocess
import sysconfig
from collections.abc import Iterator
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Optional

from ._errors import ProgramNotFound, RunError

_NAME = "cxr" + (sysconfig.get_config_var("EXE") or "")
_PACKAGE = Path(__file__).resolve().parent
_REINSTALL = "pip install --force-reinstall cxr"
# The errors of a file that holds no program for this machine; the numbers are those of macOS and Windows.
_FOREIGN = (errno.ENOEXEC, getattr(errno, "EBADARCH", 86), 193, 216)


def find_program() -> str:
    """Returns the path of the program that was installed with this module.

    A `cxr` elsewhere, on the `PATH` or of another installation of Python, may have another version,
    and is not used.

    Raises `ProgramNotFound` if there is none or if it has another version, and `RunError` if this
    machine cannot run it.
    """
    wheel = _wheel()
    places = list(dict.fromkeys(_places(wheel)))
    for path in places:
        if path.is_file() and os.access(path, os.X_OK):
            _check_version(path, wheel)
            return str(path)
    looked_at = "".join(f"\n  {path}{_note(path)}" for path in places)
    raise ProgramNotFound(
        "the program cxr was not installed with this module; looked for"
        f"{looked_at}\nReinstall it with: {_REINSTALL}"
    )


def not_started(program: str, error: OSError) -> RunError:
    """The exception for a program that the system does not start."""
    message = f"this machine did not start {program}: {error.strerror}"
    if error.errno in _FOREIGN or getattr(error, "winerror", None) in _FOREIGN:
        message += (
            f"; it is damaged or made for another kind of machine than this one ({platform.machine()},"
            f" {platform.system()}). Install the wheel for this machine: {_REINSTALL}"
        )
    return RunError(message)


def _note(path: Path) -> str:
    return " (it is there, but nobody may run it: look at its mode and its mount)" if path.is_file() else ""


def _check_version(path: Path, wheel: Optional[metadata.Distribution]) -> None:
    """Refuses a program that replaced that of the wheel."""
    state = path.stat()
    found = _version(str(path), state.st_mtime_ns, state.st_size)
    if wheel is not None and found != _number(wheel.version):
        raise ProgramNotFound(
            f"the program {path} is cxr {found or 'of an unknown version'}, and this module needs"
            f" {wheel.version}\nReinstall it with: {_REINSTALL}"
        )


@lru_cache(maxsize=8)
def _version(program: str, _time: int, _size: int) -> Optional[str]:
    """The version that a program states; asked again if its file changes."""
    try:
        stated = subprocess.run(
            [program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    except OSError as error:
        raise not_started(program, error) from error
    words = stated.stdout.decode("utf-8", "replace")
    return _number(words.removeprefix("cxr ")) if words.startswith("cxr ") else None


def _number(version: str) -> Optional[str]:
    """The numbers alone: Python and Rust write what follows them in different ways."""
    numbers = re.match(r"\d+(\.\d+)*", version)
    return numbers and numbers[0]


def _places(wheel: Optional[metadata.Distribution]) -> Iterator[Path]:
    """The places where installers put the program of this module, the most certain first."""
    for file in (wheel and wheel.files) or []:
        if file.name == _NAME and file.parent.name in ("bin", "Scripts"):
            yield Path(os.path.normpath(str(file.locate())))
    site = _PACKAGE.parent
    # `pip install --target DIR` puts the module into DIR, and programs into DIR/bin.
    yield site / "bin" / _NAME
    # PREFIX/lib/pythonX.Y/site-packages/cxr: programs are in PREFIX/bin.
    if len(_PACKAGE.parents) > 3:
        yield _PACKAGE.parents[3] / "bin" / _NAME
    for scheme in sysconfig.get_scheme_names():
        paths = sysconfig.get_paths(scheme)
        if site in (Path(paths["purelib"]).resolve(), Path(paths["platlib"]).resolve()):
            yield Path(paths["scripts"]) / _NAME


def _wheel() -> Optional[metadata.Distribution]:
    """The installed wheel that has this module. Another one may be further down the search path."""
    for wheel in metadata.distributions(name="cxr"):
        modules = [file for file in wheel.files or [] if file.parts == ("cxr", "__init__.py")]
        # A wheel of `pip install --editable` has the program and no module.
        if all(Path(str(file.locate())).resolve().parent == _PACKAGE for file in modules):
            return wheel
    return None
