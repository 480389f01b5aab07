"""Operations that move the channels of a network to other axes and places, or leave them where they are. Needs PyTorch.

Each function takes a `prunesim.networks.channel_calls.Call` and the `prunesim.networks.coupling.Channels`, and returns
the channels of its outputs.
"""

import torch

from prunesim.networks.channel_calls import Lost


def pooled(call, channels):
    given = call.operand(0, "input")
    call.on_axis(given, 1)
    if call.outputs[0].dim() != len(given.shape):
        raise Lost(f"{call.name} reads them, through which they are not followed")
    return [(1, given.numbers)]


def reduced(call, channels):
    given, axes = call.operand(0, "input"), call.argument(1, "dim", "axis")
    if axes is None:
        raise Lost(f"{call.name} takes all of them together")
    axes = {axis % len(given.shape) for axis in ([axes] if isinstance(axes, int) else axes)}
    if given.axis in axes:
        raise Lost(f"{call.name} takes all of them together")
    kept = call.outputs[0].dim() == len(given.shape)
    return [(given.axis - (0 if kept else sum(axis < given.axis for axis in axes)), given.numbers)]


def concatenated(call, channels):
    tensors = [next(operand for operand in call.operands if operand.tensor is tensor) for tensor in call.args[0]]
    at = call.argument(1, "dim", "axis", default=0) % call.outputs[0].dim()
    axes = {operand.axis for operand in tensors if operand.numbers}
    if len(axes) > 1:
        raise Lost(f"{call.name} brings them together with channels of another axis")
    axis = axes.pop()
    if at == axis:
        return [(axis, [x for operand in tensors for x in operand.numbers or _others(operand.shape[at], channels)])]
    first = tensors[0].numbers
    for operand in tensors:
        if len(operand.numbers) != len(first):
            raise Lost(f"{call.name} brings them together with numbers that are no channels of filters")
        channels.unite(first, operand.numbers)
    return [(axis, first)]


def _others(count, channels):
    """Return numbers for channels of which nothing is known: what is tied to them is left alone."""
    numbers = channels.new(count)
    channels.block(numbers, "they are tied to numbers that are no channels of filters")
    return numbers


def padded(call, channels):
    given, sides = call.operand(0, "input"), list(call.argument(1, "pad"))
    at = 2 * (len(given.shape) - 1 - given.axis)
    front, back = sides[at : at + 2] or (0, 0)
    constant = call.argument(2, "mode", default="constant") == "constant"
    if (front or back) and (min(front, back) < 0 or not constant):
        raise Lost("pad takes some of them away, or repeats them")
    if call.argument(3, "value"):
        channels.enliven(given.numbers)
    return [(given.axis, [0] * front + given.numbers + [0] * back)]


def rearranged(call, channels):
    """Other axes for the same numbers: seen from what the operation does to the channels' own numbers."""
    given = call.operand(0, "input") or call.operand(0, "self")
    if len(call.known) > 1 or not given or not given.numbers or len(set(given.numbers)) == 1:
        raise Lost(f"{call.name} reads them in a way that is not known")
    shape = [1] * len(given.shape)
    shape[given.axis] = -1
    numbers = torch.tensor(given.numbers, dtype=torch.float64, device="cpu").reshape(shape)
    numbers = numbers.expand(given.shape).contiguous()  # as view demands
    results = call.function(*(numbers if value is given.tensor else value for value in call.args), **call.kwargs)
    results = [results] if isinstance(results, torch.Tensor) else list(results)
    return [_channels_in(call.name, result, given.numbers) for result in results]


def _channels_in(name, result, before):
    """Return axis and numbers of the channels in a tensor of such numbers."""
    if len(set(before)) != len(set(result.unique().tolist()) & set(before)):
        raise Lost(f"{name} takes some of them apart from the others")
    found = []
    for axis in range(result.dim()):
        others = [x for x in range(result.dim()) if x != axis]
        numbers = result.amax(others) if others else result
        if (result == numbers.reshape([-1 if x == axis else 1 for x in range(result.dim())])).all():
            found.append((axis, [int(number) for number in numbers]))
    if len(found) != 1:
        raise Lost(f"{name} spreads them over several axes")
    if list(dict.fromkeys(found[0][1])) != list(dict.fromkeys(before)):
        raise Lost(f"{name} puts them into another order")
    return found[0]
