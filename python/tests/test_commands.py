"""`fetch` and `verify`: their reports and exceptions."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from pathlib import Path

import pytest

import cxr


def fetch(data, **options):
    return cxr.fetch(data.folder, sources=data.mirror, checksums=data.table, **options)


def verify(data, paths=None, **options):
    return cxr.verify(paths or data.folder, checksums=data.table, **options)


def test_a_fetch_returns_the_report(data):
    report = fetch(data)
    assert report.ok and report.error is None and report.command == "fetch"
    assert [archive.name for archive in report.archives] == list(data.archives)
    for name, content in data.archives.items():
        archive = report[name]
        assert archive.ok and archive.path == data.folder / name
        assert archive.path.read_bytes() == content
        assert archive.actual_md5 == hashlib.md5(content).hexdigest()
        assert archive.actual_size == len(content) and archive.damage == ()
    assert report.document["schema"] == "cxr.report/1"
    assert list(report) == list(data.archives) and len(report) == 3
    assert "images_002.tar.gz" in report and "images_012.tar.gz" not in report
    with pytest.raises(KeyError):
        report["images_012.tar.gz"]
    again = fetch(data)
    assert again.ok and sum(archive.bytes_downloaded for archive in again.archives) == 0


def test_archives_can_be_selected_by_number_name_and_range(data):
    assert [a.name for a in fetch(data, archives=2).archives] == ["images_002.tar.gz"]
    assert len(fetch(data, archives=[1, "images_003"]).archives) == 2
    assert len(fetch(data, archives="1-2").archives) == 2


def test_an_empty_list_selects_nothing_and_so_it_is_refused(data):
    with pytest.raises(ValueError, match="archives is empty"):
        fetch(data, archives=[])
    with pytest.raises(ValueError, match="sources is empty"):
        cxr.fetch(data.folder, sources=[])
    with pytest.raises(ValueError, match="paths is empty"):
        cxr.verify([])
    assert not data.folder.exists()


def test_verify_finds_everything_right(data):
    fetch(data)
    assert verify(data).ok
    one = verify(data, data.folder / "images_001.tar.gz")
    assert [archive.verdict for archive in one.archives] == ["ok"]


def test_a_quick_look_is_no_failure_and_no_proof(data):
    fetch(data)
    report = verify(data, quick=True)
    assert {archive.verdict for archive in report.archives} == {"present"} and not report.ok


def test_mirrors_are_verified(data):
    report = cxr.verify(sources=data.mirror, archives=[1, 2], checksums=data.table)
    assert report.ok and len(report.archives) == 2
    with pytest.raises(ValueError, match="only one of"):
        cxr.verify(data.folder, sources=data.mirror)
    with pytest.raises(ValueError, match="select from mirrors"):
        cxr.verify(data.folder, archives=1)


def damage(data):
    """One archive of each kind of damage."""
    fetch(data)
    first, second, third = (data.folder / name for name in data.archives)
    wrong = bytearray(first.read_bytes())
    wrong[150_000:152_000] = bytes(2000)
    first.write_bytes(wrong)
    second.unlink()
    third.write_bytes(third.read_bytes()[:1000])


@pytest.mark.parametrize(
    ("name", "kind", "verdict"),
    [
        ("images_001.tar.gz", cxr.CorruptArchive, "corrupt"),
        ("images_003.tar.gz", cxr.IncompleteArchive, "incomplete"),
    ],
)
def test_an_archive_that_is_not_right_raises_its_exception(data, name, kind, verdict):
    damage(data)
    with pytest.raises(kind) as raised:
        verify(data, data.folder / name)
    error = raised.value
    assert isinstance(error, cxr.ArchiveError) and error.status == 1
    assert [archive.name for archive in error.archives] == [name]
    assert error.report[name].verdict == verdict
    assert str(error).startswith(f"{verdict} {name}: ")


def test_the_worst_verdict_names_the_exception_and_the_report_has_all(data):
    damage(data)
    with pytest.raises(cxr.CorruptArchive, match="; and 2 more$") as raised:
        verify(data)
    verdicts = [archive.verdict for archive in raised.value.report.archives]
    assert verdicts == ["corrupt", "missing", "incomplete"]
    assert len(raised.value.report.with_verdict("missing", "incomplete")) == 2
    unchecked = verify(data, check=False)
    assert [archive.verdict for archive in unchecked.archives] == verdicts
    fetch(data)
    assert verify(data).ok


def test_damage_is_located(data):
    damage(data)
    report = verify(data, data.folder / "images_001.tar.gz", check=False)
    (archive,) = report.archives
    (part,) = archive.damage
    assert part.start < 152_000 and part.end > 150_000


def test_missing_and_foreign_archives(data):
    data.folder.mkdir()
    with pytest.raises(cxr.MissingArchive):
        verify(data)
    for name in data.archives:
        (data.folder / name).write_text("<html>Sign in</html>")
    with pytest.raises(cxr.ForeignArchive):
        verify(data)


def test_a_dry_run_raises_nothing_and_fetches_nothing(data):
    report = fetch(data, dry_run=True)
    assert {archive.verdict for archive in report.archives} == {"missing"}
    assert not data.folder.exists()


def test_an_unreachable_source(data):
    with pytest.raises(cxr.Unreachable) as raised:
        cxr.fetch(data.folder, 1, "http://127.0.0.1:9", checksums=data.table, retries=0)
    assert raised.value.status == 3
    assert "127.0.0.1:9" in str(raised.value)


def test_a_path_that_cannot_be_read(data):
    data.folder.mkdir()
    loop = data.folder / "images_001.tar.gz"
    loop.symlink_to(loop)
    with pytest.raises(cxr.LocalError):
        verify(data, data.folder / "images_001.tar.gz")


def test_wrong_arguments(data):
    with pytest.raises(cxr.UsageError, match="from 1 to 64") as raised:
        fetch(data, jobs=0)
    assert raised.value.status == 2
    with pytest.raises(cxr.UsageError, match="no-such-table"):
        cxr.verify(data.folder, checksums="no-such-table")
    with pytest.raises(cxr.UsageError, match="images_099"):
        fetch(data, archives="images_099")
    for options in ({"jobs": 0}, {"split": "val"}, {"jobs": "-1"}, {"limit_rate": "fast"}):
        with pytest.raises(cxr.UsageError, match="invalid value") as raised:
            fetch(data, **options)
        assert "--help" not in str(raised.value) and "Usage" not in str(raised.value)


@pytest.mark.parametrize("value", ["no", "", 0, 1, None])
def test_a_switch_is_true_or_false(data, value):
    for call, names in (
        (fetch, "extract delete_archives wait recheck keep_corrupt fail_fast dry_run check"),
        (verify, "quick sha256 resume locate background check"),
        (lambda _, **options: cxr.extract(data.folder, **options), "recheck wait check"),
        (lambda _, **options: cxr.labels(data.folder, **options), "check"),
    ):
        for name in names.split():
            with pytest.raises(TypeError, match=f"^{name} is {value!r}; it must be True or False"):
                call(data, **{name: value})
    assert not data.folder.exists()


def test_an_option_with_a_value_is_no_switch(data):
    for name in ("jobs", "retries", "to", "limit_rate", "cacert"):
        with pytest.raises(TypeError, match=f"^{name} is True; it takes a value"):
            fetch(data, extract=True, **{name: True})
    for progress in ("no", 1, []):
        with pytest.raises(TypeError, match="^progress is "):
            fetch(data, progress=progress)


def test_a_path_that_is_not_utf_8_can_be_used(data):
    folder = os.fsencode(data.folder) + b"\xff\xe9"
    report = cxr.fetch(folder, sources=data.mirror, checksums=data.table)
    for name, content in data.archives.items():
        assert report[name].path.read_bytes() == content
        assert os.fsencode(report[name].path) == folder + b"/" + name.encode()
    labels = cxr.labels(folder, lists="chexnet")
    assert all(file.path.is_file() for file in labels.files)


def test_names_with_dashes_and_spaces_are_names(data, monkeypatch):
    data.folder = Path("-d folder")
    assert fetch(data).ok
    assert verify(data).ok
    with pytest.raises(cxr.UsageError):
        fetch(data, archives="--dry-run")


def test_a_folder_in_use(data, server):
    server.pause = 0.05
    begun, cancel = threading.Event(), threading.Event()

    def first():
        with pytest.raises(cxr.Cancelled):
            cxr.fetch(
                data.folder,
                sources=server.url,
                progress=lambda event: begun.set() if event["event"] == "begun" else None,
                checksums=data.table,
                cancel=cancel,
            )

    thread = threading.Thread(target=first)
    thread.start()
    assert begun.wait(20)
    with pytest.raises(cxr.RunError, match="another cxr") as raised:
        fetch(data)
    assert raised.value.status == 3 and raised.value.report.archives == ()
    cancel.set()
    thread.join()


def test_variables_of_the_user_do_not_break_the_reports(data, monkeypatch):
    monkeypatch.setenv("CXR_FORMAT", "json")
    monkeypatch.setenv("CXR_EVENTS", "elsewhere.jsonl")
    monkeypatch.setenv("CXR_REPORT", "elsewhere.json")
    monkeypatch.setenv("CXR_QUIET", "1")
    assert fetch(data).ok
    assert not Path("elsewhere.json").exists()


def test_the_next_step_does_not_repeat_the_files_of_the_module(data):
    data.folder.mkdir()
    report = verify(data, check=False)
    text = json.dumps(report.document)
    assert "report.json" not in text and "--events" not in text
    assert "cxr fetch" in report.archives[0].next
    options = {"sources": "http://127.0.0.1:9/", "checksums": data.table, "check": False}
    again = cxr.fetch(data.folder, **options).archives[0].next
    assert "cxr fetch" in again and "--report" not in again and "--events" not in again


def test_a_folder_that_is_no_name_is_refused(data):
    with pytest.raises(TypeError, match="dir is None"):
        cxr.fetch(None)
    assert cxr.fetch(bytes(data.folder), sources=data.mirror, checksums=data.table).ok
