"""Kernel measures: which samples, ties, left-out blocks."""

import numpy as np
import pytest

from prunesim.similarity import compare_pairs
from prunesim.similarity.kernels import (
    cka_rbf,
    mutual_knn,
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
    found = prepare_neighbours(x, None, neighbours=3)[0]
    assert found[0].tolist() == [1, 2, 3]
    assert found[2].tolist() == [0, 1, 3]
    assert found[12].tolist() == [8, 9, 10]
    distances = squared_distances(np.random.default_rng(0).integers(0, 3, (60, 2)))
    np.fill_diagonal(distances, np.inf)
    assert np.array_equal(nearest(distances, 7), np.argsort(distances, axis=1, kind="stable")[:, :7])


@pytest.mark.parametrize("sizes", [[20] * 6, [5, 40, 30, 25, 10, 10]])
@pytest.mark.parametrize(("prepare", "measure"), [(prepare_rbf, cka_rbf), (prepare_neighbours, mutual_knn)])
def test_left_out_blocks_are_as_if_they_had_never_been(prepare, measure, sizes):
    x, y = related(n=120)
    blocks = np.random.default_rng(0).permutation(np.repeat(np.arange(6), sizes))
    values = measure(prepare(x, blocks), prepare(y, blocks), blocks)
    assert len(values) == 7
    assert values[0] == pytest.approx(measure(prepare(x, None), prepare(y, None), None)[0], abs=1e-12)
    for block in range(6):
        kept = blocks != block
        if measure is mutual_knn:
            expected = routes.mutual_knn(x[kept], y[kept])
        else:
            kernels = [np.exp(-routes.distances(z) / (2 * np.median(routes.distances(z)))) for z in (x, y)]
            n = kept.sum()
            h = np.eye(n) - np.ones((n, n)) / n
            k, l = (h @ kernel[np.ix_(kept, kept)] @ h for kernel in kernels)  # noqa: E741
            expected = (k * l).sum() / np.sqrt((k * k).sum() * (l * l).sum())
        assert values[block + 1] == pytest.approx(expected, abs=1e-10)


def test_neighbours_all_in_one_block_are_replaced_by_farther_ones():
    rng = np.random.default_rng(0)
    # Images are tight clusters: without its block a sample's neighbours are all of other images.
    x = np.repeat(rng.standard_normal((6, 3)) * 100, 100, axis=0) + rng.standard_normal((600, 3))
    blocks = np.repeat(np.arange(6), 100)
    stack = prepare_neighbours(x, blocks, neighbours=5)
    assert (stack[1][:100] == -1).all()
    assert (stack[1][100:] >= 100).all()


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
