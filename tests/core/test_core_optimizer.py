"""Learning rates and optimizers are those of PyTorch."""

import copy

import pytest
import torch
from core_study import training
from torch import nn

from prunesim.training.optimizer import initial_state
from prunesim.training.optimizer import step as optimizer_step
from prunesim.training.schedule import learning_rates

STEPS = [(1, 1), (1, 3), (2, 5), (7, 1), (10, 11), (20, 23), (1, 2), (1, 4)]


def torch_rates(make, steps, rate):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=rate)
    scheduler = make(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("epochs", "steps_per_epoch"), STEPS)
@pytest.mark.parametrize("rate", [0.1, 1.0, 3e-4])
def test_the_rates_are_those_of_torch(epochs, steps_per_epoch, rate):
    total = epochs * steps_per_epoch
    milestones = [1, epochs // 2, epochs - 1, epochs + 5]
    schedulers = {
        "constant": lambda o: torch.optim.lr_scheduler.ConstantLR(o, factor=1.0),
        "step": lambda o: torch.optim.lr_scheduler.MultiStepLR(
            o, [epoch * steps_per_epoch for epoch in milestones], gamma=0.3
        ),
        "cosine": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=total),
        # With one step more than there are, because torch refuses to take the last step.
        "one_cycle": lambda o: _OneCycle(o, rate, total),
    }
    for name, make in schedulers.items():
        settings = training(epochs=epochs, learning_rate=rate, schedule=name, milestones=milestones, gamma=0.3)
        assert learning_rates(settings, steps_per_epoch) == pytest.approx(
            torch_rates(make, total, rate), rel=1e-12, abs=1e-12 * rate
        ), name


class _OneCycle(torch.optim.lr_scheduler.OneCycleLR):
    def __init__(self, optimizer, rate, total):
        self.left = total - 1
        super().__init__(optimizer, max_lr=rate, total_steps=total, cycle_momentum=False)
        self.counted = True

    def step(self, *arguments):
        # Torch refuses a step beyond the last rate, which nobody reads.
        if getattr(self, "counted", False):
            if not self.left:
                return
            self.left -= 1
        super().step(*arguments)


def test_landmarks():
    step = learning_rates(training(schedule="step", epochs=4, milestones=[1, 3], gamma=0.1, learning_rate=1.0), 2)
    assert step == pytest.approx([1, 1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01])
    one_cycle = learning_rates(training(schedule="one_cycle", epochs=10, learning_rate=0.1), 10)
    assert (one_cycle[0], max(one_cycle), one_cycle[29]) == pytest.approx((0.1 / 25, 0.1, 0.1))
    assert one_cycle[-1] == pytest.approx(0.1 / 25 / 1e4)
    cosine = learning_rates(training(schedule="cosine", epochs=4, learning_rate=2.0), 1)
    assert cosine == pytest.approx([2, 1 + 0.5**0.5, 1, 1 - 0.5**0.5])


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize(
    ("changes", "make"),
    [
        (
            {"optimizer": "sgd", "momentum": momentum, "weight_decay": decay},
            lambda p, rate, momentum=momentum, decay=decay: torch.optim.SGD(
                p, lr=rate, momentum=momentum, weight_decay=decay
            ),
        )
        for momentum in (0.0, 0.9)
        for decay in (0.0, 5e-4)
    ]
    + [
        (
            {"optimizer": "adam", "weight_decay": decay},
            lambda p, rate, decay=decay: torch.optim.Adam(p, lr=rate, weight_decay=decay),
        )
        for decay in (0.0, 5e-4)
    ],
)
def test_steps_are_those_of_torch_to_the_bit(changes, make, frozen):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 4))
    twin = copy.deepcopy(network)
    settings = training(**changes)
    parameters = list(network.parameters())
    state = initial_state(parameters, settings)
    optimizer = make(list(twin.parameters()), 0.1)
    for number in range(8):
        rate = 0.1 / (1 + number)
        batch, target = torch.randn(6, 1, 8, 8), torch.randint(0, 4, (6,))
        for each in (network, twin):
            each.zero_grad(set_to_none=True)
            nn.functional.cross_entropy(each(batch), target).backward()
            if frozen and number % 2:
                each[4].bias.grad = None
        optimizer_step(parameters, state, rate, settings)
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        for ours, theirs in zip(network.parameters(), twin.parameters(), strict=True):
            assert torch.equal(ours, theirs)
    assert all(parameter.requires_grad for parameter in parameters)
