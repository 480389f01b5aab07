"""How many weights a round leaves, against counts by hand."""

from fractions import Fraction

import numpy as np
import pytest

from prunesim.errors import PrunesimError
from prunesim.pruning.criteria import prune
from prunesim.pruning.targets import erk_counts, targets

SHAPES = {"a.weight": (4, 5), "b.weight": (10, 10), "c.weight": (3, 20)}
ALL = {"a.weight": 20, "b.weight": 100, "c.weight": 60}
SOME = {"a.weight": 10, "b.weight": 51, "c.weight": 7}


@pytest.mark.parametrize(
    ("remaining", "settings", "expected"),
    [
        (SOME, {"scope": "global", "fraction": 0.2}, [(list(ALL), 68 - 14)]),
        (SOME, {"scope": "layer", "fraction": 0.2}, [(["a.weight"], 8), (["b.weight"], 41), (["c.weight"], 6)]),
        (ALL, {"scope": "global", "density": 0.1}, [(list(ALL), 18)]),
        (SOME, {"scope": "global", "density": 0.1}, [(list(ALL), 18)]),
        (ALL, {"scope": "layer", "density": 0.125}, [(["a.weight"], 2), (["b.weight"], 12), (["c.weight"], 8)]),
        (
            SOME,
            {"scope": "global", "density": {"[ab]": 0.1, "b": 0.5}},
            [(["a.weight"], 2), (["b.weight"], 50), (["c.weight"], 7)],
        ),
        (
            SOME,
            {"scope": "layer", "fraction": {"*": 0.2, "c": 0.1}},
            [(["a.weight"], 8), (["b.weight"], 41), (["c.weight"], 6)],
        ),
    ],
)
def test_counts(remaining, settings, expected):
    assert targets(SHAPES, remaining, **settings) == expected


def test_erk_counts_by_hand():
    """Densities go as sum over product of the dimensions: 9/20, 20/100 and 23/60, so counts as 9 : 20 : 23."""
    assert erk_counts(SHAPES, ALL, 26) == {"a.weight": 5, "b.weight": 10, "c.weight": 11}
    # At 78 that would be 13.5, 30, 34.5: the larger remainders, and of equal ones the first by name, are rounded up.
    assert erk_counts(SHAPES, ALL, 78) == {"a.weight": 14, "b.weight": 30, "c.weight": 34}
    # At 130 the first would need 22.5 of 20; the others share the 110 that are left.
    assert erk_counts(SHAPES, ALL, 130) == {"a.weight": 20, "b.weight": 51, "c.weight": 59}


@pytest.mark.parametrize("seed", range(20))
def test_erk_counts_are_exact_and_fall(seed):
    rng = np.random.default_rng(seed)
    shapes = {f"{i}.weight": tuple(map(int, rng.integers(1, 9, rng.choice([2, 4])))) for i in range(6)}
    remaining = {name: int(np.prod(shape)) for name, shape in shapes.items()}
    total = sum(remaining.values())
    while total > 1:
        total = max(1, round(0.7 * total))
        counts = erk_counts(shapes, remaining, total)
        assert sum(counts.values()) == total
        assert all(0 <= counts[name] <= remaining[name] for name in shapes)
        exact = {name: Fraction(counts[name], sum(shapes[name])) for name in shapes if counts[name] < remaining[name]}
        # One factor for all that are not full, up to rounding.
        low = max((Fraction(counts[n] - 1, sum(shapes[n])) for n in exact), default=0)
        high = min((Fraction(counts[n] + 1, sum(shapes[n])) for n in exact), default=1)
        assert low <= high
        remaining = counts


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"scope": "global", "density": 0.002}, "density 0.002 leaves none of the 180 weights of the selected layers"),
        ({"scope": "layer", "density": 0.02}, "density 0.02 leaves none of the 20 weights of a"),
        (
            {"scope": "global", "density": 0.5},
            "asks for 90 of 180 weights of the selected layers, but only 68 are left",
        ),
        ({"scope": "global", "density": {"c": 0.5}}, "asks for 30 of 60 weights of c, but only 7 are left"),
    ],
)
def test_densities_out_of_reach(settings, words):
    with pytest.raises(PrunesimError) as caught:
        targets(SHAPES, SOME, **settings)
    assert words in str(caught.value)


def test_one_shot_equals_the_largest_weights():
    rng = np.random.default_rng(0)
    weights = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in SHAPES.items()}
    mask = {name: np.ones(shape, np.uint8) for name, shape in SHAPES.items()}
    new = prune(weights, mask, criterion="magnitude", scope="global", density=0.3, seed=0)
    every = np.sort(np.concatenate([np.abs(w).ravel() for w in weights.values()]))
    for name in weights:
        assert np.array_equal(new[name] == 1, np.abs(weights[name]) >= every[-54])
