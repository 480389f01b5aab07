"""Where the artifacts of a study lie, relative to its folder. The only place where names are made."""


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
