"""`labels`."""

from __future__ import annotations

import csv
import hashlib

import pytest

import cxr


def test_labels_are_written_and_reported(tmp_path):
    report = cxr.labels(tmp_path / "-nih")
    assert report.ok and (report.images, report.patients) == (112_120, 30_805)
    assert report.parts == {"train_val": 86_524, "test": 25_596}
    assert {file.state for file in report.files} == {"written"}
    for file in report.files:
        assert hashlib.md5(file.path.read_bytes()).hexdigest() == file.md5
        assert file.path == tmp_path / "-nih" / file.name and file.name in report
    assert list(report) == [file.name for file in report.files] and len(report) == len(report.files)
    again = cxr.labels(tmp_path / "-nih")
    assert again["metadata.csv"].state == "unchanged"
    with pytest.raises(KeyError):
        again["other.csv"]


def test_a_part_for_validation_and_selected_images(tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("00000001_000.png\n00000002_000.png\n00000003_000.png\n")
    for seed in range(100):
        try:
            report = cxr.labels(tmp_path, val=0.5, seed=seed, lists="chexnet", names=names)
            break
        except cxr.UsageError as error:
            assert error.status == 2 and "leaves no image" in str(error)
    assert sum(report.parts.values()) == 3 and report.parts["val"] > 0
    with open(report["metadata.csv"].path) as rows:
        parts = [row["split"] for row in csv.DictReader(rows)]
    assert parts.count("val") == report.parts["val"]
    assert report["chexnet/val_list.txt"].path.read_text().count("\n") == report.parts["val"]
    assert cxr.labels(tmp_path, layout="kaggle", patient=[1, "2-3"], label=["Mass", "no_finding"]).ok


def test_a_file_of_the_user_raises_and_stays(tmp_path):
    (tmp_path / "metadata.csv").write_text("mine")
    with pytest.raises(cxr.LabelsError, match="refused .*metadata.csv: it has other content") as raised:
        cxr.labels(tmp_path)
    assert raised.value.status == 1 and raised.value.report is None
    file = raised.value.labels["metadata.csv"]
    assert file.state == "refused" and file.next.startswith("move it away")
    assert [path.name for path in tmp_path.iterdir()] == ["metadata.csv"]
    assert not cxr.labels(tmp_path, check=False).ok


def test_a_killed_program_is_the_same_error_as_elsewhere(tmp_path, monkeypatch):
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nkill -KILL $$\n")
    program.chmod(0o755)
    for room in ("_labels", "_commands"):
        monkeypatch.setattr(f"cxr.{room}.find_program", lambda: str(program))
    for call in (cxr.labels, cxr.fetch, cxr.verify):
        with pytest.raises(cxr.RunError, match="signal 9 ended cxr at once; the same call") as raised:
            call(tmp_path)
        assert raised.value.status == -9


def test_wrong_arguments(tmp_path):
    for options in ({"val": 2}, {"val": 1e-9}, {"lists": "zip"}, {"split": "val"}, {"seed": 1}):
        with pytest.raises(cxr.UsageError) as raised:
            cxr.labels(tmp_path / "nih", **options)
        assert "--help" not in str(raised.value)
    with pytest.raises(ValueError, match="label is empty"):
        cxr.labels(tmp_path / "nih", label=[])
    assert not (tmp_path / "nih").exists()
