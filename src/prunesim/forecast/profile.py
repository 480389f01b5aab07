"""What a network costs an image: from its list of layers for built-in networks, without PyTorch; others run once."""

import contextlib
from math import prod
from typing import NamedTuple

from prunesim.networks.builtin import NETWORKS, built_in_layers, input_names, layer_shapes
from prunesim.networks.spec import DUMPED, activation_layers, dumped_layers


class Profile(NamedTuple):
    """The size of a network.

    Attributes
    ----------
    layers : dict of str to tuple of int
        Shape of each output that is dumped, ``(channels, height, width)`` or ``(units,)``, by layer.
    weights : dict of str to (str, int)
        Kind (``conv`` or ``linear``) and number of weights of each layer that can be pruned.
    parameters : int
        Numbers that are trained.
    state : int
        Numbers that are saved: parameters, and the statistics of batch normalisation.
    macs : int
        Multiply-adds of convolutional and linear layers for one image.
    modules : int
        Operations of a forward pass.
    elements : int
        Numbers that all operations put out for one image.
    kept : int
        Those of them that wait for the backward pass.
    """

    layers: dict
    weights: dict
    parameters: int
    state: int
    macs: int
    modules: int
    elements: int
    kept: int


def network_profile(settings, shape, classes, folder="."):
    """Return the profile of the ``network`` section of a config.

    Parameters
    ----------
    settings : dict
    shape : tuple of int
        Channels, height and width of an image.
    classes : int
    folder : path-like
        From where the file of a network of the user's own is looked for.

    Returns
    -------
    Profile

    Raises
    ------
    PrunesimError
        If the network cannot take such images.
    """
    if settings["name"] in NETWORKS:
        return built_in_profile(settings, shape, classes)
    with contextlib.chdir(folder):
        return traced_profile(settings, shape, classes)


def traced_profile(settings, shape, classes):
    """Return the profile of a network that is built and run once, with PyTorch; see `network_profile`."""
    from prunesim.networks.describe import describe

    found = describe(settings, shape, classes)
    wanted = settings.get("layers") or list(DUMPED)
    layers = dumped_layers(found["outputs"], wanted, settings.get("layouts", {}), settings["name"])
    return Profile(
        layers={layer["name"]: tuple(layer["shape"]) for layer in layers},
        weights={
            weight["layer"]: (weight["kind"], weight["weights"])
            for weight in found["weights"]
            if not weight["why"] and weight["used"]
        },
        **{key: found[key] for key in ("parameters", "state", "macs", "modules", "elements", "kept")},
    )


def built_in_profile(settings, shape, classes):
    """Return the profile of a built-in network; see `network_profile`."""
    layers = built_in_layers(settings, classes)
    listed = settings.get("layers") or [{"name": name} for name, _ in activation_layers({**settings, "layers": None})]
    dumped = {layer.get("output") or layer["name"]: layer["name"] for layer in listed}
    weights, outputs = {}, {}
    parameters = statistics = macs = elements = kept = 0
    shapes = {"": tuple(shape)}
    for layer, inputs, output in zip(layers, input_names(layers), layer_shapes(layers, shape), strict=True):
        size, channels = prod(output), shapes[inputs[0]][0]
        if layer.kind in ("conv", "linear"):
            count = channels * layer.width * (layer.kernel**2 if layer.kind == "conv" else 1)
            weights[layer.name] = (layer.kind, count)
            parameters += count + layer.width * layer.bias
            macs += count * prod(output[1:])
        elif layer.kind == "batch_norm":
            parameters += 2 * channels
            statistics += 2 * channels + 1
        if layer.kind != "flatten":
            elements += size
            # ReLU overwrites its input.
            kept += 0 if layer.kind == "relu" else size
        if layer.name in dumped:
            outputs[dumped[layer.name]] = output[:1] if layer.kind in ("linear", "global_pool") else output
        shapes[layer.name] = output
    modules = sum(layer.kind != "flatten" for layer in layers)
    return Profile(outputs, weights, parameters, parameters + statistics, macs, modules, elements, kept)
