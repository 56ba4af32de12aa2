"""A small archive with the names and the form of NIH's images, extracted by cxr."""

from __future__ import annotations

import hashlib
import io
import os
import re
import struct
import subprocess
import tarfile
import zlib
from pathlib import Path

ROOT = Path(__file__).parents[2]

# The first images in the order of names. Those of patient 3 are in the test part.
NAMES = [
    f"{patient:08}_{image:03}.png"
    for patient, images in ((1, 3), (2, 1), (3, 8), (4, 1), (5, 3))
    for image in range(images)
]
FINDINGS = (
    "Atelectasis Cardiomegaly Effusion Infiltration Mass Nodule Pneumonia Pneumothorax Consolidation "
    "Edema Emphysema Fibrosis Pleural_Thickening Hernia"
).split()
# Some of NIH's images have four channels.
RGBA = "00000002_000.png"


def cxr(*words: str | Path) -> None:
    """Runs the program in the current folder."""
    subprocess.run([os.environ["CXR_PROGRAM"], *words, "--quiet"], check=True)


def shade(name: str) -> int:
    """Returns the grey of all pixels of an image."""
    return 10 * NAMES.index(name)


def png(name: str) -> bytes:
    """Returns an image of 1024 x 1024 pixels."""
    is_rgba = name == RGBA
    pixel = bytes([shade(name)] * 3 + [255]) if is_rgba else bytes([shade(name)])
    header = struct.pack(">IIBBBBB", 1024, 1024, 8, 6 if is_rgba else 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" + pixel * 1024) * 1024, 1)
    chunks = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def archive() -> bytes:
    """Returns an archive with the images."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", format=tarfile.GNU_FORMAT) as tar:
        for name in NAMES:
            image = png(name)
            member = tarfile.TarInfo(f"images/{name}")
            member.size = len(image)
            tar.addfile(member, io.BytesIO(image))
    return packed.getvalue()


def extract(folder: Path, layout: str = "flat") -> None:
    """Extracts the images into a folder."""
    folder.mkdir()
    packed = archive()
    (folder / "images_001.tar.gz").write_bytes(packed)
    md5 = hashlib.md5(packed).hexdigest()
    table = folder / "table.md5"
    table.write_text(f"{md5}  images_001.tar.gz\n")
    # A debug build then checks the images as those of NIH's archive.
    os.environ["CXR_FAULT_INVENTORY"] = f"{md5}=0..{len(NAMES)}"
    cxr("extract", "--dir", folder, "--layout", layout, "--checksums", table)


def example(word: str, page: str = "docs/labels.md") -> dict[str, object]:
    """Runs the example of a page that contains a word, and returns its variables."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    (block,) = (block for block in blocks if word in block)
    variables: dict[str, object] = {}
    exec(block, variables)  # noqa: S102
    return variables
