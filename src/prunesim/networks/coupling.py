"""Which filters of a network can only be pruned together, and which tensors hold each of them. Needs PyTorch.

A filter is an output channel of a convolution or an output unit of a linear layer. Along the channels of every tensor
of a forward pass goes a vector of numbers, one a filter; what an operation ties together, as the addition of a residual
does, becomes one number. An operation of which nothing is known ties nothing: the filters that it reads are left alone.
"""

from collections import defaultdict

import torch
from torch.overrides import TorchFunctionMode

from prunesim.networks import tracing
from prunesim.networks.build import of_network
from prunesim.networks.channel_calls import NONE, Call, Operand, Refusal
from prunesim.networks.channels import MAKERS, follow
from prunesim.networks.layouts import tensors_in
from prunesim.storage.arrays import layer_of

IMAGES_WHY = "they are the channels of the images"
ANSWERS_WHY = "they are the answers of the network"


def coupling_of(settings, shape, classes):
    """Return the coupling of a network by its settings, without numbers where that can be; see `find_coupling`.

    Parameters
    ----------
    settings : dict
        ``name``, ``width`` and ``arguments`` of the ``network`` section of a config, as weights files say them.
    shape : tuple of int
        Channels, height and width of an image.
    classes : int
    """

    def look(network):
        return find_coupling(network, shape, settings["name"])

    return of_network(settings, shape, classes, look, final=Refusal)


def find_coupling(network, shape, name=""):
    """Return which filters of a network go together, found by running it once.

    Parameters
    ----------
    network : torch.nn.Module
    shape : tuple of int
        Channels, height and width of an image.
    name : str
        ``network.name``, for refusals.

    Returns
    -------
    list of dict
        JSON-serialisable, a group each, in the order of the forward pass. All filters of a group lie in the same
        tensors. ``name`` is the first layer that makes them, ``filters`` their number, ``why`` the reason for which
        they cannot be pruned or None, ``keeps_zero`` whether a filter that is 0 reaches its readers as 0, and
        ``tensors`` where they lie: ``name``, ``axis``, ``role`` and ``index``, the positions of the first filter on
        that axis, of the second, and so on (several a filter after a flattening). Roles are ``filter`` (weights that
        make it), ``bias``, ``scale``, ``shift`` and ``statistics`` of a normalisation, ``slope`` of a PReLU, and
        ``input``, weights that read it.

    Raises
    ------
    PrunesimError
        If the network has attention or transposed convolutions, whose filters are not followed.
    """
    device = next(network.parameters()).device
    images = torch.zeros(tracing.IMAGES, *shape, device=device)
    channels = Channels(network)
    images.prunesim_channels = (1, channels.new(shape[0]))
    channels.block(images.prunesim_channels[1], IMAGES_WHY)
    training = network.training
    try:
        with torch.no_grad(), _Run(channels):
            answers = tracing.main_output(network.eval()(images))
    except Refusal as error:
        raise Refusal(f"network.name: the filters of {name or 'the network'} cannot be pruned: {error}.") from None
    finally:
        network.train(training)
    channels.block(getattr(answers, "prunesim_channels", NONE)[1], ANSWERS_WHY)
    return channels.groups()


class Channels:
    """The numbers of filters: which are one, which are left alone, and on which axes of which tensors they lie.

    A tensor of the forward pass has the attribute ``prunesim_channels``: the axis of its channels, and their numbers;
    0 is a channel that no filter makes.
    """

    def __init__(self, network):
        self._parent, self._why, self._lively = [0], {}, set()
        self._axes, self._roles = {}, {}
        self.names = {id(tensor): name for name, tensor in [*network.named_buffers(), *network.named_parameters()]}

    def new(self, count):
        first = len(self._parent)
        self._parent += range(first, first + count)
        return list(range(first, first + count))

    def find(self, number):
        while self._parent[number] != number:
            self._parent[number] = number = self._parent[self._parent[number]]
        return number

    def unite(self, numbers, others):
        """Make one of each pair of numbers; 0 goes with any."""
        for one, other in zip(numbers, others, strict=True):
            if one and other:
                one, other = sorted((self.find(one), self.find(other)))
                self._parent[other] = one

    def place(self, tensor, axis, role, numbers):
        """Note that a parameter or buffer holds filters on one of its axes."""
        key = self.names[id(tensor)], axis
        self._roles[key] = role
        if key in self._axes:  # shared by layers
            self.unite(self._axes[key], numbers)
        self._axes.setdefault(key, numbers)

    def block(self, numbers, why):
        """Leave filters alone."""
        for number in numbers:
            self._why.setdefault(number, why)

    def enliven(self, numbers):
        """Note that a filter of zeros is none any more where it is read."""
        self._lively.update(numbers)

    def groups(self):
        """Return the groups; see `find_coupling`."""
        places = defaultdict(lambda: defaultdict(list))
        for key, numbers in self._axes.items():
            for position, number in enumerate(numbers):
                if number:
                    places[self.find(number)][key].append(position)
        why = {}
        for number, reason in self._why.items():
            why.setdefault(self.find(number), reason)
        lively = {self.find(number) for number in self._lively}
        alike = defaultdict(list)
        for root, where in places.items():
            roles = {self._roles[key] for key in where}
            if "filter" not in roles:
                continue  # the images
            reason = why.get(root, None if "input" in roles else "nothing that is known reads them")
            signature = tuple((key, len(positions)) for key, positions in where.items())
            alike[signature, reason, root not in lively].append(where)
        return [self._group(*about, channels) for about, channels in alike.items()]

    def _group(self, signature, why, keeps_zero, channels):
        tensors = [
            {
                "name": key[0],
                "axis": key[1],
                "role": self._roles[key],
                "index": [position for where in channels for position in where[key]],
            }
            for key, _ in signature
        ]
        name = next(layer_of(tensor["name"]) for tensor in tensors if tensor["role"] == "filter")
        return {"name": name, "filters": len(channels), "why": why, "keeps_zero": keeps_zero, "tensors": tensors}


class _Run(TorchFunctionMode):
    """One forward pass, in which every operation is followed."""

    def __init__(self, channels):
        super().__init__()
        self.channels = channels

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = tracing.operation_name(function)
        operands = [Operand(tensor) for tensor in tensors_in([*args, *kwargs.values()])]
        output = function(*args, **kwargs)
        if name in MAKERS or any(operand.seen for operand in operands):
            outputs = list(tensors_in([output]))
            found = follow(Call(name, function, args, kwargs, operands, outputs), self.channels)
            for tensor, channels in zip(outputs, found, strict=True):
                tensor.prunesim_channels = channels
        return output
