"""Built-in networks as plain data, and choosing among layers, so that both are known without importing torch."""

from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import NamedTuple

from prunesim.errors import PrunesimError

# Of outputs; `other` ones have a name but are in no choice by kind but `all`.
KINDS = ("relu", "pool", "linear", "conv", "norm", "block", "add", "cat", "other")
DUMPED = ("relu", "pool", "linear")
TORCHVISION = "torchvision:"


class Layer(NamedTuple):
    """One module of a sequential network.

    Attributes
    ----------
    name : str
        Name of the module, of its tensors and of its activation files.
    kind : str
        ``conv``, ``batch_norm``, ``relu``, ``max_pool``, ``avg_pool``, ``global_pool``, ``flatten`` or ``linear``.
    width : int or None
        Output channels of a ``conv``, output units of a ``linear``; None elsewhere.
    kernel : int or None
        Side of the window of a ``conv`` or a pooling layer.
    padding : int
        Zero padding of a ``conv`` on each side.
    """

    name: str
    kind: str
    width: int | None = None
    kernel: int | None = None
    padding: int = 0


def _conv_block(name, width):
    return [
        Layer(f"conv{name}", "conv", width, kernel=3, padding=1),
        Layer(f"bn{name}", "batch_norm"),
        Layer(f"relu{name}", "relu"),
    ]


def cnn(width, classes):
    """Four convolutions and two linear layers, for images of 8 x 8 and more."""
    return [
        *_conv_block("1", width),
        *_conv_block("2", width),
        Layer("pool1", "max_pool", kernel=2),
        *_conv_block("3", 2 * width),
        *_conv_block("4", 2 * width),
        Layer("pool2", "max_pool", kernel=2),
        Layer("flatten", "flatten"),
        Layer("fc1", "linear", 2 * width),
        Layer("relu5", "relu"),
        Layer("logits", "linear", classes),
    ]


def vgg(width, classes):
    """The VGG of Ansuini et al. (2020): seven convolutions in blocks of 2, 2, 2 and 1; theirs has width 32."""
    layers = []
    for block, (count, factor) in enumerate([(2, 1), (2, 2), (2, 4), (1, 8)], start=1):
        for position in range(1, count + 1):
            layers += _conv_block(f"{block}_{position}", factor * width)
        layers.append(Layer(f"pool{block}", "max_pool", kernel=2))
    return [*layers, Layer("gap", "global_pool"), Layer("logits", "linear", classes)]


def lenet5(width, classes):
    """LeNet-5 for images of 28 x 28, as in the authors' MNIST notebook; it has no width to set."""
    return [
        Layer("conv1", "conv", 6, kernel=5),
        Layer("relu1", "relu"),
        Layer("pool1", "avg_pool", kernel=2),
        Layer("conv2", "conv", 16, kernel=5),
        Layer("relu2", "relu"),
        Layer("pool2", "avg_pool", kernel=2),
        Layer("flatten", "flatten"),
        Layer("fc1", "linear", 120),
        Layer("relu3", "relu"),
        Layer("fc2", "linear", 84),
        Layer("relu4", "relu"),
        Layer("logits", "linear", classes),
    ]


NETWORKS = {"cnn": cnn, "vgg": vgg, "lenet5": lenet5}

_KIND = {
    "conv": "conv",
    "batch_norm": "norm",
    "relu": "relu",
    "max_pool": "pool",
    "avg_pool": "pool",
    "global_pool": "pool",
    "flatten": "other",
    "linear": "linear",
}


def made_of(network):
    """Return the part of the ``network`` section of a config that the network itself depends on.

    Not what is dumped of it and how that is read. A setting that is off is left out: studies from before it are what
    they were.
    """
    keys = ("name", "width", "arguments", *(["small_images"] if network.get("small_images") else []))
    return {key: network[key] for key in keys}


def own_file(name):
    """Return the file of ``path/to/file.py:function``, or "" for a network of another kind."""
    return "" if torchvision_name(name) else name.rpartition(":")[0]


def torchvision_name(name):
    """Return the model of ``torchvision:model``, or "" for a network of another kind."""
    return name.removeprefix(TORCHVISION) if name.startswith(TORCHVISION) else ""


def built_in_outputs(network):
    """Return ``(name, kind)`` of every output of a built-in network, in the order of the forward pass."""
    layers = NETWORKS[network["name"]](network["width"], classes=2)
    return [(layer.name, _KIND[layer.kind]) for layer in layers]


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
    layers = NETWORKS[network["name"]](network["width"], classes=2)
    return [layer.name for layer in layers if layer.kind in ("conv", "linear")]


def layer_shapes(layers, shape):
    """Return the output shape of each layer.

    Parameters
    ----------
    layers : list of Layer
    shape : tuple of int
        Channels, height and width of an image.

    Returns
    -------
    list of tuple of int
        ``(channels, height, width)`` or ``(units,)``.

    Raises
    ------
    PrunesimError
        If the images are too small for a window.
    """
    shapes = []
    current = tuple(shape)
    for layer in layers:
        if layer.kind == "conv":
            sides = [side + 2 * layer.padding - layer.kernel + 1 for side in current[1:]]
            current = (layer.width, *sides)
        elif layer.kind in ("max_pool", "avg_pool"):
            current = (current[0], *(side // layer.kernel for side in current[1:]))
        elif layer.kind == "global_pool":
            current = (current[0], 1, 1)
        elif layer.kind == "flatten":
            current = (current[0] * current[1] * current[2],)
        elif layer.kind == "linear":
            current = (layer.width,)
        if min(current) < 1:
            raise PrunesimError(
                f"Images of {shape[1]} x {shape[2]} are too small for this network: nothing is left after its layer "
                f"{layer.name!r}; choose another network.name or enlarge the images with dataset.resize."
            )
        shapes.append(current)
    return shapes
