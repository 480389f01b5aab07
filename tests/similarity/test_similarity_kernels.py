"""Kernel measures: which samples, ties, left-out blocks."""

import numpy as np
import pytest
from scipy import stats

from prunesim.similarity import compare_pairs
from prunesim.similarity.kernels import (
    cka_rbf,
    nearest,
    prepare_neighbours,
    prepare_rbf,
    sampled_rows,
    squared_distances,
)

from . import routes
from .data import related, row, value


def test_distances_are_exact_for_equal_samples_and_far_from_zero():
    x, _ = related(n=40)
    x = np.concatenate([x, x[:5], np.zeros((3, 7))]) + 1e4
    found = squared_distances(x)
    expected = routes.distances(x)
    scale = found[0, 1] / expected[0, 1]
    assert found == pytest.approx(expected * scale, abs=1e-10)
    assert np.array_equal(found, found.T)
    assert (np.diag(found) == 0).all()
    assert (found[:5, 40:45].diagonal() == 0).all()
    assert np.array_equal(found[:, :5], found[:, 40:45])


def test_all_samples_up_to_the_maximum_then_spread_over_images():
    rng = np.random.default_rng(0)
    assert np.array_equal(sampled_rows(200, 10, rng), np.arange(2000))
    rows = sampled_rows(300, 100, rng, maximum=2000)
    assert len(np.unique(rows)) == 2000
    images, counts = np.unique(rows // 100, return_counts=True)
    assert len(images) == 300
    assert set(counts) == {6, 7}
    assert len(np.unique(rows % 100)) == 100
    assert len(np.unique(sampled_rows(5000, 3, rng) // 3)) == 2000


def test_more_samples_than_the_maximum_use_a_seeded_subset():
    x, y = related(n=2500)
    first, second = (
        compare_pairs([x, y], [(0, 1)], ["cka_rbf", "cka_linear"], seed=seed, blocks=0, draws=0) for seed in (0, 1)
    )
    assert [entry["n_samples"] for entry in first] == [2000, 2500]
    assert first[0]["value"] != second[0]["value"]
    assert first[0]["value"] == pytest.approx(second[0]["value"], abs=0.05)
    assert first[1]["value"] == pytest.approx(second[1]["value"], abs=1e-12)


def test_equal_distances_are_ordered_by_row():
    x = np.repeat(np.array([[0.0], [1.0]]), 8, axis=0)
    found = prepare_neighbours(x, None, neighbours=3)
    assert found[0].tolist() == [1, 2, 3]
    assert found[2].tolist() == [0, 1, 3]
    assert found[12].tolist() == [8, 9, 10]
    distances = squared_distances(np.random.default_rng(0).integers(0, 3, (60, 2)))
    np.fill_diagonal(distances, np.inf)
    assert np.array_equal(nearest(distances, 7), np.argsort(distances, axis=1, kind="stable")[:, :7])


@pytest.mark.parametrize("sizes", [[20] * 6, [5, 40, 30, 25, 10, 10]])
def test_left_out_blocks_are_as_if_they_had_never_been(sizes):
    x, y = related(n=120)
    blocks = np.random.default_rng(0).permutation(np.repeat(np.arange(6), sizes))
    values = cka_rbf(prepare_rbf(x, blocks), prepare_rbf(y, blocks), blocks)
    assert len(values) == 7
    assert values[0] == pytest.approx(cka_rbf(prepare_rbf(x, None), prepare_rbf(y, None), None)[0], abs=1e-12)
    kernels = [np.exp(-routes.distances(z) / (2 * np.median(routes.distances(z)))) for z in (x, y)]
    for block in range(6):
        kept = blocks != block
        n = kept.sum()
        h = np.eye(n) - np.ones((n, n)) / n
        k, l = (h @ kernel[np.ix_(kept, kept)] @ h for kernel in kernels)  # noqa: E741
        expected = (k * l).sum() / np.sqrt((k * k).sum() * (l * l).sum())
        assert values[block + 1] == pytest.approx(expected, abs=1e-10)


def test_neighbours_vary_as_their_interval_says():
    """The width that a sample gives for its value, against how much the values of 200 samples differ."""
    rng = np.random.default_rng(0)
    values, widths = [], []
    for _ in range(200):
        x = rng.standard_normal((300, 4))
        y = x + 0.5 * rng.standard_normal((300, 4))
        found = row(x, y, "mutual_knn", blocks=20)
        values.append(found["value"])
        widths.append(found["ci_high"] - found["ci_low"])
    assert np.mean(widths) / (2 * stats.t.ppf(0.975, 19)) == pytest.approx(np.std(values), rel=0.15)


def test_neighbours_of_a_layer_with_itself_do_not_vary():
    x, _ = related(n=200)
    found = row(x, x, "mutual_knn", blocks=20)
    assert (found["value"], found["ci_low"], found["ci_high"]) == (1, 1, 1)


def test_bandwidth_and_neighbours_are_settings():
    x, y = related()
    assert len({value(x, y, "cka_rbf", bandwidth=bandwidth) for bandwidth in (0.3, 1, 100)}) == 3
    assert value(x, y, "cka_rbf", bandwidth=1e3) == pytest.approx(value(x, y, "cka_linear"), abs=2e-3)
    assert value(x, y, "mutual_knn", neighbours=3) == pytest.approx(routes.mutual_knn(x, y, 3), abs=1e-12)


def test_no_median_no_value():
    x, y = related(n=100)
    x[:80] = 0
    found = row(x, y, "cka_rbf", blocks=10, draws=2)
    assert found["value"] is None
    assert "median distance is 0" in found["note"]
