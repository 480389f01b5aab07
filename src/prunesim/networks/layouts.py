"""Which axis of an output holds the neurons: labels of axes, followed from the images through every operation.

A layout is a tuple with one entry an axis. An entry is a tuple of factors ``(label, size)`` whose product is the length
of the axis, so that ``view`` and ``reshape`` can split axes and join them without losing what is what. The labels are

=====  ===============================================================================
``N``  images
``C``  neurons
``P``  positions
``Q``  units that a linear layer made of positions: no telling which of the two they are
=====  ===============================================================================

None is the layout of an output of which nothing is known. Nothing is guessed: a rule that does not know what an
operation does to the axes says None.
"""

from itertools import groupby
from math import prod

import torch

N, C, P, Q = "N", "C", "P", "Q"


def size(axis):
    """Return the length of an axis."""
    return prod(length for _, length in axis)


def of_images(shape):
    """Return the layout of a batch of images N x C x H x W."""
    return tuple(((label, int(length)),) for label, length in zip((N, C, P, P), shape, strict=True))


def roles(layout, images):
    """Return what the axes of an output are, or None where that cannot be told.

    Parameters
    ----------
    layout : tuple or None
    images : int
        How many images the output is for.

    Returns
    -------
    list of [str, int]
        Label (``N``, ``C`` or ``P``) and size of each factor, in the order in which they lie in memory.
    """
    if layout is None:
        return None
    if len(layout) == 2 and layout[0] == ((N, images),):
        return [[N, images], [C, size(layout[1])]]
    found = []
    for axis in layout:
        labels = {label for label, _ in axis}
        if C in labels and N not in labels:
            # Neurons and positions in one axis, as after nn.Flatten: each of its entries is a unit.
            found.append([C, size(axis)])
        else:
            found += [[label, length] for label, length in axis] or [[P, 1]]
    labels = [label for label, _ in found]
    if Q in labels or C not in labels or [x for x in found if x[0] == N] != [[N, images]]:
        return None
    return found


def shape_of(axes):
    """Return ``[neurons, positions, ...]`` of one image, from `roles`."""
    return [prod(length for label, length in axes if label == C), *(length for label, length in axes if label == P)]


def words(axes):
    """Return `roles` in words: ``N x C x H x W``, ``N x T x C``."""
    positions = [label for label, _ in axes].count(P)
    names = iter({1: "T", 2: "HW"}.get(positions, "P" * positions))
    shown = [next(names) if label == P else label for label, _ in axes]
    return " x ".join(label for label, _ in groupby(shown))


def as_samples(array, axes):
    """Return an output as images x positions x neurons.

    Parameters
    ----------
    array : torch.Tensor or numpy.ndarray
    axes : list
        From `roles`; the number of images may be another one.
    """
    order = [index for label in (N, P, C) for index, (found, _) in enumerate(axes) if found == label]
    array = array.reshape([-1 if label == N else length for label, length in axes])
    moved = array.permute(order) if isinstance(array, torch.Tensor) else array.transpose(order)
    return moved.reshape(len(moved), -1, shape_of(axes)[0])


# --- What operations do to layouts ---------------------------------------------------------------------------------


def follow(name, args, kwargs, output, layout_of, images):
    """Return the layout of one output of an operation.

    Parameters
    ----------
    name : str
        The operation's name without underscores at its ends: ``relu``, ``add``, ``getitem``.
    args, kwargs
        What it was called with.
    output : torch.Tensor
    layout_of : callable
        From a tensor to its layout.
    images : int
    """
    call = _Call(name, args, kwargs, output, layout_of, images)
    layout = RULES.get(name, _alike)(call)
    if layout is None or tuple(map(size, layout)) != tuple(output.shape):
        return None
    return tuple(map(_joined, layout))


class _Call:
    def __init__(self, name, args, kwargs, output, layout_of, images):
        self.name, self.args, self.kwargs, self.images = name, args, kwargs, images
        self.shape, self.layout_of = tuple(output.shape), layout_of

    def argument(self, index, *names, default=None):
        if len(self.args) > index:
            return self.args[index]
        return next((self.kwargs[name] for name in names if name in self.kwargs), default)

    def layout(self, index=0, *names):
        return self.layout_of(self.argument(index, *names, "input", "self"))

    def first_axis(self):
        """Return the axis of images of an operation whose first axis is the batch by definition."""
        layout = self.layout()
        if layout is not None and layout:
            return layout[0]
        tensor = self.argument(0, "input")
        return ((N, self.images),) if tensor.shape[:1] == (self.images,) else None


def tensors_in(values):
    """Yield the tensors among arguments, in lists and tuples too."""
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from tensors_in(value)


def _joined(axis):
    """Join neighbouring factors of one label."""
    found = []
    for label, length in axis:
        if found and found[-1][0] == label and label != N:
            found[-1] = (label, found[-1][1] * length)
        else:
            found.append((label, length))
    return tuple(found)


def _sized(axis, length):
    """Return an axis that has changed its length but not its meaning."""
    if size(axis) == length:
        return axis
    labels = {label for label, _ in axis}
    if N in labels:
        return ((Q, length),)
    return ((next((label for label in (C, Q, P) if label in labels), P), length),)


def _alike(call):
    """Operations number by number, between tensors of one shape or broadcast."""
    found = None
    for tensor in tensors_in([*call.args, *call.kwargs.values()]):
        layout = call.layout_of(tensor)
        if layout is None or len(layout) > len(call.shape):
            continue
        layout = ((),) * (len(call.shape) - len(layout)) + layout
        if any(size(axis) not in (1, length) for axis, length in zip(layout, call.shape, strict=True)):
            continue
        found = layout if found is None else _agreed(found, layout)
        if found is None:
            return None
    return found


def _agreed(one, other):
    axes = []
    for a, b in zip(one, other, strict=True):
        if size(a) == 1 or size(b) == 1:
            longer = b if size(a) == 1 else a
            axes.append(longer if longer else a or b)
        elif a == b:
            axes.append(a)
        elif {label for label, _ in a} | {label for label, _ in b} == {P, Q}:
            axes.append(((P, size(a)),))
        else:
            return None
    return tuple(axes)


def _resized(call):
    """Operations that keep the axes and change their lengths: pooling, padding, slices, interpolation."""
    layout = call.layout()
    if layout is None and call.name.startswith(("max_pool", "avg_pool", "adaptive", "batch_norm", "instance_norm")):
        return _convolution(call)
    if layout is None or len(layout) != len(call.shape):
        return None
    return tuple(_sized(axis, length) for axis, length in zip(layout, call.shape, strict=True))


def _convolution(call):
    first = call.first_axis()
    if first is None or len(call.shape) < 3:
        return None
    return (first, ((C, call.shape[1]),), *(((P, length),) for length in call.shape[2:]))


def _contracted(before, taken, length):
    """Return the axis that a matrix product makes of the axis `taken`, given all axes of its input."""
    labels = {label for axis in before for label, _ in axis}
    made_of = {label for label, _ in taken}
    return ((C if C in made_of or C not in labels else Q, length),)


def _linear(call):
    layout = call.layout()
    if layout is None:
        layout = (call.first_axis(), ((C, 1),)) if len(call.shape) == 2 and call.first_axis() else None
    if layout is None:
        return None
    return (*layout[:-1], _contracted(layout, layout[-1], call.shape[-1]))


def _matmul(call):
    a, b = call.argument(0, "input", "self"), call.argument(1, "mat2", "other", "tensor2")
    if call.name == "rmatmul":
        a, b = b, a
    left, right = call.layout_of(a), call.layout_of(b)
    if left is None and right is None:
        return None
    if left is not None and right is None:
        if b.dim() == 1:
            return left[:-1]
        return (*left[:-1], _contracted(left, left[-1], call.shape[-1]))
    if left is None:
        if len(right) < 2 or a.dim() < 2:
            return None
        return (*right[:-2], _contracted(right, right[-2], call.shape[-2]), right[-1])
    if len(left) != len(right) or len(left) < 2:
        return None
    batch = _agreed(left[:-2], right[:-2])
    return None if batch is None else (*batch, left[-2], right[-1])


def _einsum(call):
    equation, *operands = call.args
    if not isinstance(equation, str) or "." in equation:
        return None
    operands = operands[0] if len(operands) == 1 and isinstance(operands[0], list | tuple) else operands
    inputs, arrow, result = equation.replace(" ", "").partition("->")
    if not arrow:
        return None
    axes, labels, gone = {}, set(), set()
    for letters, tensor in zip(inputs.split(","), operands, strict=True):
        layout = call.layout_of(tensor)
        for letter, axis in zip(letters, layout or (), strict=False):
            axes.setdefault(letter, axis)
            labels |= {label for label, _ in axis}
            gone |= {label for label, _ in axis} if letter not in result else set()
    new = C if C in gone or C not in labels else Q
    return tuple(axes.get(letter, ((new, length),)) for letter, length in zip(result, call.shape, strict=True))


def _attention(call):
    query, value = call.layout(0, "query"), call.layout(2, "value")
    if query is None:
        return None
    last = value[-1] if value is not None else ((C, call.shape[-1]),)
    return (*query[:-1], last)


def _multi_head(call):
    query = call.layout(0, "query")
    if query is None or len(query) != len(call.shape):
        return None  # the weights of the attention, which come second
    return (*query[:-1], ((C, call.shape[-1]),))


def _regrouped(call):
    """Other axes for the same numbers in the same order."""
    layout = call.layout()
    if layout is None:
        return None
    if tuple(map(size, layout)) == call.shape:
        return layout
    factors = [factor for axis in layout for factor in axis]
    axes = []
    for length in call.shape:
        axis = []
        if length == 1 and factors and factors[0][1] == 1:
            axis.append(factors.pop(0))
        while size(axis) < length:
            wanted = length // size(axis)
            if not factors or length % size(axis):
                return None
            label, there = factors.pop(0)
            if there > wanted:
                if there % wanted or label == N:
                    return None
                factors.insert(0, (label, there // wanted))
                there = wanted
            axis.append((label, there))
        axes.append(tuple(axis))
    return None if size(factors) > 1 else tuple(axes)


def _permuted(call):
    layout = call.layout()
    if layout is None:
        return None
    tensor = call.argument(0, "input", "self")
    # Lengths that differ tell where each axis went.
    probe = torch.empty([index + 2 for index in range(tensor.dim())], device="meta")
    if call.name in ("T", "mT", "H", "mH"):
        moved = getattr(probe, call.name)
    else:
        moved = getattr(torch.Tensor, call.name)(probe, *call.args[1:], **_less(call.kwargs, "input", "self"))
    return tuple(layout[length - 2] for length in moved.shape)


def _less(kwargs, *names):
    return {key: value for key, value in kwargs.items() if key not in names}


def _indexed(call):
    layout = call.layout()
    if layout is None:
        return None
    index = call.argument(1)
    index = list(index) if isinstance(index, tuple) else [index]
    used = sum(part is not None and part is not Ellipsis for part in index)
    if Ellipsis in [part if part is None or part is Ellipsis else 0 for part in index]:
        at = next(i for i, part in enumerate(index) if part is Ellipsis)
        index[at : at + 1] = [slice(None)] * (len(layout) - used)
    axes, waiting = [], list(layout)
    for part in index:
        if part is None:
            axes.append(())
        elif isinstance(part, slice):
            axes.append(waiting.pop(0))
        elif isinstance(part, int) and waiting:
            waiting.pop(0)
        else:
            return None
    axes += waiting
    if len(axes) != len(call.shape):
        return None
    return tuple(_sized(axis, length) for axis, length in zip(axes, call.shape, strict=True))


def _selected(call):
    """Remove one axis: select and unbind."""
    layout = call.layout()
    if layout is None:
        return None
    at = call.argument(1, "dim", default=0) % len(layout)
    return (*layout[:at], *layout[at + 1 :])


def _reduced(call):
    layout = call.layout()
    axes = call.argument(1, "dim", "axis")
    if isinstance(axes, torch.Tensor):
        return _alike(call)
    if layout is None or axes is None:
        return None
    axes = {axis % len(layout) for axis in ([axes] if isinstance(axes, int) else axes)}
    if len(call.shape) == len(layout):
        return tuple(_sized(axis, 1) if at in axes else axis for at, axis in enumerate(layout))
    return tuple(axis for at, axis in enumerate(layout) if at not in axes)


def _concatenated(call):
    layouts = [layout for layout in map(call.layout_of, tensors_in(call.args[:1])) if layout is not None]
    layouts = [layout for layout in layouts if len(layout) == len(call.shape)]
    if not layouts:
        return None
    at = call.argument(1, "dim", "axis", default=0) % len(call.shape)
    found = layouts[0]
    for layout in layouts[1:]:
        rest = _agreed((*found[:at], *found[at + 1 :]), (*layout[:at], *layout[at + 1 :]))
        if rest is None or {x for x, _ in found[at]} != {x for x, _ in layout[at]}:
            return None
    return tuple(_sized(axis, length) for axis, length in zip(found, call.shape, strict=True))


def _expanded(call):
    layout = call.layout()
    if layout is None or len(layout) != len(call.shape):
        return None
    return tuple(_sized(axis, length) for axis, length in zip(layout, call.shape, strict=True))


def _columns(call):
    """Patches as columns: unfold, as a function N x C k k x L, as a method with one axis more."""
    layout = call.layout()
    if layout is None:
        return None
    if len(call.shape) == 3 and len(layout) == 4:
        return (layout[0], ((C, call.shape[1]),), ((P, call.shape[2]),))
    if len(call.shape) == len(layout) + 1:
        return (*(_sized(axis, n) for axis, n in zip(layout, call.shape[:-1], strict=True)), ((P, call.shape[-1]),))
    return None


def _none(call):
    return None


_GROUPS = {
    _convolution: (
        "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d pixel_shuffle pixel_unshuffle fold"
    ),
    _linear: "linear",
    _matmul: "matmul rmatmul bmm mm",
    _einsum: "einsum",
    _attention: "scaled_dot_product_attention",
    _multi_head: "multi_head_attention_forward",
    _regrouped: "view reshape flatten unflatten squeeze unsqueeze ravel view_as reshape_as",
    _permuted: "permute transpose movedim moveaxis swapaxes swapdims t T mT H mH adjoint",
    _indexed: "getitem",
    _selected: "select unbind",
    _reduced: "mean sum amax amin max min prod std var logsumexp median nanmean argmax argmin any all count_nonzero",
    _concatenated: "cat concat concatenate",
    _expanded: "expand expand_as broadcast_to repeat tile",
    _columns: "unfold",
    _resized: (
        "max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d "
        "adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d lp_pool1d lp_pool2d lp_pool3d "
        "fractional_max_pool2d fractional_max_pool3d interpolate upsample pad narrow split chunk tensor_split "
        "split_with_sizes index_select batch_norm instance_norm glu"
    ),
    _none: "stack rot90 diag_embed diagonal kron outer cdist as_strided scatter gather take take_along_dim fft conj",
}
RULES = {name: rule for rule, names in _GROUPS.items() for name in names.split()}
