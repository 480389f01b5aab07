"""Where networks of several widths lie in a study."""

from itertools import combinations, combinations_with_replacement

# A network before and after its training, by the file of its weights.
STATES = {"untrained": "initial", "trained": "weights"}


def width_networks(factors, replicates):
    """Return ``(factor, replicate, folder)`` of every network, the folder relative to the study."""
    return [(factor, r, f"widths/{factor}/rep{r}") for factor in factors for r in range(replicates)]


def width_comparisons(factors, layers, replicates=None):
    """Return ``(factor, other, layer, file)`` of every comparison, the file relative to the study.

    Each file compares all networks of one width with all of a wider one, or with each other, at one layer.
    """
    return [
        (narrow, wide, layer, f"widths/comparisons/{narrow}/{wide}/{layer}.csv")
        for narrow, wide in combinations_with_replacement(factors, 2)
        for layer in layers
    ]


def width_jobs(factors, replicates, layers):
    """Return the name of every job for networks of other widths; see `prunesim.study.paths.jobs`."""
    networks = width_networks(factors, replicates)
    return [
        *(f"{folder}/dense" for *_, folder in networks),
        *(f"{folder}/{state}" for *_, folder in networks for state in STATES),
        *(file.removesuffix(".csv") for *_, file in width_comparisons(factors, layers)),
    ]


def pairs_of_networks(narrow, wide, replicates):
    """Return the pairs ``((factor, replicate), (factor, replicate))`` of a comparison, the narrower network first."""
    if narrow == wide:
        return [((narrow, a), (narrow, b)) for a, b in combinations(range(replicates), 2)]
    return [((narrow, a), (wide, b)) for a in range(replicates) for b in range(replicates)]
