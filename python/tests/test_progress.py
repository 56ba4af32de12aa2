"""Callbacks and bars."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

import cxr


def test_the_callback_gets_every_event_in_the_calling_thread(data):
    events, threads = [], set()

    def listen(event):
        events.append(event)
        threads.add(threading.get_ident())

    cxr.fetch(data.folder, sources=data.mirror, checksums=data.table, progress=listen)
    assert threads == {threading.get_ident()}
    kinds = [event["event"] for event in events]
    assert kinds[0] == "started" and kinds[-1] == "summary"
    assert kinds.count("verdict") == len(data.archives)
    assert events[-1]["bytes_done"] == sum(map(len, data.archives.values()))


def test_a_slow_callback_loses_no_verdict(data):
    import time

    verdicts = []

    def listen(event):
        time.sleep(0.1)
        if event["event"] == "verdict":
            verdicts.append(event["archive"]["verdict"])

    cxr.fetch(data.folder, sources=data.mirror, checksums=data.table, progress=listen)
    assert verdicts == ["ok"] * len(data.archives)


def test_tqdm_draws_a_bar(data, capfd):
    pytest.importorskip("tqdm")
    cxr.fetch(data.folder, sources=data.mirror, checksums=data.table, progress=True)
    shown = capfd.readouterr()
    assert shown.out == "" and "3/3 archives" in shown.err and "100%" in shown.err


def test_without_tqdm_the_program_shows_its_own_progress(data):
    code = (
        "import sys; sys.modules['tqdm'] = sys.modules['tqdm.auto'] = None; import cxr\n"
        f"cxr.fetch({str(data.folder)!r}, sources={str(data.mirror)!r}, "
        f"checksums={str(data.table)!r}, progress=True)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert shown.stdout == "" and "3 ok in " in shown.stderr


def test_nothing_is_shown_without_progress(data, capfd):
    cxr.fetch(data.folder, sources=data.mirror, checksums=data.table)
    assert capfd.readouterr() == ("", "")
