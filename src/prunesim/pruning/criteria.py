"""Choosing which weights to remove: pure functions of weights and mask, without torch."""

from fnmatch import fnmatchcase

import numpy as np

from prunesim.errors import PrunesimError
from prunesim.storage.arrays import layer_of


def magnitude(weights, rng):
    """Score weights by their absolute value (Han et al. 2015)."""
    return np.abs(weights)


def random(weights, rng):
    """Score weights by chance: the control that shows what magnitude adds."""
    return rng.random(weights.shape)


CRITERIA = {"magnitude": magnitude, "random": random}


def select_tensors(kinds, types, exclude):
    """Return the names of the weight tensors that a method prunes, sorted.

    Parameters
    ----------
    kinds : dict of str to str
        ``conv`` or ``linear`` by the name of each weight tensor.
    types : list of str
        The kinds to prune.
    exclude : list of str
        Layers to leave alone, as names or shell-style patterns, without the final ``.weight``.

    Raises
    ------
    PrunesimError
        If an exclusion matches no layer, or nothing is left to prune.
    """
    layers = {name: layer_of(name) for name in sorted(kinds)}
    for pattern in exclude:
        if not any(fnmatchcase(layer, pattern) for layer in layers.values()):
            raise PrunesimError(
                f"exclude: {pattern!r} matches no layer with weights; the network has {', '.join(layers.values())}."
            )
    selected = [
        name
        for name, layer in layers.items()
        if kinds[name] in types and not any(fnmatchcase(layer, pattern) for pattern in exclude)
    ]
    if not selected:
        raise PrunesimError(
            f"types {types} without the excluded {exclude} leave nothing to prune; the network has "
            f"{', '.join(f'{layer} ({kinds[name]})' for name, layer in layers.items())}."
        )
    return selected


def check_finite(weights, names, path):
    """Refuse weights that cannot be ranked, naming `path` and the first tensor with one that is not finite."""
    for name in sorted(names):
        if not np.isfinite(weights[name]).all():
            raise PrunesimError(
                f"{path}: the weights of {name!r} are not all finite numbers; the network did not train, lower "
                "training.learning_rate or set training.clip_norm."
            )


def prune(weights, mask, *, fraction, scope, criterion, seed):
    """Remove a fraction of the remaining weights.

    Exactly ``round(fraction * remaining)`` weights go, those with the smallest scores; equal scores go in the
    order of tensor name and index. With ``scope="layer"`` that holds for each tensor by itself.

    Parameters
    ----------
    weights : dict of str to numpy.ndarray
        At least the tensors of `mask`, all finite (`check_finite`).
    mask : dict of str to numpy.ndarray
        The mask so far, for the tensors to prune.
    fraction : float
        In [0, 1].
    scope : str
        ``global`` or ``layer``.
    criterion : str
        A key of `CRITERIA`.
    seed : int

    Returns
    -------
    dict of str to numpy.ndarray
        A mask that keeps a subset of what `mask` keeps.
    """
    rng = np.random.default_rng(seed)
    scores = {}
    for name in sorted(mask):
        scores[name] = CRITERIA[criterion](weights[name], rng)[mask[name] == 1]
    groups = [list(scores)] if scope == "global" else [[name] for name in scores]
    kept = {}
    for names in groups:
        keep = _largest(np.concatenate([scores[name] for name in names]), fraction)
        ends = np.cumsum([scores[name].size for name in names])
        kept.update(zip(names, np.split(keep, ends[:-1]), strict=True))
    new_mask = {}
    for name in mask:
        new_mask[name] = np.zeros_like(mask[name])
        new_mask[name][mask[name] == 1] = kept[name]
    return new_mask


def _largest(scores, fraction):
    """Return which scores stay when ``round(fraction * size)`` of the smallest go."""
    count = round(fraction * scores.size)
    keep = np.ones(scores.size, dtype=bool)
    if count:
        cutoff = np.partition(scores, count - 1)[count - 1]
        keep[scores < cutoff] = False
        ties = np.flatnonzero(scores == cutoff)
        keep[ties[: count - (scores.size - keep.sum())]] = False
    return keep
