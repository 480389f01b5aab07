"""Intervals and nulls."""

import numpy as np
import pytest
from scipy import stats

from prunesim.similarity import MEASURES, compare_pairs
from prunesim.similarity import layers as layers_module
from prunesim.similarity import pairs as pairs_module
from prunesim.similarity.gradients import influence
from prunesim.similarity.jackknife import half_bias, halves, jackknife_interval, leave_one_out, student_quantile
from prunesim.similarity.moments import accumulate, block_edges, image_order
from prunesim.similarity.pairs import BlockedPair, BlockedSample
from prunesim.similarity.statistics import Network, Pair, stacked

from .data import related, row, value
from .routes import cca_mean

GRADIENTS = [name for name, measure in MEASURES.items() if measure.gradient]
EXACT = [name for name, measure in MEASURES.items() if not measure.gradient]


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 9, 10, 19, 100, 999])
@pytest.mark.parametrize("probability", [0.9, 0.975, 0.995])
def test_student_quantile(freedom, probability):
    assert student_quantile(probability, freedom) == pytest.approx(stats.t.ppf(probability, freedom), rel=1e-9)


def test_the_jackknife_of_a_mean_is_the_interval_of_the_mean():
    sample = np.random.default_rng(0).standard_normal(30)
    left_out = np.array([np.delete(sample, i).mean() for i in range(30)])
    found = jackknife_interval(sample.mean(), left_out - sample.mean(), np.ones(30))
    assert found == pytest.approx(stats.t.interval(0.95, 29, sample.mean(), stats.sem(sample)), abs=1e-12)


def test_blocks_of_unequal_size_weigh_by_it():
    rng = np.random.default_rng(1)
    sizes = np.array([10, 11, 10, 11, 11, 10, 11, 10])
    covered = 0
    for _ in range(400):
        sample = rng.standard_normal(sizes.sum())
        blocks = np.split(sample, np.cumsum(sizes)[:-1])
        changes = [np.concatenate(blocks[:i] + blocks[i + 1 :]).mean() - sample.mean() for i in range(len(blocks))]
        low, high = jackknife_interval(sample.mean(), changes, sizes)
        covered += low <= 0 <= high
    assert 0.92 <= covered / 400 <= 0.98


def test_half_bias_finds_a_bias_inverse_to_the_sample():
    sizes = np.array([3, 4, 3, 4, 4])
    n = sizes.sum()
    values = [0.5 + 2 / n, 0.5 + 2 / sizes[::2].sum(), 0.5 + 2 / sizes[1::2].sum()]
    assert half_bias(values, sizes) == pytest.approx(2 / n)
    assert halves(5).tolist() == [[1, 1, 1, 1, 1], [1, 0, 1, 0, 1], [0, 1, 0, 1, 0]]
    assert leave_one_out(2).tolist() == [[1, 1], [0, 1], [1, 0]]


def test_bounds_cut_intervals():
    low, high = jackknife_interval(0.99, np.array([0.01, -0.01, 0.02, -0.02, 0.0]), np.ones(5), bounds=(0, 1))
    assert high == 1
    assert 0 < low < 0.99


def weighed_down(x, y, by, images=None):
    """Return the `Pair` of the whole sample and the samples in which one block weighs less, and the blocks."""
    edges = block_edges(len(x), 50)
    sample = BlockedSample(accumulate([x, y], edges=edges), edges, len(x), True)
    parts = np.concatenate([np.ones((1, 50)), 1 - by * np.eye(50)])
    networks = [
        Network(stacked(gram, parts), shift) for gram, shift in zip(sample.squares, sample.moments.shifts, strict=True)
    ]
    cross = BlockedPair(sample, 0, 1).cross
    return Pair(*networks, stacked(cross, parts), images, derivatives=True), (*sample.squares, cross)


CASES = [(name, {}) for name in GRADIENTS] + [("pwcca", {"weights": "second"}), ("pwcca", {"weights": "mean"})]
CASES += [("svcca", {"variance": 0.8}), ("svcca", {"directions": 3})]


@pytest.mark.parametrize(("measure", "settings"), CASES)
@pytest.mark.parametrize(("p", "q"), [(7, 9), (9, 7), (1, 4)])
def test_gradients_are_the_derivatives(measure, settings, p, q):
    x, y = related(n=2000, p=p, q=q)
    # With so many images no two correlations are near each other.
    pair, blocks = weighed_down(x, y, by=1e-4, images=10**14)
    values = MEASURES[measure].function(pair, **settings)
    changes = influence(pair, [MEASURES[measure].gradient(pair, **settings)], *blocks)[:, 0]
    exact = (values[1:] - values[0]) / 1e-4
    assert np.linalg.norm(exact) > 1e-4
    assert np.linalg.norm(changes - exact) < 2e-3 * np.linalg.norm(exact)


@pytest.mark.parametrize("measure", GRADIENTS)
def test_gradients_hold_for_dead_and_duplicate_neurons(measure):
    x, y = related(n=2000)
    dead = np.column_stack([x, np.zeros(2000), np.full(2000, 3.0)])
    found, expected = (row(z, y, measure, blocks=20) for z in (dead, x))
    for key in ("ci_low", "ci_high"):
        assert found[key] == pytest.approx(expected[key], abs=1e-7)
    found = row(np.column_stack([x, x[:, 0]]), y, measure, blocks=20)
    assert 0 < found["ci_high"] - found["ci_low"] < 0.3


@pytest.mark.parametrize("measure", GRADIENTS)
def test_intervals_are_as_wide_as_those_of_exact_leaving_out(measure):
    x, y = related(n=4000, p=5, q=6)
    edges = block_edges(4000, 20)
    sample = BlockedSample(accumulate([x, y], edges=edges), edges, 4000, True)
    pair = BlockedPair(sample, 0, 1)
    found = pair.measured({measure: MEASURES[measure]}, {measure: {}})[measure]
    values = MEASURES[measure].function(pair.left_out)
    low, high = jackknife_interval(values[0], values[1:] - values[0], np.full(20, 200))
    assert found["ci_high"] - found["ci_low"] == pytest.approx(high - low, rel=0.1)


@pytest.mark.parametrize("ends", [(0, 1), (1, 0), (0, 0)])
def test_wide_pairs_have_the_intervals_of_others(monkeypatch, ends):
    x, y = related(n=600, p=12, q=15)
    plain = compare_pairs([x, y], [ends], GRADIENTS, blocks=10, draws=0)
    # Wide from here on: blocks in float32, and the derivatives of one measure at a time.
    monkeypatch.setattr(pairs_module, "WIDE", 12)
    monkeypatch.setattr(pairs_module, "GRADIENT_BYTES", 1)
    for before, after in zip(plain, compare_pairs([x, y], [ends], GRADIENTS, blocks=10, draws=0), strict=True):
        assert after["value"] == pytest.approx(before["value"], abs=1e-12)
        assert [after[key] for key in ("ci_low", "ci_high")] == pytest.approx(
            [before[key] for key in ("ci_low", "ci_high")], abs=1e-6
        )
        assert (after["ci_low"], after["ci_high"]) != (before["ci_low"], before["ci_high"]) or ends == (0, 0)


# What mutual_knn does instead has tests of its own, in test_similarity_kernels.
@pytest.mark.parametrize("measure", [name for name in EXACT if name != "mutual_knn"])
def test_measures_without_gradient_are_computed_anew_without_each_block(measure):
    x, y = related(n=120)
    found = row(x, y, measure, blocks=6)
    order = image_order(120, 0, "blocks")
    whole = value(x, y, measure)
    left_out = []
    for block in np.split(order, 6):
        kept = np.setdiff1d(np.arange(120), block)
        left_out.append(value(x[kept], y[kept], measure))
    changes = np.array(left_out) - whole
    if measure == "cka_rbf":
        # Its bandwidths stay those of the whole sample, which moves the values a little.
        changes = np.array([found["ci_high"] - found["ci_low"]])
        assert 0 < changes < 0.3
        return
    bias = 5 * changes.mean() if MEASURES[measure].bias_corrected else 0
    expected = jackknife_interval(whole, changes, np.full(6, 20), bias, MEASURES[measure].bounds)
    assert (found["ci_low"], found["ci_high"]) == pytest.approx(expected, abs=1e-9)


# True values by definition: CCA measures from the planted correlations, the others from population moments.
def planted(rng, n, rows, x_map, y_map, rho):
    def latent():
        shared = np.repeat(rng.standard_normal((n, len(rho))), rows, axis=0)
        own = rng.standard_normal((n * rows, len(rho)))
        return shared if rows == 1 else np.sqrt(0.5) * (shared + own)

    u = latent()
    return u @ x_map, (rho * u + np.sqrt(1 - rho**2) * latent()) @ y_map


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1, 4])
def test_coverage_of_the_interval(rows):
    rng = np.random.default_rng(rows)
    p, n, repetitions = 6, 500, 250
    rho = np.linspace(0.95, 0.2, p)
    x_map, y_map = (np.linalg.qr(rng.standard_normal((p, p)))[0] * np.geomspace(1, 0.2, p) for _ in range(2))
    xx, yy, xy = x_map.T @ x_map, y_map.T @ y_map, x_map.T @ np.diag(rho) @ y_map
    cka = (xy**2).sum() / np.sqrt((xx**2).sum() * (yy**2).sum())
    nuclear = np.linalg.svd(xy, compute_uv=False).sum() / np.sqrt(np.trace(xx) * np.trace(yy))
    truth = {
        "cca_mean": rho.mean(),
        "cka_linear": cka,
        "cka_linear_debiased": cka,
        "nbs": nuclear,
        "procrustes_distance": 2 - 2 * nuclear,
        "linear_r2": np.trace(xy @ np.linalg.inv(yy) @ xy.T) / np.trace(xx),
    }
    alpha = np.abs(x_map).sum(axis=1)
    truth["pwcca"] = (alpha * rho).sum() / alpha.sum()
    covered = dict.fromkeys(truth, 0)
    for _ in range(repetitions):
        x, y = planted(rng, n, rows, x_map, y_map, rho)
        for entry in compare_pairs([x, y], [(0, 1)], truth, rows_per_image=rows, draws=0):
            covered[entry["measure"]] += entry["ci_low"] <= truth[entry["measure"]] <= entry["ci_high"]
    # 250 repetitions of 0.95 have a standard error of 0.014.
    for measure, count in covered.items():
        assert 0.90 <= count / repetitions <= 0.99, (measure, count / repetitions)


def test_positions_of_an_image_are_not_independent_samples():
    rng = np.random.default_rng(5)
    x, y = (np.repeat(rng.standard_normal((100, 3)), 9, axis=0) + 0.1 * rng.standard_normal((900, 3)) for _ in range(2))
    honest, naive = (row(x, y, "cka_linear_debiased", blocks=20, rows_per_image=rows) for rows in (9, 1))
    assert honest["ci_high"] - honest["ci_low"] > 1.5 * (naive["ci_high"] - naive["ci_low"])
    assert honest["n_images"] == 100
    assert naive["n_images"] == 900


def test_the_interval_of_a_layer_with_itself_is_a_point():
    x, _ = related(n=400)
    for measure in ("cca_mean", "svcca", "cka_linear", "nbs", "cka_rbf"):
        found = row(x, x, measure, blocks=20)
        assert (found["ci_low"], found["ci_high"]) == pytest.approx((1, 1), abs=1e-6), measure


def test_few_images_have_fewer_blocks_or_no_interval():
    x, y = related(n=120, p=3, q=3)
    assert row(x, y, "cka_linear", blocks=20, rows_per_image=10)["ci_low"] is not None
    found = row(x, y, "cka_linear", blocks=20, rows_per_image=30)
    assert found["ci_low"] is None
    assert found["value"] is not None
    assert "4 blocks of images, at least 5" in found["note"]


def test_half_the_samples_must_exceed_the_ranks():
    found = row(*related(n=16, p=7, q=9), "cca_mean", blocks=8)
    assert found["value"] is not None
    assert found["ci_low"] is None
    assert "half of the samples, 8, for ranks 7 and 9" in found["note"]


@pytest.mark.parametrize("measure", MEASURES)
def test_null_is_the_value_of_exchanged_images(measure):
    x, y = related(n=150, p=4, q=5)
    found = row(x, y, measure, draws=20)
    rng = np.random.default_rng(0)
    expected = np.mean([value(x, y[rng.permutation(150)], measure) for _ in range(40)])
    spread = np.std([value(x, y[rng.permutation(150)], measure) for _ in range(40)])
    assert abs(found["null"] - expected) <= 5 * spread / np.sqrt(20) + 1e-12
    assert found["null"] != found["value"] or measure == "subspace_match"


def test_null_keeps_the_positions_of_an_image_together():
    rng = np.random.default_rng(6)
    # What both networks know is the position alone, so that exchanging images leaves it.
    position = np.tile(rng.standard_normal((6, 3)), (50, 1))
    x, y = (position + 0.1 * rng.standard_normal((300, 3)) for _ in range(2))
    assert row(x, y, "cka_linear", draws=5, rows_per_image=6)["null"] > 0.9
    assert row(x, y, "cka_linear", draws=5)["null"] < 0.1
    assert row(x, y, "cka_rbf", draws=5, rows_per_image=6)["null"] > 0.5


def test_null_of_cca_is_the_theoretical_one():
    x, y = related(n=2000, p=8, q=8)
    null = row(x, y, "cca_mean", draws=10)["null"]
    rng = np.random.default_rng(0)
    expected = np.mean([cca_mean(*rng.standard_normal((2, 2000, 8))) for _ in range(10)])
    assert null == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("pairs", [[(2, 0), (2, 1)], [(0, 1), (1, 2), (2, 0)], [(0, 0), (0, 1), (1, 2)], [(1, 1)]])
def test_all_pairs_have_a_null_near_the_noise_floor(pairs):
    matrices = [related(n=300, p=4, q=4)[0], related(n=300, p=5)[0], related(n=300, p=6)[0]]
    for entry in compare_pairs(matrices, pairs, ["cka_linear_debiased", "mutual_knn"], draws=4):
        assert abs(entry["null"]) < 0.08, entry
        assert entry["value"] > entry["null"] + 0.03, entry


def test_results_are_repeatable_and_do_not_depend_on_chunks_or_the_other_pairs():
    matrices = [related(n=300, p=4)[0], related(n=300, p=5)[0], related(n=300, p=6)[0]]
    arguments = {"measures": "all", "rows_per_image": 3, "draws": 2}
    first = compare_pairs(matrices, [(2, 0), (2, 1)], **arguments)
    assert first == compare_pairs(matrices, [(2, 0), (2, 1)], **arguments)
    small = compare_pairs(matrices, [(2, 0), (2, 1)], chunk_bytes=2000, **arguments)
    alone = compare_pairs(matrices, [(2, 1)], **arguments)
    for one, other in [*zip(first, small, strict=True), *zip(first[len(MEASURES) :], alone, strict=True)]:
        for key in ("value", "ci_low", "ci_high", "null"):
            assert one[key] == pytest.approx(other[key], abs=1e-9), (one["measure"], key)
    other_seed = compare_pairs(matrices, [(2, 1)], seed=1, **arguments)
    assert alone[0]["value"] == pytest.approx(other_seed[0]["value"], abs=1e-12)
    assert alone[0]["null"] != other_seed[0]["null"]
    assert alone[0]["ci_low"] != other_seed[0]["ci_low"]


def test_memory_maps_and_many_matrices(tmp_path):
    matrices = []
    for i in range(5):
        np.save(tmp_path / f"{i}.npy", related(n=240, p=3 + i, seed=0)[0].astype(np.float32))
        matrices.append(np.load(tmp_path / f"{i}.npy", mmap_mode="r"))
    pairs = [(4, 0), (4, 1), (3, 2)]
    found = compare_pairs(matrices, pairs, ["cca_mean"], rows_per_image=4)
    for (a, b), entry in zip(pairs, found, strict=True):
        assert entry["value"] == pytest.approx(value(matrices[a], matrices[b], "cca_mean"), abs=1e-12)
        assert (entry["a"], entry["b"], entry["rank_a"], entry["rank_b"]) == (a, b, 3 + a, 3 + b)


def test_pairs_that_do_not_fit_into_memory_take_more_passes(monkeypatch):
    matrices = [related(n=300, p=width)[0] for width in (4, 5, 6)]
    wanted = [(2, 0), (2, 1), (1, 0), (0, 0)]
    arguments = {"measures": ["svcca", "cka_linear"], "variance": 0.8, "rows_per_image": 3}
    whole = compare_pairs(matrices, wanted, **arguments)
    monkeypatch.setattr(pairs_module, "MEMORY_BYTES", 20_000)
    calls = []
    monkeypatch.setattr(layers_module, "accumulate", lambda *a, **k: calls.append(1) or accumulate(*a, **k))
    parts = compare_pairs(matrices, wanted, **arguments)
    assert len(calls) > 1
    for one, other in zip(whole, parts, strict=True):
        assert (one["a"], one["b"], one["measure"]) == (other["a"], other["b"], other["measure"])
        for key in ("value", "ci_low", "ci_high"):
            assert one[key] == pytest.approx(other[key], abs=1e-9)


def test_no_pairs_no_rows():
    assert compare_pairs(related(), [], "all") == []
