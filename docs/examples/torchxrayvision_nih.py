"""The NIH images as a data set of torchxrayvision.

    pip install cxr torchxrayvision
    python torchxrayvision_nih.py nih 1-2

fetches two archives into ./nih, extracts their images into ./nih/images, and prints the data set.
"""

import sys
from pathlib import Path

import cxr
import torchxrayvision as xrv


def nih(folder: str, archives: str = "1-12") -> xrv.datasets.SubsetDataset:
    """Returns the data set over the images of these archives, which are verified first."""
    cxr.fetch(folder, archives, extract=True, progress=True, wait=True)
    images = Path(folder, "images")
    # By default, the class takes only PA images, and one of each patient.
    everything = xrv.datasets.NIH_Dataset(
        imgpath=str(images), views=["PA", "AP"], unique_patients=False
    )
    names = enumerate(everything.csv["Image Index"])
    return xrv.datasets.SubsetDataset(everything, [i for i, name in names if (images / name).exists()])


if __name__ == "__main__":
    print(nih(*sys.argv[1:]))
