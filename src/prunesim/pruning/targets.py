"""How many weights a round leaves, and where: pure numbers.

Densities are shares of the weights that a method selects; ``fraction`` is a share of those that remain.
"""

from fnmatch import fnmatchcase

import numpy as np

from prunesim.errors import PrunesimError
from prunesim.storage.arrays import layer_of


def targets(shapes, remaining, *, scope, fraction=None, density=None):
    """Return which tensors are ranked together, and how many weights of each group stay.

    Parameters
    ----------
    shapes : dict of str to tuple of int
        Shape of each weight tensor that a method prunes.
    remaining : dict of str to int
        Weights of each that are left so far.
    scope : str
        ``global`` ranks all together; ``layer`` leaves the same share of each, a uniform density; ``erk`` leaves the
        density of each that an Erdos-Renyi-Kernel graph has (Evci et al. 2020, section 3).
    fraction : float or dict of str to float, optional
        Share of the remaining weights that go: ``round(fraction * remaining)`` of each group; or by layer.
    density : float or dict of str to float, optional
        Share of all weights that stay, ``round(density * weights)`` of each group; by layer, or else
        the first pattern that fits; layers without one stay as they are. Wins over `fraction`.

    Returns
    -------
    list of (list of str, int)
        Names of tensors, in their order, and the number of weights to keep among them.

    Raises
    ------
    PrunesimError
        If a density is out of reach: more than is left, or less than one weight.
    """
    names = sorted(shapes)
    sizes = {name: int(np.prod(shapes[name])) for name in names}
    share = fraction if density is None else density
    if isinstance(share, dict):
        return [([name], _of_layer(name, sizes[name], remaining[name], share, density is None)) for name in names]
    groups = [[name] for name in names] if scope == "layer" else [names]
    counted = [(group, _count(group, sizes, remaining, fraction, density)) for group in groups]
    if scope != "erk":
        return counted
    ((_, total),) = counted
    return [([name], count) for name, count in erk_counts(shapes, remaining, total).items()]


def _count(group, sizes, remaining, fraction, density):
    left = sum(remaining[name] for name in group)
    if density is None:
        return left - round(fraction * left)
    weights = sum(sizes[name] for name in group)
    count = round(density * weights)
    where = f"of {layer_of(group[0])}" if len(group) == 1 else "of the selected layers"
    if count < 1:
        raise PrunesimError(f"density {density} leaves none of the {weights} weights {where}; take a larger one.")
    if count > left:
        raise PrunesimError(
            f"density {density} asks for {count} of {weights} weights {where}, but only {left} are left; densities "
            "must fall from round to round."
        )
    return count


def _of_layer(name, size, left, shares, of_remaining):
    """Return how many weights of a tensor stay by a share for its layer, as a name or else a pattern."""
    layer = layer_of(name)
    share = shares.get(layer, next((share for pattern, share in shares.items() if fnmatchcase(layer, pattern)), None))
    if share is None:
        return left
    goal = (share, None) if of_remaining else (None, share)
    return _count([name], {name: size}, {name: left}, *goal)


def erk_counts(shapes, remaining, total):
    """Return how many weights of each tensor stay if their densities are those of an Erdos-Renyi-Kernel graph.

    The density of a tensor is proportional to the sum of its dimensions over their product (Evci et al. 2020,
    equation of section 3); a tensor that would need more than it has left keeps that, and the others share the rest.

    Parameters
    ----------
    shapes : dict of str to tuple of int
    remaining : dict of str to int
    total : int
        Weights to keep altogether, at most the sum of `remaining`.

    Returns
    -------
    dict of str to int
        With the sum `total`; of equal remainders the first tensors by name are rounded up.
    """
    names = sorted(shapes)
    weight = {name: float(sum(shapes[name])) for name in names}  # density times size, up to a factor
    full, rest = {}, total
    while True:
        free = [name for name in names if name not in full]
        scale = rest / sum(weight[name] for name in free) if free else 0.0
        over = [name for name in free if scale * weight[name] >= remaining[name]]
        if not over:
            break
        for name in over:
            full[name] = remaining[name]
            rest -= remaining[name]
    exact = {name: scale * weight[name] for name in free}
    counts = full | {name: int(exact[name]) for name in free}
    short = total - sum(counts.values())
    for name in sorted(free, key=lambda name: -(exact[name] % 1))[:short]:
        counts[name] += 1
    return {name: counts[name] for name in names}
