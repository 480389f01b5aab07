"""The tensors of a network as arrays, and back."""

import torch

from prunesim.errors import PrunesimError
from prunesim.networks.weights import first_names


def network_arrays(network):
    """Return every parameter and buffer of a network as a NumPy array, by name."""
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in network.state_dict().items()}


def load_arrays(network, arrays, path):
    """Copy arrays into a network.

    Raises
    ------
    PrunesimError
        If names or shapes differ, naming `path` and the first tensor that does not fit.
    """
    state = network.state_dict()
    if missing := sorted(set(state) - set(arrays)):
        raise PrunesimError(f"{path} has no tensor {missing[0]!r}, which the network needs; it is of another network.")
    if surplus := sorted(set(arrays) - set(state)):
        raise PrunesimError(f"{path} has a tensor {surplus[0]!r} that the network does not have.")
    for name, tensor in state.items():
        if tuple(tensor.shape) != arrays[name].shape:
            raise PrunesimError(
                f"{path}: tensor {name!r} has shape {arrays[name].shape}, but the network needs {tuple(tensor.shape)}."
            )
    # A tensor that layers share has several names; the first of them is the one that masks are applied to.
    shared = first_names(network)
    network.load_state_dict({name: torch.from_numpy(arrays[shared.get(name, name)].copy()) for name in arrays})
