"""`metadata.csv` in pandas."""

from __future__ import annotations

import pandas as pd
from pandas.api.types import is_integer_dtype, is_string_dtype
from small_set import FINDINGS, NAMES, cxr, example

TEXTS = ["file_name", "split", "sex", "view", "finding_labels"]
NUMBERS = ["patient_id", "follow_up", "age", "width", "height", *FINDINGS, "no_finding"]


def test_the_example_has_all_images_with_the_right_types(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cxr("labels", "--dir", "nih")
    variables = example("train = images")
    images, train = variables["images"], variables["train"]
    assert len(images) == 112_120 and len(train) == 86_524
    assert sorted(images.columns) == sorted(TEXTS + NUMBERS)
    assert all(is_integer_dtype(images[name]) for name in NUMBERS)
    assert all(is_string_dtype(images[name]) for name in TEXTS)
    assert not images.isna().any(axis=None)
    labels = images["finding_labels"].str.get_dummies("|")
    assert (images[FINDINGS] == labels[FINDINGS]).all(axis=None)
    assert (images["no_finding"] == labels["No Finding"]).all()


def test_the_rows_are_those_of_the_extracted_images(labelled):
    images = pd.read_csv("nih/metadata.csv")
    assert list(images["file_name"]) == [f"images/{name}" for name in NAMES]
    assert all((labelled / path).is_file() for path in images["file_name"])
    assert images["split"].value_counts().to_dict() == {"train_val": 8, "test": 8}
