"""What a convolutional layer's activations, N x C x H x W, are taken to be: which values are samples, which neurons."""

import numpy as np

from prunesim.errors import PrunesimError

VIEWS = ("channels", "flatten", "pool")


def view_pair(first, second, view="channels", size=None, names=("a", "b")):
    """Return two activation arrays as matrices with the same rows.

    Parameters
    ----------
    first, second : array_like
        Both (samples, neurons), which are returned as they are, or either N x C x H x W.
    view : {"channels", "flatten", "pool"}
        "channels": channels are neurons, each position of each image is a sample. "flatten": an image is a sample,
        each channel at each position a neuron. "pool": the map is averaged to `size`, then flattened.
    size : (int, int), optional
        Height and width to which maps are averaged first. For "pool" the default is (1, 1). For "channels" it is the
        size of the maps, and the smaller of the two heights and widths when they differ.
    names : (str, str)
        What the arrays are called in messages.

    Returns
    -------
    first, second : numpy.ndarray
        (samples, neurons)
    rows_per_image : int

    Raises
    ------
    PrunesimError
        If an array is neither 2-D nor 4-D, or a size does not fit.
    """
    arrays = [np.asanyarray(array) for array in (first, second)]
    for array, name in zip(arrays, names, strict=True):
        if array.ndim not in (2, 4):
            raise PrunesimError(
                f"{name} has shape {array.shape}; it must be 2-D (samples x neurons) or 4-D (N x C x H x W)."
            )
        if 0 in array.shape:
            raise PrunesimError(f"{name} has shape {array.shape}; it must have at least one sample and one neuron.")
    if view not in VIEWS:
        raise PrunesimError(f"The view is {view!r}; it must be one of {', '.join(VIEWS)}.")
    maps = [array.shape[2:] for array in arrays if array.ndim == 4]
    if not maps:
        return *arrays, 1
    if view == "channels" and len(maps) < 2:
        raise PrunesimError(
            f"{names[0]} is {arrays[0].ndim}-D and {names[1]} is {arrays[1].ndim}-D; with positions as samples both "
            "must be maps, so take the view pool or flatten."
        )
    if size is None:
        size = (1, 1) if view == "pool" else None
        if view == "channels" and maps[0] != maps[1]:
            size = tuple(int(min(pair)) for pair in zip(*maps, strict=True))
    if size is not None:
        arrays = [
            average_pool(array, size, name) if array.ndim == 4 else array
            for array, name in zip(arrays, names, strict=True)
        ]
    if view == "channels":
        positions = arrays[0].shape[2] * arrays[0].shape[3]
        return *(channels_as_neurons(array) for array in arrays), positions
    return *(array.reshape(len(array), -1) for array in arrays), 1


def channels_as_neurons(maps):
    """Return (N H W, C) from N x C x H x W; the positions of an image are consecutive rows."""
    return np.ascontiguousarray(np.moveaxis(maps, 1, 3)).reshape(-1, maps.shape[1])


def average_pool(maps, size, name="the layer"):
    """Return N x C x h x w: the mean over h x w windows that cover the map as evenly as whole positions allow.

    Window i of h spans positions floor(i H / h) to ceil((i + 1) H / h), like the adaptive average pooling of the
    deep-learning libraries.

    Raises
    ------
    PrunesimError
        If `size` is larger than the map.
    """
    height, width = maps.shape[2:]
    if not (1 <= size[0] <= height and 1 <= size[1] <= width):
        raise PrunesimError(
            f"{name} has maps of {height} x {width}; they can be averaged to sizes from 1 x 1 to that, not to "
            f"{size[0]} x {size[1]}."
        )
    rows, columns = _windows(height, size[0]), _windows(width, size[1])
    return rows @ np.asarray(maps, dtype=np.result_type(maps.dtype, np.float32)) @ columns.T


def _windows(length, count):
    index = np.arange(count)
    low, high = index * length // count, -(-(index + 1) * length // count)
    inside = (np.arange(length) >= low[:, None]) & (np.arange(length) < high[:, None])
    return inside / (high - low)[:, None]
