#!/usr/bin/env bash
# Compares `cxr verify --images` with `pngcheck` on as many processes as there are processors. Prints
# a Markdown table: medians of rounds in which both take turns, and their ratio.
set -euo pipefail

count=960 rounds=5 place=/dev/shm cxr=

usage() {
    cat <<'USAGE'
usage: benches/images.sh [--count N] [--rounds N] [--dir DIR] [--cxr PROGRAM]

  --count N      images in each of two trees, up to 4999 (960)
  --rounds N     rounds, after one that is not counted (5)
  --dir DIR      where to put them; needs 1 MB for each image; best in memory (/dev/shm)
  --cxr PROGRAM  the program to measure, in place of a release build of this checkout

On Debian: apt-get install pngcheck python3
USAGE
}

while (($#)); do
    case $1 in
        --count) count=$2 ;;
        --rounds) rounds=$2 ;;
        --dir) place=$2 ;;
        --cxr) cxr=$(realpath "$2") ;;
        -h | --help) usage; exit ;;
        *) usage >&2; exit 2 ;;
    esac
    shift 2
done

cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [[ -z $cxr ]]; then
    cargo build --release --locked --quiet
    cxr=$PWD/target/release/cxr
fi
work=$(mktemp -d "$place/cxr-images.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A: originals, of which each occurs many times. B: the same pixels, compressed again.
make_trees() {
    python3 - "$work" "$count" <<'PYTHON'
import struct, sys, zlib
from pathlib import Path

work, count = Path(sys.argv[1]), int(sys.argv[2])

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

def encoded_again(png):
    chunks, position = [], 8
    while position < len(png):
        (length,) = struct.unpack_from(">I", png, position)
        chunks.append((png[position + 4 : position + 8], png[position + 8 : position + 8 + length]))
        position += 12 + length
    rows = zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
    data = zlib.compress(rows, 6)
    pieces = [chunk(b"IDAT", data[at : at + 8192]) for at in range(0, len(data), 8192)]
    return png[:8] + chunk(*chunks[0]) + b"".join(pieces) + chunk(b"IEND", b"")

per_patient = Path("checksums/images_per_patient.bin").read_bytes()
names = [f"{patient:08}_{image:03}.png" for patient, images in enumerate(per_patient, 1) for image in range(images)]
originals = [path.read_bytes() for path in sorted(Path("tests/data/png").glob("*.png"))]
for tree, images in ("A", originals), ("B", [encoded_again(png) for png in originals]):
    folder = work / tree / "images"
    folder.mkdir(parents=True)
    for number, name in enumerate(names[:count]):
        (folder / name).write_bytes(images[number % len(images)])
PYTHON
}

# Seconds of a command, whose output is thrown away; exit status 1 is that of missing images.
seconds() {
    local start end status=0
    start=$(date +%s%N)
    "$@" >/dev/null 2>&1 || status=$?
    end=$(date +%s%N)
    ((status <= 1)) || { echo "$1 ended with status $status" >&2; exit 1; }
    awk "BEGIN { printf \"%.3f\", ($end - $start) / 1e9 }"
}

check_with_cxr() { "$cxr" verify --images "$work/$1" 1; }
check_with_pngcheck() { find "$work/$1" -name '*.png' -print0 | xargs -0 -n 40 -P "$(nproc)" pngcheck -q; }
median() { sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }

make_trees
found=$("$cxr" verify --images "$work/A" 1 || true)
grep -q "$count of 4999 images are whole" <<<"$found" || { echo "$found" >&2; exit 1; }
echo "| $count images, seconds | cxr verify --images | pngcheck -q, $(nproc) at a time | times faster |"
echo "| --- | ---: | ---: | ---: |"
for tree in A B; do
    : >"$work/cxr" >"$work/pngcheck"
    for round in $(seq 0 "$rounds"); do
        one=$(seconds check_with_cxr "$tree")
        other=$(seconds check_with_pngcheck "$tree")
        ((round == 0)) || { echo "$one" >>"$work/cxr"; echo "$other" >>"$work/pngcheck"; }
    done
    one=$(median <"$work/cxr") other=$(median <"$work/pngcheck")
    echo "| $tree | $one | $other | $(awk "BEGIN { printf \"%.2f\", $other / $one }") |"
done
