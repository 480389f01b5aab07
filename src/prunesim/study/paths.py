"""Where the artifacts of a study lie, relative to its folder. Names are made here, and in `width_paths`."""

from prunesim.pruning.catalogue import ALONE, BY_GRADIENT
from prunesim.pruning.rewinding import rewind_file
from prunesim.study.width_paths import width_jobs

# By the file that a job of a round makes beside weights.
_JOBS = {"mask": "prune", "scores": "score"}


def network(replicate, method, round_, dense="dense"):
    """Return the folder of a network: ``rep0/dense`` or ``rep0/imp/round01``.

    `dense` is whose network round 0 is: that of the study, or of a chain that brought its own, which lies in
    ``rep0/<chain>/round00``.
    """
    if round_ == 0 and dense == "dense":
        return f"rep{replicate}/dense"
    return f"rep{replicate}/{method}/round{round_:02d}"


def sparse(replicate, method, round_=0):
    """Return the folder of a network that is trained to be sparse, for one round or for all."""
    return f"rep{replicate}/{method}/sparse{f'{round_:02d}' if round_ else ''}"


def chain(replicate, method, last, dense="dense"):
    """Return ``(method, round, folder)`` of the dense network and each round up to `last`; see `network`."""
    return [(method if k else dense, k, network(replicate, method, k, dense)) for k in range(last + 1)]


def networks(replicates, methods, rounds, chains=None):
    """Return ``(replicate, method, round, folder)`` of every network of a study, dense ones first.

    Parameters
    ----------
    replicates : int
        Dense networks of the study.
    methods : iterable of str
    rounds : dict of str to int
        Of each method.
    chains : dict of str to dict, optional
        What came from outside, each with ``replicates``, ``rounds`` and ``dense`` (see `network`).
    """
    return [
        *((r, "dense", 0, network(r, "dense", 0)) for r in range(replicates)),
        *(
            (r, method, k, network(r, method, k))
            for r in range(replicates)
            for method in methods
            for k in range(1, rounds[method] + 1)
        ),
        *(
            (r, name, k, network(r, name, k, about["dense"]))
            for name, about in (chains or {}).items()
            for r in range(about["replicates"])
            for k in range(about["dense"] == "dense", about["rounds"] + 1)
        ),
    ]


def comparisons(families, replicates, methods, rounds, layers, chains=None):
    """Return the comparison files of a study, relative to its folder ``comparisons``; see `networks`.

    Each rounds file compares one network with all earlier rounds of its chain at one layer; each layers file the
    dense network with the last round, all layers with all; each replicates file one replicate with those before it
    at one layer, for the dense network and the last round. Each functional file compares the answers of one network,
    see `answers_before`.
    """
    chains = chains or {}
    lines = [(r, method, rounds[method]) for r in range(replicates) for method in methods]
    lines += [(r, name, about["rounds"]) for name, about in chains.items() for r in range(about["replicates"])]
    files = []
    if "rounds" in families:
        files += [
            f"rounds/{network(r, method, k)}/{layer}.csv"
            for r, method, last in lines
            for k in range(1, last + 1)
            for layer in layers
        ]
    if "layers" in families:
        files += [f"layers/{network(r, method, last)}.csv" for r, method, last in lines if last]
    if "replicates" in families:
        ends = [("dense", 0), *((method, rounds[method]) for method in methods if rounds[method])]
        folders = [network(r, method, k) for r in range(1, replicates) for method, k in ends]
        for name, about in chains.items():
            ends = [about["rounds"]] if about["dense"] == "dense" else [0, about["rounds"]]
            folders += [network(r, name, k, about["dense"]) for r in range(1, about["replicates"]) for k in ends]
        files += [f"replicates/{folder}/{layer}.csv" for folder in folders for layer in layers]
    if "functional" in families:
        known = networks(replicates, methods, rounds, chains)
        files += [f"functional/{folder}.csv" for r, _, k, folder in known if r or k]
    return files


def _shares_dense(name, chains):
    return name not in chains or chains[name]["dense"] == "dense"


def answers_before(replicate, method, round_, dense="dense"):
    """Return ``(replicate, method, round, folder)`` of each network whose answers one is compared with.

    All earlier rounds of its chain, and its counterparts in all earlier replicates; `dense` as in `network`.
    """
    rounds = [(replicate, *one) for one in chain(replicate, method, round_ - 1, dense)]
    return [*rounds, *((r, method, round_, network(r, method, round_, dense)) for r in range(replicate))]


def connections(pairs, replicates, methods, rounds, chains=None):
    """Return the lines between networks of a study, ``{name: (first, second)}``.

    Parameters
    ----------
    pairs : iterable of str
        ``dense`` (the dense network and each round), ``rounds`` (each round and the one before it), ``children`` (the
        dense network and that of each control data_order: one start, the images in another order) and ``replicates``
        (the dense networks, and the last rounds, of each two replicates). For children, `methods` has their settings.
    replicates, methods, rounds, chains
        See `networks`.

    Returns
    -------
    dict
        The name is that of the file, less its ending, relative to the folder ``connectivity``; the ends are
        ``(replicate, method, round, folder)``. A line that belongs to two sorts is there once.
    """
    chains = chains or {}
    lines = [(r, method, rounds[method], "dense") for r in range(replicates) for method in methods]
    lines += [
        (r, name, about["rounds"], about["dense"]) for name, about in chains.items() for r in range(about["replicates"])
    ]
    found, known = {}, set()

    def add(name, first, second):
        if (first, second) not in known:
            known.add((first, second))
            found[name] = (first, second)

    for kind in ("dense", "rounds"):
        for r, method, last, base in lines if kind in pairs else ():
            members = [(r, *one) for one in chain(r, method, last, base)]
            for k in range(1, last + 1):
                add(f"{kind}/{members[k][-1]}", members[0 if kind == "dense" else k - 1], members[k])
    for r, method, last, base in lines if "children" in pairs else ():
        if method in methods and methods[method]["control"] in ALONE and last:
            first, second = ((r, *one) for one in chain(r, method, 1, base))
            add(f"children/{second[-1]}", first, second)
    if "replicates" in pairs:
        ends = [(r, "dense", 0, "dense") for r in range(replicates)]
        ends += [(r, method, last, base) for r, method, last, base in lines if last]
        ends += [(r, name, 0, name) for r, name, _, base in lines if base == name]
        for r, method, k, base in ends:
            for earlier in range(r):
                first, second = ((x, method, k, network(x, method, k, base)) for x in (earlier, r))
                add(f"replicates/{second[-1]}/rep{earlier}", first, second)
    return found


def dumped_networks(families, replicates, methods, rounds, chains=None, spectra=False):
    """Return the networks, as `networks` does, whose activations the comparisons and spectra of a study need."""

    def needed(round_, count, last):
        if "functional" in families or (("rounds" in families or spectra) and last > 0):
            return True
        ends = ("layers" in families and last > 0) or ("replicates" in families and count > 1)
        return ends and round_ in (0, last)

    chains = chains or {}
    sizes = {name: (about["replicates"], about["rounds"]) for name, about in chains.items()}
    sizes |= {method: (replicates, rounds[method]) for method in methods}
    sizes["dense"] = (
        replicates,
        max((last for name, (_, last) in sizes.items() if _shares_dense(name, chains)), default=0),
    )
    return [one for one in networks(replicates, methods, rounds, chains) if needed(one[2], *sizes[one[1]])]


def job_of(file):
    """Return the job, as `jobs` names it, that makes a file below ``networks``; its record lies under that name."""
    *folder, name = file.partition(".")[0].split("/")
    if not folder:
        return name
    if name == "weights" or (name == "initial" and folder[-1] == "dense"):
        return "/".join(folder)
    if name in _JOBS:
        return "/".join([*folder[:-1], f"{_JOBS[name]}{folder[-1].removeprefix('round')}"])
    return "/".join([folder[0], name] if folder[-1] == "dense" else [*folder, name])


def sparse_networks(replicates, methods, rounds):
    """Return ``(replicate, method, round, folder)`` of every network that is trained to be sparse.

    ADMM aims at a density, so it has one for each round; of other ways there is one for all rounds, of round 0.

    Parameters
    ----------
    replicates : int
    methods : dict of str to dict
        Their settings; ``sparsity`` and ``control`` are read.
    rounds : dict of str to int
    """
    return [
        (r, name, k, sparse(r, name, k))
        for r in range(replicates)
        for name, settings in methods.items()
        if settings["sparsity"] and not settings["control"] and rounds[name]
        for k in (range(1, rounds[name] + 1) if settings["sparsity"]["admm"] else [0])
    ]


def _filters(settings):
    """Return whether a method prunes whole filters, and so needs to know which go together."""
    return settings["unit"] == "filter" and not settings["control"]


def _drawn(settings):
    """Return whether a method has initial weights of its own."""
    return settings["control"] == "reinitialise"


def _scored(settings):
    """Return whether the weights of a method are scored by a job of its own."""
    return settings["criterion"] in BY_GRADIENT and not settings["control"]


def jobs(
    families,
    replicates,
    methods,
    rounds,
    layers,
    chains=None,
    given=False,
    connectivity=(),
    robustness=False,
    concepts=False,
    widths=None,
    spectra=False,
):
    """Return the name of every job of a study up to the comparisons, as logs and records are called.

    Parameters
    ----------
    methods : dict of str to dict
        Their settings; ``rewind``, ``criterion``, ``unit``, ``sparsity`` and ``control`` are read. The other
        parameters are those of `comparisons`.
    given : bool
        Some networks come from files, which are checked first.
    connectivity : iterable of str
        See `connections`.
    robustness, concepts : bool
        Each network is evaluated under further pruning and corruptions, or run over images with concepts.
    widths : dict, optional
        See `prunesim.study.widths.width_growth`.
    spectra : bool
        Each pruned network is held against its dense one, all canonical correlations.
    """
    rewound = {rewind_file(method["rewind"]) for name, method in methods.items() if rounds[name]}
    points = sorted(file for file in rewound if file and file != "initial.safetensors")
    return [
        *(["networks/given"] if given else []),
        *(f"networks/rep{r}/dense" for r in range(replicates)),
        *(f"networks/rep{r}/{point.removesuffix('.safetensors')}" for r in range(replicates) for point in points),
        *(f"networks/rep{r}/{name}/initial" for r in range(replicates) for name in methods if _drawn(methods[name])),
        *(f"networks/{folder}" for *_, folder in sparse_networks(replicates, methods, rounds)),
        *(f"networks/coupling/{name}" for name, method in methods.items() if _filters(method)),
        *(
            f"networks/rep{r}/{method}/{job}{k:02d}"
            for r in range(replicates)
            for method, settings in methods.items()
            for k in range(1, rounds[method] + 1)
            for job in (*(["score"] if _scored(settings) else []), "prune", "round")
        ),
        *(f"networks/{folder}" for *_, folder in networks(0, [], 0, chains)),
        *(
            f"activations/{folder}"
            for *_, folder in dumped_networks(families, replicates, methods, rounds, chains, spectra)
        ),
        *(
            f"comparisons/{file.removesuffix('.csv')}"
            for file in comparisons(families, replicates, methods, rounds, layers, chains)
        ),
        *(f"spectra/{folder}" for *_, k, folder in networks(replicates, methods, rounds, chains) if spectra and k),
        *(f"connectivity/{name}" for name in connections(connectivity, replicates, methods, rounds, chains)),
        *(["concepts/images"] if concepts else []),
        *(
            f"{kind}/{folder}"
            for kind, asked in (("robustness", robustness), ("concepts", concepts))
            if asked
            for *_, folder in networks(replicates, methods, rounds, chains)
        ),
        *(width_jobs(**widths) if widths else []),
    ]
