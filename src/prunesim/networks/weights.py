"""Which weights of a network can be pruned, and why the others cannot."""

from torch import nn
from torch.nn.parameter import UninitializedParameter

from prunesim.networks.kinds import OPERATIONS, module_kind

_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def weight_kinds(network):
    """Return the kind (``conv`` or ``linear``) of each weight tensor that can be pruned, by its name.

    Of weights that several layers share, the first name stands for all.
    """
    return {name: kind for name, _, kind, why in weight_tensors(network) if why is None}


def weight_tensors(network):
    """Return every weight tensor of a convolutional or linear layer.

    Parameters
    ----------
    network : torch.nn.Module

    Returns
    -------
    list of (str, torch.Tensor or None, str, str or None)
        Name, tensor, kind (``conv`` or ``linear``) and why it cannot be pruned, or None. There is no tensor where it is
        computed anew in every pass.
    """
    found, seen = [], set()
    for name, module in network.named_modules():
        prefix = f"{name}." if name else ""
        if isinstance(module, nn.MultiheadAttention):
            names = ["in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"]
            tensors = [(part, "linear") for part in names if getattr(module, part, None) is not None]
        elif module_kind(module) in ("conv", "linear"):
            tensors = [("weight", module_kind(module))]
        else:
            continue
        for part, kind in tensors:
            tensor = module._parameters.get(part)
            if tensor is not None and id(tensor) in seen:
                continue
            seen.add(id(tensor))
            found.append((prefix + part, tensor, kind, _why_not(module, part, tensor)))
    return found


def _why_not(module, part, tensor):
    if hasattr(module, "parametrizations") and part in module.parametrizations:
        kinds = ", ".join(type(step).__name__.strip("_") for step in module.parametrizations[part])
        return (
            f"its weight is computed by a parametrization ({kinds}); "
            "take that away with torch.nn.utils.parametrize.remove_parametrizations"
        )
    if f"{part}_orig" in module._parameters:
        return (
            "its weight is under torch.nn.utils.prune or spectral_norm; make it a parameter again with "
            "torch.nn.utils.prune.remove or remove_spectral_norm"
        )
    if tensor is None:
        return (
            "its weight is no parameter but computed; make it one, with torch.nn.utils.remove_weight_norm for example"
        )
    if isinstance(tensor, UninitializedParameter):
        return "its weight is lazy and was not made by a pass through the network"
    if not tensor.requires_grad:
        return "its weight is frozen (requires_grad is false)"
    return None


def count_uses(name, module, inputs, output, images, uses):
    """Add to `uses`, by tensor, how often a module multiplies each of its weights for one image."""
    prefix = f"{name}." if name else ""
    if isinstance(module, nn.MultiheadAttention):
        tokens = inputs[0].numel() // (module.embed_dim * images)
        parts = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")
        parts = [part for part in parts if getattr(module, part, None) is not None]
        used = {f"{prefix}{part}": tokens for part in [*parts, "out_proj.weight"]}
    elif isinstance(module, _TRANSPOSED):
        used = {f"{prefix}weight": inputs[0].numel() // (module.in_channels * images)}
    elif module_kind(module) in ("conv", "linear"):
        width = module.out_features if module_kind(module) == "linear" else module.out_channels
        used = {f"{prefix}weight": output.numel() // (width * images)}
    else:
        return
    for tensor, times in used.items():
        uses[tensor] = uses.pop(tensor, 0) + times  # the last to run comes last


def count_uses_of_call(operation, args, kwargs, output, images, names, uses):
    """Add to `uses` how often a functional convolution or linear layer multiplies a parameter, as in `count_uses`.

    So Swin's attention uses the weights of its linear layers without calling these.
    """
    if OPERATIONS[operation] not in ("conv", "linear"):
        return
    weight = args[1] if len(args) > 1 else kwargs.get("weight")
    name = names.get(id(weight))
    if name is None:
        return
    seen = output if "transpose" not in operation else args[0] if args else kwargs["input"]
    times = seen.numel() // (weight.shape[0] * images)
    uses[name] = uses.pop(name, 0) + times


def first_names(network):
    """Return the name that stands for a tensor of several names, by each of the others.

    For weights that can be pruned that is the one of `weight_kinds`, for other tensors the first.
    """
    first = {id(tensor): name for name, tensor, *_ in weight_tensors(network) if tensor is not None}
    names = {}
    for name, tensor in network.state_dict(keep_vars=True).items():
        if first.setdefault(id(tensor), name) != name:
            names[name] = first[id(tensor)]
    return names
