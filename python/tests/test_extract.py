"""`extract`, and a `fetch` that extracts."""

from __future__ import annotations

import threading

import pytest

import cxr


def fetch(data, **options):
    return cxr.fetch(data.folder, sources=data.mirror, checksums=data.table, **options)


def extract(data, *arguments, **options):
    return cxr.extract(data.folder, *arguments, checksums=data.table, **options)


def images(folder):
    """The extracted files, as paths below the folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.txt"))


FLAT = [f"images/{number:08}_000.txt" for number in (1, 2, 3)]


def test_images_are_extracted_and_reported(data):
    fetch(data)
    events = []
    report = extract(data, progress=events.append)
    assert report.ok and report.command == "extract"
    assert [archive.name for archive in report.archives] == list(data.archives)
    assert "1 file in " in report["images_002.tar.gz"].detail
    assert images(data.folder) == FLAT
    assert (data.folder / "images.tsv").read_text().count("\n") == 4
    assert events[0]["event"] == "started" and events[-1]["event"] == "summary"
    (data.folder / FLAT[1]).unlink()
    again = extract(data)
    assert "extracted before" in again["images_001.tar.gz"].detail
    assert images(data.folder) == FLAT


@pytest.mark.parametrize(
    ("layout", "places"),
    [("archive", "images_002/00000002_000.txt"), ("kaggle", "images_002/images/00000002_000.txt")],
)
def test_layouts_and_another_folder(data, tmp_path, layout, places):
    fetch(data)
    assert extract(data, 2, tmp_path / "-to here", layout).ok
    assert images(tmp_path / "-to here") == [places]
    assert images(data.folder) == []


def test_a_wrong_archive_raises_and_nothing_of_it_is_extracted(data):
    fetch(data)
    (data.folder / "images_002.tar.gz").write_bytes(data.archives["images_002.tar.gz"][:-100])
    (data.folder / "images_003.tar.gz").unlink()
    with pytest.raises(cxr.ArchiveError) as raised:
        extract(data)
    error = raised.value
    assert error.status == 1 and not error.report["images_002.tar.gz"].ok
    assert "nothing of it was extracted" in error.report["images_002.tar.gz"].detail
    assert "cxr fetch" in error.report["images_003.tar.gz"].next
    assert images(data.folder) == FLAT[:1]
    assert not extract(data, check=False).ok
    assert extract(data, [1]).ok


def test_a_file_of_the_user_raises_and_stays(data):
    fetch(data)
    (data.folder / "images").mkdir()
    (data.folder / FLAT[2]).write_text("my notes")
    with pytest.raises(cxr.ForeignArchive, match="left unchanged"):
        extract(data)
    assert (data.folder / FLAT[2]).read_text() == "my notes"


def test_a_fetch_extracts_and_deletes(data):
    report = fetch(data, extract=True, delete_archives=True, layout="flat")
    assert report.ok and report.command == "fetch"
    assert images(data.folder) == FLAT
    assert not list(data.folder.glob("*.tar.gz"))
    again = fetch(data, extract=True, delete_archives=True)
    assert again.ok and sum(archive.bytes_downloaded for archive in again.archives) == 0
    assert not list(data.folder.glob("*.tar.gz"))


def test_a_fetch_extracts_elsewhere(data, tmp_path):
    assert fetch(data, archives="1-2", extract=True, to=tmp_path / "out", layout="archive").ok
    assert images(tmp_path / "out") == ["images_001/00000001_000.txt", "images_002/00000002_000.txt"]
    assert len(list(data.folder.glob("*.tar.gz"))) == 2


def test_extracted_images_are_verified(data):
    fetch(data, extract=True, delete_archives=True)
    report = cxr.verify(images=data.folder, checksums=data.table)
    assert report.ok
    assert [archive.images.ok for archive in report.archives] == [1, 1, 1]
    (data.folder / FLAT[1]).write_bytes(b"")
    (data.folder / FLAT[2]).unlink()
    with pytest.raises(cxr.CorruptArchive) as raised:
        cxr.verify(images=data.folder, archives=[2, 3], checksums=data.table)
    second, third = (archive.images for archive in raised.value.report.archives)
    assert (second.expected, second.corrupt, third.missing) == (1, 1, 1)
    assert [problem.name for problem in second.problems] == ["00000002_000.txt"]
    with pytest.raises(ValueError, match="only one of"):
        cxr.verify(data.folder, images=data.folder)


def test_options_select_images(tmp_path):
    """No archive is there: the archives in the report are those that have selected images."""

    def needed(**options):
        report = cxr.extract(tmp_path, check=False, **options)
        assert {archive.verdict for archive in report.archives} == {"missing"}
        return [int(archive.name[7:10]) for archive in report.archives]

    assert needed() == list(range(1, 13))
    assert needed(patient=1) == [1]
    assert needed(patient=[1, "30800-30805"]) == [1, 12]
    assert needed(patient="1-2", view="PA", split="train_val", label="Cardiomegaly") == [1]
    some = needed(label=["Hernia"], patient="1-10000")
    assert len(needed(label=["Hernia", "Mass"], patient="1-10000")) >= len(some) > 1
    names = tmp_path / "names.txt"
    names.write_text("00000001_000.png\n")
    assert needed(names=names) == [1]
    report = cxr.fetch(tmp_path, extract=True, patient=1, dry_run=True, sources=tmp_path)
    assert [archive.name for archive in report.archives] == ["images_001.tar.gz"]


def test_wrong_arguments(data):
    for options in ({"layout": "zip"}, {"split": "val"}, {"label": "Fever"}, {"patient": "one"}):
        with pytest.raises(cxr.UsageError) as raised:
            cxr.extract(data.folder, **options)
        assert raised.value.status == 2
    with pytest.raises(cxr.UsageError, match="--extract"):
        fetch(data, delete_archives=True)
    with pytest.raises(ValueError, match="extract=True"):
        fetch(data, to=data.folder)
    for name in ("archives", "label", "patient"):
        with pytest.raises(ValueError, match=f"{name} is empty"):
            cxr.extract(data.folder, **{name: []})
    assert not data.folder.exists()


def test_an_extraction_can_be_cancelled(data):
    fetch(data)
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(cxr.Cancelled):
        extract(data, cancel=cancel)
    assert extract(data).ok and images(data.folder) == FLAT
