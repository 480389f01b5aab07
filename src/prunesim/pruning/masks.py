"""Masks: which weights remain.

A mask is a dict from the name of a weight tensor to a uint8 array of its shape; 1 means kept.
"""

import numpy as np

from prunesim.errors import PrunesimError


def check_mask(mask, weights, path):
    """Refuse a mask that does not fit the weights.

    Raises
    ------
    PrunesimError
        Naming `path` and the first tensor that is missing, of another shape, or not 0 and 1.
    """
    for name, kept in mask.items():
        if name not in weights:
            raise PrunesimError(f"{path}: the mask is for a tensor {name!r} that the network does not have.")
        if kept.shape != weights[name].shape:
            raise PrunesimError(
                f"{path}: the mask of {name!r} has shape {kept.shape}, but the weights have {weights[name].shape}."
            )
        if kept.dtype != np.uint8 or kept.max(initial=0) > 1:
            raise PrunesimError(f"{path}: the mask of {name!r} must be uint8 and hold only 0 and 1.")


def apply_mask(weights, mask):
    """Return the weights with the pruned ones exactly (positive) zero; other tensors are passed on."""
    return {
        name: np.where(mask[name] == 1, array, array.dtype.type(0)) if name in mask else array
        for name, array in weights.items()
    }
