"""What operations do to the channels of a network, and which of them they make one. Needs PyTorch."""

import torch

from prunesim.networks.channel_axes import concatenated, padded, pooled, rearranged, reduced
from prunesim.networks.channel_calls import NONE, Lost, Refusal


def follow(call, channels):
    """Return the channels of each output of an operation, and note in `channels` what it ties together.

    Parameters
    ----------
    call : prunesim.networks.channel_calls.Call
    channels : prunesim.networks.coupling.Channels

    Raises
    ------
    Refusal
        If it is one of attention or a transposed convolution.
    """
    if call.name in _ATTENTION or (call.name in _PRODUCTS and sum(operand.seen for operand in call.operands) > 1):
        raise Refusal(f"it has attention ({call.name}), through which they are not followed")
    if call.name.startswith("conv_transpose"):
        raise Refusal(f"it has transposed convolutions ({call.name}), through which they are not followed")
    nothing = [NONE] * len(call.outputs)
    try:
        if call.name in RULES:
            found = RULES[call.name](call, channels)
            return [*found, *nothing[len(found) :]]
        if call.outputs or call.name not in _ASKING:
            raise Lost(f"{call.name} reads them, through which they are not followed")
    except (Lost, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        why = str(error) if isinstance(error, Lost) else f"{call.name} reads them in a way that is not known"
        for operand in call.known:
            channels.block(operand.numbers, why)
    return nothing


def _place(channels, tensor, axis, role, numbers):
    if tensor is not None:
        if id(tensor) not in channels.names:
            raise Lost(f"a {role} that is computed anew in every pass goes with them")
        channels.place(tensor, axis, role, numbers)


def _convolution(call, channels):
    weight, bias = call.argument(1, "weight"), call.argument(2, "bias")
    groups = call.argument(6, "groups", default=1)
    given = call.operand(0, "input")
    made = channels.new(weight.shape[0])
    if groups > 1:
        _tie_groups(channels, given, made, groups, depthwise=weight.shape[1] == 1)
    if groups == 1 or weight.shape[1] > 1:
        _read(call, channels, given, weight, axis=1)
    return _made(channels, weight, bias, made, 1)


def _linear(call, channels):
    weight, bias = call.argument(1, "weight"), call.argument(2, "bias")
    given = call.operand(0, "input")
    made = channels.new(weight.shape[0])
    _read(call, channels, given, weight, axis=len(given.shape) - 1)
    return _made(channels, weight, bias, made, len(given.shape) - 1)


def _made(channels, weight, bias, made, axis):
    try:
        _place(channels, weight, 0, "filter", made)
        _place(channels, bias, 0, "bias", made)
    except Lost as error:
        channels.block(made, str(error))
    return [(axis, made)]


def _read(call, channels, given, weight, axis):
    """Note which weights read the channels of an input."""
    if not given.numbers:
        return
    if given.axis != axis:
        channels.block(given.numbers, f"{call.name} reads along another axis than theirs")
    elif id(weight) not in channels.names:
        channels.block(given.numbers, f"{call.name} has a weight that is computed anew in every pass")
    else:
        channels.place(weight, 1, "input", given.numbers[: weight.shape[1]])


def _tie_groups(channels, given, made, groups, depthwise):
    """Tie what lies at the same place of each group of a convolution, so that the groups stay alike."""
    if depthwise and given.axis == 1:
        channels.unite(made, [number for number in given.numbers for _ in range(len(made) // groups)])
    elif depthwise:
        channels.block(made, "a depthwise convolution makes them of channels that are not known")
    else:
        for numbers in (given.numbers, made):
            each = len(numbers) // groups
            for group in range(1, groups):
                channels.unite(numbers[:each], numbers[group * each : (group + 1) * each])


def _normalisation(call, channels):
    if call.function is torch.batch_norm:  # whose arguments come in another order
        raise Lost("torch.batch_norm reads them, through which they are not followed")
    given = call.operand(0, "input")
    call.on_axis(given, 1)
    mean, variance, scale, shift = (
        call.argument(index, name)
        for index, name in enumerate(("running_mean", "running_var", "weight", "bias"), start=1)
    )
    for tensor, role in ((scale, "scale"), (shift, "shift"), (mean, "statistics"), (variance, "statistics")):
        _place(channels, tensor, 0, role, given.numbers)
    if scale is None:
        channels.enliven(given.numbers)
    return [(1, given.numbers)]


def _prelu(call, channels):
    given, weight = call.operand(0, "input"), call.argument(1, "weight")
    if weight.numel() > 1:
        call.on_axis(given, 1)
        _place(channels, weight, 0, "slope", given.numbers)
    return [(given.axis, given.numbers)]


def _elementwise(call, channels):
    """Operations number by number, between tensors of one shape or broadcast."""
    output, known = call.outputs[0], call.known
    if not known:
        return [NONE]
    places = {operand.axis - len(operand.shape) for operand in known}
    if len(places) > 1:
        raise Lost(f"{call.name} brings them together with channels of another axis")
    place = places.pop()
    length = output.shape[place]
    found = [0] * length
    for operand in call.operands:
        if len(operand.numbers) == length:
            channels.unite(found, operand.numbers)
            found = [one or other for one, other in zip(found, operand.numbers, strict=True)]
        elif operand.numbers:
            channels.block(operand.numbers, f"{call.name} brings it together with all channels of another output")
        elif len(operand.shape) >= -place and operand.shape[place] > 1:
            name = channels.names.get(id(operand.tensor))
            raise Lost(f"{call.name} brings them together with {name or 'numbers that are no channels of filters'}")
    if not _keeps_zero(call):
        channels.enliven(found)
    return [(output.dim() + place, found)]


def _keeps_zero(call):
    operands = [value for value in [*call.args, *call.kwargs.values()] if not isinstance(value, torch.Tensor)]
    if call.name in ("add", "sub"):
        return not operands and len(call.known) == len(call.operands)
    if call.name == "div":
        return len(call.known) == 1 and bool(call.operand(0, "input") and call.operand(0, "input").numbers)
    return call.name in _OF_ZERO


_ATTENTION = ("multi_head_attention_forward", "scaled_dot_product_attention")
_PRODUCTS = ("matmul", "bmm", "einsum", "baddbmm", "mm")
# Questions about a tensor whose answer holds no numbers of it.
_ASKED = (
    "shape size dim ndim device dtype layout numel nelement stride is_contiguous is_floating_point is_complex is_cuda "
    "is_meta is_nested is_sparse is_quantized requires_grad requires_grad_ grad grad_fn len get_device names "
    "is_leaf element_size itemsize nbytes is_mkldnn is_mps is_xla is_cpu has_names type"
)
# Those that make 0 of 0.
_ZERO = (
    "relu relu6 leaky_relu rrelu elu selu celu gelu silu mish hardswish hardtanh tanh tanhshrink softsign softshrink "
    "hardshrink dropout dropout1d dropout2d dropout3d feature_dropout alpha_dropout feature_alpha_dropout add sub mul "
    "div neg abs sqrt square contiguous clone detach to float double half bfloat16 maximum minimum sin erf"
)
_NOT_ZERO = "sigmoid hardsigmoid logsigmoid softplus threshold clamp clamp_min clamp_max clip exp cos"
_GROUPS = {
    _convolution: "conv1d conv2d conv3d",
    _linear: "linear",
    _normalisation: "batch_norm instance_norm",
    _prelu: "prelu",
    pooled: (
        "max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d "
        "adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d lp_pool1d lp_pool2d lp_pool3d "
        "interpolate upsample"
    ),
    reduced: "mean sum amax amin nanmean",
    concatenated: "cat",
    padded: "pad",
    rearranged: (
        "view reshape flatten squeeze unsqueeze ravel view_as reshape_as unflatten permute transpose movedim moveaxis "
        "swapaxes swapdims t T mT getitem select narrow split chunk unbind tensor_split split_with_sizes expand "
        "expand_as repeat tile flip index_select"
    ),
    _elementwise: f"{_ZERO} {_NOT_ZERO}",
}
_ASKING, _OF_ZERO = set(_ASKED.split()), set(_ZERO.split())
RULES = {name: rule for rule, names in _GROUPS.items() for name in names.split()}
# Operations that make channels, whatever they are given.
MAKERS = ("conv1d", "conv2d", "conv3d", "linear")
