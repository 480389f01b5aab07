"""The declared properties of each measure, asserted both ways, and what neurons and numbers may do to it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prunesim.similarity import MEASURES, compare_pairs

from .data import related, row, value

SEEDS = st.integers(0, 2**32 - 1)
WIDTHS = st.integers(2, 9)
few = settings(max_examples=15, deadline=None, derandomize=True)

# Seeds below pick maps; a declared "no" must show with most of them, a "yes" with all.
VISIBLE = 1e-4


def rotation(p, rng):
    q, r = np.linalg.qr(rng.standard_normal((p, p)))
    return q * np.sign(np.diag(r))


def invertible(p, rng):
    return rotation(p, rng) * np.geomspace(0.2, 5, p) @ rotation(p, rng)


MAPS = {
    "orthogonal": lambda x, rng: x @ rotation(x.shape[1], rng),
    "permutation": lambda x, rng: x[:, rng.permutation(x.shape[1])],
    "isotropic_scaling": lambda x, rng: x * 10 ** rng.uniform(-2, 2),
    "translation": lambda x, rng: x + 3 * x.std() * rng.standard_normal(x.shape[1]),
    "invertible": lambda x, rng: x @ invertible(x.shape[1], rng),
}


def both_sides(x, y, change, rng):
    """Return the pair with the map on the first and with it on the second network."""
    return (change(x, rng), y), (x, change(y, rng))


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("name", MAPS)
@few
@given(seed=SEEDS, p=WIDTHS, q=WIDTHS)
def test_declared_invariance_holds(measure, name, seed, p, q):
    if not getattr(MEASURES[measure], name):
        return
    x, y = related(n=60, p=p, q=q, seed=seed)
    before = value(x, y, measure)
    for pair in both_sides(x, y, MAPS[name], np.random.default_rng(seed)):
        assert value(*pair, measure) == pytest.approx(before, abs=1e-7)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("name", MAPS)
def test_what_is_not_declared_does_not_hold(measure, name):
    if getattr(MEASURES[measure], name):
        return
    changed = []
    for seed in range(10):
        x, y = related(n=60, p=6, q=8, seed=seed)
        # The match of subspaces moves in steps: its whole curve has one somewhere.
        variants = [{"epsilon": e} for e in np.linspace(0.1, 0.9, 9)] if measure == "subspace_match" else [{}]
        pairs = both_sides(x, y, MAPS[name], np.random.default_rng(seed))
        before = [value(x, y, measure, **variant) for variant in variants]
        after = [[value(*pair, measure, **variant) for variant in variants] for pair in pairs]
        changed.append(np.abs(np.subtract(after, before)).max() > VISIBLE)
    assert sum(changed) >= 8, f"{measure} looks invariant: {name}"


@pytest.mark.parametrize("measure", MEASURES)
def test_declared_symmetry_both_ways(measure):
    differences = []
    for seed in range(10):
        x, y = related(n=60, p=5, q=8, seed=seed)
        differences.append(abs(value(x, y, measure) - value(y, x, measure)))
    if MEASURES[measure].symmetric:
        assert max(differences) < 1e-9
    else:
        assert sum(difference > VISIBLE for difference in differences) >= 8


@pytest.mark.parametrize("measure", MEASURES)
@few
@given(seed=SEEDS, p=WIDTHS, q=WIDTHS, noise=st.sampled_from([0.01, 1.0, 30.0]))
def test_range(measure, seed, p, q, noise):
    low, high = MEASURES[measure].bounds
    found = value(*related(n=40, p=p, q=q, seed=seed, noise=noise), measure)
    assert low - 1e-12 <= found <= high + 1e-12


@pytest.mark.parametrize("measure", MEASURES)
@few
@given(seed=SEEDS, p=WIDTHS, exponent=st.integers(-6, 6), offset=st.sampled_from([0.0, 1e4]))
def test_a_layer_is_as_similar_to_itself_as_can_be(measure, seed, p, exponent, offset):
    x, _ = related(n=60, p=p, seed=seed)
    x = x * 10.0**exponent
    best = 1 if MEASURES[measure].larger_is_more_similar else 0
    moved = x + offset * 10.0**exponent if MEASURES[measure].translation else x
    assert value(x, moved, measure) == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("measure", MEASURES)
def test_larger_is_more_similar(measure):
    near, far = (value(*related(n=150, p=6, q=6, noise=noise), measure) for noise in (0.1, 3.0))
    assert near != far
    assert (near > far) == MEASURES[measure].larger_is_more_similar


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_scales_and_an_offset_of_ten_thousand(measure, scale):
    x, y = related(n=100)
    offset = 1e4 if MEASURES[measure].translation else 0
    assert value(x * scale, (y + offset) * scale, measure) == pytest.approx(value(x, y, measure), abs=1e-7)


@pytest.mark.parametrize("measure", [name for name, measure in MEASURES.items() if measure.invertible])
def test_cca_does_not_depend_on_the_units_of_single_neurons(measure):
    x, y = related(n=100)
    units = np.geomspace(1e-6, 1e6, x.shape[1])
    assert value(x * units, y, measure) == pytest.approx(value(x, y, measure), abs=1e-9)
    assert row(x * units, y, measure)["rank_a"] == x.shape[1]


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_types_of_numbers(measure, dtype):
    x, y = (z.astype(dtype) for z in related(n=100))
    exact = value(x.astype(np.float64), y.astype(np.float64), measure)
    assert value(x, y, measure) == pytest.approx(exact, abs=1e-9)
    assert value(np.asfortranarray(x), y[::1], measure) == pytest.approx(exact, abs=1e-9)


def test_whole_numbers_are_taken():
    x, y = (np.round(10 * z).astype(np.uint8) for z in related(n=100))
    exact = value(x.astype(float), y.astype(float), "cka_linear")
    assert value(x, y, "cka_linear") == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("constant", [0.0, 1.0, 1e4 / 3])
def test_dead_and_constant_neurons_change_nothing(measure, constant):
    x, y = related(n=100)
    padded = np.column_stack([x[:, :3], np.full(100, constant), x[:, 3:]])
    before, after = row(x, y, measure), row(padded, y, measure)
    assert after["rank_a"] == before["rank_a"] == 7
    if measure == "subspace_match":
        # Its denominator counts all neurons, and a constant that is not 0 is a vector like any other.
        assert after["value"] != before["value"] or before["value"] == 0 or constant
    else:
        assert after["value"] == pytest.approx(before["value"], abs=1e-9)


def test_a_neuron_that_is_almost_dead_counts():
    x, y = related(n=200)
    rare = np.zeros(200)
    rare[17] = 1e-3
    assert row(np.column_stack([x, rare]), y, "cca_mean")["rank_a"] == 8


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_duplicates_and_linear_combinations_change_cca_only_in_width(dtype):
    x, y = (z.astype(dtype) for z in related(n=100))
    combined = np.column_stack([x, x[:, 0], 2 * x[:, 1] + x[:, 2]])
    before, after = row(x, y, "cca_mean"), row(combined, y, "cca_mean")
    assert after["rank_a"] == 7
    assert after["value"] == pytest.approx(before["value"], abs=1e-6)
    # CKA and NBS weigh directions by variance, so a duplicate counts twice.
    assert abs(value(combined, y, "cka_linear") - value(x, y, "cka_linear")) > VISIBLE
    assert abs(value(combined, y, "nbs") - value(x, y, "nbs")) > VISIBLE


@pytest.mark.parametrize("dead", [np.zeros((50, 4)), np.full((50, 4), 0.1), np.full((50, 4), 1e6, dtype=np.float32)])
def test_a_layer_without_variance_has_no_value_and_says_why(dead):
    x, _ = related(n=50)
    for pair in ((dead, x), (x, dead), (dead, dead)):
        for entry in compare_pairs(pair, [(0, 1)], "all"):
            assert entry["value"] is None
            assert entry["ci_low"] is None
            assert entry["null"] is None
            assert "no variance" in entry["note"]
            assert 0 in (entry["rank_a"], entry["rank_b"])
