"""Reading a data set that has been converted to arrays."""

from pathlib import Path

from prunesim.errors import PrunesimError
from prunesim.storage.arrays import load_checked
from prunesim.storage.files import read_json

HELD = 8 * 10**9  # bytes


def streams(size):
    """Tell whether images of so many bytes are read while they are used, instead of held on the device."""
    return size > HELD


def load_images(folder, split):
    """Return the images and labels of one split.

    Parameters
    ----------
    folder : path-like
        ``results/datasets/<dataset>``.
    split : str
        ``train`` or ``test``.

    Returns
    -------
    images : numpy.ndarray
        uint8, N x H x W x C, mapped read-only from the file.
    labels : numpy.ndarray
        int64, N.

    Raises
    ------
    PrunesimError
        If a file is missing or is not the one that ``dataset.json`` was written for.
    """
    folder = Path(folder)
    checksums = load_description(folder)["sha256"]
    images, labels = (
        load_checked(folder / f"{split}_{what}.npy", checksums[f"{split}_{what}.npy"], mmap=what == "images")
        for what in ("images", "labels")
    )
    if images.ndim != 4 or images.dtype != "uint8":
        raise PrunesimError(
            f"{folder / f'{split}_images.npy'} must hold uint8 images N x H x W x C, not "
            f"{images.dtype} of shape {images.shape}; delete it and run again."
        )
    if labels.shape != images.shape[:1]:
        raise PrunesimError(
            f"{folder}: {len(images)} {split} images do not fit labels of shape {labels.shape}; "
            "delete the folder and run again."
        )
    return images, labels


def load_labels(folder, split):
    """Return the labels of one split alone, int64, N; see `load_images`."""
    name = f"{split}_labels.npy"
    return load_checked(Path(folder) / name, load_description(folder)["sha256"][name])


def find_dataset(results, sha256):
    """Return the folder of the data set with these checksums below ``results/datasets``, or None."""
    for path in sorted((Path(results) / "datasets").glob("*/dataset.json")):
        if read_json(path)["sha256"] == sha256:
            return path.parent
    return None


def load_description(folder):
    """Return the content of ``dataset.json``."""
    return read_json(Path(folder) / "dataset.json")
