"""What a network consists of: its outputs, its weights and what it costs, found by running it once. Needs PyTorch."""

import math

import torch
from torch import nn

from prunesim.networks import layouts, tracing
from prunesim.networks.build import of_network
from prunesim.networks.spec import DUMPED
from prunesim.networks.weights import count_uses, count_uses_of_call, weight_kinds, weight_tensors
from prunesim.storage.arrays import layer_of

_NO_WORK = (nn.Flatten, nn.Identity, nn.Dropout)


def describe(settings, shape, classes):
    """Return what a network consists of.

    Shapes come from PyTorch's meta device, which holds no numbers, so that a large network costs no memory and no time.
    A network that cannot run there, because it looks at its numbers, runs on the CPU.

    Parameters
    ----------
    settings : dict
        ``name``, ``width`` and ``arguments`` of the ``network`` section of a config.
    shape : tuple of int
        Channels, height and width of an image.
    classes : int

    Returns
    -------
    dict
        JSON-serialisable: ``outputs`` (a dict each, see `outputs_of`), ``weights`` (a dict for each layer with weights:
        ``layer``, ``tensor``, ``kind``, ``weights``, ``macs``, ``why`` it cannot be pruned or None, and whether it is
        ``used`` when the network is evaluated; auxiliary classifiers are not, and are not pruned), ``output_layer``
        (the last of those to run) and the numbers of `prunesim.forecast.profile.Profile`.

    Raises
    ------
    PrunesimError
        If the network cannot be built or run.
    """

    def look(network):
        return _description(network, shape, settings["name"])

    return of_network(settings, shape, classes, look, final=tracing.Chance)


def trace(network, shape, name=""):
    """Run two blank images through a network and note what each layer does.

    Parameters
    ----------
    network : torch.nn.Module
    shape : tuple of int
        Channels, height and width of an image.
    name : str
        ``network.name``, for refusals.

    Returns
    -------
    layers : list of dict
        ``name``, ``kind`` and ``shape`` (neurons first) of each activation, pooling and linear output, in the order of
        the forward pass. The second output of a module that runs twice is named ``<module>-2``, and so on.
    uses : dict of str to int
        How often each weight of a tensor is multiplied for one image; only of tensors that can be pruned and take part
        when the network is evaluated.
    """
    outputs, uses, _ = _seen(network, shape, name)
    kinds = weight_kinds(network)
    layers = [
        {"name": output["name"], "kind": output["kind"], "shape": output["shape"]}
        for output in outputs
        if output["kind"] in DUMPED and output["shape"]
    ]
    return layers, {tensor: times for tensor, times in uses.items() if tensor in kinds}


def outputs_of(network, shape, name=""):
    """Return every output of a network.

    Returns
    -------
    list of dict
        ``name``, ``kind``, ``raw`` (its shape for one image, as it is made), ``axes`` (see
        `prunesim.networks.layouts.roles`, for `prunesim.networks.tracing.IMAGES` images), ``layout`` (that in words)
        and ``shape`` (neurons first); the last three are None where it cannot be told which axis holds the neurons.
    """
    return _seen(network, shape, name)[0]


def cost_of(network, shape, name=""):
    """Return the parameters and the multiply-adds for one image of a network as it is, zeros included."""
    found = _description(network, shape, name)
    return found["parameters"], found["macs"]


def _seen(network, shape, name):
    outputs, uses, sizes, touched = [], {}, [], set()

    def note(output, kind, tensor, layout):
        axes = layouts.roles(layout, tracing.IMAGES)
        outputs.append(
            {
                "name": output,
                "kind": kind,
                "raw": [int(length) for length in tensor.shape[1:]],
                "axes": axes,
                "layout": axes and layouts.words(axes),
                "shape": axes and layouts.shape_of(axes),
            }
        )

    def note_module(module_name, module, inputs, output):
        count_uses(module_name, module, inputs, output, tracing.IMAGES, uses)
        if not any(module.children()) and not isinstance(module, _NO_WORK):
            sizes.append((output.numel() // tracing.IMAGES, getattr(module, "inplace", False)))

    names = {id(tensor): name for name, tensor in network.named_parameters()}

    def note_call(operation, args, kwargs, output):
        count_uses_of_call(operation, args, kwargs, output, tracing.IMAGES, names, uses)

    device = next(network.parameters()).device
    try:
        tracing.run(network, torch.zeros(tracing.IMAGES, *shape, device=device), note, note_module, note_call, touched)
    except tracing.Chance as error:
        raise tracing.Chance(f"network.name: {name} {error}") from None
    # What is multiplied in a way that is not counted takes part as well.
    others = [name for name, tensor, *_ in weight_tensors(network) if id(tensor) in touched]
    uses = _of_shared(network, uses)
    return outputs, {name: 0 for name in others if name not in uses} | uses, sizes


def _of_shared(network, uses):
    """Add the uses of weights that layers share to those of the name that stands for all of them."""
    tensors = dict(network.named_parameters(remove_duplicate=False))
    stands = {id(tensor): name for name, tensor, *_ in weight_tensors(network) if tensor is not None}
    found = {}
    for name, times in uses.items():
        first = stands.get(id(tensors.get(name)), name)
        found[first] = found.pop(first, 0) + times
    return found


def _description(network, shape, name):
    outputs, uses, sizes = _seen(network, shape, name)
    parameters = dict(network.named_parameters(remove_duplicate=False))
    weights = [
        {
            "layer": layer_of(tensor),
            "tensor": tensor,
            "kind": kind,
            "weights": parameters[tensor].numel() if tensor in parameters else None,
            "macs": uses.get(tensor, 0) * parameters[tensor].numel() if tensor in parameters else None,
            "why": why,
            "used": why is not None or tensor in uses,
        }
        for tensor, _, kind, why in weight_tensors(network)
    ]
    return {
        "outputs": outputs,
        "weights": weights,
        "output_layer": layer_of(list(uses)[-1]) if uses else None,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "state": sum(math.prod(tensor.shape) for tensor in network.state_dict().values()),
        "macs": sum(weight["macs"] or 0 for weight in weights),
        "modules": len(sizes),
        "elements": sum(size for size, _ in sizes),
        "kept": sum(size for size, overwrites in sizes if not overwrites),
    }
