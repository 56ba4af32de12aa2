"""One run of the program: its events, its end, and its report."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Optional

from ._program import not_started
from ._report import Report

Event = dict[str, Any]
"""One line of the event log (`cxr.events/1`)."""

# Windows can send only Ctrl-Break, to the group of a process.
if sys.platform == "win32":
    _INTERRUPT = signal.CTRL_BREAK_EVENT
    _FLAGS = subprocess.CREATE_NEW_PROCESS_GROUP
else:
    _INTERRUPT = signal.SIGINT
    _FLAGS = 0
# Lines that wait for a slow callback. The program keeps more, and then leaves some out.
_WAITING = 1000
# Seconds between two looks at `cancel`.
_LOOK = 0.1
# Seconds in which the program ends after a signal. Most runs need less than one.
_GRACE = 60.0
# The end of the error output that is kept, in characters.
_KEPT = 20_000


@dataclass(frozen=True)
class Outcome:
    """The end of a run."""

    status: int
    report: Optional[Report]
    errors: str
    cancelled: bool


class _Cancelled(Exception):
    """The event `cancel` is set."""


def run(
    command: Sequence[str],
    listen: Callable[[Event], object],
    cancel: Optional[threading.Event],
    shows_messages: bool,
) -> Outcome:
    """Runs the program to its end.

    After every exception, KeyboardInterrupt included, the program gets SIGINT and is waited for, so
    that it keeps its partial downloads and no process stays behind.
    """
    with tempfile.TemporaryDirectory(prefix="cxr-") as folder:
        path = Path(folder, "report.json")
        # As variables, so that the commands that the program suggests do not have them.
        ours = {"CXR_EVENTS": "-", "CXR_REPORT": str(path), "CXR_FORMAT": "text"}
        child = _start(command, ours, shows_messages)
        cancelled = False
        try:
            errors = _Tail(child.stderr)
            _follow(child, listen, cancel)
        except _Cancelled:
            cancelled = True
            _stop(child)
        except BaseException:
            _stop(child)
            raise
        return Outcome(child.returncode, _read(path), errors.text(), cancelled)


def _start(
    command: Sequence[str], variables: dict[str, str], shows_messages: bool
) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            command,
            creationflags=_FLAGS,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if shows_messages else subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise not_started(command[0], error) from error


def _follow(
    child: subprocess.Popen[str],
    listen: Callable[[Event], object],
    cancel: Optional[threading.Event],
) -> None:
    """Passes the events on until the program has ended."""
    lines = _Lines(child.stdout)
    try:
        while (line := lines.next(cancel)) is not None:
            try:
                event = json.loads(line)
            except ValueError:
                # The program was killed in the middle of a line; its status says so.
                continue
            listen(event)
        child.wait()
    finally:
        lines.discard.set()


def _stop(child: subprocess.Popen[str]) -> None:
    """Lets the program end in good order."""
    deadline_passed = False
    while True:
        try:
            # Ctrl-C on a terminal reaches the program too. It takes signals within 0.2 seconds of each
            # other as one; another one ends it at once.
            child.send_signal(_INTERRUPT)
            child.wait(_GRACE)
            return
        except subprocess.TimeoutExpired:
            if deadline_passed:
                child.kill()
            deadline_passed = True
        except KeyboardInterrupt:
            # The user is in a hurry: the next signal ends the program at once.
            continue


def _read(path: Path) -> Optional[Report]:
    try:
        return Report.from_document(json.loads(path.read_bytes()))
    except (OSError, ValueError, LookupError):
        return None


class _Lines:
    """The lines of a pipe, read by a thread; `None` is its end."""

    def __init__(self, pipe: Optional[IO[str]]) -> None:
        self.discard = threading.Event()
        self._queue: queue.Queue[Optional[str]] = queue.Queue(_WAITING)
        self._pipe = pipe
        threading.Thread(target=self._read, name="cxr-events", daemon=True).start()

    def next(self, cancel: Optional[threading.Event]) -> Optional[str]:
        """Waits for the next line. The waits are short: no other call of the interpreter lets an
        exception that another thread raises in this one through."""
        while cancel is None or not cancel.is_set():
            try:
                return self._queue.get(timeout=_LOOK)
            except queue.Empty:
                continue
        raise _Cancelled

    def _read(self) -> None:
        with self._pipe or nullcontext(()) as pipe:
            for line in pipe:
                self._put(line)
        self._put(None)

    def _put(self, line: Optional[str]) -> None:
        while not self.discard.is_set():
            try:
                self._queue.put(line, timeout=_LOOK)
                return
            except queue.Full:
                continue


class _Tail:
    """The end of what the program writes to a pipe."""

    def __init__(self, pipe: Optional[IO[str]]) -> None:
        self._text = ""
        self._pipe = pipe
        self._thread = threading.Thread(target=self._read, name="cxr-errors", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with self._pipe or nullcontext(()) as pipe:
            for line in pipe:
                self._text = (self._text + line)[-_KEPT:]

    def text(self) -> str:
        """Waits for the end of the pipe."""
        self._thread.join()
        return self._text.strip()
