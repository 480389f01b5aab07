"""What 4-D activations of a convolutional layer are taken to be: which values are samples, which neurons."""

import numpy as np

from prunesim.errors import PrunesimError
from prunesim.similarity.checks import as_array, check_not_empty, whole

VIEWS = ("channels", "flatten", "pool")
LAYOUTS = ("channels_first", "channels_last")
# A matrix with so many times more columns than rows was probably meant the other way round.
WIDE = 4


def view_pair(first, second, view="channels", size=None, names=("a", "b"), layout=None):
    """Return two activation arrays as matrices with the same rows.

    Parameters
    ----------
    first, second : array_like
        Both (samples, neurons), which are returned as they are, or N x C x H x W or N x H x W x C.
    view : {"channels", "flatten", "pool"}
        "channels": channels are neurons, each position of each image is a sample. "flatten": an image is a sample,
        each channel at each position a neuron. "pool": the map is averaged to `size`, then flattened.
    size : (int, int), optional
        Height and width to which maps are averaged first. For "pool" the default is (1, 1). For "channels" it is the
        size of the maps, and the smaller of the two heights and widths when they differ.
    names : (str, str)
        What the arrays are called in messages.
    layout : {"channels_first", "channels_last"} or a pair of them, optional
        Of 4-D arrays: N x C x H x W, or N x H x W x C. Without it they are taken for N x C x H x W, unless their shapes
        speak for the other one, which is refused.

    Returns
    -------
    first, second : numpy.ndarray
        (samples, neurons)
    rows_per_image : int

    Raises
    ------
    PrunesimError
        If an array is neither 2-D nor 4-D, its layout is in doubt, or a size does not fit.
    """
    if view not in VIEWS:
        raise PrunesimError(f"The view is {view!r}; it must be one of {', '.join(VIEWS)}.")
    arrays = [_checked(array, name) for array, name in zip((first, second), names, strict=True)]
    layouts = _layouts([array.shape for array in arrays], layout, names)
    arrays = [
        np.ascontiguousarray(np.moveaxis(array, 3, 1)) if array.ndim == 4 and kind == "channels_last" else array
        for array, kind in zip(arrays, layouts, strict=True)
    ]
    maps = [array.shape[2:] for array in arrays if array.ndim == 4]
    if not maps:
        return *arrays, 1
    if view == "channels" and len(maps) < 2:
        raise PrunesimError(
            f"{names[0]} is {arrays[0].ndim}-D and {names[1]} is {arrays[1].ndim}-D; with positions as samples both "
            "must be maps, so take the view pool or flatten."
        )
    size = _common_size(maps, view, size)
    if size is not None:
        arrays = [
            average_pool(array, size, name) if array.ndim == 4 else array
            for array, name in zip(arrays, names, strict=True)
        ]
    if view == "channels":
        positions = arrays[0].shape[2] * arrays[0].shape[3]
        return *(channels_as_neurons(array) for array in arrays), positions
    return *(array.reshape(len(array), -1) for array in arrays), 1


def view_notes(shapes, view="channels", size=None, names=("a", "b"), layout=None):
    """Return sentences on what `view_pair` makes of arrays of such shapes, where it is more than nothing."""
    notes = []
    layouts = _layouts(shapes, layout, names)
    maps = [_map_size(shape, kind) for shape, kind in zip(shapes, layouts, strict=True) if len(shape) == 4]
    size = _common_size(maps, view, size) if maps else None
    for shape, kind, name in zip(shapes, layouts, names, strict=True):
        if len(shape) == 4:
            height, width = _map_size(shape, kind)
            channels = shape[3 if kind == "channels_last" else 1]
            averaged = size is not None and tuple(size) != (height, width)
            notes.append(
                f"{name}: {shape[0]} images, {channels} channels, maps of {height} x {width} ({_words(kind)})"
                + (f", averaged to {size[0]} x {size[1]}" if averaged else "")
            )
        elif shape[0] * WIDE < shape[1]:
            notes.append(
                f"{name}: {shape[0]} rows are samples and {shape[1]} columns neurons; if it is the other way round, "
                "transpose it"
            )
    return notes


def _checked(array, name):
    array = as_array(array, name)
    if array.ndim == 3:
        n, tokens, width = array.shape
        raise PrunesimError(
            f"{name} has shape {array.shape}; it must be 2-D (samples x neurons) or 4-D (N x C x H x W). If these are "
            f"images x tokens x neurons, compare the tokens as samples, a.reshape({n * tokens}, {width}) with "
            f"{tokens} rows an image, or their mean, a.mean(axis=1)."
        )
    if array.ndim not in (2, 4):
        raise PrunesimError(
            f"{name} has shape {array.shape}; it must be 2-D (samples x neurons) or 4-D (N x C x H x W)."
        )
    check_not_empty(array, name)
    return array


def _layouts(shapes, layout, names):
    """Return the layout of each array: what was given, or channels first where nothing speaks against it."""
    if layout is not None:
        layouts = [layout] * 2 if isinstance(layout, str) else list(layout)
        if len(layouts) != 2 or any(kind not in LAYOUTS for kind in layouts):
            raise PrunesimError(
                f"The layout is {layout!r}; it must be {' or '.join(LAYOUTS)}, or one of them for each array."
            )
        return layouts
    maps = [shape for shape in shapes if len(shape) == 4]
    if len(maps) == 2 and maps[0][2:] != maps[1][2:]:
        (_, *first), (_, *second) = maps
        if first[1:] == second[:2] or second[1:] == first[:2]:
            raise PrunesimError(
                f"{names[0]} has shape {maps[0]} and {names[1]} has shape {maps[1]}, which looks like N x C x H x W "
                "and N x H x W x C; say which is which with the layout, channels_first or channels_last for each."
            )
    for shape, name in zip(shapes, names, strict=True):
        if len(shape) == 4 and shape[1] == shape[2] != shape[3]:
            raise PrunesimError(
                f"{name} has shape {shape}, which looks like N x H x W x C; say so with the layout channels_last, or "
                "channels_first if it is N x C x H x W."
            )
    return ["channels_first"] * 2


def _common_size(maps, view, size):
    """Return the height and width to which maps are averaged, None where they stay as they are."""
    if size is not None:
        if len(size) != 2:
            raise PrunesimError(f"The size is {size!r}; it must be a height and a width.")
        return tuple(whole(side, "a side of the size") for side in size)
    if view == "pool":
        return (1, 1)
    if view == "channels" and maps[0] != maps[1]:
        return tuple(int(min(pair)) for pair in zip(*maps, strict=True))
    return None


def _map_size(shape, layout):
    return shape[1:3] if layout == "channels_last" else shape[2:]


def _words(layout):
    return layout.replace("_", " ")


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
