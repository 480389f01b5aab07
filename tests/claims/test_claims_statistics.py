"""Intervals, p-values, Holm's correction and the number of replicates, against numbers by hand and scipy."""

import numpy as np
import pytest
from scipy import stats

from prunesim.results.claims.statistics import holm, interval, p_value, replicates_needed, verdict

VALUES = [0.03, 0.01, 0.02]


def test_interval_without_shared_noise_is_that_of_student():
    assert interval(VALUES) == pytest.approx((0.02, 0.02 - 4.302653 * 0.01 / 3**0.5, 0.02 + 4.302653 * 0.01 / 3**0.5))
    assert np.isnan(interval([0.1], 0.01)[1:]).all()
    assert np.isnan(interval([])).all()


def test_shared_noise_is_added_in_quadrature():
    mean, low, high = interval(VALUES, 0.0004)
    half = np.hypot(4.302653 * 0.01 / 3**0.5, 1.959964 * 0.02)
    assert (mean, low, high) == pytest.approx((0.02, 0.02 - half, 0.02 + half))


@pytest.mark.parametrize("bound", [0.0, 0.019, 0.5])
def test_p_value_is_that_of_the_t_test(bound):
    assert p_value(VALUES, bound) == pytest.approx(stats.ttest_1samp(VALUES, bound).pvalue)


@pytest.mark.parametrize("variance", [1e-9, 1e-5, 1e-3])
def test_p_value_and_interval_say_the_same(variance):
    _, low, high = interval(VALUES, variance)
    assert p_value(VALUES, low, variance) == pytest.approx(0.05)
    assert p_value(VALUES, high, variance) == pytest.approx(0.05)
    assert p_value(VALUES, low - 0.001, variance) < 0.05 < p_value(VALUES, low + 0.001, variance)


def test_p_value_where_there_is_little_to_say():
    assert np.isnan(p_value([0.1], 0.0))
    assert p_value([0.1, 0.1], 0.1) == 1.0
    assert p_value([0.1, 0.1], 0.0) == 0.0
    # Without spread only the images are left: a normal distribution.
    assert p_value([0.1, 0.1], 0.0, 0.0025) == pytest.approx(2 * stats.norm.sf(2))


def test_holm_by_hand():
    """Of Holm's paper: the smallest times 4, then times 3, and never below what came before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.01, np.nan, 0.9]) == pytest.approx([0.02, np.nan, 0.9], nan_ok=True)
    assert len(holm([])) == 0


def test_an_error_among_all_claims_is_as_rare_as_for_one():
    """Twelve claims of three replicates, none of them true, in pairs that depend on each other."""
    rng = np.random.default_rng(3)
    studies, claims = 1500, 12
    alone = corrected = 0
    for _ in range(studies):
        noise = rng.normal(size=(claims, 3))
        noise[1::2] += 2 * noise[::2]
        p = [p_value(values, 0.0) for values in noise]
        alone += min(p) < 0.05
        corrected += (holm(p) < 0.05).any()
    assert alone / studies > 0.3
    # 75 of 1500 at most are expected; 102 or more would happen about once in a thousand times.
    assert corrected < 102


def test_replicates_that_would_decide():
    """At n = 5: (t_0.975 + t_0.8) / sqrt(5) = (2.776 + 0.941) / 2.236 = 1.66; at n = 4: (3.182 + 0.978) / 2 = 2.08."""
    values = np.array([0.0, 1.0, 2.0])  # standard deviation 1
    assert replicates_needed(values, 1 - 1.7) == 5
    assert replicates_needed(values, 1 - 2.1) == 4
    assert replicates_needed(values, 1 + 2.1) == 4
    assert replicates_needed(values, 1 - 1.7, claims=6) > 5
    assert replicates_needed(values, 1 - 1.7, image_variance=0.1) > 5
    assert replicates_needed(values, 1 - 0.1) == np.inf
    assert replicates_needed(values, 1 - 1.7, image_variance=1.0) == np.inf
    assert np.isnan(replicates_needed([1.0], 0.0))
    assert replicates_needed([1.0, 1.0], 0.0) == 2


def test_replicates_that_would_decide_do_so_four_times_in_five():
    rng = np.random.default_rng(0)
    needed = int(replicates_needed(np.array([0.0, 1.0, 2.0]), 1 - 0.8))
    decided = [p_value(rng.normal(1.0, 1.0, needed), 1 - 0.8) < 0.05 for _ in range(1500)]
    assert np.mean(decided) == pytest.approx(0.8, abs=0.04)


@pytest.mark.parametrize(
    ("low", "high", "bound", "below", "expected"),
    [
        (0.1, 0.2, 0.0, False, "supported"),
        (0.1, 0.2, 0.0, True, "contradicted"),
        (-0.1, 0.2, 0.0, True, "inconclusive"),
    ],
)
def test_verdict(low, high, bound, below, expected):
    assert verdict(low, high, bound, below) == expected
