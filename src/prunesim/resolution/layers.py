"""The config of a study, with what its network turned out to have: layers to dump, layers to prune."""

from fnmatch import fnmatchcase

from prunesim.errors import PrunesimError
from prunesim.networks.builtin import NETWORKS
from prunesim.networks.spec import DUMPED, KINDS, built_in_outputs, dumped_layers
from prunesim.study.agreement import check_densities, check_exclude
from prunesim.study.words import show

# What config.yaml excludes from pruning: the output layer, whatever it is called.
OUTPUT = "logits"


def with_layers(config, found):
    """Return a config whose ``network.layers`` are those that are dumped.

    Parameters
    ----------
    config : dict
        From `prunesim.study.config.check_config`.
    found : dict or None
        From `prunesim.resolution.discovery.find_layers`.

    Raises
    ------
    PrunesimError
        If the network lacks one, or it cannot be told where its neurons are.
    """
    network, wanted = config["network"], config["activations"]["layers"]
    wanted = [wanted] if isinstance(wanted, str) else wanted
    built_in = network["name"] in NETWORKS
    if built_in and network["layers"] is None and wanted == list(DUMPED):
        return config  # so that no text of an old study's settings changes
    if found is None and not built_in:
        unknown = [layer["name"] for layer in network["layers"] if layer["kind"] is None]
        if unknown:
            raise PrunesimError(
                f"network.layers: {unknown[0]!r} has no kind, and network {network['name']} cannot be run here to find "
                "it; make its file, the images and PyTorch available, or say the kind of each layer."
            )
        return config
    if built_in:
        # Their axes need no telling, and their shapes depend on images that need not be there.
        outputs = [
            {"name": name, "kind": kind, "raw": [], "axes": [], "layout": "N x C", "shape": []}
            for name, kind in built_in_outputs(network)
        ]
    else:
        outputs = found["outputs"]
        _check_layouts(network, outputs)
    if network["layers"] is None:
        _check_words(wanted, outputs, network["name"])
    layers = dumped_layers(outputs, network["layers"] or wanted, network["layouts"], network["name"])
    if not layers:
        raise PrunesimError(f"activations.layers is {show(wanted)}; network {network['name']} has none of these.")
    keys = ("name", "output", "kind", "shape")
    listed = [{**{key: layer[key] for key in keys}, "shape": layer["shape"] or None} for layer in layers]
    return {**config, "network": {**network, "layers": listed}}


def _check_words(words, outputs, network):
    """Refuse names and patterns of ``activations.layers`` that no output has; of a kind there may be none."""
    names = [output["name"] for output in outputs]
    lost = [word for word in words if word not in (*KINDS, "all") and not any(fnmatchcase(x, word) for x in names)]
    if lost:
        raise PrunesimError(
            "\n".join(
                f"activations.layers: {show(word)} matches no layer of network {network}; `prunesim layers` prints all."
                for word in lost
            )
        )


def _check_layouts(network, outputs):
    for pattern in network["layouts"]:
        if not any(fnmatchcase(output["name"], pattern) for output in outputs):
            raise PrunesimError(
                f"network.layouts: {show(pattern)} matches no layer of network {network['name']}; `prunesim layers` "
                "prints them."
            )


def with_exclusions(config, found):
    """Return a config whose methods exclude layers by the names that the network has.

    ``logits`` becomes the output layer where no layer has that name. Patterns of layers whose weights cannot be
    pruned have served their purpose and are left out.

    Raises
    ------
    PrunesimError
        If a pattern matches nothing, nothing is left to prune, or a method would prune weights that cannot be.
    """
    network = config["network"]["name"]
    every = [weight["layer"] for weight in found["weights"]]
    prunable = [weight["layer"] for weight in found["weights"] if weight["why"] is None and weight["used"]]
    if not prunable:
        raise PrunesimError(f"network.name: {network} has no weights of convolutional or linear layers to prune.")
    methods = {}
    for method, settings in config["methods"].items():
        exclude = [
            found["output_layer"] if word == OUTPUT and OUTPUT not in every and found["output_layer"] else word
            for word in settings["exclude"]
        ]
        methods[method] = {**settings, "exclude": list(dict.fromkeys(exclude))}
    config = {**config, "methods": methods}
    check_exclude(config, every)
    check_densities(config, every)
    problems = []
    for method, settings in methods.items():
        out = {layer for layer in every if any(fnmatchcase(layer, pattern) for pattern in settings["exclude"])}
        chosen = [x for x in found["weights"] if x["kind"] in settings["types"] and x["layer"] not in out]
        problems += [
            f"methods.{method}: layer {weight['layer']!r} of network {network} cannot be pruned: {weight['why']}, or "
            "name it in exclude."
            for weight in chosen
            if weight["why"]
        ]
        if not any(weight["layer"] in prunable for weight in chosen):
            problems.append(
                f"methods.{method}: types {show(settings['types'])} without the excluded {show(settings['exclude'])} "
                f"leave nothing of network {network} to prune; it has {', '.join(every)}."
            )
        settings["exclude"] = [p for p in settings["exclude"] if any(fnmatchcase(x, p) for x in prunable)]
    if problems:
        raise PrunesimError("\n".join(problems))
    return config
