"""What a network is by its settings, and choosing among its layers, without importing torch."""

from difflib import get_close_matches
from fnmatch import fnmatchcase

from prunesim.errors import PrunesimError
from prunesim.networks.builtin import OUTPUT_KINDS, built_in_layers

# Of outputs; `other` ones have a name but are in no choice by kind but `all`.
KINDS = ("relu", "pool", "linear", "conv", "norm", "block", "add", "cat", "other")
DUMPED = ("relu", "pool", "linear")
TORCHVISION = "torchvision:"


def made_of(network):
    """Return the part of the ``network`` section of a config that the network itself depends on.

    Not what is dumped of it and how that is read. A setting that is off is left out: studies from before it are what
    they were.
    """
    others = {"small_images": False, "width_factor": 1}
    keys = ("name", "width", "arguments", *(key for key, off in others.items() if network.get(key, off) != off))
    return {key: network[key] for key in keys}


def own_file(name):
    """Return the file of ``path/to/file.py:function``, or "" for a network of another kind."""
    return "" if torchvision_name(name) else name.rpartition(":")[0]


def torchvision_name(name):
    """Return the model of ``torchvision:model``, or "" for a network of another kind."""
    return name.removeprefix(TORCHVISION) if name.startswith(TORCHVISION) else ""


def built_in_outputs(network):
    """Return ``(name, kind)`` of every output of a built-in network, in the order of the forward pass."""
    return [(layer.name, OUTPUT_KINDS[layer.kind]) for layer in built_in_layers(network, classes=2)]


def activation_layers(network):
    """Return the layers whose outputs are dumped, in the order of the forward pass.

    Parameters
    ----------
    network : dict
        The ``network`` section of the config; of any but a built-in network with its list of layers, which
        `prunesim.resolution.overlays.check_study` fills in.

    Returns
    -------
    list of tuple of (str, str)
        Name and kind (one of `KINDS`).
    """
    if network["layers"] is not None:
        return [(layer["name"], layer["kind"]) for layer in network["layers"]]
    return [(name, kind) for name, kind in built_in_outputs(network) if kind in DUMPED]


def compared_layers(network, layers):
    """Return the names of the layers to compare, in the order of the forward pass.

    Parameters
    ----------
    network : dict
        The ``network`` section of the config.
    layers : str or list of str
        Words, see `chosen`; ``relu`` takes the last layer too.
    """
    known = activation_layers(network)
    names, last = {name for name, _ in known}, known[-1][0]
    words = [layers] if isinstance(layers, str) else layers
    found = set()
    for word in words:
        if not isinstance(layers, str) and word in names:  # a name comes before a kind of the same name
            found.add(word)
        else:
            found |= {*chosen(known, [word]), *([last] if word == "relu" else [])}
    return [name for name, _ in known if name in found]


def chosen(outputs, words):
    """Return the names of the outputs that some words choose, in the order of the forward pass.

    Parameters
    ----------
    outputs : list of (str, str)
        Names and kinds.
    words : list of str
        A word is a kind (one of `KINDS`), ``all``, a name or a shell pattern of names.
    """
    kinds = KINDS if "all" in words else [word for word in words if word in KINDS]
    patterns = [word for word in words if word not in (*KINDS, "all")]
    return [name for name, kind in outputs if kind in kinds or any(fnmatchcase(name, x) for x in patterns)]


def dumped_layers(outputs, wanted, layouts, network):
    """Return what is to be dumped of a network.

    Parameters
    ----------
    outputs : list of dict
        See `prunesim.networks.describe.outputs_of`.
    wanted : list of str or list of dict
        Words (see `chosen`), or layers by name, with ``output`` (the name that the network knows it by) and ``kind``;
        both may be None.
    layouts : dict of str to str
        ``channels_first`` (N x C x ...) or ``channels_last`` (N x ... x C) by name or pattern, where it cannot be
        told or was told wrongly.
    network : str
        Its name, for refusals.

    Returns
    -------
    list of dict
        ``name``, ``output``, ``kind``, ``shape``, ``layout`` and ``axes``, in the order of the forward pass.

    Raises
    ------
    PrunesimError
        One sentence a line for each layer that the network does not have or that cannot be dumped.
    """
    known = {output["name"]: output for output in outputs}
    if all(isinstance(layer, str) for layer in wanted):
        wanted = [{"name": name} for name in chosen([(x["name"], x["kind"]) for x in outputs], wanted)]
    layers, problems = [], []
    for layer in wanted:
        name, output = layer["name"], layer.get("output") or layer["name"]
        if output not in known:
            near = get_close_matches(output, list(known), n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            problems.append(
                f"network.layers: {output!r} is not a layer of network {network}{hint}; it has "
                f"{some([x for x in known if known[x]['kind'] in DUMPED])}, and `prunesim layers` prints all."
            )
            continue
        found = {**known[output], "name": name, "output": output}
        found["kind"] = layer.get("kind") or found["kind"]
        if asked := next((layouts[pattern] for pattern in layouts if fnmatchcase(output, pattern)), None):
            found |= _as_laid_out(found["raw"], asked)
        if found["shape"] is None:
            shape = " x ".join(map(str, ["N", *found["raw"]]))
            problems.append(
                f"network.layouts: which axis of layer {output!r} of network {network} ({shape}) holds the neurons "
                f"cannot be told; set network.layouts: {{{output}: channels_first}} or channels_last, or choose others "
                "in activations.layers."
            )
            continue
        layers.append({key: found[key] for key in ("name", "output", "kind", "shape", "layout", "axes")})
    if problems:
        raise PrunesimError("\n".join(problems))
    order = list(known)
    return sorted(layers, key=lambda layer: order.index(layer["output"]))


def _as_laid_out(raw, layout):
    """Return axes, shape and layout in words of an output whose layout is given."""
    first = layout == "channels_first"
    channels, positions = (raw[0], raw[1:]) if first else (raw[-1], raw[:-1])
    words = ["P"] * len(positions) if len(positions) > 2 else {0: [], 1: ["T"], 2: ["H", "W"]}[len(positions)]
    inner = [["P", length] for length in positions]
    axes = [["N", 0], ["C", channels], *inner] if first else [["N", 0], *inner, ["C", channels]]
    named = ["N", "C", *words] if first else ["N", *words, "C"]
    return {"axes": axes, "shape": [channels, *positions], "layout": " x ".join(named)}


def some(names, most=16):
    """Return names in words, of many the first ones."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def weight_layers(network):
    """Return the names of the convolutional and linear layers of a built-in network."""
    return [layer.name for layer in built_in_layers(network, classes=2) if layer.kind in ("conv", "linear")]
