"""Running a network and seeing every output in it: of modules, by hooks, and of operations between them.

Operations such as ``functional.relu(x)``, ``x + y`` and ``torch.cat`` are seen by a `TorchFunctionMode`, so a network
need not be traceable by torch.fx, and what is seen is what runs.
"""

import contextlib
import re

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from prunesim.errors import PrunesimError
from prunesim.networks import layouts
from prunesim.networks.kinds import OPERATIONS, SAME, is_one_operation, module_kind

IMAGES = 2  # of a trial run; with one image its axis could not be told from others of length one
LONGEST = 100
_DROPOUT = re.compile(r"(alpha_|feature_|feature_alpha_)?dropout[123]?d?")
_RANDOM = re.compile(r"(rand|randn|randint|randperm)(_like)?|bernoulli|multinomial|normal|uniform|exponential|poisson")


def run(network, images, note, note_module=None, note_call=None, touched=None):
    """Run images through a network in eval mode and note every output in it.

    Parameters
    ----------
    network : torch.nn.Module
        Its mode is restored.
    images : torch.Tensor
        N x C x H x W.
    note : callable
        Receives ``name, kind, tensor, layout`` of each output as it is made, in the order of the forward pass. A later
        operation may overwrite the tensor in place. Names are those of modules (``layer1.0``), or those of operations
        after that of the module around them (``layer1.0.add``); ``-2`` is the second output of a name, and so on.
        Kinds are those of `prunesim.networks.kinds`, layouts those of `prunesim.networks.layouts`.
    note_module : callable, optional
        Receives ``name, module, inputs, output`` of every module that has run.
    note_call : callable, optional
        Receives ``name, args, kwargs, output`` of every operation outside of modules that are one operation.
    touched : set, optional
        Gets the identity (`id`) of every parameter that takes part.

    Returns
    -------
    torch.Tensor
        The answer of the network.
    """
    with _hooked(network, _Run(network, images, note, note_module, note_call, touched)) as mode, torch.no_grad(), mode:
        return main_output(network(images))


def main_output(output):
    """Return the main one of the outputs of a network or a module: the first, or ``out`` of a mapping."""
    if isinstance(output, dict):
        output = output.get("out", output.get("logits", next(iter(output.values()), None)))
    elif isinstance(output, tuple | list):
        output = output[0] if output else None
    elif hasattr(output, "logits") and not isinstance(output, torch.Tensor):
        output = output.logits
    return output


def safe_name(name):
    """Return a name as files and Snakemake's wildcards can have it: letters, digits, ``_``, ``.`` and ``-``."""
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", name)[-LONGEST:]
    name = re.sub(r"^[.-]", "_", name)
    return re.sub(r"\.pooled$", "_pooled", name)  # <layer>.pooled.npy is a file of <layer>


@contextlib.contextmanager
def _hooked(network, mode):
    training, handles = network.training, []
    modes = {module: module.training for module in network.modules()}
    try:
        network.eval()
        for name, module in network.named_modules():
            handles.append(module.register_forward_pre_hook(mode.enter(name, module), prepend=True))
            handles.append(module.register_forward_hook(mode.leave(name, module)))
        yield mode
    finally:
        for handle in handles:
            handle.remove()
        network.train(training)
        for module, was in modes.items():
            module.training = was


class _Run(TorchFunctionMode):
    """One forward pass: the modules it is in, the layouts of its tensors and how often each name was used."""

    def __init__(self, network, images, note, note_module, note_call, touched):
        super().__init__()
        self.note, self.note_module, self.note_call, self.images = note, note_module, note_call, len(images)
        self.modules = {safe_name(name) for name, _ in network.named_modules()}
        self.inside, self.used = [], set()
        self.touched = set() if touched is None else touched
        images.prunesim_layout = layouts.of_images(images.shape)

    def enter(self, name, module):
        closed = is_one_operation(module)

        def hook(module, inputs):
            self.inside.append((name, closed or self.closed))

        return hook

    @property
    def closed(self):
        return bool(self.inside) and self.inside[-1][1]

    def leave(self, name, module):
        kind = module_kind(module)

        def hook(module, inputs, output):
            with torch._C.DisableTorchFunction():
                self.inside.pop()
                tensor = main_output(output)
                if self.closed or not isinstance(tensor, torch.Tensor):
                    return
                if not hasattr(tensor, "prunesim_layout"):
                    if not any(hasattr(given, "prunesim_layout") for given in layouts.tensors_in(inputs)):
                        return  # made of weights and constants alone
                    tensor.prunesim_layout = None
                if isinstance(module, nn.RNNBase) and layout_of(tensor) is None:
                    _label_sequence(inputs[0], tensor)
                if self.note_module:
                    self.note_module(name, module, inputs, tensor)
                if name or kind not in ("block", "other"):
                    self.put_out(safe_name(name) or "output", kind, tensor)

        return hook

    def put_out(self, name, kind, tensor):
        free, call = name, 1
        while free in self.used:
            call += 1
            free = f"{name}-{call}"
        self.used.add(free)
        self.note(free, kind, tensor, layout_of(tensor))

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = operation_name(function)
        given = list(layouts.tensors_in([*args, *kwargs.values()]))
        seen = any(hasattr(tensor, "prunesim_layout") for tensor in given)
        self.touched.update(id(tensor) for tensor in given if isinstance(tensor, nn.Parameter))
        _refuse_chance(name, args, kwargs, self.inside)
        output = function(*args, **kwargs)
        if seen:
            self.label(name, args, kwargs, output)
            if name in OPERATIONS and not self.closed:
                self.note_operation(name, output)
                if self.note_call:
                    self.note_call(name, args, kwargs, output)
        return output

    def label(self, name, args, kwargs, output):
        for tensor in layouts.tensors_in([output]):
            try:
                layout = layouts.follow(name, args, kwargs, tensor, layout_of, self.images)
            except (IndexError, TypeError, ValueError, AttributeError, RuntimeError):
                layout = None  # a way to call it that its rule does not know
            with contextlib.suppress(AttributeError):
                tensor.prunesim_layout = layout

    def note_operation(self, name, output):
        tensor = main_output(output)
        if not isinstance(tensor, torch.Tensor):
            return
        around = self.inside[-1][0] if self.inside else ""
        full = safe_name(f"{around}.{name}" if around else name)
        if full in self.modules:  # a module of this name is there too
            full = safe_name(f"{around}.F.{name}" if around else f"F.{name}")
        self.put_out(full, OPERATIONS[name], tensor)


def layout_of(tensor):
    """Return the layout that a tensor was given in this run, or None."""
    return getattr(tensor, "prunesim_layout", None)


def _label_sequence(given, tensor):
    """Label the output of a recurrent layer: whatever the steps of its sequence are, they are positions here."""
    layout = layout_of(given)
    if layout is not None and len(layout) == tensor.dim() and tensor.dim() > 2:
        steps = [axis if layouts.N in dict(axis) else ((layouts.P, layouts.size(axis)),) for axis in layout[:-1]]
        tensor.prunesim_layout = (*steps, ((layouts.C, tensor.shape[-1]),))


def operation_name(function):
    """Return the name of an operation that a function mode saw: ``relu``, ``add``, ``getitem``, ``shape``."""
    name = getattr(function, "__name__", "")
    if name == "__get__":  # an attribute, such as x.T
        return getattr(getattr(function, "__self__", None), "__name__", "")
    name = name.strip("_")
    return SAME.get(name, name)


def _refuse_chance(name, args, kwargs, inside):
    """Refuse what makes two passes of one image differ."""
    chance = _RANDOM.fullmatch(name) is not None
    if _DROPOUT.fullmatch(name):
        share = args[1] if len(args) > 1 else kwargs.get("p", 0.5)
        on = kwargs.get("training", kwargs.get("train", args[2] if len(args) > 2 else True))
        chance = bool(on) and share > 0
    if chance:
        place = f"in its module {inside[-1][0]!r}" if inside and inside[-1][0] else "in its forward"
        hint = "training=self.training" if "dropout" in name else "`if self.training:`"
        raise Chance(
            f"draws random numbers when it is evaluated ({name} {place}), so that two passes of one image differ; "
            f"use {hint} there."
        )


class Chance(PrunesimError):
    """A network that draws random numbers in eval mode; the words go on after its name."""
