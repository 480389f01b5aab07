"""Where the artifacts of a study lie, relative to its folder. The only place where names are made."""

from prunesim.pruning.rewinding import rewind_file


def network(replicate, method, round_):
    """Return the folder of a network: ``rep0/dense`` or ``rep0/imp/round01``."""
    return f"rep{replicate}/dense" if round_ == 0 else f"rep{replicate}/{method}/round{round_:02d}"


def chain(replicate, method, last):
    """Return ``(method, round, folder)`` of the dense network and each round up to `last`."""
    return [("dense" if k == 0 else method, k, network(replicate, method, k)) for k in range(last + 1)]


def networks(replicates, methods, rounds):
    """Return ``(replicate, method, round, folder)`` of every network of a study, dense ones first."""
    return [
        *((r, "dense", 0, network(r, "dense", 0)) for r in range(replicates)),
        *(
            (r, method, k, network(r, method, k))
            for r in range(replicates)
            for method in methods
            for k in range(1, rounds + 1)
        ),
    ]


def comparisons(families, replicates, methods, rounds, layers):
    """Return the comparison files of a study, relative to its folder ``comparisons``.

    Each rounds file compares one network with all earlier rounds of its chain at one layer; each layers file the
    dense network with the last round, all layers with all; each replicates file one replicate with those before it
    at one layer, for the dense network and the last round.
    """
    files = []
    if "rounds" in families:
        files += [
            f"rounds/{network(r, method, k)}/{layer}.csv"
            for r in range(replicates)
            for method in methods
            for k in range(1, rounds + 1)
            for layer in layers
        ]
    if "layers" in families and rounds:
        files += [f"layers/{network(r, method, rounds)}.csv" for r in range(replicates) for method in methods]
    if "replicates" in families:
        ends = [("dense", 0), *((method, rounds) for method in methods if rounds)]
        files += [
            f"replicates/{network(r, method, k)}/{layer}.csv"
            for r in range(1, replicates)
            for method, k in ends
            for layer in layers
        ]
    return files


def dumped_networks(families, replicates, methods, rounds):
    """Return the networks, as `networks` does, whose activations the comparisons of a study need."""
    ends = ("layers" in families and rounds > 0) or ("replicates" in families and replicates > 1)
    every = "rounds" in families and rounds > 0
    return [
        network for network in networks(replicates, methods, rounds) if every or (ends and network[2] in (0, rounds))
    ]


def jobs(families, replicates, methods, rounds, layers):
    """Return the name of every job of a study up to the comparisons, as logs and records are called.

    Parameters
    ----------
    methods : dict of str to dict
        Their settings; ``rewind`` is read. The other parameters are those of `comparisons`.
    """
    rewound = {rewind_file(method["rewind"]) for method in methods.values()} if rounds else set()
    points = sorted(file for file in rewound if file and file != "initial.safetensors")
    return [
        *(f"networks/rep{r}/dense" for r in range(replicates)),
        *(f"networks/rep{r}/{point.removesuffix('.safetensors')}" for r in range(replicates) for point in points),
        *(
            f"networks/rep{r}/{method}/{job}{k:02d}"
            for r in range(replicates)
            for method in methods
            for k in range(1, rounds + 1)
            for job in ("prune", "round")
        ),
        *(f"activations/{folder}" for *_, folder in dumped_networks(families, replicates, methods, rounds)),
        *(
            f"comparisons/{file.removesuffix('.csv')}"
            for file in comparisons(families, replicates, methods, rounds, layers)
        ),
    ]
