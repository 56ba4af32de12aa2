"""`python -m cxr`: the program."""

from __future__ import annotations

import os
import sys

from ._errors import ProgramNotFound
from ._program import find_program


def main() -> None:
    """Becomes the program, with the same arguments, signals and exit status."""
    try:
        program = find_program()
    except ProgramNotFound as error:
        sys.exit(f"error: {error}")
    os.execv(program, [program, *sys.argv[1:]])


if __name__ == "__main__":
    main()
