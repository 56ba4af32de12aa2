"""A small training script for the folder that `cxr labels` and `cxr fetch --extract` fill.

    cxr labels -d nih --val 0.125
    cxr fetch -d nih --extract
    pip install torch pillow
    python train.py nih

It trains a small network to find the fourteen findings, and prints the loss of every epoch. Replace
the network by your own. Without torch, it only reads the rows and the images.
"""

import argparse
import csv
from pathlib import Path

try:
    import torch
    from PIL import Image
except ImportError:
    torch = None

FINDINGS = (
    "Atelectasis Cardiomegaly Effusion Infiltration Mass Nodule Pneumonia Pneumothorax Consolidation "
    "Edema Emphysema Fibrosis Pleural_Thickening Hernia"
).split()


def rows_of(folder: Path, parts: set[str]) -> list[tuple[Path, list[float]]]:
    """Returns the images of these parts that are in the folder, with their labels."""
    # The three layouts of `cxr extract`.
    patterns = ("images/*.png", "images_*/*.png", "images_*/images/*.png")
    files = {path.relative_to(folder).as_posix() for some in patterns for path in folder.glob(some)}
    with open(folder / "metadata.csv", newline="") as table:
        return [
            (folder / row["file_name"], [float(row[finding]) for finding in FINDINGS])
            for row in csv.DictReader(table)
            if row["split"] in parts and row["file_name"] in files
        ]


def read(rows: list[tuple[Path, list[float]]]) -> None:
    """Reads every image, as training does."""
    for path, _ in rows:
        if not path.read_bytes().startswith(b"\x89PNG"):
            raise SystemExit(f"{path} is no PNG; check the images: cxr verify --images")


def train(training: list, validation: list, epochs: int, size: int, workers: int) -> None:
    """Trains a small network."""

    class Images(torch.utils.data.Dataset):
        def __init__(self, rows):
            self.rows = rows

        def __len__(self):
            return len(self.rows)

        def __getitem__(self, index):
            path, labels = self.rows[index]
            with Image.open(path) as image:
                # 519 images have four channels.
                grey = image.convert("L").resize((size, size))
            pixels = torch.frombuffer(bytearray(grey.tobytes()), dtype=torch.uint8)
            return pixels.reshape(1, size, size) / 255, torch.tensor(labels)

    device = "cuda" if torch.cuda.is_available() else "cpu"
    layers = torch.nn
    network = layers.Sequential(
        layers.Conv2d(1, 16, 5, stride=4), layers.ReLU(),
        layers.Conv2d(16, 32, 3, stride=2), layers.ReLU(),
        layers.AdaptiveAvgPool2d(1), layers.Flatten(), layers.Linear(32, len(FINDINGS)),
    ).to(device)  # fmt: skip
    optimizer = torch.optim.AdamW(network.parameters())
    loss_of = layers.BCEWithLogitsLoss()

    def run(rows, learns):
        total = 0.0
        loader = torch.utils.data.DataLoader(Images(rows), 32, shuffle=learns, num_workers=workers)
        with torch.set_grad_enabled(learns):
            for images, labels in loader:
                loss = loss_of(network(images.to(device)), labels.to(device))
                if learns:
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                total += loss.item() * len(images)
        return total / max(len(rows), 1)

    for epoch in range(1, epochs + 1):
        print(f"epoch {epoch}: training loss {run(training, True):.4f}", end="")
        print(f", validation loss {run(validation, False):.4f}" if validation else "", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--size", type=int, default=224, help="pixels on a side")
    parser.add_argument("--workers", type=int, default=2, help="processes that read images")
    options = parser.parse_args()
    # `cxr labels` without --val has no part for validation.
    training = rows_of(options.folder, {"train", "train_val"})
    validation = rows_of(options.folder, {"val"})
    print(f"{len(training)} images for training, {len(validation)} for validation", flush=True)
    if not training:
        raise SystemExit(f"no images; run: cxr fetch -d {options.folder} --extract")
    if torch is None:
        read([*training, *validation])
        print("every image was read; to train, run: pip install torch pillow")
    else:
        train(training, validation, options.epochs, options.size, options.workers)


if __name__ == "__main__":
    main()
