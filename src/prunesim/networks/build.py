"""From settings to torch modules."""

import importlib.util
import inspect
import sys
from collections import OrderedDict
from pathlib import Path

import torch
from torch import nn

from prunesim.errors import PrunesimError
from prunesim.networks.spec import NETWORKS, layer_shapes, own_file

_RELUS = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Hardswish, nn.Mish)
_POOLS = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
_WEIGHTS = {nn.Conv1d: "conv", nn.Conv2d: "conv", nn.Conv3d: "conv", nn.Linear: "linear"}


class GlobalPool(nn.Module):
    """Mean over the positions of each channel; unlike AdaptiveAvgPool2d deterministic on every device."""

    def forward(self, x):
        return x.mean(dim=(2, 3))


def build_network(settings, shape, classes, seed):
    """Build and initialise a network.

    Parameters
    ----------
    settings : dict
        The ``network`` section of the config.
    shape : tuple of int
        Channels, height and width of an image.
    classes : int
    seed : int
        Seed of the initial weights. The global generator is put back as it was.

    Returns
    -------
    torch.nn.Module
        On the CPU, in training mode.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if settings["name"] in NETWORKS:
            return _sequential(NETWORKS[settings["name"]](settings["width"], classes), shape)
        return _own_network(settings, shape, classes)


def _sequential(layers, shape):
    modules = OrderedDict()
    current = tuple(shape)
    for layer, output in zip(layers, layer_shapes(layers, shape), strict=True):
        if layer.kind == "conv":
            module = nn.Conv2d(current[0], layer.width, layer.kernel, padding=layer.padding)
        elif layer.kind == "batch_norm":
            module = nn.BatchNorm2d(current[0])
        elif layer.kind == "relu":
            module = nn.ReLU(inplace=True)
        elif layer.kind == "max_pool":
            module = nn.MaxPool2d(layer.kernel)
        elif layer.kind == "avg_pool":
            module = nn.AvgPool2d(layer.kernel)
        elif layer.kind == "global_pool":
            module = GlobalPool()
        elif layer.kind == "flatten":
            module = nn.Flatten()
        else:
            module = nn.Linear(current[0], layer.width)
        modules[layer.name] = module
        current = output
    return nn.Sequential(modules)


def _own_network(settings, shape, classes):
    path = own_file(settings["name"])
    name = settings["name"].removeprefix(f"{path}:")
    if not Path(path).is_file():
        raise PrunesimError(f"network.name: the file {path!r} does not exist; give path/to/file.py:function.")
    spec = importlib.util.spec_from_file_location(f"own_network_{Path(path).stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    function = getattr(module, name, None)
    if not callable(function):
        functions = [key for key, value in vars(module).items() if inspect.isfunction(value)]
        functions = [key for key in functions if vars(module)[key].__module__ == spec.name]
        raise PrunesimError(f"network.name: {path} has no function {name!r}; it has {', '.join(functions) or 'none'}.")
    try:
        network = function(shape=tuple(shape), classes=classes, **settings["arguments"])
    except TypeError as error:
        raise PrunesimError(
            f"network.name: {settings['name']} could not be called with shape, classes and network.arguments: {error}."
        ) from error
    if not isinstance(network, nn.Module):
        raise PrunesimError(f"network.name: {settings['name']} returned no torch.nn.Module.")
    _try_out(network, shape, classes, settings["name"])
    return network


def _try_out(network, shape, classes, name):
    """Refuse a network that cannot be used. Lazy modules get their weights here, while the seed is set."""
    try:
        with torch.no_grad():
            output = network.eval()(torch.zeros(1, *shape))
    except (RuntimeError, ValueError) as error:
        channels, height, width = shape
        raise PrunesimError(
            f"network.name: {name} cannot take images of {channels} x {height} x {width}: "
            f"{str(error).partition(chr(10))[0].rstrip('.')}."
        ) from error
    network.train()
    if getattr(output, "shape", None) != (1, classes):
        found = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        raise PrunesimError(f"network.name: {name} must answer one image with 1 x {classes} classes, not {found}.")
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise PrunesimError(f"network.name: {name} has no parameters to train.")


def weight_kinds(network):
    """Return the kind (``conv`` or ``linear``) of each weight tensor that can be pruned, by its name."""
    return {
        f"{name}.weight" if name else "weight": kind
        for name, module in network.named_modules()
        for type_, kind in _WEIGHTS.items()
        if isinstance(module, type_)
    }


def activation_kind(module):
    """Return ``relu``, ``pool`` or ``linear`` for a module whose output is dumped, else None."""
    if isinstance(module, _RELUS):
        return "relu"
    if isinstance(module, (*_POOLS, GlobalPool)):
        return "pool"
    return "linear" if isinstance(module, nn.Linear) else None


def trace(network, shape):
    """Run one blank image through a network and note what each layer does.

    Parameters
    ----------
    network : torch.nn.Module
    shape : tuple of int
        Channels, height and width of an image.

    Returns
    -------
    layers : list of dict
        ``name``, ``kind`` and ``shape`` of each output that is dumped, in the order of the forward pass. The second
        output of a module that runs twice is named ``<module>-2``, and so on.
    uses : dict of str to int
        How often each weight of a tensor is multiplied for one image.
    """
    layers, uses, handles = [], {}, []
    calls = {}
    kinds = weight_kinds(network)

    def note_output(name, kind):
        def hook(module, inputs, output):
            if output.dim() not in (2, 4):
                raise PrunesimError(
                    f"The output of layer {name!r} has shape {tuple(output.shape)}; only images x units and "
                    "images x channels x height x width can be compared."
                )
            calls[name] = calls.get(name, 0) + 1
            layers.append(
                {
                    "name": output_name(name, calls[name]),
                    "kind": kind,
                    "shape": [int(side) for side in output.shape[1:]],
                }
            )

        return hook

    def note_uses(name):
        def hook(module, inputs, output):
            width = module.out_features if isinstance(module, nn.Linear) else module.out_channels
            uses[name] = uses.get(name, 0) + output.numel() // (width * output.shape[0])

        return hook

    for name, module in network.named_modules():
        if kind := activation_kind(module):
            handles.append(module.register_forward_hook(note_output(name, kind)))
        weight = f"{name}.weight" if name else "weight"
        if weight in kinds:
            handles.append(module.register_forward_hook(note_uses(weight)))
    training = network.training
    try:
        network.eval()
        parameter = next(network.parameters())
        with torch.no_grad():
            network(torch.zeros(1, *shape, device=parameter.device))
    finally:
        network.train(training)
        for handle in handles:
            handle.remove()
    return layers, uses


def output_name(module, call):
    """Return the layer name of the `call`-th output (from 1) of a module."""
    return module if call == 1 else f"{module}-{call}"
