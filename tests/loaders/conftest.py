"""A folder `nih` as the loaders meet it."""

from __future__ import annotations

import os

import pytest
from small_set import cxr, extract

# The loaders ask no server, and keep nothing between the tests.
os.environ["HF_HUB_OFFLINE"] = "1"
for name in [name for name in os.environ if name.startswith("CXR_") and name != "CXR_PROGRAM"]:
    del os.environ[name]


@pytest.fixture
def nih(tmp_path, monkeypatch):
    """The folder after an extraction, and the current folder beside it."""
    monkeypatch.chdir(tmp_path)
    extract(tmp_path / "nih")
    return tmp_path / "nih"


@pytest.fixture
def labelled(nih):
    """The same with the labels of the images that are there."""
    cxr("labels", "--dir", "nih", "--names", "nih/images.tsv")
    return nih
