"""The `imagefolder` of Hugging Face."""

from __future__ import annotations

from pathlib import Path

import datasets
import pytest
from small_set import NAMES, RGBA, cxr, example, extract, shade


@pytest.fixture(autouse=True)
def fresh_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


def names(images):
    undecoded = images.cast_column("image", datasets.Image(decode=False))
    return [row["image"]["path"].rsplit("/", 1)[-1] for row in undecoded]


def assert_pixels(images):
    for name, row in zip(names(images), images):
        image = row["image"]
        assert image.size == (1024, 1024) and image.mode == ("RGBA" if name == RGBA else "L")
        assert image.convert("L").getextrema() == (shade(name), shade(name))


def test_the_example_loads_the_images_and_the_split(labelled):
    variables = example("imagefolder")
    images, test = variables["images"], variables["test"]
    assert names(images) == NAMES
    assert_pixels(images)
    assert images[0]["finding_labels"] == "Cardiomegaly" and images[0]["Cardiomegaly"] == 1
    assert names(test) == [name for name in NAMES if name.startswith("00000003_")]
    assert variables["image"].mode == "L"


@pytest.mark.parametrize("layout", ["archive", "kaggle"])
def test_other_layouts_load_too(tmp_path, monkeypatch, layout):
    monkeypatch.chdir(tmp_path)
    extract(tmp_path / "nih", layout)
    cxr("labels", "--dir", "nih", "--layout", layout, "--names", "nih/images.tsv")
    images = example("imagefolder")["images"]
    assert names(images) == NAMES
    assert_pixels(images)


def test_a_row_without_an_image_fails_only_when_it_is_read(nih):
    # That of the images that are there.
    Path("nih/metadata.csv").unlink()
    cxr("labels", "--dir", "nih", "--patient", "1-6")
    images = datasets.load_dataset("imagefolder", data_files="nih/metadata.csv", split="train")
    assert len(images) > len(NAMES)
    test = images.filter(lambda split: split == "test", input_columns="split")
    assert_pixels(test)
    with pytest.raises(FileNotFoundError, match="00000005_003.png"):
        images[len(NAMES)]


def test_the_folder_itself_is_no_argument_because_of_the_names_of_nihs_lists(labelled):
    """docs/labels.md warns of this. If it works one day, the page can say so."""
    with pytest.raises(ValueError):
        datasets.load_dataset("imagefolder", data_dir="nih", split="train")
