"""Choosing which weights to remove: pure functions of weights and mask, without torch."""

from fnmatch import fnmatchcase

import numpy as np

from prunesim.errors import PrunesimError
from prunesim.pruning.targets import targets
from prunesim.storage.arrays import layer_of


def magnitude(weights, rng):
    """Score weights by their absolute value (Han et al. 2015)."""
    return np.abs(weights)


def random(weights, rng):
    """Score weights by chance: the control that shows what magnitude adds."""
    return rng.random(weights.shape)


CRITERIA = {"magnitude": magnitude, "random": random, "initial_magnitude": magnitude}


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


def scores(weights, mask, criterion, seed):
    """Return the score of each weight of `mask`, whether it is still there or not.

    Parameters
    ----------
    weights : dict of str to numpy.ndarray
        At least the tensors of `mask`, all finite (`check_finite`).
    mask : dict of str to numpy.ndarray
    criterion : str
        A key of `CRITERIA`.
    seed : int

    Returns
    -------
    dict of str to numpy.ndarray
    """
    rng = np.random.default_rng(seed)
    return {name: CRITERIA[criterion](weights[name], rng) for name in sorted(mask)}


def prune(weights, mask, *, criterion, scope, seed, fraction=None, density=None, scored=None):
    """Remove weights down to a share of those that remain, or of all.

    Those with the smallest scores go; equal scores go in the order of tensor name and index.

    Parameters
    ----------
    weights, mask, criterion, seed
        See `scores`.
    scope, fraction, density
        See `prunesim.pruning.targets.targets`.
    scored : dict of str to numpy.ndarray, optional
        Scores that were made elsewhere, for criteria that need gradients.

    Returns
    -------
    dict of str to numpy.ndarray
        A mask that keeps a subset of what `mask` keeps.
    """
    shapes = {name: kept.shape for name, kept in mask.items()}
    remaining = {name: int(kept.sum()) for name, kept in mask.items()}
    groups = targets(shapes, remaining, scope=scope, fraction=fraction, density=density)
    return keep_largest(scores(weights, mask, criterion, seed) if scored is None else scored, mask, groups)


def keep_largest(scored, mask, groups):
    """Return the mask that keeps the largest scores among the weights that are still there.

    Equal scores go in the order of tensor name and index, so that the counts are exact.

    Parameters
    ----------
    scored : dict of str to numpy.ndarray
        A score for each weight of `mask`.
    mask : dict of str to numpy.ndarray
        The mask so far, for the tensors to prune.
    groups : list of (list of str, int)
        Tensors that are ranked together, and how many of their weights stay; see `prunesim.pruning.targets`.

    Returns
    -------
    dict of str to numpy.ndarray
        A mask that keeps a subset of what `mask` keeps.
    """
    new_mask = {}
    for names, count in groups:
        left = [scored[name][mask[name] == 1] for name in names]
        keep = _largest(np.concatenate(left), count)
        ends = np.cumsum([part.size for part in left])
        for name, kept in zip(names, np.split(keep, ends[:-1]), strict=True):
            new_mask[name] = np.zeros_like(mask[name])
            new_mask[name][mask[name] == 1] = kept
    return {name: new_mask[name] for name in mask}


def _largest(values, count):
    """Return which of some scores stay when `count` of the largest do."""
    going = values.size - count
    keep = np.ones(values.size, dtype=bool)
    if going:
        cutoff = np.partition(values, going - 1)[going - 1]
        keep[values < cutoff] = False
        ties = np.flatnonzero(values == cutoff)
        keep[ties[: going - (values.size - keep.sum())]] = False
    return keep
