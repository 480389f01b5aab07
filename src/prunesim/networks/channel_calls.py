"""An operation of a forward pass, and what is known of the channels that it is given. Needs PyTorch.

The channels of a tensor are an axis and a list of numbers, one a position on that axis (see
`prunesim.networks.coupling.Channels`); None and an empty list where nothing is known of them.
"""

from typing import NamedTuple

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

    def on_axis(self, given, axis):
        """Refuse channels that lie on another axis than the one on which the operation looks for them."""
        if given.axis != axis:
            raise Lost(f"{self.name} works along another axis than theirs")
