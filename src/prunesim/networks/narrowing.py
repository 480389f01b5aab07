"""A network with fewer channels than it was built with, as structured pruning leaves it."""

import torch
from torch import nn

from prunesim.errors import PrunesimError
from prunesim.networks.modules import Graph

_CONVS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_NORMS = (nn.modules.batchnorm._NormBase,)


def is_narrower(network, arrays):
    """Return whether some tensor of a network has another shape than in the arrays."""
    return any(tuple(tensor.shape) != arrays[name].shape for name, tensor in network.state_dict().items())


def narrow(network, arrays, shape, path):
    """Give the modules of a network the sizes of the arrays, in place. The values of its tensors are lost.

    Parameters
    ----------
    network : torch.nn.Module
        In its full size.
    arrays : dict of str to numpy.ndarray
        Under the names of its state dict.
    shape : tuple of int
        Channels, height and width of an image.
    path : path-like
        For messages.

    Raises
    ------
    PrunesimError
        If a module cannot have these sizes, or the network does not run with them.
    """
    classes = _outputs(network, shape)
    for prefix, module in network.named_modules():
        own = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
        sizes = {name: arrays[f"{prefix}.{name}" if prefix else name].shape for name, _ in own if _saved(module, name)}
        if any(tuple(tensor.shape) != sizes.get(name, tuple(tensor.shape)) for name, tensor in own):
            _resize(module, sizes, prefix, path)
    for module in network.modules():
        if isinstance(module, Graph):
            module.fit_shortcuts()
    try:
        found = _outputs(network, shape)
    except (RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise PrunesimError(f"{path}: the network does not run with its tensors of these sizes: {reason}.") from error
    if found != classes:
        raise PrunesimError(f"{path}: the network answers with {found} classes, but the data set has {classes}.")


def _saved(module, name):
    return name not in module._non_persistent_buffers_set


def _outputs(network, shape):
    training = network.training
    parameter = next(network.parameters())
    with torch.no_grad():
        output = network.eval()(torch.zeros(1, *shape, device=parameter.device))
    network.train(training)
    return output.shape[1]


def _resize(module, sizes, name, path):
    weight = sizes.get("weight")
    if isinstance(module, _CONVS) and not module.transposed and weight[2:] == tuple(module.weight.shape[2:]):
        if module.groups > 1 and module.groups == module.in_channels:
            # Depthwise: as many groups as channels.
            module.groups = weight[0] * module.groups // module.out_channels
        module.in_channels, module.out_channels = weight[1] * module.groups, weight[0]
    elif isinstance(module, nn.Linear):
        module.out_features, module.in_features = weight
    elif isinstance(module, _NORMS):
        module.num_features = next(size[0] for size in sizes.values() if size)
    elif isinstance(module, nn.LayerNorm) and len(module.normalized_shape) == 1:
        module.normalized_shape = tuple(weight)
    elif isinstance(module, nn.PReLU):
        module.num_parameters = weight[0]
    else:
        raise PrunesimError(
            f"{path}: {name or 'the network'} ({type(module).__name__}) has tensors of another size, which is known of "
            "convolutions, linear layers and normalisations only."
        )
    for key, size in sizes.items():
        old = getattr(module, key)
        new = torch.zeros(size, dtype=old.dtype, device=old.device)
        if isinstance(old, nn.Parameter):
            new = nn.Parameter(new, requires_grad=old.requires_grad)
        setattr(module, key, new)
