"""Measures that are functions of the co-moments of a pair.

Each takes a `Pair`, stacked (whole sample first, then one block of images left out at a time), and returns
one number a stack entry: NaN for a part of the sample in which a network has no variance. Notation: S_xx, S_yy and
S_xy are the centred co-moments, rho the canonical correlations, k the ranks.
"""

import numpy as np

from prunesim.similarity.statistics import RANK_TOLERANCE

# What is left of a difference of terms below this share of them has too few digits to be a value.
CANCELLED = 1e-10


def _ratio(numerator, denominator):
    with np.errstate(divide="ignore", invalid="ignore"):
        return numerator / denominator


def canonical_correlations(pair):
    """Return all canonical correlations, (stack, min(p, q)), largest first (Hotelling 1936).

    Entries beyond min(rank_a, rank_b) are 0.
    """
    return pair.canonical[1]


def cca_mean(pair):
    """Mean canonical correlation, sum(rho) / min(k_x, k_y) (Raghu et al. 2017, Morcos et al. 2018)."""
    return _ratio(canonical_correlations(pair).sum(axis=1), pair.smaller_rank)


def cca_mean_98(pair, share=0.98, count=None):
    """Mean of the leading canonical correlations that make 98 % of their sum (google/svcca's ``mean``).

    `count` keeps that many correlations whatever their share.
    """
    rho = canonical_correlations(pair)
    # Parts of the sample keep as many as the whole: a step in the number would be a step in the intervals.
    return rho[:, : leading_count(rho, share)[0] if count is None else count].mean(axis=1)


def leading_counts(pair, share=0.98):
    """Return as settings the numbers of correlations that a sample leaves in doubt for `cca_mean_98`.

    From the least to the most that are kept of the correlations of the whole sample and its halves, and of those as far
    on the other side of the whole sample, which a bias raises as it raises those of the halves.
    """
    rho = canonical_correlations(pair)
    mirrored = np.sort(np.clip(2 * rho[:1] - rho[1:], 0, 1))[:, ::-1]
    counts = leading_count(np.concatenate([rho, mirrored]), share)
    return [{"count": count} for count in range(int(counts.min()), int(counts.max()) + 1)]


def leading_count(rho, share):
    """Return how many leading correlations make `share` of their sum, (stack,)."""
    cumulative = np.cumsum(rho, axis=1)
    count = (cumulative < share * cumulative[:, -1:] * (1 - 1e-13)).sum(axis=1) + 1
    return np.minimum(count, rho.shape[1])


def svcca(pair, variance=0.99, directions=None):
    """Mean canonical correlation after PCA to `variance` of each network (Raghu et al. 2017).

    Keeps the smallest k with sum(s[:k]**2) >= variance * sum(s**2), s the singular values of the centred matrix; or
    the first k = `directions`, where that is given, and no more than there are.
    """
    counts = (network.principal_count(variance, directions) for network in (pair.first, pair.second))
    return _ratio(svcca_correlations(pair, variance, directions).sum(axis=1), np.minimum(*counts))


def svcca_correlations(pair, variance=0.99, directions=None):
    """Return the canonical correlations of the kept principal directions, (stack, k), largest first.

    Entries beyond min(k_x, k_y) are 0.
    """
    return pair.principal(variance, directions)[1]


def pwcca(pair, weights="first"):
    """Projection-weighted CCA (Morcos et al. 2018): sum(alpha * rho) / sum(alpha).

    alpha_i is the sum over neurons of |<h_i, x_j>|, h_i the canonical variates of unit norm.

    Parameters
    ----------
    pair : Pair
    weights : {"first", "second", "mean"}
        Whose neurons weigh; "mean" averages the two values.
    """
    left, rho, right = pair.canonical
    kept = np.arange(rho.shape[1]) < pair.smaller_rank[:, None]
    values = []
    if weights in ("first", "mean"):
        values.append(_weighted(rho, kept, left.transpose(0, 2, 1) @ pair.first.loading))
    if weights in ("second", "mean"):
        values.append(_weighted(rho, kept, right @ pair.second.loading))
    return sum(values) / len(values)


def _weighted(rho, kept, projections):
    alpha = np.abs(projections).sum(axis=2) * kept
    return _ratio((alpha * rho).sum(axis=1), alpha.sum(axis=1))


def cka_linear(pair):
    """Linear CKA (Kornblith et al. 2019): |S_xy|_F^2 / (|S_xx|_F |S_yy|_F)."""
    first, second = (_squares(network.comoment) for network in (pair.first, pair.second))
    return _ratio(_squares(pair.comoment), np.sqrt(first * second))


def cka_linear_debiased(pair):
    """Linear CKA from the unbiased HSIC (Song et al. 2012, eq. 5; Kornblith et al. 2019). From -1 to 1."""
    first = _unbiased_hsic(pair.first.gram, pair.first.width, pair.first.width)
    second = _unbiased_hsic(pair.second.gram, pair.second.width, pair.second.width)
    cross, _ = _unbiased_hsic(pair.gram, pair.first.width, pair.second.width)
    return _ratio(cross, np.sqrt(_above_rounding(*first) * _above_rounding(*second)))


def _above_rounding(hsic, terms):
    """Return the HSIC of a layer with itself, NaN where its terms cancel: no two samples have anything in common."""
    return np.where(hsic > CANCELLED * terms, hsic, np.nan)


def _unbiased_hsic(gram, p, q):
    """Return n (n - 3) HSIC_1 of two linear kernels and the size of its terms, both (stack,).

    From Grams of features with row norms. HSIC_1 does not change when the samples are shifted, so that the shifted
    moments serve as they are.
    """
    n = gram[:, -1, -1]
    cross = gram[:, :p, :q]
    sum_x, sum_y = gram[:, :p, -1], gram[:, -1, :q]
    norm_x, norm_y = gram[:, p, -1], gram[:, -1, q]
    norms = gram[:, p, q]
    products = _squares(cross)
    ones_x = _squares(sum_x) - norm_x
    ones_y = _squares(sum_y) - norm_y
    chain = (
        np.einsum("bi,bij,bj->b", sum_x, cross, sum_y)
        - np.einsum("bi,bi->b", sum_x, gram[:, :p, q])
        - np.einsum("bi,bi->b", sum_y, gram[:, p, :q])
        + norms
    )
    ones = ones_x * ones_y / ((n - 1) * (n - 2))
    chained = 2 / (n - 2) * chain
    return products - norms + ones - chained, products + abs(norms) + abs(ones) + abs(chained)


def nbs(pair):
    """Normalised Bures similarity (Tang et al. 2020): |S_xy|_* / (|X|_F |Y|_F), X and Y centred."""
    return _ratio(pair.nuclear[1].sum(axis=1), np.sqrt(pair.first.total * pair.second.total))


def procrustes_distance(pair):
    """Squared orthogonal Procrustes distance of the centred matrices at unit norm, 2 - 2 nbs (Ding et al. 2021)."""
    return np.maximum(2 - 2 * nbs(pair), 0) + 0.0  # no negative zero


def linear_r2(pair):
    """Share of the first network's variance that a linear map of the second explains (Kornblith et al. 2019)."""
    return _ratio(_squares(pair.comoment @ pair.second.whitening), pair.first.total)


def subspace_match(pair, epsilon=0.5):
    """Maximum match of neuron subspaces (Wang et al. 2018): (|I| + |J|) / (p + q), dead neurons counted below.

    I and J are the largest sets of neurons of the two networks of which each lies within a relative
    distance `epsilon` of the span of the other set. Activations are not centred.
    """
    return subspace_match_curve(pair, [epsilon])[:, 0]


def subspace_match_curve(pair, epsilons):
    """Return the maximum match for each epsilon, (stack, len(epsilons))."""
    rows = []
    for xx, yy, xy in zip(pair.first.raw_gram, pair.second.raw_gram, pair.raw_gram, strict=True):
        rows.append([_maximum_match(xx, yy, xy, epsilon) for epsilon in epsilons])
    return np.array(rows)


def _maximum_match(xx, yy, xy, epsilon):
    first, unit_x = _unit_gram(xx)
    second, unit_y = _unit_gram(yy)
    scale_x, scale_y = (_norms(gram) for gram in (xx, yy))
    cross = np.zeros_like(xy)
    both = np.ix_(first, second)
    cross[both] = xy[both] / scale_x[first][:, None] / scale_y[second]
    while len(first) and len(second):
        near_x = first[_residual(cross[np.ix_(first, second)], unit_y[np.ix_(second, second)]) <= epsilon]
        if not len(near_x):
            return 0.0
        near_y = second[_residual(cross[np.ix_(near_x, second)].T, unit_x[np.ix_(near_x, near_x)]) <= epsilon]
        if len(near_x) == len(first) and len(near_y) == len(second):
            return (len(first) + len(second)) / (len(xx) + len(yy))
        first, second = near_x, near_y
    return 0.0


def _unit_gram(gram):
    norm = _norms(gram)
    live = np.flatnonzero(norm > 0)
    unit = np.zeros_like(gram)
    grid = np.ix_(live, live)
    unit[grid] = gram[grid] / norm[live][:, None] / norm[live]
    return live, unit


def _norms(gram):
    """Return the norms of neurons; 0 where rounding left a square below it."""
    return np.sqrt(np.clip(np.diag(gram), 0, None))


def _residual(cross, gram):
    """Return the distance of unit vectors from a span, given their products with the unit vectors that span it."""
    values, vectors = np.linalg.eigh(gram)
    kept = values > RANK_TOLERANCE * values[-1]
    projected = (cross @ vectors[:, kept]) ** 2 / values[kept]
    return np.sqrt(np.clip(1 - projected.sum(axis=1), 0, None))


def _squares(values):
    return (values**2).reshape(len(values), -1).sum(axis=1)
