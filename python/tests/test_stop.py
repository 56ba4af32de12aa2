"""Ctrl-C, cancelled threads, and callbacks that fail: the program ends in good order."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import cxr

# Enough for each connection to have journaled something.
SENT = 400_000


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.02)


def programs(field, value):
    """The process ids of the programs `cxr` whose parent (field 1) or session (field 3) is this."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            number, rest = path.read_text().split(" (", 1)
        except OSError:
            continue
        name, fields = rest.rsplit(") ", 1)
        if name == "cxr" and fields.split()[field] == str(value):
            found.append(int(number))
    return found


def children():
    """The programs that this process has started and that have not ended."""
    return programs(1, os.getpid())


def is_resumed(data, server):
    """The next fetch uses what was downloaded before the end."""
    server.pause = 0
    assert list((data.folder / ".cxr").glob("*.part"))
    report = cxr.fetch(data.folder, sources=server.url, checksums=data.table)
    assert report.ok
    assert sum(archive.bytes_reused for archive in report.archives) > 0
    return True


def slow_fetch(data, server, **options):
    server.pause = 0.02
    return cxr.fetch(data.folder, sources=server.url, checksums=data.table, **options)


def test_a_cancelled_run_raises_with_its_report_and_resumes(data, server):
    cancel = threading.Event()
    threading.Thread(
        target=lambda: (wait_for(lambda: server.sent > SENT), cancel.set()), daemon=True
    ).start()
    with pytest.raises(cxr.Cancelled) as raised:
        slow_fetch(data, server, cancel=cancel)
    assert raised.value.status == 130
    assert len(raised.value.report.archives) == len(data.archives)
    assert children() == []
    assert is_resumed(data, server)


def test_an_exception_of_the_callback_ends_the_program(data, server):
    def fail(event):
        if server.sent > SENT:
            raise RuntimeError("the callback fails")

    with pytest.raises(RuntimeError, match="the callback fails"):
        slow_fetch(data, server, progress=fail)
    assert children() == []
    assert is_resumed(data, server)


def test_a_thread_can_be_cancelled_with_an_exception(data, server):
    class Stop(Exception):
        pass

    raised = []

    def work():
        try:
            slow_fetch(data, server)
        except Stop as stop:
            raised.append(stop)

    thread = threading.Thread(target=work)
    thread.start()
    wait_for(lambda: server.sent > SENT)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread.ident), ctypes.py_object(Stop)
    )
    thread.join(20)
    assert not thread.is_alive() and len(raised) == 1
    assert children() == []
    assert is_resumed(data, server)


def test_a_program_that_somebody_else_ends(data, server):
    def end(event):
        if server.sent > SENT:
            for child in children():
                os.kill(child, signal.SIGTERM)

    with pytest.raises(cxr.Interrupted) as raised:
        slow_fetch(data, server, progress=end)
    assert raised.value.status == 143
    assert is_resumed(data, server)


SCRIPT = """
import sys, time, cxr
try:
    cxr.fetch(sys.argv[1], sources=sys.argv[2], checksums=sys.argv[3])
except KeyboardInterrupt:
    print("interrupted")
    sys.exit(7)
"""


@pytest.mark.parametrize("whole_group", [False, True], ids=["process", "terminal"])
def test_ctrl_c_ends_both(data, server, whole_group):
    """A terminal signals the program too, `kill -INT` only Python."""
    server.pause = 0.02
    script = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, data.folder, server.url, data.table],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A job in the background ignores SIGINT, and so does what it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_for(lambda: server.sent > SENT)
    (os.killpg if whole_group else os.kill)(script.pid, signal.SIGINT)
    output, errors = script.communicate(timeout=20)
    assert (script.returncode, output) == (7, "interrupted\n"), errors
    assert programs(3, script.pid) == [], "the program ends before Python does"
    assert is_resumed(data, server)
