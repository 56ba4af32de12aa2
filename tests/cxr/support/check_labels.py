"""Joins NIH's files again and compares: check_labels.py FOLDER [FRACTION SEED]."""
import collections, csv, hashlib, pathlib, sys

folder = pathlib.Path(sys.argv[1])
FINDINGS = (
    "Atelectasis Cardiomegaly Effusion Infiltration Mass Nodule Pneumonia Pneumothorax Consolidation "
    "Edema Emphysema Fibrosis Pleural_Thickening Hernia"
).split()
with open(folder / "Data_Entry_2017_v2020.csv", newline="") as file:
    rows = {row[0]: row for row in list(csv.reader(file))[1:]}
part = {}
for name in ("train_val", "test"):
    for image in (folder / f"{name}_list.txt").read_text().split("\n"):
        assert image not in part
        part[image] = name
assert len(rows) == 112120 and part.keys() == rows.keys()
assert collections.Counter(part.values()) == {"train_val": 86524, "test": 25596}

if len(sys.argv) > 2:
    fraction, seed = float(sys.argv[2]), sys.argv[3]
    images = collections.defaultdict(list)
    for name, of in part.items():
        if of == "train_val":
            images[int(rows[name][3])].append(name)
    order = sorted(images, key=lambda patient: hashlib.sha256(f"{seed}:{patient}".encode()).digest())
    wanted, taken, val = round(fraction * 86524), 0, set()
    for patient in order:
        if taken >= wanted:
            break
        taken += len(images[patient])
        val.update(images[patient])
    for name, of in part.items():
        if of == "train_val":
            part[name] = "val" if name in val else "train"
    for name in ("train", "val"):
        expected = sorted(image for image, of in part.items() if of == name)
        assert (folder / f"{name}_list.txt").read_text().splitlines() == expected
    patients = lambda of: {rows[name][3] for name in part if part[name] == of}
    assert not patients("train") & patients("val")
    assert abs(len(val) / 86524 - fraction) < 0.005

with open(folder / "metadata.csv", newline="") as file:
    table = list(csv.reader(file))
header = "file_name split patient_id follow_up age sex view width height finding_labels".split()
assert table[0] == header + FINDINGS + ["no_finding"], table[0]
assert len(table) == 112121
for row, name in zip(table[1:], sorted(rows)):
    image, labels, follow_up, patient, age, sex, view, width, height = rows[name][:9]
    has = labels.split("|")
    expected = [f"images/{name}", part[name], patient, follow_up, age, sex, view, width, height, labels]
    expected += [str(int(finding in has)) for finding in FINDINGS + ["No Finding"]]
    assert row == expected, (row, expected)
counts = {finding: sum(row[10 + i] == "1" for row in table[1:]) for i, finding in enumerate(FINDINGS)}
# Counted in NIH's csv with awk; the sums of the paper's corrected table.
assert counts == dict(zip(FINDINGS, [
    11559, 2776, 13317, 19894, 5782, 6331, 1431, 5302, 4667, 2303, 2516, 1686, 3385, 227,
])), counts
assert sum(row[24] == "1" for row in table[1:]) == 60361
assert len({row[2] for row in table[1:]}) == 30805
for chexnet in sorted(folder.glob("chexnet/*.txt")):
    for line in chexnet.read_text().splitlines():
        name, *bits = line.split(" ")
        assert bits == [str(int(f in rows[name][1].split("|"))) for f in FINDINGS]
        assert part[name] == chexnet.name.removesuffix("_list.txt")
print("equal")
