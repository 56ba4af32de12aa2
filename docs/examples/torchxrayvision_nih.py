"""The NIH images as a data set of torchxrayvision.

    pip install cxr torchxrayvision
    python torchxrayvision_nih.py nih 1-2

fetches two archives into ./nih, unpacks them into ./nih/images, and prints the data set.
"""

import sys
import tarfile
from pathlib import Path

import cxr
import torchxrayvision as xrv


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks an archive, unless that was done before."""
    done = folder / f".{archive.name}.unpacked"
    if done.exists():
        return
    with tarfile.open(archive) as tar:
        # The filter keeps every file in the folder. Older versions of Python do not have it.
        kind = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        tar.extractall(folder, **kind)
    done.touch()


def nih(folder: str, archives: str = "1-12") -> xrv.datasets.SubsetDataset:
    """Returns the data set over the images of these archives, which are verified first."""
    report = cxr.fetch(folder, archives, progress=True, wait=True)
    for archive in report.archives:
        unpack(archive.path, Path(folder))
    # Each archive has its images in the folder `images`.
    images = Path(folder, "images")
    everything = xrv.datasets.NIH_Dataset(imgpath=str(images))
    names = enumerate(everything.csv["Image Index"])
    return xrv.datasets.SubsetDataset(everything, [i for i, name in names if (images / name).exists()])


if __name__ == "__main__":
    print(nih(*sys.argv[1:]))
