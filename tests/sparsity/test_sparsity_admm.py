"""ADMM: the projection, the steps of Z and U, the penalty, and problems whose solution is known."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from prunesim.errors import PrunesimError
from prunesim.pruning.criteria import prune
from prunesim.pruning.targets import targets
from prunesim.training.admm import Admm, norm, project


def admm(values, keep, rho=1.0, epochs=1):
    """A penalty on one tensor of float64 with these values."""
    weight = nn.Parameter(torch.tensor(values, dtype=torch.float64))
    return Admm({"a.weight": weight}, [(("a.weight",), keep)], rho, epochs), weight


# the projection


def test_projection_by_hand():
    one, two = project([torch.tensor([[3.0, -0.5], [0.1, -2.0]]), torch.tensor([1.0])], 3)
    assert one.tolist() == [[3.0, 0.0], [0.0, -2.0]]
    assert two.tolist() == [1.0]
    (everything,) = project([torch.tensor([1.0, 2.0])], 2)
    assert everything.tolist() == [1.0, 2.0]


def test_of_equal_values_the_later_remain():
    assert [part.tolist() for part in project([torch.ones(3), -torch.ones(3)], 2)] == [[0, 0, 0], [0, -1, -1]]


@given(st.lists(st.floats(-4, 4, width=32), min_size=1, max_size=7), st.data())
def test_the_projection_is_the_nearest_of_all_sparse_vectors(values, data):
    keep = data.draw(st.integers(1, len(values)))
    values = np.array(values, dtype=np.float64)
    (projected,) = project([torch.tensor(values)], keep)
    distances = []
    for support in itertools.combinations(range(len(values)), keep):
        other = np.zeros_like(values)
        other[list(support)] = values[list(support)]
        distances.append(((values - other) ** 2).sum())
    assert np.count_nonzero(projected.numpy()) <= keep
    assert ((values - projected.numpy()) ** 2).sum() == pytest.approx(min(distances), abs=1e-12)


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_the_projection_keeps_what_pruning_to_that_density_keeps(scope):
    """Ties included: weights are rounded to one digit."""
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(size=shape).round(1) for name, shape in (("a", (7, 3)), ("b", (6,)), ("c", (2, 2, 3)))}
    ones = {name: np.ones(array.shape, np.uint8) for name, array in weights.items()}
    mask = prune(weights, ones, fraction=0.7, scope=scope, criterion="magnitude", seed=0)
    shapes = {name: array.shape for name, array in weights.items()}
    for names, keep in targets(shapes, {name: array.size for name, array in weights.items()}, scope=scope, density=0.3):
        projected = project([torch.tensor(weights[name]) for name in names], keep)
        for name, part in zip(names, projected, strict=True):
            assert (part.numpy() == np.where(mask[name] == 1, weights[name], 0)).all()


def test_the_layout_in_memory_is_of_no_importance():
    tensor = torch.arange(48.0).reshape(2, 3, 2, 4)
    (plain,) = project([tensor], 20)
    (last,) = project([tensor.contiguous(memory_format=torch.channels_last)], 20)
    assert torch.equal(plain, last)


# the steps


def test_z_starts_as_the_projection_and_u_as_zero():
    penalty, weight = admm([1.0, -3.0, 2.0], keep=1)
    assert penalty.auxiliary[0].tolist() == [0.0, -3.0, 0.0]
    assert penalty.dual[0].tolist() == [0.0, 0.0, 0.0]
    assert set(penalty.state) == {"auxiliary", "dual"}
    assert weight.tolist() == [1.0, -3.0, 2.0]


def test_two_updates_by_hand():
    penalty, weight = admm([1.0, -3.0, 2.0], keep=1, rho=0.5)
    weight.data = torch.tensor([0.5, -2.0, 1.5], dtype=torch.float64)
    # W + U = W; Z = (0, -2, 0), before (0, -3, 0); U = W - Z = (0.5, 0, 1.5)
    primal, dual = penalty.update()
    assert penalty.auxiliary[0].tolist() == [0.0, -2.0, 0.0]
    assert penalty.dual[0].tolist() == [0.5, 0.0, 1.5]
    assert primal == pytest.approx((0.25 + 2.25) ** 0.5 / (0.25 + 4 + 2.25) ** 0.5)
    assert dual == pytest.approx(0.5 * 1.0)
    # W + U = (1, -2, 3); Z = (0, 0, 3): the dual variable has won the third weight; U = (1, -2, 0)
    primal, dual = penalty.update()
    assert penalty.auxiliary[0].tolist() == [0.0, 0.0, 3.0]
    assert penalty.dual[0].tolist() == [1.0, -2.0, 0.0]
    assert primal == pytest.approx((0.25 + 4 + 2.25) ** 0.5 / (0.25 + 4 + 2.25) ** 0.5)
    assert dual == pytest.approx(0.5 * (4 + 9) ** 0.5)


def test_the_gradient_is_that_of_the_squared_penalty():
    torch.manual_seed(0)
    weights = {name: nn.Parameter(torch.randn(shape, dtype=torch.float64)) for name, shape in (("a", 5), ("b", (2, 3)))}
    penalty = Admm(weights, [(("a", "b"), 4)], rho=0.3, epochs=1)
    penalty.update()
    penalty.update()
    total = sum(
        (weight - auxiliary + dual).square().sum()
        for weight, auxiliary, dual in zip(weights.values(), penalty.auxiliary, penalty.dual, strict=True)
    )
    (0.3 / 2 * total).backward()
    expected = [weight.grad.clone() for weight in weights.values()]
    for weight in weights.values():
        weight.grad = torch.ones_like(weight)
    penalty.add_gradients()
    for weight, gradient in zip(weights.values(), expected, strict=True):
        assert torch.allclose(weight.grad - 1, gradient, rtol=1e-12, atol=1e-12)
    row = Admm.after_epoch(penalty, 1)
    assert row["penalty"] == pytest.approx(0.15 * total.item(), rel=1e-12)


def test_residuals_stand_in_the_last_epoch_of_an_iteration():
    penalty, _ = admm([1.0, -3.0, 0.0], keep=1, epochs=3)
    rows = [penalty.after_epoch(epoch) for epoch in range(1, 7)]
    assert [row["primal_residual"] is not None for row in rows] == [False, False, True] * 2
    assert [row["dual_residual"] is not None for row in rows] == [False, False, True] * 2
    assert list(rows[0]) == ["primal_residual", "dual_residual", "penalty", "zeros"]
    assert rows[0]["zeros"] == 1 / 3


def test_weights_that_are_not_finite_are_refused():
    penalty, weight = admm([1.0, -3.0, 2.0], keep=1)
    weight.data[0] = float("nan")
    with pytest.raises(PrunesimError, match=r"no longer finite numbers after epoch 1 of ADMM; lower its learning_rate"):
        penalty.after_epoch(1)


def test_norms_are_over_all_tensors():
    assert norm([torch.tensor([3.0]), torch.tensor([[0.0, -4.0]])]) == 5.0


# problems whose solution is known


def solve(design, answers, keep, rho, iterations):
    """Run ADMM on least squares, with the step of W in closed form: ridge regression towards Z - U."""
    weight = nn.Parameter(torch.linalg.lstsq(design, answers[:, None]).solution[:, 0])
    penalty = Admm({"w": weight}, [(("w",), keep)], rho, epochs=1)
    gram = design.T @ design + rho * torch.eye(design.shape[1], dtype=torch.float64)
    for _ in range(iterations):
        right = design.T @ answers + rho * (penalty.auxiliary[0] - penalty.dual[0])
        weight.data = torch.linalg.solve(gram, right)
        # That is where the gradient of loss and penalty together is zero.
        weight.grad = design.T @ (design @ weight.data - answers)
        penalty.add_gradients()
        assert weight.grad.abs().max() < 1e-9
        residuals = penalty.update()
    return weight.data.numpy(), penalty.auxiliary[0].numpy(), residuals


def problem(orthogonal, seed=0):
    rng = np.random.default_rng(seed)
    design = rng.normal(size=(20, 6))
    if orthogonal:
        design = np.linalg.qr(design)[0]
    return torch.tensor(design), torch.tensor(design @ rng.normal(size=6) + 0.1 * rng.normal(size=20))


@pytest.mark.parametrize("keep", range(1, 7))
def test_on_an_orthogonal_design_the_solution_is_the_projection(keep):
    """|y - Xw|^2 differs by a constant from |X'y - w|^2, so the best k-sparse w is X'y cut to k values."""
    design, answers = problem(orthogonal=True)
    weight, auxiliary, residuals = solve(design, answers, keep, rho=2.0, iterations=100)
    (expected,) = project([design.T @ answers], keep)
    assert np.count_nonzero(expected.numpy()) == keep
    assert auxiliary == pytest.approx(expected.numpy(), abs=1e-9)
    assert weight == pytest.approx(expected.numpy(), abs=1e-9)
    assert max(residuals) < 1e-9


@pytest.mark.parametrize("keep", [1, 2, 3, 5])
def test_least_squares_with_few_nonzeros_against_all_supports(keep):
    """A linear model of which a few coefficients are not zero, and noise: the best of all supports is found."""
    rng = np.random.default_rng(keep)
    design, truth = rng.normal(size=(20, 6)), np.zeros(6)
    truth[rng.permutation(6)[:keep]] = rng.choice([-1, 1], keep) * rng.uniform(1, 2, keep)
    answers = design @ truth + 0.1 * rng.normal(size=20)
    weight, auxiliary, residuals = solve(torch.tensor(design), torch.tensor(answers), keep, rho=20.0, iterations=300)
    best = None
    for support in itertools.combinations(range(6), keep):
        inside, *_ = np.linalg.lstsq(design[:, support], answers, rcond=None)
        loss = ((design[:, support] @ inside - answers) ** 2).sum()
        if best is None or loss < best[0]:
            best = (loss, support, inside)
    assert tuple(np.flatnonzero(auxiliary)) == best[1]
    assert auxiliary[list(best[1])] == pytest.approx(best[2], abs=1e-9)
    assert weight == pytest.approx(auxiliary, abs=1e-9)
    assert max(residuals) < 1e-9


def test_gradient_steps_find_the_ridge_solution():
    """Step 1 as training does it: (X'X + rho) w = X'y + rho (Z - U)."""
    design, answers = problem(orthogonal=False)
    penalty, weight = admm([1.0, 2.0, 3.0, -4.0, 5.0, 6.0], keep=3, rho=0.7)
    penalty.update()
    for _ in range(1000):
        weight.grad = design.T @ (design @ weight.data - answers)
        penalty.add_gradients()
        weight.data -= 0.02 * weight.grad
    right = design.T @ answers + 0.7 * (penalty.auxiliary[0] - penalty.dual[0])
    expected = torch.linalg.solve(design.T @ design + 0.7 * torch.eye(6, dtype=torch.float64), right)
    assert weight.data.numpy() == pytest.approx(expected.numpy(), abs=1e-9)
