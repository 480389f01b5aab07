"""What operations do to the channels of a network: which axis they lie on, and which of them become one. Needs PyTorch.

The channels of a tensor are an axis and a list of numbers, one a position on that axis (see
`prunesim.networks.coupling.Channels`); None and an empty list where nothing is known of them.
"""

from math import prod
from typing import NamedTuple

import torch

from prunesim.errors import PrunesimError

NONE = (None, [])


class Refusal(PrunesimError):
    """A network whose filters are not followed at all."""


class Lost(Exception):
    """An operation behind which channels cannot be told any more; its text is the reason."""


class Operand:
    """A tensor that an operation is given, as it was before the operation."""

    def __init__(self, tensor):
        self.tensor, self.shape = tensor, tuple(tensor.shape)
        self.seen = hasattr(tensor, "prunesim_channels")
        self.axis, self.numbers = getattr(tensor, "prunesim_channels", NONE)


class Call(NamedTuple):
    """An operation that has run."""

    name: str
    function: object
    args: tuple
    kwargs: dict
    operands: list
    outputs: list

    def argument(self, index, *names, default=None):
        if len(self.args) > index:
            return self.args[index]
        return next((self.kwargs[name] for name in names if name in self.kwargs), default)

    @property
    def known(self):
        return [operand for operand in self.operands if operand.numbers]

    def operand(self, index, name):
        """Return one of the tensors that it was given as an `Operand`, or None."""
        tensor = self.argument(index, name)
        return next((operand for operand in self.operands if operand.tensor is tensor), None)


def follow(call, channels):
    """Return the channels of each output of an operation, and note in `channels` what it ties together.

    Parameters
    ----------
    call : Call
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
    _read(call, channels, given, weight, axis=1, groups=groups)
    return _made(channels, weight, bias, made, 1)


def _linear(call, channels):
    weight, bias = call.argument(1, "weight"), call.argument(2, "bias")
    given = call.operand(0, "input")
    made = channels.new(weight.shape[0])
    _read(call, channels, given, weight, axis=len(given.shape) - 1, groups=1)
    return _made(channels, weight, bias, made, len(given.shape) - 1)


def _made(channels, weight, bias, made, axis):
    try:
        _place(channels, weight, 0, "filter", made)
        _place(channels, bias, 0, "bias", made)
    except Lost as error:
        channels.block(made, str(error))
    return [(axis, made)]


def _read(call, channels, given, weight, axis, groups):
    """Note which weights read the channels of an input."""
    if not given.numbers or (groups > 1 and weight.shape[1] == 1):
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
    _on_axis(call, given, 1)
    mean, variance, scale, shift = (
        call.argument(index, name)
        for index, name in enumerate(("running_mean", "running_var", "weight", "bias"), start=1)
    )
    for tensor, role in ((scale, "scale"), (shift, "shift"), (mean, "statistics"), (variance, "statistics")):
        _place(channels, tensor, 0, role, given.numbers)
    if scale is None:
        channels.enliven(given.numbers)
    return [(1, given.numbers)]


def _on_axis(call, given, axis):
    if given.axis != axis:
        raise Lost(f"{call.name} works along another axis than theirs")


def _prelu(call, channels):
    given, weight = call.operand(0, "input"), call.argument(1, "weight")
    if weight.numel() > 1:
        _on_axis(call, given, 1)
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


def _pooled(call, channels):
    given = call.operand(0, "input")
    _on_axis(call, given, 1)
    if call.outputs[0].dim() != len(given.shape):
        raise Lost(f"{call.name} reads them, through which they are not followed")
    return [(1, given.numbers)]


def _reduced(call, channels):
    given, axes = call.operand(0, "input"), call.argument(1, "dim", "axis")
    if axes is None:
        raise Lost(f"{call.name} takes all of them together")
    axes = {axis % len(given.shape) for axis in ([axes] if isinstance(axes, int) else axes)}
    if given.axis in axes:
        raise Lost(f"{call.name} takes all of them together")
    kept = call.outputs[0].dim() == len(given.shape)
    return [(given.axis - (0 if kept else sum(axis < given.axis for axis in axes)), given.numbers)]


def _concatenated(call, channels):
    tensors = [next(operand for operand in call.operands if operand.tensor is tensor) for tensor in call.args[0]]
    at = call.argument(1, "dim", "axis", default=0) % call.outputs[0].dim()
    axes = {operand.axis for operand in tensors if operand.numbers}
    if len(axes) > 1:
        raise Lost(f"{call.name} brings them together with channels of another axis")
    axis = axes.pop()
    if at == axis:
        return [(axis, [x for operand in tensors for x in operand.numbers or [0] * operand.shape[at]])]
    first = tensors[0].numbers
    for operand in tensors:
        if len(operand.numbers) != len(first):
            raise Lost(f"{call.name} brings them together with numbers that are no channels of filters")
        channels.unite(first, operand.numbers)
    return [(axis, first)]


def _padded(call, channels):
    given, sides = call.operand(0, "input"), list(call.argument(1, "pad"))
    at = 2 * (len(given.shape) - 1 - given.axis)
    front, back = sides[at : at + 2] or (0, 0)
    constant = call.argument(2, "mode", default="constant") == "constant"
    if (front or back) and (min(front, back) < 0 or not constant):
        raise Lost("pad takes some of them away, or repeats them")
    if call.argument(3, "value"):
        channels.enliven(given.numbers)
    return [(given.axis, [0] * front + given.numbers + [0] * back)]


def _rearranged(call, channels):
    """Other axes for the same numbers: seen from what the operation does to the channels' own numbers."""
    given = call.operand(0, "input") or call.operand(0, "self")
    if len(call.known) > 1 or not given or not given.numbers or len(set(given.numbers)) == 1:
        raise Lost(f"{call.name} reads them in a way that is not known")
    shape = [1] * len(given.shape)
    shape[given.axis] = -1
    numbers = torch.tensor(given.numbers, dtype=torch.float64, device="cpu").reshape(shape).expand(given.shape)
    results = call.function(*(numbers if value is given.tensor else value for value in call.args), **call.kwargs)
    results = [results] if isinstance(results, torch.Tensor) else list(results)
    return [_channels_in(call.name, result, given.numbers) for result in results]


def _channels_in(name, result, before):
    """Return axis and numbers of the channels in a tensor of such numbers."""
    if len(set(before)) != len(set(result.unique().tolist()) & set(before)):
        raise Lost(f"{name} takes some of them apart from the others")
    found = []
    for axis in range(result.dim()):
        numbers = (
            result.amax(tuple(other for other in range(result.dim()) if other != axis)) if result.dim() > 1 else result
        )
        if (result == numbers.reshape([-1 if x == axis else 1 for x in range(result.dim())])).all():
            found.append((axis, [int(number) for number in numbers]))
    if len(found) != 1:
        raise Lost(f"{name} spreads them over several axes")
    if list(dict.fromkeys(found[0][1])) != list(dict.fromkeys(before)):
        raise Lost(f"{name} puts them into another order")
    return found[0]


_ATTENTION = ("multi_head_attention_forward", "scaled_dot_product_attention")
_PRODUCTS = ("matmul", "bmm", "einsum", "baddbmm", "mm")
# Questions about a tensor whose answer holds no numbers of it.
_ASKING = (
    "shape size dim ndim device dtype layout numel nelement stride is_contiguous is_floating_point is_complex is_cuda "
    "is_meta is_nested is_sparse is_quantized requires_grad requires_grad_ grad grad_fn len get_device names "
    "is_leaf element_size itemsize nbytes is_mkldnn is_mps is_xla is_cpu has_names type"
).split()
# Those that make 0 of 0.
_OF_ZERO = (
    "relu relu6 leaky_relu rrelu elu selu celu gelu silu mish hardswish hardtanh tanh tanhshrink softsign softshrink "
    "hardshrink dropout dropout1d dropout2d dropout3d feature_dropout alpha_dropout feature_alpha_dropout add sub mul "
    "div neg abs sqrt square contiguous clone detach to float double half bfloat16 maximum minimum sin erf"
).split()
_ELEMENTWISE = "sigmoid hardsigmoid logsigmoid softplus threshold clamp clamp_min clamp_max clip exp cos".split()
_GROUPS = {
    _convolution: "conv1d conv2d conv3d",
    _linear: "linear",
    _normalisation: "batch_norm instance_norm",
    _prelu: "prelu",
    _pooled: (
        "max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d "
        "adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d lp_pool1d lp_pool2d lp_pool3d "
        "interpolate upsample"
    ),
    _reduced: "mean sum amax amin nanmean",
    _concatenated: "cat",
    _padded: "pad",
    _rearranged: (
        "view reshape flatten squeeze unsqueeze ravel view_as reshape_as unflatten permute transpose movedim moveaxis "
        "swapaxes swapdims t T mT getitem select narrow split chunk unbind tensor_split split_with_sizes expand "
        "expand_as repeat tile flip index_select"
    ),
    _elementwise: " ".join([*_OF_ZERO, *_ELEMENTWISE]),
}
RULES = {name: rule for rule, names in _GROUPS.items() for name in names.split()}
# Operations that make channels, whatever they are given.
MAKERS = ("conv1d", "conv2d", "conv3d", "linear")
