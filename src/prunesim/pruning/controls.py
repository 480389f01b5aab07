"""Controls: masks made from the mask of another method, which show what it is about that mask that matters.

Each takes the mask of the other method at the same round and the control's own mask before it, and a seed.
"""

import numpy as np


def same(mask, before, rng):
    """The mask as it is: only where the weights start is another (Frankle and Carbin 2019, random reinitialisation)."""
    return {name: kept.copy() for name, kept in mask.items()}


def shuffle(mask, before, rng):
    """As many weights of each layer, at random places (Frankle et al. 2021, layerwise rearrangement)."""
    return {name: rng.permutation(kept.reshape(-1)).reshape(kept.shape) for name, kept in sorted(mask.items())}


def random_removal(mask, before, rng):
    """As many weights of each layer, removed at random from what the control has left: nested, unlike `shuffle`."""
    new = {}
    for name, kept in sorted(mask.items()):
        left = np.flatnonzero(before[name] == 1)
        new[name] = np.zeros_like(kept)
        new[name].reshape(-1)[rng.choice(left, int(kept.sum()), replace=False)] = 1
    return new


def whole(mask, before, rng):
    """Every weight: what training longer does by itself."""
    return {name: np.ones_like(kept) for name, kept in mask.items()}


CONTROLS = {
    "reinitialise": same,
    "shuffle": shuffle,
    "random": random_removal,
    "extra_training": whole,
    "data_order": whole,
}


def control_mask(control, mask, before, seed):
    """Return the mask of a control.

    Parameters
    ----------
    control : str
        A key of `CONTROLS`.
    mask : dict of str to numpy.ndarray
        Of the method that is controlled, at the same round.
    before : dict of str to numpy.ndarray
        Of the control, at the round before.
    seed : int

    Returns
    -------
    dict of str to numpy.ndarray
        In the order of `mask`.
    """
    new = CONTROLS[control](mask, before, np.random.default_rng(seed))
    return {name: new[name] for name in mask}
