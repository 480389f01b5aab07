"""From settings to torch modules."""

import contextlib
import warnings
from collections import OrderedDict
from difflib import get_close_matches
from pathlib import Path

import torch
from torch import nn
from torch.nn.modules import module as torch_module
from torch.nn.parameter import UninitializedTensorMixin

from prunesim.errors import PrunesimError
from prunesim.networks.builtin import INITIAL_WEIGHTS, NETWORKS, built_in_layers, input_names, layer_shapes
from prunesim.networks.modules import Add, GlobalPool, Graph, Scale, Shortcut
from prunesim.networks.own_code import function_of, last_line, loaded, place, told_briefly
from prunesim.networks.spec import own_file, torchvision_name
from prunesim.networks.tracing import main_output

# What safetensors can hold and NumPy has.
_SAVED = (
    torch.float64,
    torch.float32,
    torch.float16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.bool,
)


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
            return _built_in(settings, shape, classes)
        network = _of_torchvision(settings, classes) or _own_network(settings, shape, classes)
        _try_out(network, shape, classes, settings["name"])
        return network


@contextlib.contextmanager
def without_numbers(how):
    """Build networks whose weights are shapes without numbers, on PyTorch's meta device.

    Parameters
    ----------
    how : str
        ``all``: every tensor; ``weights``: parameters and buffers only, for code that computes with other tensors.
    """
    if how == "all":
        with torch.device("meta"):
            yield
        return

    def to_meta(module, name, tensor):
        if tensor is None or isinstance(tensor, UninitializedTensorMixin):
            return tensor
        if isinstance(tensor, nn.Parameter):
            return nn.Parameter(tensor.detach().to("meta"), requires_grad=tensor.requires_grad)
        return tensor.to("meta")

    handles = [
        torch_module.register_module_parameter_registration_hook(to_meta),
        torch_module.register_module_buffer_registration_hook(to_meta),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def of_network(settings, shape, classes, look, final):
    """Return what a function finds in a network, built without numbers where it can be; see `without_numbers`.

    Parameters
    ----------
    settings, shape, classes
        See `build_network`.
    look : callable
        From a network to what is asked of it.
    final : type
        The refusal that numbers would not change.
    """
    for how in ("all", "weights"):
        try:
            with without_numbers(how):
                return look(build_network(settings, shape, classes, seed=0))
        except final:
            raise
        except (PrunesimError, RuntimeError, NotImplementedError):
            continue
    return look(build_network(settings, shape, classes, seed=0))


def _built_in(settings, shape, classes):
    layers = built_in_layers(settings, classes)
    shapes = {"": tuple(shape)} | {x.name: y for x, y in zip(layers, layer_shapes(layers, shape), strict=True)}
    inputs = input_names(layers)
    modules = {
        layer.name: _MODULES[layer.kind](layer, shapes[taken[0]][0])
        for layer, taken in zip(layers, inputs, strict=True)
    }
    chain = not any(layer.inputs for layer in layers)
    network = nn.Sequential(OrderedDict(modules)) if chain else Graph(modules, inputs)
    if settings["name"] in INITIAL_WEIGHTS:
        _initialise(network, INITIAL_WEIGHTS[settings["name"]])
    return network


def _conv(layer, channels):
    stride = layer.stride or 1
    return nn.Conv2d(channels, layer.width, layer.kernel, stride=stride, padding=layer.padding, bias=layer.bias)


# From a layer and the number of channels that it takes to a module.
_MODULES = {
    "conv": _conv,
    "batch_norm": lambda layer, channels: nn.BatchNorm2d(channels),
    "relu": lambda layer, channels: nn.ReLU(inplace=True),
    "max_pool": lambda layer, channels: nn.MaxPool2d(layer.kernel, layer.stride, ceil_mode=layer.stride is not None),
    "avg_pool": lambda layer, channels: nn.AvgPool2d(layer.kernel, layer.stride, ceil_mode=layer.stride is not None),
    "global_pool": lambda layer, channels: GlobalPool(),
    "flatten": lambda layer, channels: nn.Flatten(),
    "dropout": lambda layer, channels: nn.Dropout(0.5),
    "linear": lambda layer, channels: nn.Linear(channels, layer.width, bias=layer.bias),
    "add": lambda layer, channels: Add(),
    "shortcut": lambda layer, channels: Shortcut(layer.width, layer.stride),
    "scale": lambda layer, channels: Scale(1 / 8),
}


def _initialise(network, how):
    """Draw the weights anew, see `prunesim.networks.builtin.INITIAL_WEIGHTS`."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            if how == "glorot":
                nn.init.xavier_normal_(module.weight)
            elif how == "he":
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            else:
                nn.init.normal_(module.weight, std=how)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _of_torchvision(settings, classes):
    name = torchvision_name(settings["name"])
    if not name:
        return None
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"; did you mean torchvision:{near[0]}?" if near else f"; it has {', '.join(known)}."
        raise PrunesimError(f"network.name: torchvision has no classifier {name!r}{hint}")
    with warnings.catch_warnings(), _called(settings):
        warnings.simplefilter("ignore")  # of initial weights that will be others one day
        network = models.get_model(name, weights=None, num_classes=classes, **settings["arguments"])
    if settings.get("small_images"):
        _for_small_images(network, settings["name"])
    return network


def _for_small_images(network, name):
    """Begin with a 3 x 3 convolution of stride 1 and no pooling, as He et al. (2016), section 4.2, do for CIFAR-10."""
    part = getattr(network, "features", network)
    first, pool = ("conv0", "pool0") if part is not network else ("conv1", "maxpool")
    old = getattr(part, first, None)
    if not isinstance(old, nn.Conv2d) or old.kernel_size != (7, 7) or not hasattr(part, pool):
        raise PrunesimError(
            f"network.small_images is for the ResNets and DenseNets of torchvision, which begin with a 7 x 7 "
            f"convolution and pooling; {name} does not. Enlarge the images with dataset.resize instead."
        )
    new = nn.Conv2d(old.in_channels, old.out_channels, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(new.weight, mode="fan_out" if first == "conv1" else "fan_in", nonlinearity="relu")
    setattr(part, first, new)
    setattr(part, pool, nn.Identity())


def _own_network(settings, shape, classes):
    path = own_file(settings["name"])
    name = settings["name"].removeprefix(f"{path}:")
    if not Path(path).is_file():
        raise PrunesimError(f"network.name: the file {path!r} does not exist; give path/to/file.py:function.")
    with told_briefly(settings["name"], "could not be loaded"), loaded(path) as module:
        function = function_of(module, name, path)
        with _called(settings):
            network = function(shape=tuple(shape), classes=classes, **settings["arguments"])
    if not isinstance(network, nn.Module):
        raise PrunesimError(f"network.name: {settings['name']} returned no torch.nn.Module.")
    return network


@contextlib.contextmanager
def _called(settings):
    name = settings["name"]
    try:
        yield
    except TypeError as error:
        # Raised by the call itself, or by what was called?
        if place(error):
            raise PrunesimError(f"network.name: {name} failed: {last_line(error)}{place(error)}.") from error
        raise PrunesimError(
            f"network.name: {name} could not be called with shape, classes and network.arguments: {error}."
        ) from error
    except PrunesimError:
        raise
    except (Exception, SystemExit) as error:
        raise PrunesimError(f"network.name: {name} failed: {last_line(error)}{place(error)}.") from error


def _try_out(network, shape, classes, name):
    """Refuse a network that cannot be used. Lazy modules get their weights here, while the seed is set."""
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    if device.type == "meta":
        network.to("meta")
    try:
        with torch.no_grad():
            output = main_output(network.eval()(torch.zeros(1, *shape, device=device)))
    except (Exception, SystemExit) as error:
        channels, height, width = shape
        hint = "; set dataset.channels: 3" if channels == 1 and "channels" in str(error) else ""
        raise PrunesimError(
            f"network.name: {name} cannot take images of {channels} x {height} x {width}: "
            f"{last_line(error)}{place(error)}{hint}."
        ) from error
    network.train()
    if getattr(output, "shape", None) != (1, classes):
        found = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        raise PrunesimError(f"network.name: {name} must answer one image with 1 x {classes} classes, not {found}.")
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise PrunesimError(f"network.name: {name} has no parameters to train.")
    for tensor, value in network.state_dict(keep_vars=True).items():
        if isinstance(value, UninitializedTensorMixin):
            raise PrunesimError(f"network.name: {name}: {tensor} is lazy, and no pass through the network makes it.")
        if not isinstance(value, torch.Tensor) or value.layout != torch.strided or value.dtype not in _SAVED:
            what = f"of type {value.dtype}" if isinstance(value, torch.Tensor) else type(value).__name__
            raise PrunesimError(
                f"network.name: {name}: {tensor} is {what}, which cannot be saved; make it a dense tensor of real "
                "numbers."
            )
    if device.type != "meta":
        _refuse_chance(network, shape, name, device)


def _refuse_chance(network, shape, name, device):
    """Refuse a network that answers one image in two ways."""
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, *shape, generator=generator).to(device)
    network.eval()
    try:
        with torch.no_grad():
            one, other = (main_output(network(image)) for _ in range(2))
    except (RuntimeError, ValueError):
        return  # it looks at its numbers, and said yes to others
    finally:
        network.train()
    if not torch.allclose(one, other, rtol=1e-4, atol=1e-6, equal_nan=True):
        raise PrunesimError(
            f"network.name: {name} answers the same image in two ways when it is evaluated; what is random in it must "
            "end with the training, as in F.dropout(x, training=self.training)."
        )
