"""Calibrated scores and p-values."""

import numpy as np
import pytest

from prunesim.similarity import MEASURES, compare_pairs
from prunesim.similarity.calibration import MINIMUM_DRAWS, calibrated, p_value, score

from .data import related, row

pytestmark = pytest.mark.slow


def test_score_and_p_value_by_hand():
    drawn = [i / 100 for i in range(19)]
    # Of 20 numbers the 19th is tau: the largest draw where the value is above all.
    assert score(0.58, drawn, 1.0) == pytest.approx((0.58 - 0.18) / (1 - 0.18))
    assert p_value(0.58, drawn) == 1 / 20
    # The value is the 19th itself.
    assert score(0.175, drawn, 1.0) == 0
    assert p_value(0.175, drawn) == 2 / 20
    assert p_value(-1.0, drawn) == 1
    drawn = [i / 1000 for i in range(200)]
    # Rank ceil(0.95 * 201) = 191 of 201.
    assert score(0.5, drawn, 1.0) == pytest.approx((0.5 - 0.190) / (1 - 0.190))
    assert score(0.1, drawn, 1.0) == 0
    assert p_value(0.1, drawn) == (1 + 100) / 201
    assert score(1.0, [1.0] * 30, 1.0) == 0
    assert p_value(1.0, [1.0 - 1e-9] * 30) == 1


def test_too_few_draws_have_a_p_value_and_no_score():
    assert MINIMUM_DRAWS == 19
    assert score(0.9, [0.1] * 18, 1.0) is None
    assert score(0.9, [0.1] * 19, 1.0) is not None
    found = row(*related(), "cka_linear", draws=5)
    assert found["p_value"] == 1 / 6
    assert found["calibrated"] is None
    without = row(*related(), "cka_linear", draws=0)
    assert without["p_value"] is without["calibrated"] is None


def test_a_distance_is_mirrored():
    x, y = related(n=120)
    similarity, distance = (row(x, y, name, draws=40) for name in ("nbs", "procrustes_distance"))
    assert distance["calibrated"] == pytest.approx(similarity["calibrated"], abs=1e-12)
    assert distance["p_value"] == similarity["p_value"] == 1 / 41
    assert row(x, x, "procrustes_distance", draws=40)["calibrated"] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_has_them_from_its_draws(measure):
    x, y = related(n=150, p=4, q=5)
    found = row(x, y, measure, draws=25)
    sign = 1 if MEASURES[measure].larger_is_more_similar else -1
    pooled = np.sort(sign * np.array([*found["drawn"], found["value"]]))
    tau, best = pooled[24], sign * MEASURES[measure].bounds[1 if sign > 0 else 0]
    expected = max(0, sign * found["value"] - tau) / (best - tau) if best > tau else 0
    assert found["calibrated"] == pytest.approx(expected, abs=1e-9)
    reached = np.sum(sign * np.array(found["drawn"]) >= sign * found["value"] - 1e-6)
    assert found["p_value"] == (1 + reached) / 26
    assert (found["calibrated"] > 0) <= (found["p_value"] <= 0.05)
    exchanged = row(x, y[np.random.default_rng(1).permutation(150)], measure, draws=25)
    assert exchanged["calibrated"] < 0.1


def test_without_a_value_or_a_null_there_is_neither():
    measure = MEASURES["cka_linear"]
    for blank in ({"value": None, "null": None, "drawn": []}, {"value": 0.5, "null": None, "drawn": [float("nan")]}):
        assert calibrated(blank, measure) == blank | {"calibrated": None, "p_value": None}


def unrelated(pairs, n_images, width, rows_per_image=1):
    """Return pairs of layers that have nothing in common, correlated within a layer and within an image."""
    rng = np.random.default_rng(width)
    layers = []
    for _ in range(2 * pairs):
        sources = rng.standard_normal((n_images, 1, 5)) + 0.5 * rng.standard_normal((n_images, rows_per_image, 5))
        layer = sources.reshape(-1, 5) @ rng.standard_normal((5, width))
        layers.append(np.maximum(layer + rng.standard_normal(layer.shape), 0))
    return layers, [(2 * i, 2 * i + 1) for i in range(pairs)]


@pytest.mark.parametrize(
    ("width", "n_images", "rows_per_image", "measures"),
    [
        (16, 40, 1, ["cca_mean"]),
        (16, 20, 3, ["cka_linear_debiased"]),
        (64, 20, 1, ["procrustes_distance"]),
        (256, 20, 1, ["cka_linear"]),
        (512, 20, 1, ["cka_linear"]),
    ],
)
def test_unrelated_layers_are_found_related_as_often_as_the_level_says(width, n_images, rows_per_image, measures):
    pairs = 400
    layers, ends = unrelated(pairs, n_images, width, rows_per_image)
    found = compare_pairs(layers, ends, measures, rows_per_image=rows_per_image, blocks=0, draws=19)
    for name in measures:
        rows = [entry for entry in found if entry["measure"] == name]
        assert 0.03 <= np.mean([entry["p_value"] <= 0.05 for entry in rows]) <= 0.07, name
        assert 0.03 <= np.mean([entry["calibrated"] > 0 for entry in rows]) <= 0.07, name


def test_draws_in_several_passes_are_those_of_one(monkeypatch):
    x, y = related(n=100)
    once = row(x, y, "cka_linear", draws=23)
    monkeypatch.setattr("prunesim.similarity.nulls.COLUMNS_AT_ONCE", 1)
    several = row(x, y, "cka_linear", draws=23)
    assert several["drawn"] == pytest.approx(once["drawn"], abs=1e-12)
    assert len(set(once["drawn"])) == 23
