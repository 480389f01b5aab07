"""L1 and batch-norm scales, against soft thresholding on an orthogonal design and against gradients by hand."""

import contextlib

import numpy as np
import pytest
import torch
from core.core_study import training
from torch import nn

from prunesim.networks.build import build_network
from prunesim.networks.state import network_arrays
from prunesim.training import loop
from prunesim.training.loop import train
from prunesim.training.optimizer import initial_state, step
from prunesim.training.penalties import (
    BatchNormScales,
    WeightsL1,
    absolute_sum,
    proximal_step,
    share_of_zeros,
    soft_threshold,
)
from prunesim.training.penalty import Penalty

STRENGTH = 0.3
OPTIMIZERS = [("sgd", 0.0, 0.1), ("sgd", 0.9, 0.1), ("sgd", 0.5, 0.5), ("adam", 0.9, 0.01)]


def thresholded(values, strength):
    """The lasso on an orthogonal design: sign(b) max(|b| - strength, 0), in NumPy's float64."""
    values = np.asarray(values, dtype=np.float64)
    return np.sign(values) * np.maximum(np.abs(values) - strength, 0)


def orthogonal_design(rows=12, columns=8, seed=0):
    """A design X with X'X = 1, answers y and the unpenalised solution X'y."""
    rng = np.random.default_rng(seed)
    design = np.linalg.qr(rng.normal(size=(rows, columns)))[0]
    answers = 2 * rng.normal(size=rows)
    return torch.tensor(design), torch.tensor(answers), design.T @ answers


def test_soft_threshold_by_hand():
    values = torch.tensor([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0])
    assert soft_threshold(values, 1.0).tolist() == [-2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0]
    assert not torch.signbit(soft_threshold(values, 1.0)[1:6]).any()
    bounds = torch.tensor([0.0, 0.5, 1.0, 1.0, 0.25, 2.0, 4.0])
    assert soft_threshold(values, bounds).tolist() == [-3.0, -0.5, 0.0, 0.0, 0.25, 0.0, 0.0]


@pytest.mark.parametrize(("optimizer", "momentum", "rate"), OPTIMIZERS)
def test_proximal_steps_end_at_soft_thresholding(optimizer, momentum, rate):
    """min 1/2 ||Xw - y||^2 + s |w|_1 with X'X = 1 has the solution S(X'y, s), whatever rate and momentum are."""
    design, answers, solution = orthogonal_design()
    weight = nn.Parameter(torch.full((8,), 0.5, dtype=torch.float64))
    settings = training(optimizer=optimizer, momentum=momentum, weight_decay=0.0)
    state = initial_state([weight], settings)
    for _ in range(1500):
        weight.grad = design.T @ (design @ weight.detach() - answers)
        step([weight], state, rate, settings)
        proximal_step([weight], [0], state, rate, STRENGTH, settings)
    expected = thresholded(solution, STRENGTH)
    assert 0 < np.count_nonzero(expected) < 8
    assert weight.detach().numpy() == pytest.approx(expected, abs=1e-9)
    assert (weight.detach().numpy() == 0).tolist() == (expected == 0).tolist()


def test_weight_decay_makes_it_the_elastic_net():
    """With d / 2 |w|^2 beside it the solution is S(X'y, s) / (1 + d) (Zou and Hastie 2005)."""
    design, answers, solution = orthogonal_design()
    weight = nn.Parameter(torch.zeros(8, dtype=torch.float64))
    settings = training(weight_decay=0.5)
    state = initial_state([weight], settings)
    for _ in range(700):
        weight.grad = design.T @ (design @ weight.detach() - answers)
        step([weight], state, 0.1, settings)
        proximal_step([weight], [0], state, 0.1, STRENGTH, settings)
    assert weight.detach().numpy() == pytest.approx(thresholded(solution, STRENGTH) / 1.5, abs=1e-9)


def test_only_what_is_chosen_and_was_moved_is_thresholded():
    parameters = [nn.Parameter(torch.full((2,), 0.01)) for _ in range(3)]
    parameters[0].grad = torch.zeros(2)
    parameters[1].grad = torch.zeros(2)
    settings = training(weight_decay=0.0)
    state = initial_state(parameters, settings)
    proximal_step(parameters, [0, 2], state, 0.1, 1.0, settings)
    assert [parameter.tolist() for parameter in parameters] == [
        [0.0, 0.0],
        pytest.approx([0.01, 0.01]),
        pytest.approx([0.01, 0.01]),
    ]
    proximal_step(parameters, [1], state, 0.0, 1.0, settings)  # the end of a schedule
    assert parameters[1].tolist() == pytest.approx([0.01, 0.01])


def test_momentum_is_what_the_weight_has_really_moved():
    weight = nn.Parameter(torch.tensor([0.05, 1.0]))
    weight.grad = torch.tensor([0.1, 0.1])
    settings = training(weight_decay=0.0)
    state = initial_state([weight], settings)
    before = weight.detach().clone()
    step([weight], state, 0.1, settings)
    proximal_step([weight], [0], state, 0.1, 1.0, settings)
    assert weight.tolist() == pytest.approx([0.0, 0.89])
    assert state["momentum"][0].tolist() == pytest.approx(((before - weight.detach()) / 0.1).tolist())


class Line(nn.Module):
    """A linear network without bias on 8 pixels."""

    def __init__(self):
        super().__init__()
        self.line = nn.Linear(8, 1, bias=False)

    def forward(self, x):
        return self.line(x.flatten(1))


def test_a_training_with_l1_ends_at_soft_thresholding(monkeypatch):
    """The whole loop: images that are orthogonal, half the mean squared error for a loss."""
    sylvester = torch.tensor([[1.0]])
    for _ in range(3):
        sylvester = torch.cat([torch.cat([sylvester, sylvester], 1), torch.cat([sylvester, -sylvester], 1)])
    images = ((sylvester + 1) / 2).to(torch.uint8).reshape(8, 1, 1, 8)
    labels = torch.tensor([3, -1, 4, 1, -5, 9, 2, -6])

    def half_squared_error(output, target):
        return (output[:, 0] - target).square().mean() / 2

    monkeypatch.setattr(loop, "functional", type("F", (), {"cross_entropy": staticmethod(half_squared_error)}))
    network = Line()
    penalty = WeightsL1([network.line.weight], STRENGTH)
    history = train(
        network,
        images,
        labels,
        (images[:0], labels[:0]),
        training(epochs=300, batch_size=8, schedule="constant", weight_decay=0.0),
        normalise=lambda batch: batch.float() * 2 - 1,
        autocast=contextlib.nullcontext,
        seed_of=lambda role, epoch: epoch,
        penalty=penalty,
        log=lambda line: None,
    )
    expected = thresholded(sylvester.numpy().T @ labels.numpy() / 8, STRENGTH)
    assert 0 < np.count_nonzero(expected) < 8
    assert network.line.weight.detach().numpy()[0] == pytest.approx(expected, abs=1e-5)
    assert history[-1]["zeros"] == np.mean(expected == 0)
    assert history[-1]["penalty"] == pytest.approx(STRENGTH * np.abs(expected).sum(), rel=1e-5)
    assert list(history[-1])[-3:] == ["penalty", "zeros", "seconds"]


def test_the_gradient_of_batch_norm_scales_by_hand():
    norm = nn.BatchNorm2d(4)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([0.5, -0.5, 0.0, 2.0]))
    norm.weight.grad = torch.tensor([1.0, 1.0, 1.0, 1.0])
    norm.bias.grad = torch.ones(4)
    unused = nn.BatchNorm2d(4)
    penalty = BatchNormScales([norm.weight, unused.weight], 0.25)
    penalty.add_gradients()
    assert norm.weight.grad.tolist() == [1.25, 0.75, 1.0, 1.25]
    assert norm.bias.grad.tolist() == [1.0] * 4
    assert unused.weight.grad is None
    assert penalty.after_epoch(1) == {"penalty": 0.25 * (3 + 4), "zeros": 1 / 8}


def test_the_gradient_of_batch_norm_scales_is_that_of_the_penalty():
    scale = nn.Parameter(torch.tensor([0.5, -0.5, 2.0]))
    (0.25 * scale.abs().sum()).backward()
    expected, scale.grad = scale.grad, torch.zeros(3)
    BatchNormScales([scale], 0.25).add_gradients()
    assert torch.equal(scale.grad, expected)


def test_counts_by_hand():
    tensors = [torch.tensor([[1.5, 0.0], [-2.0, 0.0]]), torch.tensor([0.0])]
    assert absolute_sum(tensors) == 3.5
    assert share_of_zeros(tensors) == 3 / 5


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_penalty_of_no_strength_changes_no_bit(optimizer):
    def trained(penalty):
        network = build_network({"name": "cnn", "width": 2, "arguments": {}}, (1, 8, 8), 3, 0)
        generator = torch.Generator().manual_seed(1)
        images = torch.randint(0, 256, (32, 1, 8, 8), generator=generator, dtype=torch.uint8)
        options = {"normalise": lambda batch: batch.float() / 128 - 1, "autocast": contextlib.nullcontext}
        options |= {"seed_of": lambda role, epoch: epoch, "log": lambda line: None, "penalty": penalty(network)}
        settings = training(optimizer=optimizer, learning_rate=0.01)
        train(network, images, torch.arange(32) % 3, (images[:0], images[:0]), settings, **options)
        return network_arrays(network)

    without = trained(lambda network: None)
    for penalty in (
        lambda network: Penalty(),
        lambda network: WeightsL1([network.conv1.weight, network.logits.weight], 0.0),
        lambda network: BatchNormScales([network.bn1.weight], 0.0),
    ):
        arrays = trained(penalty)
        assert all(arrays[name].tobytes() == array.tobytes() for name, array in without.items())
