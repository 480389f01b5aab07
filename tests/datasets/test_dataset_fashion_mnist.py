"""The real Fashion-MNIST, from Debian's package."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from prunesim.datasets.convert import fetch

FOLDER = Path("/usr/share/datasets/fashion-mnist")


@pytest.fixture(scope="module")
def fetched(tmp_path_factory):
    if not FOLDER.is_dir():
        reason = f"{FOLDER} is missing: install the Debian package dataset-fashion-mnist"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    output = tmp_path_factory.mktemp("datasets") / "fashion_mnist"
    return output, fetch({"name": "fashion_mnist", "path": str(FOLDER)}, output, log=lambda line: None)


def test_description(fetched):
    _, description = fetched
    assert description["classes"][0] == "T-shirt/top"
    assert description["classes"][9] == "Ankle boot"
    assert description["shape"] == [28, 28, 1]
    assert description["counts"] == {"train": 60_000, "test": 10_000}
    assert description["class_counts"] == {"train": [6000] * 10, "test": [1000] * 10}
    # The values that are commonly quoted for the training images.
    assert description["mean"] == pytest.approx([0.2860], abs=5e-5)
    assert description["std"] == pytest.approx([0.3530], abs=5e-5)
    assert [entry["verified"] for entry in description["origin"]["files"]] == [True] * 4


def test_arrays(fetched):
    output, description = fetched
    images = np.load(output / "train_images.npy", mmap_mode="r")
    labels = np.load(output / "train_labels.npy")
    assert images.dtype == np.uint8
    assert images.shape == (60_000, 28, 28, 1)
    assert labels.dtype == np.int64
    assert labels[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
    assert np.load(output / "test_labels.npy")[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
    for name, value in description["sha256"].items():
        assert hashlib.sha256((output / name).read_bytes()).hexdigest() == value
    # The image bytes are those of the published idx file, which has a header of 16 bytes.
    header = bytes.fromhex("00000803 0000ea60 0000001c 0000001c")
    published = "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
    assert hashlib.sha256(header + images.tobytes()).hexdigest() == published
