"""A network of a study without the filters that pruning has emptied, and the proof that it answers the same."""

import copy
from typing import NamedTuple

import torch

from prunesim.errors import PrunesimError
from prunesim.networks.batches import EVALUATION, evaluation_batch
from prunesim.networks.coupling import find_coupling
from prunesim.networks.describe import cost_of, trace
from prunesim.networks.narrowing import narrow
from prunesim.networks.state import load_arrays, network_arrays
from prunesim.networks.tracing import main_output
from prunesim.networks.weights import first_names
from prunesim.pruning.shrinking import idle_filters, without_filters
from prunesim.results.exporting import model_card, output_file, write_network

TOLERANCE = 1e-5


class Shrunk(NamedTuple):
    """A network without its idle filters, see `shrink`."""

    network: torch.nn.Module
    filters: dict


def shrink(network, shape, name):
    """Return a copy of a network without the filters that its answers do not depend on.

    Parameters
    ----------
    network : torch.nn.Module
        Pruned, with exact zeros.
    shape : tuple of int
        Channels, height and width of an image.
    name : str
        For messages.

    Returns
    -------
    Shrunk
        ``network``, in eval mode, and ``filters``: how many are left of how many, by the name of a group of tied ones.

    Raises
    ------
    PrunesimError
        If there is nothing to take away, or the network cannot be made smaller: see
        `prunesim.networks.coupling.find_coupling` and `prunesim.networks.narrowing.narrow`.
    """
    coupling = find_coupling(network, shape, name)
    arrays = network_arrays(network)
    gone = idle_filters(arrays, coupling)
    if not any(map(len, gone)):
        raise PrunesimError(
            f"{name} has no filter to take away: each has weights, or a bias or shift, that the answers depend on. "
            "Single weights that are pruned make no network smaller; write it with prunesim export."
        )
    smaller = without_filters(arrays, coupling, gone, first_names(network))
    small = copy.deepcopy(network)
    narrow(small, smaller, shape, name)
    load_arrays(small, smaller, name)
    filters = {
        group["name"]: (group["filters"] - len(filters), group["filters"])
        for group, filters in zip(coupling, gone, strict=True)
        if group["why"] is None
    }
    return Shrunk(small.eval(), filters)


def check_same(network, small, images, name, batch=EVALUATION):
    """Return the largest difference between the answers of two networks, relative to the largest answer above 1.

    Parameters
    ----------
    network, small : torch.nn.Module
        In eval mode.
    images : torch.Tensor
        float32, N x C x H x W.
    name : str
        For the refusal.
    batch : int
        How many images go through the networks at a time.

    Raises
    ------
    PrunesimError
        If it is more than 1e-5.
    """
    difference, size = 0.0, 1.0
    with torch.no_grad():
        for some in images.split(batch):
            one, other = main_output(network(some)), main_output(small(some))
            difference = max(difference, (one - other).abs().max().item())
            size = max(size, one.abs().max().item())
    if not difference <= TOLERANCE * size:
        raise PrunesimError(
            f"{name}: without its pruned filters it gives other answers, by up to {difference:.3g} where the largest "
            f"is {size:.3g}; nothing was written. Something in it reads channels by number."
        )
    return difference / size


def shrink_network(study, path, *, replicate=0, method="dense", round=0):
    """Write one network of a study without the filters that pruning has emptied, and beside it its model card.

    Parameters are those of `prunesim.results.exporting.export_network`.

    Returns
    -------
    written : list of pathlib.Path
    report : list of str
        What became smaller, in lines.

    Raises
    ------
    PrunesimError
        As `shrink` and `check_same`, and if the answers to the test images of the study are not the same.
    """
    path = output_file(path)
    which = {"replicate": replicate, "method": method, "round": round}
    network, metrics, description = study.network(**which), study.metrics(**which), study.description()
    height, width, channels = description["shape"]
    shape = (channels, height, width)
    name = f"{study.name}, replicate {replicate}, {method} round {round}"
    small, filters = shrink(network, shape, name)
    images, _ = study.images("test")
    batch = evaluation_batch(shape, [layer["shape"] for layer in trace(network, shape, name)[0]])
    difference = check_same(network, small, images, name, batch)
    (parameters, macs), (fewer, less) = cost_of(network, shape), cost_of(small, shape)
    left, all_ = (sum(counts) for counts in zip(*filters.values(), strict=True))
    report = [
        f"filters: {left:,} of {all_:,} ({', '.join(f'{key} {a} of {b}' for key, (a, b) in filters.items())})",
        f"parameters: {fewer:,} of {parameters:,}",
        f"multiply-adds an image: {less:,} of {macs:,}",
        f"answers to {len(images):,} test images: the same to {max(difference, 1e-7):.0e}",
    ]
    nonzero = sum(int(torch.count_nonzero(tensor)) for tensor in small.parameters())
    metrics = metrics | {"parameters": fewer, "nonzero_parameters": nonzero}
    remarks = [
        f"- **Smaller**: {left:,} of {all_:,} filters, {fewer:,} of {parameters:,} parameters; the sizes of the layers "
        "are those of the tensors"
    ]
    return write_network(
        path, small, description["shape"], model_card(path, study.name, metrics, description, remarks)
    ), report
