"""How much masks have in common, beside what chance would give at the same densities."""

from itertools import combinations
from pathlib import Path

from prunesim.storage.arrays import layer_of, load_tensors
from prunesim.storage.columns import OVERLAP
from prunesim.study import paths

ALL = "all"


def overlap_table(study, plan):
    """Return one row a pair of masks of the same round and layer, and one of all layers together.

    Pairs are of one method in two replicates, and of two methods in one replicate.

    Parameters
    ----------
    study : path-like
        ``results/<study>``.
    plan : dict
        ``replicates``, ``rounds`` and ``methods``, both by name.

    Returns
    -------
    columns : tuple of str
    rows : list of dict
    """
    rows, rounds, folder = [], plan["rounds"], Path(study) / "networks"
    for round_ in range(1, max(rounds.values(), default=0) + 1):
        there = [method for method in plan["methods"] if rounds[method] >= round_]
        masks = {
            (replicate, method): load_tensors(folder / paths.network(replicate, method, round_) / "mask.safetensors")[0]
            for replicate in range(plan["replicates"])
            for method in there
        }
        for first, second in combinations(masks, 2):
            same = [one == other for one, other in zip(first, second, strict=True)]
            # Another replicate of another method differs in two ways at once.
            if sum(same) == 1:
                identity = {"replicate_a": first[0], "method_a": first[1], "replicate_b": second[0]}
                identity |= {"method_b": second[1], "round": round_}
                rows += [identity | found for found in overlaps(masks[first], masks[second])]
    return OVERLAP, rows


def overlaps(first, second):
    """Return how much two masks have in common, layer by layer and in all.

    Parameters
    ----------
    first, second : dict of str to numpy.ndarray
        By name of the tensor; 0 is removed. Those that only one has are left out.

    Returns
    -------
    list of dict
        ``layer, weights, density_a, density_b, iou, chance``. ``iou`` is the number of weights that both keep over that
        of those that either keeps (Jaccard); ``chance`` the same of the numbers expected where both choose that many at
        random, layer by layer: a b / (a + b - a b) of densities a and b. Both are empty where nothing is kept.
    """
    rows, totals = [], [0.0] * 6
    for name in first:
        if name not in second:
            continue
        one, other = first[name] != 0, second[name] != 0
        kept, others, both = int(one.sum()), int(other.sum()), int((one & other).sum())
        numbers = (one.size, kept, others, both, kept + others - both, kept * others / one.size)
        totals = [total + number for total, number in zip(totals, numbers, strict=True)]
        rows.append(_row(layer_of(name), *numbers))
    return [*rows, _row(ALL, *totals)]


def _row(layer, weights, kept, others, both, either, by_chance):
    expected = kept + others - by_chance
    return {
        "layer": layer,
        "weights": int(weights),
        "density_a": kept / weights if weights else None,
        "density_b": others / weights if weights else None,
        "iou": both / either if either else None,
        "chance": by_chance / expected if expected else None,
    }
