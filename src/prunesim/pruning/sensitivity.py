"""Criteria that rank initial weights by gradients: SNIP, GraSP and SynFlow. With PyTorch.

Each returns a score for each prunable weight, the largest of which stay. The weights that are scored are those that
are trained; the published code of SNIP and GraSP scores others than it trains.
"""

import copy

import torch
from torch.nn.functional import cross_entropy

from prunesim.networks.tracing import main_output
from prunesim.pruning.catalogue import SYNFLOW_ITERATIONS

# GraSP divides the outputs by this, so that the softmax is far from its ends (Wang et al. 2020, published code).
TEMPERATURE = 200.0


def snip(network, names, images, labels):
    """Score weights by ``|theta dL/dtheta|`` on one batch (Lee, Ajanthan and Torr 2019, equation 5).

    Parameters
    ----------
    network : torch.nn.Module
        In the state that is trained, pruned weights zero.
    names : list of str
        Parameters to score.
    images : torch.Tensor
        Normalised, N x C x H x W.
    labels : torch.Tensor
        N.

    Returns
    -------
    dict of str to torch.Tensor
    """
    network = copy.deepcopy(network).train()
    weights = [network.get_parameter(name) for name in names]
    gradients = torch.autograd.grad(cross_entropy(main_output(network(images)), labels), weights)
    return {name: (weight * g).detach().abs() for name, weight, g in zip(names, weights, gradients, strict=True)}


def grasp(network, names, images, labels):
    """Score weights by ``theta H g``: without those of the smallest, the gradients flow best.

    The paper removes the largest ``-theta H g`` (Wang, Zhang and Grosse 2020, equation 8). Published code sums over two
    halves of the batch to save memory, which is the same up to a factor where nothing depends on the batch.

    Parameters are those of `snip`.
    """
    network = copy.deepcopy(network).train()
    weights = [network.get_parameter(name) for name in names]
    loss = cross_entropy(main_output(network(images)) / TEMPERATURE, labels)
    gradients = torch.autograd.grad(loss, weights, create_graph=True)
    product = sum((g.detach() * g).sum() for g in gradients)
    curved = torch.autograd.grad(product, weights)
    return {name: (weight * c).detach() for name, weight, c in zip(names, weights, curved, strict=True)}


def synflow(network, names, shape, keep, iterations=SYNFLOW_ITERATIONS):
    """Score weights by synaptic flow, pruned a little in each iteration (Tanaka et al. 2020, algorithm 1).

    All parameters and buffers take their absolute values, the image is ones, and the score is ``theta dR/dtheta`` of
    the sum ``R`` of the outputs, in float64 and evaluation mode. After iteration k of n the density is that of the
    target to the power k / n; the last pruning is left to whoever reads the scores.

    Parameters
    ----------
    network, names
        See `snip`.
    shape : tuple of int
        Channels, height and width of an image.
    keep : callable
        From scores (by name) and a power in (0, 1] to a mask (by name, boolean) of what stays.
    iterations : int

    Returns
    -------
    dict of str to torch.Tensor
        Of the last iteration, float64; weights that went before it have -1.
    """
    network = copy.deepcopy(network).to("cpu", torch.float64).eval()
    with torch.no_grad():
        for tensor in network.state_dict(keep_vars=True).values():
            tensor.abs_()
    weights = [network.get_parameter(name) for name in names]
    masks = {name: weight != 0 for name, weight in zip(names, weights, strict=True)}
    ones = torch.ones(1, *shape, dtype=torch.float64)
    for iteration in range(1, iterations + 1):
        gradients = torch.autograd.grad(main_output(network(ones)).sum(), weights)
        scores = {
            name: torch.where(masks[name], (weight * g).detach(), -1.0)
            for name, weight, g in zip(names, weights, gradients, strict=True)
        }
        if iteration < iterations:
            masks = keep(scores, iteration / iterations)
            with torch.no_grad():
                for name, weight in zip(names, weights, strict=True):
                    weight.mul_(masks[name])
    return scores
