"""All canonical correlations of two layers, which the CCA measures are summaries of, beside those that chance gives."""

import numpy as np

from prunesim.similarity.checks import check_matrix, check_rows, few_samples, refusal, size_refusal
from prunesim.similarity.layers import Layer, moments_of
from prunesim.similarity.linear import canonical_correlations
from prunesim.similarity.measures import MEASURES
from prunesim.similarity.moments import accumulate, image_order
from prunesim.similarity.statistics import Network, Pair, stacked

# The second network in as many orders as fill these columns, and at least in so many, goes through one pass.
COLUMNS_AT_ONCE = 1024
DRAWS_AT_ONCE = 5
# What the spectrum is refused for is what its mean is refused for.
MEASURE = MEASURES["cca_mean"]


def spectrum(first, second, *, rows_per_image=1, draws=5, seed=0, names=("a", "b")):
    """Return the canonical correlations of two matrices (Hotelling 1936), and what exchanged images give.

    Parameters
    ----------
    first, second : array_like or numpy.memmap
        (samples, neurons), the same samples in both, image-major.
    rows_per_image : int
        Consecutive rows that belong to one image.
    draws : int
        Random permutations of the images of `second` that make the null; 0 asks for none. They are those that
        `prunesim.similarity.compare_pairs` draws with the same seed.
    seed : int
    names : (str, str)
        What the matrices are called in messages.

    Returns
    -------
    dict
        ``correlations`` (k,), largest first, k the smaller rank, whose mean is the measure ``cca_mean``; ``null``
        (k,), the mean over draws of the largest, the second, ..., or None; ``n_images``, ``n_samples``; ``rank_a``,
        ``rank_b`` (None where nothing was computed); ``note``: why there are no correlations, or that the samples are
        few for the neurons, or "".

    Raises
    ------
    PrunesimError
        If the matrices do not fit together, or hold NaN or infinite values.
    """
    matrices = [check_matrix(matrix, name) for matrix, name in zip((first, second), names, strict=True)]
    n_samples, n_images = check_rows(matrices, rows_per_image, names)
    found = {"correlations": np.empty(0), "null": None, "n_images": n_images, "n_samples": n_samples}
    found |= {"rank_a": None, "rank_b": None}
    if note := size_refusal(MEASURE, n_samples, *(matrix.shape[1] for matrix in matrices)):
        return found | {"note": note}
    layers = [Layer(matrix, matrix, matrix.shape[1], None) for matrix in matrices]
    options = {"rows_per_image": rows_per_image, "norms": False}
    layers, moments = moments_of(layers, names, [(0, 1)], **options)
    networks = [Network(_whole(moments, i, i), moments.shifts[i]) for i in (0, 1)]
    found |= {f"rank_{side}": int(network.rank[0]) for side, network in zip("ab", networks, strict=True)}
    if note := refusal(MEASURE, n_samples, *networks, names):
        return found | {"note": note}
    rank = min(found["rank_a"], found["rank_b"])
    found["correlations"] = canonical_correlations(Pair(*networks, _whole(moments, 0, 1)))[0, :rank]
    if draws and n_images > 1:
        matrices = [layer.coordinates for layer in layers]
        drawn = _drawn(matrices, networks, n_images, draws, seed, options)
        found["null"] = sum(values[:rank] / draws for values in drawn)
    return found | {"note": few_samples(MEASURE, n_samples, *(network.neurons for network in networks))}


def _whole(moments, i, j):
    """Return the Gram of two matrices, (1, p + 1, q + 1) in float64."""
    return stacked(moments.gram(i, j), np.ones((1, 1)))


def _drawn(matrices, networks, n_images, draws, seed, options):
    """Yield the canonical correlations at each random order of the images of the second network."""
    first, second = matrices
    at_once = max(DRAWS_AT_ONCE, COLUMNS_AT_ONCE // second.shape[1])
    for start in range(0, draws, at_once):
        orders = [image_order(n_images, seed, "draw", draw) for draw in range(start, min(start + at_once, draws))]
        pairs = [(0, 1 + place) for place in range(len(orders))]
        stack, places = [first, *[second] * len(orders)], [None, *orders]
        moments = accumulate(stack, pairs, orders=places, squares=False, **options)
        for pair in pairs:
            yield canonical_correlations(Pair(*networks, _whole(moments, *pair)))[0]
