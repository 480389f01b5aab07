"""The profile of a network of the user's own, which is built and run once without data. Needs PyTorch."""

import torch
from torch import nn

from prunesim.errors import PrunesimError
from prunesim.forecast.profile import Profile
from prunesim.networks.build import build_network, trace, weight_kinds
from prunesim.pruning.masks import layer_of


def traced_profile(settings, shape, classes):
    """Return the profile of a network; see `prunesim.forecast.profile.network_profile`.

    Shapes come from PyTorch's meta device, which holds no numbers, so that a large network costs no memory and no time.
    A network that cannot run there, because it looks at its numbers, runs on the CPU.
    """
    try:
        with torch.device("meta"):
            return _profile(build_network(settings, shape, classes, seed=0), shape)
    except (PrunesimError, RuntimeError, NotImplementedError):
        return _profile(build_network(settings, shape, classes, seed=0), shape)


def _profile(network, shape):
    sizes, handles = [], []

    def note(module, inputs, output):
        if isinstance(output, torch.Tensor):
            sizes.append((output[0].numel(), getattr(module, "inplace", False)))

    for module in network.modules():
        if not any(module.children()) and not isinstance(module, nn.Flatten | nn.Identity | nn.Dropout):
            handles.append(module.register_forward_hook(note))
    layers, uses = trace(network, shape)
    for handle in handles:
        handle.remove()
    parameters = dict(network.named_parameters())
    return Profile(
        layers={layer["name"]: tuple(layer["shape"]) for layer in layers},
        weights={layer_of(name): (kind, parameters[name].numel()) for name, kind in weight_kinds(network).items()},
        parameters=sum(parameter.numel() for parameter in parameters.values()),
        state=sum(tensor.numel() for tensor in network.state_dict().values()),
        macs=sum(count * parameters[name].numel() for name, count in uses.items()),
        modules=len(sizes),
        elements=sum(size for size, _ in sizes),
        kept=sum(size for size, overwrites in sizes if not overwrites),
    )
