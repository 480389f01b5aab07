"""Mid-training checkpoints: what a killed training needs to go on as if nothing had happened.

They hold tensors and numbers only. The seeds of an epoch are derived from its number, so the number of the
last finished epoch stands for the states of all generators, and of the schedule.
"""

from pathlib import Path

import torch

from prunesim.errors import PrunesimError
from prunesim.networks.state import load_arrays, network_arrays
from prunesim.storage.arrays import load_tensors, save_tensors
from prunesim.storage.files import remove_leftovers


def save_checkpoint(path, network, state, *, fingerprint, epoch, history):
    """Write the state after an epoch, atomically.

    Parameters
    ----------
    path : path-like
    network : torch.nn.Module
    state : dict of str to list of torch.Tensor
        Of the optimizer.
    fingerprint : str
        Stands for everything the training depends on; see `load_checkpoint`.
    epoch : int
        Number of finished epochs.
    history : list of dict
        One row for each finished epoch.
    """
    tensors = {f"network/{name}": array for name, array in network_arrays(network).items()}
    for key, values in state.items():
        tensors |= {f"optimizer/{key}/{index}": value.cpu().numpy() for index, value in enumerate(values)}
    save_tensors(path, tensors, {"fingerprint": fingerprint, "epoch": epoch, "history": history})


def load_checkpoint(path, network, state, *, fingerprint):
    """Restore a checkpoint of the same training, if there is one.

    A checkpoint with another fingerprint (settings, inputs, code or versions have changed since) and one that
    cannot be read are of no use and are passed over.

    Returns
    -------
    epoch : int
        Number of finished epochs; 0 if there is nothing to go on from.
    history : list of dict
    """
    try:
        tensors, metadata = load_tensors(path)
    except PrunesimError:
        return 0, []
    if metadata.get("fingerprint") != fingerprint:
        return 0, []
    prefix = "network/"
    arrays = {name.removeprefix(prefix): array for name, array in tensors.items() if name.startswith(prefix)}
    load_arrays(network, arrays, path)
    for key, values in state.items():
        for index, value in enumerate(values):
            value.copy_(torch.from_numpy(tensors[f"optimizer/{key}/{index}"]))
    return metadata["epoch"], metadata["history"]


def discard_checkpoint(path):
    """Remove a checkpoint that is no longer needed, and what a killed job left of it."""
    Path(path).unlink(missing_ok=True)
    remove_leftovers(path)
