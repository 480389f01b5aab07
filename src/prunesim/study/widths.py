"""Networks of several widths (section ``widths`` of the config): which there are, and what of them is compared."""

from itertools import combinations

from prunesim.networks.builtin import NETWORKS, first_width, output_widths
from prunesim.networks.spec import activation_layers, chosen, some
from prunesim.study.words import did_you_mean, refuse, show

NARROWEST, ALL = "narrowest", "all"


def width_name(factor):
    """Return a factor as it is called in paths: ``0.25``, ``2``."""
    return f"{factor:.12g}"


def factor_names(config):
    """Return the names of the width factors of a study, the narrowest first; none where there is no such section."""
    return [width_name(factor) for factor in sorted(config["widths"]["factors"])]


def width_growth(config):
    """Return what the paths of networks of other widths follow from: ``factors, replicates, layers``; {} for none."""
    if not config["widths"]["factors"]:
        return {}
    replicates = config["widths"]["replicates"] or config["replicates"]
    return {"factors": factor_names(config), "replicates": replicates, "layers": width_layers(config)}


def network_at(network, factor):
    """Return the ``network`` section of a config with every hidden layer `factor` times as wide."""
    return {**network, "width_factor": network["width_factor"] * float(factor)}


def width_layers(config):
    """Return the names of the layers that are compared, in the order of the forward pass.

    Where none are named, the last activation function, which the last hidden layer ends in, and the last layer.
    """
    known = activation_layers(config["network"])
    words = config["widths"]["layers"]
    if words is None:
        hidden = [name for name, kind in known if kind == "relu"][-1:]
        words = [*hidden, known[-1][0]]
    return [name for name, _ in known if any(name in chosen(known, [word]) for word in words)]


def compared_filters(config, layer):
    """Return how many neurons of a layer are compared: the same number for each width, or None for all of them."""
    wanted, counts = config["widths"]["filters"], _filters(config, layer)
    if wanted == ALL or None in counts:
        return None
    return min(counts) if wanted == NARROWEST else wanted


def _filters(config, layer):
    """Return the neurons of a layer at each width, the narrowest first; None where the width has no part in them."""
    network = config["network"]
    outputs = {one["name"]: one["output"] or one["name"] for one in network["layers"] or []}
    return [
        output_widths(network_at(network, factor))[outputs.get(layer, layer)]
        for factor in sorted(config["widths"]["factors"])
    ]


def check_widths(config, schema):
    """Yield a sentence for each thing in ``widths`` that does not agree with itself or with the network."""
    factors, network = config["widths"]["factors"], config["network"]
    if not factors:
        return
    if network["name"] not in NETWORKS:
        yield (
            f"widths.factors is {show(factors)}, but network.name {network['name']} has no width factor; it must be a "
            "built-in network, such as cnn or vgg, or widths.factors []."
        )
        return
    names = [width_name(factor) for factor in factors]
    for name in sorted({name for name in names if names.count(name) > 1}, key=float):
        yield f"widths.factors names {name} {names.count(name)} times; name each width once."
    thin = [factor for factor in factors if first_width(network_at(network, factor)) < 1]
    for factor in dict.fromkeys(thin):
        width = first_width(network)
        yield (
            f"widths.factors has {width_name(factor)}, which leaves the first layer of {network['name']} less than one "
            f"filter of {width:g}; it must be {width_name(1 / width)} or more."
        )
    made = {name: output_widths(network_at(network, float(name))) for name in dict.fromkeys(names)}
    for one, other in combinations(made, 2):
        if made[one] == made[other] and not thin:
            yield f"widths.factors has {one} and {other}, which give {network['name']} the same filters; leave one out."
    if (config["widths"]["replicates"] or config["replicates"]) < 2:
        key = "widths.replicates" if config["widths"]["replicates"] else "replicates"
        yield f"{key} is 1, but networks of one width are compared with each other; set widths.replicates to 2 or more."


def check_width_layers(config):
    """Refuse layers of ``widths`` that are not dumped, and more filters than the narrowest network has.

    Parameters
    ----------
    config : dict
        From `prunesim.study.config.check_config`, with the layers that are dumped.

    Raises
    ------
    PrunesimError
        One sentence a line for each.
    """
    if not config["widths"]["factors"]:
        return
    known = activation_layers(config["network"])
    names, wanted = [name for name, _ in known], config["widths"]["filters"]
    problems = [
        f"widths.layers: {show(word)} is not a dumped layer of network {config['network']['name']}"
        f"{did_you_mean(word, names)}; it has {some(names)}."
        for word in config["widths"]["layers"] or []
        if not chosen(known, [word])
    ]
    narrowest = {
        layer: min(counts) for layer in width_layers(config) if None not in (counts := _filters(config, layer))
    }
    if not isinstance(wanted, str):
        problems += [
            f"widths.filters is {wanted}, but layer {layer} of the narrowest network has {count}; it must be at most "
            "that, or narrowest."
            for layer, count in narrowest.items()
            if wanted > count
        ]
    refuse(problems)
