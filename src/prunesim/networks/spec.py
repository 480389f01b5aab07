"""Built-in networks as plain data, so that their layers are known without importing torch."""

from typing import NamedTuple

from prunesim.errors import PrunesimError

ACTIVATION_KINDS = ("relu", "pool", "linear")


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

_ACTIVATION_KIND = {
    "relu": "relu",
    "max_pool": "pool",
    "avg_pool": "pool",
    "global_pool": "pool",
    "linear": "linear",
}


def own_file(name):
    """Return the file of ``path/to/file.py:function``, or "" for a built-in network."""
    return name.rpartition(":")[0]


def activation_layers(network):
    """Return the layers whose outputs are dumped, in the order of the forward pass.

    Parameters
    ----------
    network : dict
        The ``network`` section of the config.

    Returns
    -------
    list of tuple of (str, str)
        Name and kind (one of `ACTIVATION_KINDS`) of each ReLU, pooling and linear layer.
    """
    if network["layers"] is not None:
        return [(layer["name"], layer["kind"]) for layer in network["layers"]]
    layers = NETWORKS[network["name"]](network["width"], classes=2)
    return [(layer.name, _ACTIVATION_KIND[layer.kind]) for layer in layers if layer.kind in _ACTIVATION_KIND]


def compared_layers(network, layers):
    """Return the names of the layers to compare, in the order of the forward pass.

    Parameters
    ----------
    network : dict
        The ``network`` section of the config.
    layers : str or list of str
        ``relu`` for every ReLU and the output layer, ``all``, or names.
    """
    known = activation_layers(network)
    names = [name for name, _ in known]
    if layers == "all":
        return names
    if layers == "relu":
        return [name for name, kind in known if kind == "relu" or name == names[-1]]
    return [name for name in names if name in set(layers)]


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
