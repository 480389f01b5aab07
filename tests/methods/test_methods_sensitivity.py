"""SNIP, GraSP and SynFlow against scores by hand, the Hessian and the law of conservation."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from prunesim.networks.build import build_network
from prunesim.networks.builtin import NETWORKS
from prunesim.networks.weights import weight_kinds
from prunesim.pruning.criteria import keep_largest
from prunesim.pruning.sensitivity import TEMPERATURE, grasp, snip, synflow


def linear(*sizes):
    torch.manual_seed(1)
    layers = [nn.Linear(n, m, bias=False) for n, m in pairwise(sizes)]
    return nn.Sequential(nn.Flatten(), *layers).double()


def data(n, features, classes):
    generator = torch.Generator().manual_seed(2)
    images = torch.randn(n, 1, 1, features, generator=generator, dtype=torch.float64)
    return images, torch.randint(classes, (n,), generator=generator)


def test_snip_by_hand():
    """The gradient of a linear layer under cross-entropy is the mean of (softmax - one hot) times the input."""
    network = linear(3, 2)
    images, labels = data(5, 3, 2)
    x = images.flatten(1).numpy()
    w = network[1].weight.detach().numpy()
    p = np.exp(x @ w.T)
    p /= p.sum(1, keepdims=True)
    p[np.arange(5), labels] -= 1
    expected = np.abs(w * (p.T @ x) / 5)
    scores = snip(network, ["1.weight"], images, labels)
    np.testing.assert_allclose(scores["1.weight"].numpy(), expected, rtol=1e-12)


def test_grasp_against_the_whole_hessian():
    network = linear(3, 4, 2)
    images, labels = data(6, 3, 2)
    names = ["1.weight", "2.weight"]
    shapes = [network.get_parameter(name).shape for name in names]

    def loss(flat):
        first, second = (part.view(shape) for part, shape in zip(flat.split([12, 8]), shapes, strict=True))
        return cross_entropy(images.flatten(1) @ first.T @ second.T / TEMPERATURE, labels)

    flat = torch.cat([network.get_parameter(name).detach().flatten() for name in names]).requires_grad_()
    (g,) = torch.autograd.grad(loss(flat), flat)
    expected = flat.detach() * (torch.autograd.functional.hessian(loss, flat.detach()) @ g)
    scores = grasp(network, names, images, labels)
    found = torch.cat([scores[name].flatten() for name in names])
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=0)


def whole(scores, power):
    return {name: torch.ones_like(value, dtype=torch.bool) for name, value in scores.items()}


def test_synflow_by_hand():
    """Of two linear layers: each weight times all paths through it."""
    network = linear(3, 4, 2)
    first, second = (network[i].weight.detach().abs() for i in (1, 2))
    scores = synflow(network, ["1.weight", "2.weight"], (1, 1, 3), whole, iterations=1)
    torch.testing.assert_close(scores["1.weight"], first * second.sum(0)[:, None])
    torch.testing.assert_close(scores["2.weight"], second * first.sum(1)[None, :])


@pytest.mark.parametrize("name", ["cnn", "lenet5", "resnet20"])
def test_synflow_conserves(name):
    """The scores that enter a unit and those that leave it have the same sum (Tanaka et al. 2020, theorem 1).

    Of a whole layer without biases that is the sum over all outputs.
    """
    settings = {"name": "conv2" if name == "cnn" else name, "arguments": {}, "width": None, "width_factor": 1.0}
    assert settings["name"] in NETWORKS
    network = build_network(settings, (1, 28, 28), 10, seed=0)
    with torch.no_grad():
        for parameter_name, parameter in network.named_parameters():
            if parameter_name.endswith("bias"):
                parameter.zero_()
    names = list(weight_kinds(network))
    scores = synflow(network, names, (1, 28, 28), whole, iterations=1)
    sums = {layer: float(scores[layer].sum()) for layer in names}
    reference = sums[names[-1]]
    chain = names if name != "resnet20" else [names[0], names[-1]]
    for layer in chain:
        assert sums[layer] == pytest.approx(reference, rel=1e-9)


def test_synflow_goes_down_step_by_step():
    """At one iteration whole layers can vanish; in a hundred none does, and the count is that of the target."""
    network = linear(6, 40, 40, 3)
    names = [f"{i}.weight" for i in (1, 2, 3)]
    mask = {name: np.ones(network.get_parameter(name).shape, np.uint8) for name in names}
    size = sum(kept.size for kept in mask.values())
    seen = []

    def keep(scores, power):
        count = round(size * 0.02**power)
        seen.append(count)
        kept = keep_largest({name: value.numpy() for name, value in scores.items()}, mask, [(names, count)])
        return {name: torch.from_numpy(kept[name] == 1) for name in names}

    scores = synflow(network, names, (1, 1, 6), keep)
    assert len(seen) == 99
    assert seen == sorted(seen, reverse=True)
    gone = sum(int((value == -1).sum()) for value in scores.values())
    assert gone == size - seen[-1]
    assert all((value > 0).any() for value in scores.values())


def test_scoring_leaves_the_network_alone():
    network = nn.Sequential(nn.Flatten(), nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).double()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    images, labels = data(6, 3, 2)
    for make in (snip, grasp):
        make(network, ["1.weight"], images, labels)
    synflow(network, ["1.weight"], (1, 1, 3), whole, iterations=2)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert network.training
