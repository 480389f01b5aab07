"""How well the networks of a study bear further pruning and worse images."""

import numpy as np

from prunesim.audit.network_checks import network_folders
from prunesim.datasets.corruptions import CORRUPTIONS, MOST_SEVERE, corrupt
from prunesim.errors import PrunesimError
from prunesim.networks.state import load_arrays, network_arrays
from prunesim.pruning.criteria import select_tensors
from prunesim.storage.arrays import load_metadata
from prunesim.storage.columns import ROBUSTNESS
from prunesim.study import paths
from prunesim.study.seeds import derive_seed
from prunesim.training.degrading import PRUNING, prune_further

COLUMNS = ROBUSTNESS
SHARES = (1.0, 0.8, 0.6, 0.4, 0.3, 0.2, 0.15, 0.1)
SEVERITIES = tuple(range(MOST_SEVERE + 1))


def robustness_rows(study, shares=SHARES, severities=SEVERITIES, *, replicates=None, methods=None, rounds=None):
    """Return the accuracy of each network of a study under further pruning and under corruptions of the test images.

    Parameters
    ----------
    study : prunesim.results.opened.Study
    shares : sequence of float
        Of the weights that a network has left, how many one-shot magnitude pruning keeps, without training again.
    severities : sequence of int
        See `prunesim.datasets.corruptions.corrupt`.
    replicates, methods, rounds : collection, optional
        Only these networks; all by default. ``dense`` is a method, of round 0.

    Returns
    -------
    list of dict
        `COLUMNS`, by network, kind and severity. The severity of the kind ``pruning`` is the share that is kept; that
        of a corruption goes up to 5. Accuracy is correct / N over all test images.

    Raises
    ------
    PrunesimError
        If a share or severity is out of reach, or no network is chosen.
    """
    shares, severities = _checked(shares, severities)
    chosen = chosen_networks(study, replicates, methods, rounds)
    pixels, accuracy = study.pixels("test")[0], study.evaluator("test")
    rows = _pruned(study, chosen, shares, pixels, accuracy)
    seed = study.metrics(**chosen[0])["settings"]["seed"]
    for kind in CORRUPTIONS if severities else ():
        of_kind = derive_seed(seed, "corruption", kind)
        for severity in severities:
            images = corrupt(pixels, kind, severity, of_kind)
            rows += [_row(which, kind, severity, accuracy(study.network(**which), images)) for which in chosen]
    place = {tuple(which.values()): index for index, which in enumerate(chosen)}
    kinds = [PRUNING, *CORRUPTIONS]
    return sorted(rows, key=lambda row: (place[tuple(row[key] for key in COLUMNS[:3])], kinds.index(row["kind"])))


def chosen_networks(study, replicates=None, methods=None, rounds=None):
    """Return which networks of a study these are, as the keywords of `Study.network`.

    Raises
    ------
    PrunesimError
        If the study lacks what is asked for.
    """
    every = sorted(network_folders(study.folder), key=lambda one: (one[0], one[1] != "dense", one[1], one[2]))
    asked = {"replicate": replicates, "method": methods, "round": rounds}
    for place, (key, values) in enumerate(asked.items()):
        known = sorted({one[place] for one in every})
        if wrong := [value for value in values or () if value not in known]:
            raise PrunesimError(f"{study.name} has no {key} {wrong[0]}; it has {', '.join(map(str, known))}.")
    chosen = [dict(zip(asked, one, strict=True)) for one in every]
    chosen = [one for one in chosen if all(not values or one[key] in values for key, values in asked.items())]
    if not chosen:
        words = "; ".join(f"{key} {', '.join(map(str, values))}" for key, values in asked.items() if values)
        raise PrunesimError(
            f"{study.name} has no network of {words or 'any kind'}; dense networks are those of round 0."
        )
    return chosen


def _pruned(study, chosen, shares, pixels, accuracy):
    """Return the rows of further pruning."""
    selected = pruned_tensors(study) if shares else []
    rows = []
    for which in chosen if shares else ():
        network = study.network(**which)
        arrays, name = network_arrays(network), paths.network(*which.values())
        given = study.mask(**which) if which["round"] else {}
        ones = {tensor: np.ones(arrays[tensor].shape, np.uint8) for tensor in selected if tensor not in given}
        for share in shares:
            load_arrays(network, prune_further(arrays, given | ones, share), name)
            rows.append(_row(which, PRUNING, share, accuracy(network, pixels)))
    return rows


def pruned_tensors(study):
    """Return the names of the tensors that any method of a study prunes; without a method, all that can be."""
    folders = network_folders(study.folder)
    last = {(replicate, method): round_ for replicate, method, round_ in sorted(folders) if round_}
    found = {
        name
        for (replicate, method), round_ in last.items()
        if replicate == 0
        for name in study.mask(replicate=0, method=method, round=round_)
    }
    kinds = load_metadata(next(iter(folders.values())) / "weights.safetensors")["kinds"]
    return sorted(found) or select_tensors(kinds, ["conv", "linear"], [])


def _row(which, kind, severity, accuracy):
    return {**which, "kind": kind, "severity": severity, "accuracy": accuracy}


def _checked(shares, severities):
    for share in shares:
        if not 0 < share <= 1:
            raise PrunesimError(
                f"--densities has {share:g}; shares of the remaining weights above 0, up to 1, are right."
            )
    for severity in severities:
        if severity not in range(MOST_SEVERE + 1):
            raise PrunesimError(f"--severities has {severity}; whole numbers from 0 to {MOST_SEVERE} are right.")
    if not shares and not severities:
        raise PrunesimError("Neither a share of weights nor a severity is asked for; give one.")
    return sorted(set(shares), reverse=True), sorted(set(severities))
