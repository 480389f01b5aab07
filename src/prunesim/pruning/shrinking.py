"""Taking filters without effect out of the tensors of a network: pure functions, without torch."""

import numpy as np

from prunesim.pruning.filters import of_filters, positions


def idle_filters(arrays, coupling):
    """Return the filters of a network that its answers do not depend on.

    Such are filters that nothing reads (all weights that do are 0), and filters that are 0 themselves: weights, biases,
    scales and shifts, with only operations that make 0 of 0 before what reads them. A filter whose weights are 0 but
    whose bias or shift is not gives a constant, and is none. What only idle filters read is idle as well.

    Parameters
    ----------
    arrays : dict of str to numpy.ndarray
        The parameters and buffers of the network, pruned weights 0.
    coupling : list of dict
        See `prunesim.networks.coupling.find_coupling`.

    Returns
    -------
    list of numpy.ndarray
        For each group the indices of its idle filters; never all of them.
    """
    arrays = {x["name"]: arrays[x["name"]].copy() for group in coupling for x in group["tensors"]}
    idle = [np.zeros(group["filters"], bool) for group in coupling]
    changed = True
    while changed:
        changed = False
        for group, known in zip(coupling, idle, strict=True):
            found = _idle(arrays, group) if group["why"] is None else known
            if found.all():
                found[np.flatnonzero(~known)[0]] = False
            if (found & ~known).any():
                known |= found
                changed = True
                for tensor in group["tensors"]:
                    places = positions(tensor, group)[known].ravel()
                    np.moveaxis(arrays[tensor["name"]], tensor["axis"], 0)[places] = 0
    return [np.flatnonzero(known) for known in idle]


def _idle(arrays, group):
    def zero(*roles):
        tensors = [x for x in group["tensors"] if x["role"] in roles]
        return np.all([~of_filters(arrays[x["name"]], x, group).any(1) for x in tensors], axis=0)

    unread = zero("input")
    return unread | zero("filter", "bias", "scale", "shift") if group["keeps_zero"] else unread


def without_filters(arrays, coupling, gone, aliases=None):
    """Return the tensors of a network without some of its filters.

    Parameters
    ----------
    arrays : dict of str to numpy.ndarray
    coupling : list of dict
    gone : list of numpy.ndarray
        From `idle_filters`.
    aliases : dict of str to str, optional
        Of tensors that layers share, the name in `coupling` by each other name.

    Returns
    -------
    dict of str to numpy.ndarray
    """
    dropped = {}
    for group, filters in zip(coupling, gone, strict=True):
        for tensor in group["tensors"]:
            places = positions(tensor, group)[filters].ravel()
            dropped.setdefault((tensor["name"], tensor["axis"]), []).append(places)
    smaller = {}
    for name, array in arrays.items():
        for axis in range(array.ndim):
            if places := dropped.get(((aliases or {}).get(name, name), axis)):
                array = np.delete(array, np.concatenate(places), axis=axis)
        smaller[name] = array
    return smaller


def remaining_parameters(parameters, mask):
    """Return how many parameters a network has without its pruned filters.

    Parameters
    ----------
    parameters : int
        Of the whole network.
    mask : dict of str to numpy.ndarray
        Of whole filters, from `prunesim.pruning.filters.prune_filters`.
    """
    return parameters - sum(int((kept == 0).sum()) for kept in mask.values())
