#!/usr/bin/env python3
"""Packs NIH's files for the program: `metadata/pack.py FOLDER`, with the four files in FOLDER.

It fails if the files have another form than the program can write again. README.md describes the result.
"""
import csv, gzip, pathlib, struct, sys

source, here = pathlib.Path(sys.argv[1]), pathlib.Path(__file__).parent
with open(source / "Data_Entry_2017_v2020.csv", newline="") as file:
    rows = list(csv.reader(file))[1:]
assert rows == sorted(rows, key=lambda row: (int(row[3]), int(row[2]), row[0]))
rows.sort(key=lambda row: row[0])
test = (source / "test_list.txt").read_text().split("\n")
train_val = (source / "train_val_list.txt").read_text().split("\n")
assert test == sorted(test) and train_val == sorted(train_val)
assert sorted(test + train_val) == [row[0] for row in rows]

def distinct(column):
    counts = {}
    for row in rows:
        counts[row[column]] = counts.get(row[column], 0) + 1
    return sorted(counts, key=lambda text: (-counts[text], text))

findings, spacings = distinct(1), distinct(9)
assert all(row[9] == row[10] and row[6] in ("PA", "AP") and row[5] in ("F", "M") for row in rows)
patients = {}
tests = set(test)
for row in rows:
    assert int(row[0][:8]) == int(row[3])
    flags = (row[5] == "M") | (row[0] in tests) << 1
    assert patients.setdefault(int(row[3]), flags) == flags
assert list(patients) == list(range(1, len(patients) + 1))

def two_bytes_each(numbers):
    return b"".join(struct.pack("<H", number) for number in numbers)

order = {text: number for number, text in enumerate(findings)}
columns = [
    two_bytes_each(order[row[1]] for row in rows),
    bytes(int(row[2]) for row in rows),
    bytes(int(row[4]) for row in rows),
    bytes(row[6] == "AP" for row in rows),
    two_bytes_each(int(row[7]) for row in rows),
    two_bytes_each(int(row[8]) for row in rows),
    bytes(spacings.index(row[9]) for row in rows),
    bytes(patients.values()),
    "\n".join(findings).encode() + b"\n\n" + "\n".join(spacings).encode(),
]

def pack(name, content):
    (here / name).write_bytes(gzip.compress(content, 9, mtime=0))

pack("images.gz", b"".join(columns))
pack("BBox_List_2017.csv.gz", (source / "BBox_List_2017.csv").read_bytes())
