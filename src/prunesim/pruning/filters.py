"""Pruning whole filters: pure functions of weights, mask and coupling, without torch.

A filter is an output channel of a convolution or an output unit of a linear layer. Which filters can only go together,
and where they lie, is the network's coupling, see `prunesim.networks.coupling.find_coupling`; of its groups, one filter
is taken away from all layers at once. The mask of a pruned filter is 0 in the weights and biases that make it, in the
scale and shift of its normalisation, and in the weights that read it. So training with the mask keeps it at 0, and the
network gives the same answers without it.
"""

import numpy as np

from prunesim.errors import PrunesimError
from prunesim.storage.arrays import layer_of

# Not masked: what a normalisation has seen of a filter no longer matters where scale and shift are 0.
STATISTICS = "statistics"


def l1(weights, group, rng):
    """Score filters by the sum of the absolute weights that make them, all tied layers together (Li et al. 2017)."""
    return _summed(np.abs, weights, group)


def l2(weights, group, rng):
    """Score filters by the Euclidean norm of the weights that make them, all tied layers together."""
    return np.sqrt(_summed(np.square, weights, group))


def bn_scale(weights, group, rng):
    """Score filters by the absolute scale of their batch normalisation (network slimming, Liu et al. 2017).

    Where several are tied, by the mean of them, so that scores of all groups are of one size.
    """
    scales = [tensor for tensor in group["tensors"] if tensor["role"] == "scale"]
    return np.mean([of_filters(np.abs(weights[x["name"]]), x, group).mean(1) for x in scales], axis=0)


def random(weights, group, rng):
    """Score filters by chance: the control."""
    return rng.random(group["filters"])


FILTER_CRITERIA = {"l1": l1, "l2": l2, "bn_scale": bn_scale, "random": random}


def select_groups(coupling, names):
    """Return the groups of filters that a method prunes, in the order of the forward pass.

    Parameters
    ----------
    coupling : list of dict
        See `prunesim.networks.coupling.find_coupling`.
    names : collection of str
        The weight tensors that the method selects (`prunesim.pruning.criteria.select_tensors`). A group is pruned if
        all weights that make its filters are among them.

    Raises
    ------
    PrunesimError
        If no group is left, with the reasons.
    """
    groups = [group for group in coupling if group["why"] is None and makers(group) <= set(names)]
    if groups:
        return groups
    reasons = ", ".join(f"{group['name']} ({_why_not(group, names)})" for group in coupling)
    raise PrunesimError(f"no filters can be pruned: those of {reasons}.")


def _why_not(group, names):
    if group["why"]:
        return group["why"]
    left_out = layer_of(min(makers(group) - set(names)))
    return "not selected" if left_out == group["name"] else f"tied to {left_out}, which is not selected"


def check_criterion(groups, criterion):
    """Refuse a criterion that does not fit a network, before there are weights.

    Parameters
    ----------
    groups : list of dict
        From `select_groups`.
    criterion : str
        A key of `FILTER_CRITERIA`.

    Raises
    ------
    PrunesimError
        If it is ``bn_scale`` and some filters have no normalisation with a scale, naming them.
    """
    without = [x["name"] for x in groups if not any(tensor["role"] == "scale" for tensor in x["tensors"])]
    if criterion == "bn_scale" and without:
        raise PrunesimError(
            f"criterion bn_scale: the filters of {', '.join(without)} have no normalisation with a scale; exclude "
            f"{'it' if len(without) == 1 else 'them'} or take another criterion."
        )


def makers(group):
    """Return the names of the weight tensors that make the filters of a group."""
    return {tensor["name"] for tensor in group["tensors"] if tensor["role"] == "filter"}


def full_mask(weights, groups):
    """Return the mask that keeps all filters: ones for every tensor that a pruned filter of the groups leaves 0 in.

    Parameters
    ----------
    weights : dict of str to numpy.ndarray
    groups : list of dict
        From `select_groups`.

    Returns
    -------
    dict of str to numpy.ndarray
        uint8. Beside weights also biases, scales and shifts.
    """
    names = {x["name"] for group in groups for x in group["tensors"] if x["role"] != STATISTICS}
    return {name: np.ones(weights[name].shape, np.uint8) for name in sorted(names)}


def remaining_filters(mask, groups):
    """Return which filters of each group remain, as boolean arrays in the order of the groups."""
    kept = []
    for group in groups:
        owners = [x for x in group["tensors"] if x["role"] == "filter" and x["name"] in mask]
        alive = [of_filters(mask[x["name"]], x, group).any(1) for x in owners]
        kept.append(np.any(alive or [np.ones(group["filters"], bool)], axis=0))
    return kept


def prune_filters(weights, mask, coupling, *, names, scope, criterion, seed, fraction=None, density=None):
    """Remove some of the remaining filters.

    Exactly ``round(fraction * remaining)`` filters go, or all but ``round(density * filters)``, those with the smallest
    scores; equal scores go in the order of group and index. With ``scope="layer"`` that holds for each group by itself.
    Filters that are tied count once. The best filter of each group stays, whatever its score.

    Parameters
    ----------
    weights : dict of str to numpy.ndarray
        All parameters of the network, finite.
    mask : dict of str to numpy.ndarray
        The mask of the round before; empty in the first.
    coupling, names
        See `select_groups`.
    scope : str
        ``global`` or ``layer``.
    criterion : str
        A key of `FILTER_CRITERIA`.
    seed : int
    fraction : float, optional
        In [0, 1], of the remaining filters.
    density : float, optional
        Instead of a fraction: the share of all filters that stays.

    Returns
    -------
    mask : dict of str to numpy.ndarray
        It keeps a subset of what the given mask keeps; see `full_mask` for its tensors.
    notes : list of str
        A sentence each for groups that would be empty, and so keep their best filter.

    Raises
    ------
    PrunesimError
        If nothing can be pruned, the criterion does not fit, or `density` is out of reach.
    """
    groups = select_groups(coupling, names)
    check_criterion(groups, criterion)
    mask = {name: array.copy() for name, array in mask.items()} or full_mask(weights, groups)
    rng = np.random.default_rng(seed)
    kept = remaining_filters(mask, groups)
    scores = [
        np.where(alive, FILTER_CRITERIA[criterion](weights, group, rng), np.inf)
        for group, alive in zip(groups, kept, strict=True)
    ]
    together = [range(len(groups))] if scope == "global" else [[index] for index in range(len(groups))]
    notes = []
    for indices in together:
        wanted = filters_to_remove([kept[index] for index in indices], fraction, density)
        gone, saved = _smallest([scores[index] for index in indices], wanted)
        notes += [
            f"{groups[indices[at]]['name']} keeps its best filter, or nothing would be left of it" for at in saved
        ]
        for at, dead in gone.items():
            remove_filters(mask, groups[indices[at]], dead)
    return mask, notes


def filters_to_remove(kept, fraction=None, density=None):
    """Return how many filters of some groups that are ranked together should go.

    Parameters
    ----------
    kept : list of numpy.ndarray
        Which filters of each group remain.
    fraction, density : float, optional
        See `prune_filters`.

    Raises
    ------
    PrunesimError
        If more filters than remain should stay, or fewer than there are groups.
    """
    remaining, filters = sum(int(alive.sum()) for alive in kept), sum(alive.size for alive in kept)
    if density is None:
        return round(fraction * remaining)
    stay = round(density * filters)
    if not len(kept) <= stay <= remaining:
        raise PrunesimError(
            f"density {density:g} leaves {stay} of {filters} filters, of which {remaining} are left in {len(kept)} "
            "group(s) of tied ones; one of each must stay, and none comes back."
        )
    return remaining - stay


def _smallest(scores, wanted):
    """Return the `wanted` smallest scores, as indices by list, and the lists whose largest would be one of them."""
    flat = np.concatenate(scores)
    ends = np.cumsum([0, *map(len, scores)])
    # Of those that are left, the last of the order is the best.
    orders = [np.argsort(values, kind="stable")[: np.isfinite(values).sum()] for values in scores]
    best = {int(start + order[-1]): at for at, (start, order) in enumerate(zip(ends, orders, strict=False))}
    order = [int(index) for index in np.argsort(flat, kind="stable")[: np.isfinite(flat).sum()]]
    chosen = [index for index in order if index not in best][:wanted]
    # Passed over for a worse one, or for want of others.
    last = order.index(chosen[-1]) if len(chosen) == wanted and chosen else len(order) if wanted else 0
    saved = sorted(best[index] for index in order[:last] if index in best)
    gone = {}
    for index in chosen:
        at = int(np.searchsorted(ends, index, side="right")) - 1
        gone.setdefault(at, []).append(index - int(ends[at]))
    return gone, saved


def remove_filters(mask, group, filters):
    """Set a mask to 0, in place, wherever some filters of a group lie."""
    for tensor in group["tensors"]:
        if tensor["role"] != STATISTICS and tensor["name"] in mask:
            places = positions(tensor, group)[filters].ravel()
            np.moveaxis(mask[tensor["name"]], tensor["axis"], 0)[places] = 0


def positions(tensor, group):
    """Return where the filters of a group lie on the axis of a tensor, filters x positions of each."""
    return np.asarray(tensor["index"]).reshape(group["filters"], -1)


def of_filters(array, tensor, group):
    """Return what a tensor holds of each filter of a group, filters x numbers."""
    places = positions(tensor, group)
    moved = np.moveaxis(array, tensor["axis"], 0)[places.ravel()]
    return moved.reshape(group["filters"], -1)


def _summed(function, weights, group):
    owners = [tensor for tensor in group["tensors"] if tensor["role"] == "filter"]
    sums = [function(of_filters(weights[x["name"]], x, group)).sum(1, dtype=np.float64) for x in owners]
    return np.sum(sums, axis=0)
