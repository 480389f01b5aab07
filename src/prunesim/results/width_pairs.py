"""Networks of several widths compared with each other (Morcos et al. 2018, figure 4)."""

from pathlib import Path

import numpy as np

from prunesim.errors import PrunesimError
from prunesim.results.comparison import load_activations, of_measures
from prunesim.similarity import compare_pairs
from prunesim.storage.columns import WIDTH_PAIRS
from prunesim.study.seeds import derive_seed
from prunesim.study.width_paths import STATES, pairs_of_networks, width_networks


def compare_widths(study, width, other, layer, settings):
    """Compare all networks of one width with all of another one, or with each other, untrained and trained.

    Samples are images, neurons the spatial means of filters (or units of a linear layer).

    Parameters
    ----------
    study : path-like
        ``results/<study>``.
    width, other : str
        Names of the factors, see `prunesim.study.widths.width_name`; the narrower one first.
    layer : str
    settings : dict
        ``seed``; ``replicates``, networks of each width; ``filters``, how many of each network are drawn at random, or
        None for all; ``measures``, ``blocks``, ``null_draws`` and settings of single measures, as
        ``<measure>_<setting>``.

    Returns
    -------
    list of dict
        Rows with the keys `prunesim.storage.columns.WIDTH_PAIRS`.

    Raises
    ------
    PrunesimError
        If activations are missing, are not those that were dumped, or do not fit together.
    """
    members = [(factor, r) for factor, r, _ in width_networks(dict.fromkeys([width, other]), settings["replicates"])]
    pairs = pairs_of_networks(width, other, settings["replicates"])
    return [row for state in STATES for row in _compare_state(Path(study), state, layer, members, pairs, settings)]


def chosen_filters(available, wanted, seed, factor, replicate, layer):
    """Return which filters of a network are compared: ascending indices, the same before and after training.

    Every network draws its own, as filters of different networks have nothing to do with each other.

    Parameters
    ----------
    available : int
    wanted : int or None
        None takes all.
    seed : int
        Of the study.
    factor : str
    replicate : int
    layer : str
    """
    if wanted is None or wanted == available:
        return np.arange(available)
    rng = np.random.default_rng(derive_seed(seed, "filters", factor, replicate, layer))
    return np.sort(rng.permutation(available)[:wanted])


def _compare_state(study, state, layer, members, pairs, settings):
    matrices, names = [], []
    for factor, replicate in members:
        folder = study / "widths" / factor / f"rep{replicate}" / state
        matrix, _ = load_activations(folder, layer, pooled=True)
        names.append(f"{folder}, layer {layer}")
        wanted, available = settings["filters"], matrix.shape[1]
        if wanted is not None and wanted > available:
            raise PrunesimError(f"{folder}: layer {layer} has {available} filters, fewer than the {wanted} to compare.")
        chosen = chosen_filters(available, wanted, settings["seed"], factor, replicate, layer)
        matrices.append(np.ascontiguousarray(matrix[:, chosen]))
        if len(matrix) != len(matrices[0]):
            raise PrunesimError(f"{folder} was dumped for {len(matrix)} images, others for {len(matrices[0])}.")
    place = {member: index for index, member in enumerate(members)}
    results = compare_pairs(
        matrices,
        [(place[first], place[second]) for first, second in pairs],
        settings["measures"],
        blocks=settings["blocks"],
        draws=settings["null_draws"],
        seed=derive_seed(settings["seed"], "null"),
        names=names,
        **of_measures(settings),
    )
    rows = []
    for result in results:
        row = {"trained": "yes" if state == "trained" else "no", "layer": layer}
        row |= {key: result[key] for key in WIDTH_PAIRS if key in result}
        for side in "ab":
            factor, replicate = members[result[side]]
            filters = matrices[result[side]].shape[1]
            row |= {f"replicate_{side}": replicate, f"width_{side}": factor, f"filters_{side}": filters}
        rows.append(row)
    return rows
