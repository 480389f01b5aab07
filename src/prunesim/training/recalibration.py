"""Statistics of batch normalisation, taken anew for weights that they were not collected with."""

import math

import torch
from torch.nn.modules.batchnorm import _BatchNorm


def batch_norms(network):
    """Return the modules of a network that keep running statistics of batches."""
    return [module for module in network.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]


def recalibrate(network, images, normalise, autocast, batch_size):
    """Replace all running statistics by the mean of those of the batches of some images, in one pass.

    The cumulative mean of `torch.nn.BatchNorm2d` with ``momentum=None``, as in REPAIR (arXiv 2211.08403). Batches are
    of nearly equal size. Other modules stay in eval mode, so that dropout drops nothing; modes and momenta are
    restored.

    Parameters
    ----------
    network : torch.nn.Module
    images : torch.Tensor
        uint8, N x C x H x W.
    normalise, autocast : callable
        See `prunesim.training.loop.evaluate`.
    batch_size : int

    Returns
    -------
    int
        How many modules have new statistics; 0 without batch normalisation, where nothing is run.
    """
    norms = batch_norms(network)
    if not norms:
        return 0
    modes = {module: module.training for module in network.modules()}
    momenta = [module.momentum for module in norms]
    network.eval()
    for module in norms:
        module.reset_running_stats()
        module.momentum = None
        module.train()
    with torch.no_grad():
        for batch in images.tensor_split(math.ceil(len(images) / batch_size)):
            with autocast():
                network(normalise(batch))
    for module, momentum in zip(norms, momenta, strict=True):
        module.momentum = momentum
    for module, mode in modes.items():
        module.training = mode
    return len(norms)
