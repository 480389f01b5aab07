"""Moments: the same whatever the chunks, mergeable, storable, and right for numbers far from 0."""

import itertools
import tracemalloc

import numpy as np
import pytest

from prunesim.errors import PrunesimError
from prunesim.similarity import Moments, accumulate, load_moments, merge, save_moments
from prunesim.similarity.moments import block_edges, image_order, product_precision
from prunesim.similarity.statistics import Network, Pair

from .data import related


def explicit(x, y, norms=True):
    """Return the centred co-moments of two matrices."""
    return (x - x.mean(axis=0)).T @ (y - y.mean(axis=0))


def comoments(moments, i, j):
    networks = [Network(moments.gram(k, k).sum(axis=0)[None], moments.shifts[k]) for k in (i, j)]
    return Pair(*networks, moments.gram(i, j).sum(axis=0)[None]).comoment[0]


def close(first, second, tolerance=1e-12):
    assert first.grams.keys() == second.grams.keys()
    for pair, gram in first.grams.items():
        assert gram == pytest.approx(second.grams[pair], rel=tolerance, abs=tolerance * np.abs(gram).max())


@pytest.mark.parametrize("chunk_bytes", [1, 5000, 1 << 20])
@pytest.mark.parametrize("rows_per_image", [1, 4])
def test_chunks_do_not_matter(chunk_bytes, rows_per_image):
    matrices = related(n=200)
    options = {"rows_per_image": rows_per_image, "edges": [0, 13, 30, 200 // rows_per_image]}
    close(accumulate(matrices, chunk_bytes=chunk_bytes, **options), accumulate(matrices, **options))


def test_moments_are_those_of_the_definition():
    x, y = related()
    moments = accumulate([x, y])
    assert comoments(moments, 0, 1) == pytest.approx(explicit(x, y), abs=1e-9)
    assert comoments(moments, 0, 0) == pytest.approx(explicit(x, x), abs=1e-9)
    gram, p, q = moments.gram(0, 1)[0], 7, 9
    u, v = x - moments.shifts[0], y - moments.shifts[1]
    r, s = (u**2).sum(axis=1), (v**2).sum(axis=1)
    assert gram[p, q] == pytest.approx(r @ s)
    assert gram[:p, q] == pytest.approx(u.T @ s)
    assert gram[p, :q] == pytest.approx(r @ v)
    assert gram[p, -1] == pytest.approx(r.sum())
    assert gram[-1, -1] == 200
    assert moments.gram(1, 0)[0] == pytest.approx(gram.T)


def test_only_the_wanted_products_are_formed():
    matrices = [*related(), *related(seed=1), *related(seed=2)]
    moments = accumulate(matrices, [(5, 0), (5, 3)])
    assert set(moments.grams) == {(0, 5), (3, 5), *((i, i) for i in range(6))}
    assert set(accumulate(matrices, [(5, 0)], squares=False).grams) == {(0, 5)}
    everything = accumulate(matrices)
    for pair, gram in moments.grams.items():
        assert gram == pytest.approx(everything.grams[pair], rel=1e-12, abs=1e-9)


def test_blocks_add_up_to_the_whole_and_follow_the_order():
    x, y = related()
    order = image_order(50, 0, "test")
    blocks = accumulate([x, y], rows_per_image=4, orders=[order, order], edges=[0, 10, 50])
    whole = accumulate([x, y])
    assert blocks.gram(0, 1).sum(axis=0) == pytest.approx(whole.gram(0, 1)[0], rel=1e-12, abs=1e-9)
    rows = (order[:10, None] * 4 + np.arange(4)).ravel()
    shifted = [(z - shift)[rows] for z, shift in zip((x, y), blocks.shifts, strict=True)]
    assert blocks.gram(0, 1)[0, :7, :9] == pytest.approx(shifted[0].T @ shifted[1])


@pytest.mark.parametrize("chunk_bytes", [1, 1 << 20])
def test_parts_are_added_up_in_float64_beside_blocks_in_float32(chunk_bytes):
    parts = np.array([[1, 1, 1], [1, 0, 1], [0, 1, 0]])
    options = {"edges": [0, 40, 50, 200], "chunk_bytes": chunk_bytes}
    plain, compact = accumulate(related(), **options), accumulate(related(), **options, parts=parts)
    for pair, gram in plain.grams.items():
        assert compact.grams[pair].dtype == np.float32
        assert compact.grams[pair] == pytest.approx(gram, rel=1e-6, abs=1e-6 * np.abs(gram).max())
        assert compact.sums[pair] == pytest.approx(np.tensordot(parts, gram, 1), rel=1e-13, abs=1e-10)


def test_orders_that_differ_pair_different_images():
    x, y = related()
    order = image_order(200, 0, "test")
    moments = accumulate([x, y], orders=[None, order])
    assert comoments(moments, 0, 1) == pytest.approx(explicit(x, y[order]), abs=1e-9)
    assert np.abs(explicit(x, y[order]) - explicit(x, y)).max() > 1


@pytest.mark.parametrize("norms", [True, False])
def test_merge_is_associative_and_gives_the_whole(norms):
    # Means larger than a standard deviation, so that each part has a shift of its own, norms or not.
    x, y = (matrix + 20 for matrix in related(n=300))
    parts = [accumulate([x[part], y[part]], norms=norms) for part in (slice(0, 50), slice(50, 51), slice(51, 300))]
    a, b, c = parts
    assert not np.array_equal(a.shifts[0], c.shifts[0])
    left, right, other = merge(merge(a, b), c), merge(a, merge(b, c)), merge(merge(c, a), b)
    whole = accumulate([x, y], norms=norms)
    for merged in (left, right, other):
        close(merge(Moments(whole.widths, whole.shifts, norms, zeros(whole)), merged), whole, 1e-11)
    close(left, right)


def zeros(moments):
    return {pair: np.zeros_like(gram) for pair, gram in moments.grams.items()}


def test_moments_of_other_networks_are_not_merged():
    x, y = related()
    with pytest.raises(PrunesimError, match=r"\(7, 9\) and \(7,\)"):
        merge(accumulate([x, y]), accumulate([x]))
    with pytest.raises(PrunesimError, match="row norms"):
        merge(accumulate([x, y]), accumulate([x, y], norms=False))
    with pytest.raises(PrunesimError, match="blocks"):
        merge(accumulate([x, y]), accumulate([x, y], edges=[0, 10, 200]))


def test_files_hold_everything(tmp_path):
    moments = accumulate([*related(), related(seed=1)[0]], [(0, 1), (2, 0)], edges=[0, 5, 200])
    save_moments(tmp_path / "moments.npz", moments)
    read = load_moments(tmp_path / "moments.npz")
    assert read.widths == moments.widths
    assert read.norms == moments.norms
    assert all(np.array_equal(a, b) for a, b in zip(read.shifts, moments.shifts, strict=True))
    assert all(np.array_equal(read.grams[pair], gram) for pair, gram in moments.grams.items())
    assert [path.name for path in tmp_path.iterdir()] == ["moments.npz"]


def test_damaged_files_are_refused(tmp_path):
    path = tmp_path / "moments.npz"
    with pytest.raises(PrunesimError, match="does not exist"):
        load_moments(path)
    save_moments(path, accumulate(related()))
    whole = path.read_bytes()
    for content in (b"", b"text", whole[:-200], whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(PrunesimError, match=r"moments\.npz is not a readable file"):
            load_moments(path)
    np.savez(path, other=np.zeros(3))
    with pytest.raises(PrunesimError, match="not a readable file of moments"):
        load_moments(path)


def test_an_offset_does_not_cost_digits():
    x, y = related(n=5000)
    exact = explicit(x, y)
    for offset, tolerance in ((0, 1e-12), (1e4, 1e-10)):
        found = comoments(accumulate([x + offset, y - offset]), 0, 1)
        assert np.abs(found - exact).max() / np.abs(exact).max() < tolerance


@pytest.mark.parametrize("norms", [True, False])
def test_single_precision_products_keep_the_values(norms):
    rng = np.random.default_rng(0)
    sources = rng.standard_normal((60_000, 8))
    x, y = (
        np.maximum(sources @ rng.standard_normal((8, 24)) + rng.standard_normal((60_000, 24)), 0).astype(np.float32)
        for _ in range(2)
    )
    assert product_precision([x, y]) == "float32"
    exact = accumulate([x, y], precision="float64")
    from prunesim.similarity import MEASURES

    for offset in (0, 100):
        single = accumulate([x + np.float32(offset), y], precision="float32", norms=norms)
        assert [bool(shift.any()) for shift in single.shifts] == [norms or bool(offset), norms]
        for name, measure in MEASURES.items():
            if measure.kind == "linear" and measure.needs_norms <= norms and (measure.translation or not offset):
                found, expected = (
                    measure.function(Pair(*(Network(m.gram(i, i), m.shifts[i]) for i in (0, 1)), m.gram(0, 1)))[0]
                    for m in (single, exact)
                )
                assert found == pytest.approx(expected, abs=1e-6), (name, offset)


def test_single_precision_is_not_for_ill_conditioned_or_small_or_huge_data():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60_000, 5)).astype(np.float32)
    assert product_precision([x]) == "float32"
    assert product_precision([x[:1000]]) == "float64"
    assert product_precision([x.astype(np.float64)]) == "float64"
    assert product_precision([x, np.column_stack([x, x[:, 0] + 1e-2 * x[:, 1]])]) == "float64"
    assert product_precision([x * np.float32(1e20)]) == "float64"
    assert product_precision([np.zeros_like(x)]) == "float64"
    x[100] = np.nan
    assert product_precision([x[:, :], np.full_like(x, np.nan)]) == "float64"


def test_memory_does_not_grow_with_samples(tmp_path):
    peaks = []
    for n in (20_000, 80_000):
        paths = [tmp_path / f"{i}.npy" for i in range(3)]
        for path in paths:
            np.save(path, np.random.default_rng(0).standard_normal((n, 16)).astype(np.float32))
        matrices = [np.load(path, mmap_mode="r") for path in paths]
        order = image_order(n, 0, "test")
        tracemalloc.start()
        accumulate(matrices, orders=[order] * 3, edges=block_edges(n, 20), chunk_bytes=1 << 16, precision="float32")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_block_edges_cover_all_images_evenly():
    for n, blocks in itertools.product((1, 5, 19, 20, 21, 999), (1, 5, 20)):
        edges = block_edges(n, blocks)
        assert edges[0] == 0
        assert edges[-1] == n
        sizes = np.diff(edges)
        assert len(sizes) == min(n, blocks)
        assert sizes.min() >= 1
        assert np.ptp(sizes) <= 1
