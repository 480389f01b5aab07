"""What a study takes from outside: weights to start from, and chains of networks that were pruned elsewhere."""

DENSE = "dense"


def dense_of(config, method):
    """Return whose network is round 0 of a method or chain: ``dense``, that of the study, or its own, by its name."""
    chain = config["chains"].get(method)
    return method if chain and chain["networks"][0]["dense"] else DENSE


def chain_growth(config):
    """Return what `prunesim.study.paths` has to know of each chain: ``replicates, rounds, dense, exclude``."""
    return {
        name: {
            "replicates": len(chain["networks"]),
            "rounds": len(chain["networks"][0]["rounds"]),
            "dense": dense_of(config, name),
            "exclude": chain["exclude"],
        }
        for name, chain in config["chains"].items()
    }


def dense_replicates(config):
    """Return how many dense networks the study itself has: without methods, as many as chains start from."""
    if config["methods"]:
        return config["replicates"]
    shared = [chain["replicates"] for chain in chain_growth(config).values() if chain["dense"] == DENSE]
    return max(shared, default=0)


def follow_lists(config):
    """Return the config with `replicates` and `rounds` of a study of chains alone, which follow from their lists."""
    if config["methods"] or not config["chains"]:
        return config
    chains = chain_growth(config).values()
    return config | {key: max(chain[key] for chain in chains) for key in ("replicates", "rounds")}


def given_weights(config, replicate):
    """Return the file that the dense network of a replicate is taken from, or None."""
    weights = config["network"]["weights"]
    return weights[replicate] if isinstance(weights, list) else weights


def given_networks(config):
    """Return every network that comes from a file, the dense ones of the study first.

    Returns
    -------
    list of dict
        ``replicate, method, round, weights``, and for the rounds of chains ``mask``, a file or None.
    """
    found = []
    if config["network"]["weights"]:
        found += [
            {"replicate": replicate, "method": DENSE, "round": 0, "weights": given_weights(config, replicate)}
            for replicate in range(dense_replicates(config))
        ]
    for name, chain in config["chains"].items():
        for replicate, networks in enumerate(chain["networks"]):
            who = {"replicate": replicate, "method": name}
            if networks["dense"]:
                found.append({**who, "round": 0, "weights": networks["dense"]})
            masks = networks["masks"] if isinstance(networks["masks"], list) else [None] * len(networks["rounds"])
            found += [
                {**who, "round": round_, "weights": weights, "mask": mask}
                for round_, (weights, mask) in enumerate(zip(networks["rounds"], masks, strict=True), 1)
            ]
    return found


def given_files(config):
    """Return the files that a study takes from outside, each once, in the order of `given_networks`."""
    networks = given_networks(config)
    return list(dict.fromkeys(path for one in networks for path in (one["weights"], one.get("mask")) if path))


def check_weights(config, schema):
    """Yield a sentence for each thing in ``network.weights`` that does not agree with the rest of the config."""
    weights, trained = config["network"]["weights"], config["network"]["weights_as"] == "trained"
    if weights is None:
        return
    for path in [weights] if isinstance(weights, str) else weights:
        yield from _braces("network.weights", path)
    if not config["methods"] and not any(dense_of(config, name) == DENSE for name in config["chains"]):
        if config["chains"]:
            yield "network.weights is given, but no method or chain starts from them: each chain has a dense network."
        return
    count = dense_replicates(config)
    if isinstance(weights, list) and len(weights) != count:
        yield (
            f"network.weights lists {len(weights)} file{'s' * (len(weights) != 1)}; it must be one file for all "
            f"replicates or one for each, and there are {count}."
        )
    for name, method in config["methods"].items():
        rewind = method["rewind"]
        if trained and isinstance(rewind, dict) and any(rewind.values()):
            ((unit, number),) = rewind.items()
            yield (
                f"methods.{name}.rewind is {{{unit}: {number}}}, a point of the dense training, which "
                "network.weights_as trained skips; take init (the given weights), lr or none, or network.weights_as "
                "start."
            )


def check_chains(config, schema):
    """Yield a sentence for each chain that does not agree with itself or with the rest of the config."""
    for name, chain in config["chains"].items():
        key, networks = f"chains.{name}", chain["networks"]
        if name in config["methods"]:
            yield f"{key} has the name of a method; a chain needs a name of its own."
        rounds = [len(one["rounds"]) for one in networks]
        if len(set(rounds)) > 1:
            yield (
                f"{key}.networks lists {', '.join(map(str, rounds))} rounds; each replicate must have the same number."
            )
        if len({one["dense"] is None for one in networks}) > 1:
            yield f"{key}.networks names a dense network for some replicates; name one for each, or for none."
        for replicate, one in enumerate(networks):
            masks = one["masks"]
            if isinstance(masks, list) and len(masks) != len(one["rounds"]):
                yield (
                    f"{key}.networks[{replicate}] lists {len(one['rounds'])} rounds and {len(masks)} masks; it must be "
                    "one mask a round, or masks: zeros."
                )
            files = [one["dense"] or "", *one["rounds"], *(masks if isinstance(masks, list) else [])]
            for path in files:
                yield from _braces(f"{key}.networks[{replicate}]", path)
        if config["methods"] and networks[0]["dense"] is None and len(networks) > config["replicates"]:
            yield (
                f"{key}.networks has {len(networks)} replicates without a dense network, but the study has "
                f"{config['replicates']}; name the dense network of each, or raise replicates."
            )


def _braces(key, path):
    if set("{}") & set(path):
        yield f"{key} is {path!r}; braces are Snakemake's wildcards, so the path must have none."
