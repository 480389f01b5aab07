"""Which images are dumped, and at which positions a layer is sampled. Without PyTorch: a forecast needs it too."""

import numpy as np

from prunesim.study.seeds import derive_seed

KEYS_AT_ONCE = 1 << 24


def choose_images(available, wanted, study_seed):
    """Return the ascending indices of the images whose activations are dumped, the same for every network."""
    rng = np.random.default_rng(derive_seed(study_seed, "images"))
    return np.sort(rng.permutation(available)[: min(wanted, available)])


def position_cap(layers, images, megabytes):
    """Return the largest number of positions an image for which all sampled layers fit in `megabytes`."""

    def size(cap):
        return sum(4 * images * layer["shape"][0] * min(positions_of(layer), cap) for layer in layers)

    low, high = 1, max(positions_of(layer) for layer in layers)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if size(middle) <= megabytes * 1e6 else (low, middle - 1)
    return low


def positions_of(layer):
    """Return the number of positions of a layer in one image."""
    return int(np.prod(layer["shape"][1:], dtype=int))


def choose_positions(layer, images, cap, seed):
    """Return the positions at which a layer is sampled.

    Parameters
    ----------
    layer : dict
        ``shape``: ``(channels, height, width)`` or ``(units,)``.
    images : int
    cap : int
        Largest number of positions an image.
    seed : int

    Returns
    -------
    numpy.ndarray
        images x positions, int64, ascending in each row: a draw of its own for each image, without replacement.
    """
    available = positions_of(layer)
    count = min(available, cap)
    if count == available:
        return np.broadcast_to(np.arange(available), (images, available))
    rng = np.random.default_rng(seed)
    positions = np.empty((images, count), dtype=np.int64)
    # Some images at a time: keys and order of all positions of all images can be larger than the images themselves.
    rows = max(1, KEYS_AT_ONCE // available)
    for start in range(0, images, rows):
        keys = rng.random((min(rows, images - start), available))
        positions[start : start + rows] = np.sort(np.argpartition(keys, count, axis=1)[:, :count], axis=1)
    return positions
