"""Measures of answers: against values by hand, SciPy, and samples with images left out."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.special import softmax as scipy_softmax

from prunesim.similarity.functional import (
    MEASURES,
    accuracy,
    calibration_error,
    class_accuracies,
    compare_answers,
    cross_entropy,
    divergences,
    least_disagreement,
    most_disagreement,
    softmax,
)
from prunesim.similarity.jackknife import jackknife_interval
from prunesim.similarity.moments import block_edges, image_order


def answers(n=200, classes=10, seed=0, noise=1.0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    common = 2 * np.eye(classes)[labels] + rng.standard_normal((n, classes))
    first, second = ((common + noise * rng.standard_normal((n, classes))).astype(np.float32) for _ in range(2))
    return first, second, labels


def by_name(*arguments, **options):
    return {row["measure"]: row for row in compare_answers(*arguments, **options)}


def test_values_by_hand():
    first = np.log([[0.5, 0.5], [0.75, 0.25], [0.25, 0.75], [1.0, 1e-300]])
    second = np.log([[0.5, 0.5], [0.25, 0.75], [0.25, 0.75], [1e-300, 1.0]])
    found = by_name(first, second, [0, 0, 1, 0], blocks=0, draws=0)
    middle = 0.75 * np.log2(0.75 / 0.5) + 0.25 * np.log2(0.25 / 0.5)
    assert found["jsd"]["value"] == pytest.approx((0 + middle + 0 + 1) / 4, abs=1e-12)
    assert found["agreement"]["value"] == found["disagreement"]["value"] == 0.5
    # Right are 4 of 4 and 2 of 4.
    assert found["disagreement_least"]["value"] == 0.5
    assert found["disagreement_most"]["value"] == 0.5


def test_the_divergence_is_that_of_scipy():
    first, second, _ = answers()
    p, q = (scipy_softmax(np.float64(logits), axis=1) for logits in (first, second))
    np.testing.assert_allclose(softmax(first), p, atol=1e-15)
    np.testing.assert_allclose(divergences(p, q), jensenshannon(p, q, base=2, axis=1) ** 2, atol=1e-12)
    assert divergences(p, p).max() == 0
    far = np.array([[1e4, 0.0, -1e4]], dtype=np.float32)
    assert divergences(softmax(far), softmax(-far)) == pytest.approx(1)


@pytest.mark.parametrize("classes", [2, 3])
def test_limits_of_disagreement_are_reached_and_never_passed(classes):
    """Over all answers of two networks to four images."""
    labels = np.zeros(4, dtype=int)
    every = np.stack(np.meshgrid(*[np.arange(classes)] * 4), axis=-1).reshape(-1, 4)
    right = (every == labels).mean(axis=1)
    for a in np.unique(right):
        for b in np.unique(right):
            pairs = [
                (every[i] != every[j]).mean() for i in np.flatnonzero(right == a) for j in np.flatnonzero(right == b)
            ]
            assert min(pairs) == least_disagreement(a, b)
            assert max(pairs) == most_disagreement(a, b, classes)


def test_intervals_are_those_of_left_out_blocks():
    first, second, labels = answers(n=203)
    found = by_name(first, second, labels, blocks=20, draws=0, seed=3)
    edges = block_edges(203, 20)
    blocks = np.split(image_order(203, 3, "blocks"), edges[1:-1])
    for name in MEASURES:
        without = []
        for block in blocks:
            left = np.setdiff1d(np.arange(203), block)
            without.append(by_name(first[left], second[left], labels[left], blocks=0, draws=0)[name]["value"])
        value = by_name(first, second, labels, blocks=0, draws=0)[name]["value"]
        low, high = jackknife_interval(value, np.array(without) - value, np.diff(edges), bounds=(0, 1))
        assert found[name]["value"] == value
        assert (found[name]["ci_low"], found[name]["ci_high"]) == pytest.approx((low, high), abs=1e-9)
    few = by_name(first[:4], second[:4], labels[:4])["agreement"]
    assert few["ci_low"] is None
    assert "4 blocks of images" in few["note"]


def test_the_null_is_agreement_by_chance():
    first, second, labels = answers(n=2000, noise=0.3)
    found = by_name(first, second, labels, draws=40)
    shares = [np.bincount(logits.argmax(axis=1), minlength=10) / 2000 for logits in (first, second)]
    assert found["agreement"]["null"] == pytest.approx(shares[0] @ shares[1], abs=0.01)
    assert found["agreement"]["p_value"] == found["jsd"]["p_value"] == 1 / 41
    assert 0 < found["agreement"]["calibrated"] < found["agreement"]["value"]
    assert found["disagreement"]["calibrated"] == pytest.approx(found["agreement"]["calibrated"])
    same = by_name(first, first, labels, draws=40)
    assert same["agreement"]["calibrated"] == same["jsd"]["calibrated"] == 1
    assert found["disagreement_least"]["null"] is found["disagreement_most"]["p_value"] is None


def test_calibration_error_by_hand():
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.62, 0.38], [0.35, 0.65]])
    labels = np.array([0, 1, 0, 1])
    # Bins (13/15, 14/15] and (9/15, 10/15]: half of two are right at 0.9; both at 0.62 and 0.65.
    expected = 2 / 4 * abs(0.5 - 0.9) + 2 / 4 * abs(1 - (0.62 + 0.65) / 2)
    assert calibration_error(np.log(probabilities), labels) == pytest.approx(expected)
    assert calibration_error(np.array([[50.0, 0.0]]), np.array([0])) == pytest.approx(0)
    assert calibration_error(np.array([[50.0, 0.0]]), np.array([1])) == pytest.approx(1)


def test_calibration_error_against_one_bin_after_the_other():
    logits, _, labels = answers(n=500)
    probabilities = scipy_softmax(np.float64(logits), axis=1)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    error = 0
    for k in range(15):
        here = (confidence > k / 15) & (confidence <= (k + 1) / 15)
        if here.any():
            error += here.mean() * abs(right[here].mean() - confidence[here].mean())
    assert calibration_error(logits, labels) == pytest.approx(error, abs=1e-12)


def test_accuracy_of_classes_and_cross_entropy():
    logits, _, labels = answers(n=300, classes=5)
    labels[labels == 3] = 2  # a class without images
    images, right = class_accuracies(logits, labels, 5)
    assert images.tolist() == [int((labels == k).sum()) for k in range(5)]
    assert np.isnan(right[3])
    assert np.nansum(images * right) / 300 == pytest.approx(accuracy(logits, labels))
    chosen = scipy_softmax(np.float64(logits), axis=1)[np.arange(300), labels]
    assert cross_entropy(logits, labels) == pytest.approx(-np.log(chosen).mean())
