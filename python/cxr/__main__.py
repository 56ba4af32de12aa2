"""`python -m cxr`: the program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from ._errors import CxrError
from ._program import find_program


def main() -> None:
    """Becomes the program, with the same arguments, signals and exit status."""
    try:
        program = find_program()
    except CxrError as error:
        sys.exit(f"cxr: {error}")
    command = [program, *sys.argv[1:]]
    if sys.platform == "win32":
        # There, `execv` starts another process and returns at once.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.exit(subprocess.call(command))
    os.execv(program, command)


if __name__ == "__main__":
    main()
