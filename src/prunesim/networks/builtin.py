"""Built-in networks as plain data: known without importing torch."""

from typing import NamedTuple

from prunesim.errors import PrunesimError


class Layer(NamedTuple):
    """One module of a network.

    Attributes
    ----------
    name : str
        Name of the module, of its tensors and of its activation files.
    kind : str
        One of `OUTPUT_KINDS`.
    width : int or None
        Output channels of a ``conv`` or ``shortcut``, output units of a ``linear``; None elsewhere.
    kernel : int or None
        Side of the window of a ``conv`` or a pooling layer.
    padding : int
        Zero padding of a ``conv`` on each side.
    stride : int or None
        Of a ``conv`` (1 if None), a ``shortcut`` or a pooling layer (its kernel if None). Windows of a pooling layer
        that overlap may hang over the edge, as in Caffe.
    bias : bool
        Of a ``conv`` or ``linear``.
    inputs : tuple of str
        The layers whose outputs it takes; that of the layer before, or the images, if empty.
    """

    name: str
    kind: str
    width: int | None = None
    kernel: int | None = None
    padding: int = 0
    stride: int | None = None
    bias: bool = True
    inputs: tuple = ()


# What each kind of layer puts out, in the words of `prunesim.networks.spec.KINDS`.
OUTPUT_KINDS = {
    "conv": "conv",
    "batch_norm": "norm",
    "relu": "relu",
    "max_pool": "pool",
    "avg_pool": "pool",
    "global_pool": "pool",
    "flatten": "other",
    "dropout": "other",
    "linear": "linear",
    "add": "add",
    "shortcut": "other",
    "scale": "other",
}


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
    """LeNet-5 for images of 28 x 28, as in the MNIST notebook of Ansuini et al."""
    return [
        Layer("conv1", "conv", width, kernel=5),
        Layer("relu1", "relu"),
        Layer("pool1", "avg_pool", kernel=2),
        Layer("conv2", "conv", _part(width, 16, 6), kernel=5),
        Layer("relu2", "relu"),
        Layer("pool2", "avg_pool", kernel=2),
        Layer("flatten", "flatten"),
        Layer("fc1", "linear", _part(width, 120, 6)),
        Layer("relu3", "relu"),
        Layer("fc2", "linear", _part(width, 84, 6)),
        Layer("relu4", "relu"),
        Layer("logits", "linear", classes),
    ]


def lenet_300_100(width, classes):
    """The fully connected network of LeCun et al. (1998) as Frankle and Carbin (2019) train it: Gaussian Glorot."""
    return [
        Layer("flatten", "flatten"),
        *_linear_head(("fc1", width), ("fc2", _part(width, 100, 300)), classes=classes),
    ]


def conv2(width, classes):
    """Conv-2 of Frankle and Carbin (2019), figure 2: small variants of VGG without batch normalisation."""
    return _conv_n(width, classes, blocks=1)


def conv4(width, classes):
    """Conv-4 of Frankle and Carbin (2019), figure 2."""
    return _conv_n(width, classes, blocks=2)


def conv6(width, classes):
    """Conv-6 of Frankle and Carbin (2019), figure 2; 2,261,184 weights, not the 1.7 million of that figure."""
    return _conv_n(width, classes, blocks=3)


def _conv_n(width, classes, blocks):
    layers = []
    for block in range(blocks):
        for number in (2 * block + 1, 2 * block + 2):
            layers += [
                Layer(f"conv{number}", "conv", width * 2**block, kernel=3, padding=1),
                Layer(f"relu{number}", "relu"),
            ]
        layers.append(Layer(f"pool{block + 1}", "max_pool", kernel=2))
    head = _linear_head(("fc1", 4 * width), ("fc2", 4 * width), classes=classes, relus=2 * blocks)
    return [*layers, Layer("flatten", "flatten"), *head]


def _linear_head(*hidden, classes, relus=0):
    layers = []
    for number, (name, width) in enumerate(hidden, start=relus + 1):
        layers += [Layer(name, "linear", width), Layer(f"relu{number}", "relu")]
    return [*layers, Layer("logits", "linear", classes)]


def resnet9(width, classes):
    """ResNet-9 of Page (DAWNBench) for CIFAR-10, as Ansuini et al. use it, for images of 32 x 32.

    Two of the three stages have a residual of two convolutions. The answers are divided by 8.
    """

    def conv(name, width):
        return [
            Layer(f"{name}_conv", "conv", width, kernel=3, padding=1, bias=False),
            Layer(f"{name}_bn", "batch_norm"),
            Layer(f"{name}_relu", "relu"),
        ]

    layers = conv("prep", width)
    for stage in (1, 2, 3):
        name = f"layer{stage}"
        layers += [*conv(name, width * 2**stage), Layer(f"{name}_pool", "max_pool", kernel=2)]
        if stage != 2:
            layers += [*conv(f"{name}_res1", width * 2**stage), *conv(f"{name}_res2", width * 2**stage)]
            layers.append(Layer(f"{name}_add", "add", inputs=(f"{name}_pool", f"{name}_res2_relu")))
    return [
        *layers,
        Layer("pool", "max_pool", kernel=4),
        Layer("flatten", "flatten"),
        Layer("logits", "linear", classes, bias=False),
        Layer("scale", "scale"),
    ]


def resnet20(width, classes):
    """ResNet-20 of He et al. (2016), section 4.2; stages differ in width by shortcuts without weights (option A).

    Frankle and Carbin (2019) call it ResNet-18.
    """
    return _resnet20(width, classes, projection=False)


def resnet20_projection(width, classes):
    """ResNet-20 with shortcuts of a 1 x 1 convolution and batch normalisation (option B of He et al., 2016)."""
    return _resnet20(width, classes, projection=True)


def _resnet20(width, classes, projection):
    layers = [
        Layer("conv1", "conv", width, kernel=3, padding=1, bias=False),
        Layer("bn1", "batch_norm"),
        Layer("relu1", "relu"),
    ]
    before, channels = "relu1", width
    for stage in (1, 2, 3):
        for block in (1, 2, 3):
            name, wide = f"stage{stage}_block{block}", width * 2 ** (stage - 1)
            stride = 2 if stage > 1 and block == 1 else 1
            layers += [
                Layer(f"{name}_conv1", "conv", wide, 3, 1, stride, bias=False, inputs=(before,)),
                Layer(f"{name}_bn1", "batch_norm"),
                Layer(f"{name}_relu1", "relu"),
                Layer(f"{name}_conv2", "conv", wide, 3, 1, bias=False),
                Layer(f"{name}_bn2", "batch_norm"),
            ]
            if channels != wide:
                if projection:
                    layers += [
                        Layer(f"{name}_shortcut", "conv", wide, 1, 0, stride, bias=False, inputs=(before,)),
                        Layer(f"{name}_shortcut_bn", "batch_norm"),
                    ]
                else:
                    layers.append(Layer(f"{name}_shortcut", "shortcut", wide, stride=stride, inputs=(before,)))
                before = layers[-1].name
            layers += [
                Layer(f"{name}_add", "add", inputs=(f"{name}_bn2", before)),
                Layer(f"{name}_relu2", "relu"),
            ]
            before, channels = f"{name}_relu2", wide
    return [*layers, Layer("gap", "global_pool"), Layer("logits", "linear", classes)]


def nin(width, classes):
    """Network in Network of Lin et al. (2013) for CIFAR-10: 1 x 1 convolutions, and no linear layer.

    The mean of each map of the last convolution, ``logits``, is the answer for its class.
    """

    def conv(name, width, kernel):
        return [Layer(f"conv{name}", "conv", width, kernel, kernel // 2), Layer(f"relu{name}", "relu")]

    return [
        *conv("1_1", width, 5),
        *conv("1_2", _part(width, 160, 192), 1),
        *conv("1_3", _part(width, 96, 192), 1),
        Layer("pool1", "max_pool", kernel=3, stride=2),
        Layer("dropout1", "dropout"),
        *conv("2_1", width, 5),
        *conv("2_2", width, 1),
        *conv("2_3", width, 1),
        Layer("pool2", "avg_pool", kernel=3, stride=2),
        Layer("dropout2", "dropout"),
        *conv("3_1", width, 3),
        *conv("3_2", width, 1),
        Layer("logits", "conv", classes, kernel=1),
        Layer("gap", "global_pool"),
    ]


def strided_stack(width, classes):
    """The eleven convolutions of Morcos et al. (2018), which stride instead of pooling."""
    layers = []
    factors, strides = (1, 1, 2, 2, 2, 4, 4, 4, 8, 8, 8), (1, 1, 2, 1, 1, 2, 1, 1, 2, 1, 1)
    for number, (factor, stride) in enumerate(zip(factors, strides, strict=True), start=1):
        layers += [
            Layer(f"conv{number}", "conv", factor * width, 3, 1, stride),
            Layer(f"bn{number}", "batch_norm"),
            Layer(f"relu{number}", "relu"),
        ]
    return [*layers, Layer("gap", "global_pool"), Layer("logits", "linear", classes)]


NETWORKS = {
    "cnn": cnn,
    "vgg": vgg,
    "lenet5": lenet5,
    "lenet_300_100": lenet_300_100,
    "conv2": conv2,
    "conv4": conv4,
    "conv6": conv6,
    "vgg_svhn": vgg,
    "resnet9": resnet9,
    "resnet20": resnet20,
    "resnet20_projection": resnet20_projection,
    "nin": nin,
    "strided_stack": strided_stack,
}
# Channels or units of the first layer of those that were published with a width; `width` is for the others.
PUBLISHED_WIDTHS = {
    "lenet5": 6,
    "lenet_300_100": 300,
    **dict.fromkeys(("conv2", "conv4", "conv6", "resnet9", "strided_stack"), 64),
    "vgg_svhn": 32,
    **dict.fromkeys(("resnet20", "resnet20_projection"), 16),
    "nin": 192,
}
# Initial weights of those that were published with other ones than PyTorch's: normal, of a spread after Glorot and
# Bengio (2010), He et al. (2015), or 0.05 (Lin et al., 2013); biases begin at 0.
INITIAL_WEIGHTS = {
    **dict.fromkeys(("lenet_300_100", "conv2", "conv4", "conv6"), "glorot"),
    **dict.fromkeys(("resnet20", "resnet20_projection"), "he"),
    "nin": 0.05,
}


def _part(width, channels, of):
    """Return what `channels` of a network of width `of` are at another width."""
    return max(1, round(channels * width / of))


def built_in_layers(network, classes):
    """Return the layers of a built-in network.

    Parameters
    ----------
    network : dict
        ``name``, ``width`` and, where it is not 1, ``width_factor``.
    classes : int

    Returns
    -------
    list of Layer
    """
    return NETWORKS[network["name"]](max(1, round(first_width(network))), classes)


def first_width(network):
    """Return the channels or units of the first layer of a built-in network, before they are rounded (float)."""
    return PUBLISHED_WIDTHS.get(network["name"], network["width"]) * network.get("width_factor", 1)


def output_widths(network):
    """Return the channels or units that each layer of a built-in network puts out.

    Returns
    -------
    dict of str to (int or None)
        None where they do not follow from the width of the network: those of the answers, which are as many as there
        are classes, and of a map that was made one vector.
    """
    layers = built_in_layers(network, classes=0)
    widths = {"": None}
    for layer, (before, *_) in zip(layers, input_names(layers), strict=True):
        made = layer.width or None if layer.kind in ("conv", "linear", "shortcut") else widths[before]
        widths[layer.name] = None if layer.kind == "flatten" else made
    return widths


def input_names(layers):
    """Return the names of the inputs of each layer; that of the images is empty."""
    before = ["", *(layer.name for layer in layers)]
    return [layer.inputs or (before[index],) for index, layer in enumerate(layers)]


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
    shapes = {"": tuple(shape)}
    for layer, inputs in zip(layers, input_names(layers), strict=True):
        shapes[layer.name] = _output_shape(layer, shapes[inputs[0]])
        if min(shapes[layer.name]) < 1:
            raise PrunesimError(
                f"Images of {shape[1]} x {shape[2]} are too small for this network: nothing is left after its layer "
                f"{layer.name!r}; choose another network.name or enlarge the images with dataset.resize."
            )
    return [shapes[layer.name] for layer in layers]


def _output_shape(layer, before):
    channels, sides = before[0], before[1:]
    if layer.kind == "conv":
        stride = layer.stride or 1
        return (layer.width, *((side + 2 * layer.padding - layer.kernel) // stride + 1 for side in sides))
    if layer.kind in ("max_pool", "avg_pool"):
        if layer.stride:
            return (channels, *(-(-(side - layer.kernel) // layer.stride) + 1 for side in sides))
        return (channels, *(side // layer.kernel for side in sides))
    if layer.kind == "shortcut":
        return (layer.width, *(-(-side // layer.stride) for side in sides))
    if layer.kind == "global_pool":
        return (channels, 1, 1)
    if layer.kind == "flatten":
        return (before[0] * before[1] * before[2],)
    return (layer.width,) if layer.kind == "linear" else before
