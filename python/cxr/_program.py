"""The program `cxr` that was installed with this module."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from ._errors import ProgramNotFound

_NAME = "cxr" + (sysconfig.get_config_var("EXE") or "")


def find_program() -> str:
    """Returns the path of the program that was installed with this module.

    A `cxr` elsewhere on the `PATH` may have another version, and is not used.

    Raises `ProgramNotFound` if there is none.
    """
    places = list(dict.fromkeys(_places()))
    for path in places:
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    looked_at = "".join(f"\n  {path}" for path in places)
    raise ProgramNotFound(
        "the program cxr was not installed with this module; looked for"
        f"{looked_at}\nReinstall it with: pip install --force-reinstall cxr"
    )


def _places() -> Iterator[Path]:
    """The places where installers put it, the most certain first."""
    yield from _recorded()
    package = Path(__file__).resolve().parent
    # `pip install --target DIR` puts the module into DIR, and programs into DIR/bin.
    yield package.parent / "bin" / _NAME
    # PREFIX/lib/pythonX.Y/site-packages/cxr: programs are in PREFIX/bin.
    if len(package.parents) > 3:
        yield package.parents[3] / "bin" / _NAME
    for scheme in (None, _user_scheme()):
        folder = sysconfig.get_path("scripts", scheme) if scheme else sysconfig.get_path("scripts")
        if folder:
            yield Path(folder) / _NAME


def _recorded() -> Iterator[Path]:
    """The program in the list of files that the installer wrote."""
    try:
        files = metadata.files("cxr") or []
    except metadata.PackageNotFoundError:
        return
    for file in files:
        if file.name == _NAME and file.parent.name in ("bin", "Scripts"):
            yield Path(os.path.normpath(str(file.locate())))


def _user_scheme() -> str | None:
    scheme = "nt_user" if os.name == "nt" else "posix_user"
    return scheme if scheme in sysconfig.get_scheme_names() else None
