"""The best units of a network as files: from the job that runs the network to the one that draws them."""

from pathlib import Path

import numpy as np

from prunesim.storage.files import atomic_path, damaged, read_json, sha256_file, write_json

ABOUT, IMAGES, MASKS = "best.json", "best_images.npy", "best_masks.npy"


def save_examples(folder, rows, shapes):
    """Write units with the images in which they answer most.

    Parameters
    ----------
    folder : path-like
    rows : list of dict
        From `prunesim.activations.dissecting.Dissection.examples`; may be empty.
    shapes : tuple of tuple of int
        Of one image, and of one mask.
    """
    folder = Path(folder)
    count = len(rows[0]["images"]) if rows else 0
    images = np.zeros((len(rows), count, *shapes[0]), np.uint8)
    masks = np.zeros((len(rows), count, 2, *shapes[1]), np.uint8)
    for index, row in enumerate(rows):
        images[index], masks[index, :, 0], masks[index, :, 1] = row["images"], row["on"], row["mask"]
    # Not by `prunesim.storage.arrays`, whose other format the environment of the figures does not read.
    for name, array in ((IMAGES, images), (MASKS, masks)):
        with atomic_path(folder / name) as temporary, open(temporary, "wb") as file:
            np.save(file, array, allow_pickle=False)
    known = [{key: row[key] for key in ("layer", "unit", "concept", "iou")} for row in rows]
    write_json(folder / ABOUT, {"units": known, "sha256": {x: sha256_file(folder / x) for x in (IMAGES, MASKS)}})


def load_examples(folder, threshold):
    """Return the detectors among the units of `save_examples`, with ``images``, ``on`` and ``mask``.

    Raises
    ------
    PrunesimError
        If a file is missing or not the one that was written.
    """
    folder = Path(folder)
    about = read_json(folder / ABOUT)
    for name, made in about["sha256"].items():
        if sha256_file(folder / name) != made:
            raise damaged(folder / name)
    images, masks = (np.load(folder / name, allow_pickle=False) for name in (IMAGES, MASKS))
    return [
        row | {"images": images[index], "on": masks[index, :, 0] > 0, "mask": masks[index, :, 1] > 0}
        for index, row in enumerate(about["units"])
        if row["iou"] > threshold
    ]
