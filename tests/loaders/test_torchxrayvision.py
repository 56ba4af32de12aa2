"""The data set class of torchxrayvision for NIH's images."""

from __future__ import annotations

import csv
import os
import runpy
import shutil

import pytest
from small_set import FINDINGS, NAMES, ROOT, example, shade


def test_the_example_loads_the_images_of_its_part(labelled):
    variables = example("torchxrayvision")
    images, train = variables["images"], variables["train"]
    assert len(images) == 112_120
    wanted = [name for name in NAMES if not name.startswith("00000003_")]
    assert sorted(train.csv["Image Index"]) == wanted
    assert sorted(train.pathologies) == sorted(FINDINGS)

    with open("nih/metadata.csv", newline="") as file:
        rows = {row["file_name"].removeprefix("images/"): row for row in csv.DictReader(file)}
    for at, name in enumerate(train.csv["Image Index"]):
        sample = train[at]
        labels = [int(rows[name][finding]) for finding in train.pathologies]
        assert sample["lab"].tolist() == labels
        # The class takes the first of several channels, and scales 0 to 255 to -1024 to 1024.
        assert sample["img"].shape == (1, 1024, 1024)
        expected = (2 * shade(name) / 255 - 1) * 1024
        assert sample["img"] == pytest.approx(expected, abs=0.1)


def test_the_example_of_the_module_fetches_and_loads(nih, tmp_path, monkeypatch):
    shutil.copytree(ROOT / "python/cxr", tmp_path / "lib/cxr")
    (tmp_path / "lib/bin").mkdir()
    (tmp_path / "lib/bin/cxr").symlink_to(os.environ["CXR_PROGRAM"])
    monkeypatch.syspath_prepend(tmp_path / "lib")
    monkeypatch.setenv("CXR_FROM", str(nih))
    monkeypatch.setenv("CXR_CHECKSUMS", str(nih / "table.md5"))
    function = runpy.run_path(str(ROOT / "docs/examples/torchxrayvision_nih.py"))["nih"]
    images = function("fetched", "1")
    assert sorted(images.csv["Image Index"]) == NAMES
    assert images[0]["img"].shape == (1, 1024, 1024)
