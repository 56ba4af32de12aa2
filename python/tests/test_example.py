"""The example of docs/examples, with a stand-in for torchxrayvision."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

EXAMPLE = Path(__file__).parents[2] / "docs/examples/torchxrayvision_nih.py"


class Dataset:
    """`NIH_Dataset` lists all images of its table, also those that are not in the folder."""

    def __init__(self, imgpath, views, unique_patients):
        self.imgpath = imgpath
        self.csv = {"Image Index": [f"{number:08}_000.txt" for number in (3, 2, 1)]}


def test_the_example_fetches_and_extracts(data, monkeypatch):
    datasets = SimpleNamespace(NIH_Dataset=Dataset, SubsetDataset=lambda whole, at: (whole, at))
    monkeypatch.setitem(sys.modules, "torchxrayvision", SimpleNamespace(datasets=datasets))
    monkeypatch.setenv("CXR_FROM", str(data.mirror))
    monkeypatch.setenv("CXR_CHECKSUMS", str(data.table))
    nih = runpy.run_path(str(EXAMPLE))["nih"]
    whole, selected = nih(str(data.folder), "1-2")
    assert Path(whole.imgpath) == data.folder / "images" and selected == [1, 2]
    image = data.folder / "images/00000001_000.txt"
    before = image.stat()
    assert nih(str(data.folder), "1-2")[1] == [1, 2]
    assert image.stat().st_mtime_ns == before.st_mtime_ns, "a second call writes nothing"
