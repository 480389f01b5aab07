"""Derivatives of the measures by the co-moments: what a block of images adds to a measure, to first order.

Leaving a block out changes the moments by the block's own; the product of that with the derivative is the change of the
measure (the infinitesimal jackknife, Jaeckel 1972). So one decomposition a pair replaces one a pair and block.

Each function takes a `Pair` and returns the derivatives by S_xx, S_yy and S_xy at the whole sample: arrays (p, p),
(q, q) and (p, q). All measures are the same for c S as for S.
"""

import numpy as np

from prunesim.similarity.linear import cka_linear, leading_count, linear_r2, nbs, pwcca
from prunesim.similarity.statistics import ROUGH_TOLERANCE


def influence(pair, gradients, first_blocks, second_blocks, cross_blocks):
    """Return the first-order changes of some measures when each block is left out, (blocks, measures).

    Parameters
    ----------
    pair : Pair
    gradients : list of (numpy.ndarray, numpy.ndarray, numpy.ndarray)
        Derivatives of each measure by S_xx, S_yy, S_xy.
    first_blocks, second_blocks, cross_blocks : numpy.ndarray
        Grams of features of each block, (blocks, p + e, p + e) and so on.
    """
    first, second = (_mean(network) for network in (pair.first, pair.second))
    by_first, by_second, by_cross = zip(*gradients, strict=True)
    return -(
        _inner(by_first, first, first, first_blocks)
        + _inner(by_second, second, second, second_blocks)
        + _inner(by_cross, first, second, cross_blocks)
    )


def _mean(network):
    return network.gram[0, -1, : network.width] / network.count[0]


def _inner(gradients, row_mean, column_mean, blocks):
    """Return the inner products of derivatives with each block's scatter about the mean of the whole sample."""
    gradients = np.stack(gradients)
    p, q = gradients.shape[1:]
    # Centring moved from the blocks to the derivatives: one product with the features as they are stored.
    features = np.zeros((len(gradients), *blocks.shape[1:]))
    features[:, :p, :q] = gradients
    features[:, :p, -1] = -gradients @ column_mean
    features[:, -1, :q] = -row_mean @ gradients
    features[:, -1, -1] = -features[:, :p, -1] @ row_mean
    features = features.reshape(len(features), -1).T
    if blocks.dtype == features.dtype:
        return blocks.reshape(len(blocks), -1) @ features
    # A block at a time, so that no second copy of them all is made.
    return np.stack([block.ravel().astype(features.dtype) @ features for block in blocks])


def cca_mean_gradient(pair):
    """Derivatives of the mean canonical correlation."""
    return _leading_correlations(pair, int(pair.smaller_rank[0]))


def cca_mean_98_gradient(pair, count=None):
    """Derivatives of the mean of the leading correlations, their number fixed."""
    return _leading_correlations(pair, int(leading_count(pair.canonical[1], 0.98)[0]) if count is None else count)


def _leading_correlations(pair, count):
    left, rho, right = (array[0] for array in pair.canonical)
    a = pair.first.whitening[0] @ left[:, :count]
    b = pair.second.whitening[0] @ right[:count].T
    return -(a * rho[:count]) @ a.T / (2 * count), -(b * rho[:count]) @ b.T / (2 * count), a @ b.T / count


def svcca_gradient(pair, variance=0.99, directions=None):
    """Derivatives of SVCCA, the numbers of principal directions fixed.

    Beside those of CCA within the kept directions: a change of the co-moments turns them towards the others.
    """
    networks = (pair.first, pair.second)
    left, rho, right = pair.principal(variance, directions)
    counts = [int(network.principal_count(variance, directions)[0]) for network in networks]
    size = min(counts)
    left, rho, right = left[: counts[0], :size], rho[0, :size], right[:size, : counts[1]]
    bases = [[array[0] for array in network.principal_basis] for network in networks]
    white = [
        vectors[:, :count] * (1 / np.sqrt(values[:count]))
        for (values, vectors), count in zip(bases, counts, strict=True)
    ]
    cross = pair.comoment[0]
    a, b = white[0] @ left, white[1] @ right.T
    inside = [-(a * rho) @ a.T / 2, -(b * rho) @ b.T / 2]
    outside = [cross @ b @ left.T, cross.T @ a @ right]
    gradients = []
    for (values, vectors), count, within, out in zip(bases, counts, inside, outside, strict=True):
        kept, rest = vectors[:, :count], vectors[:, count:]
        gap = values[:count] - values[count:, None]
        turn = (rest.T @ out) / np.sqrt(values[:count]) / gap
        gradients.append((within + rest @ turn @ kept.T) / len(rho))
    return *gradients, a @ b.T / len(rho)


def pwcca_gradient(pair, weights="first"):
    """Derivatives of PWCCA: of the correlations, and of their weights as the canonical variates turn."""
    if weights == "first":
        return _pwcca_gradient(pair)
    second = _pwcca_gradient(pair.swapped)
    second = second[1], second[0], second[2].T
    if weights == "second":
        return second
    return tuple((one + other) / 2 for one, other in zip(_pwcca_gradient(pair), second, strict=True))


def _pwcca_gradient(pair):
    left, rho, right = (array[0] for array in pair.canonical)
    count = int(pair.smaller_rank[0])
    p = len(left)
    if left.shape[1] < p:
        # Variates may also turn towards directions that the second network does not have.
        known = int((rho > ROUGH_TOLERANCE * rho[0]).sum())
        left = np.concatenate([left[:, :known], np.linalg.qr(left, mode="complete")[0][:, known:]], axis=1)
    value = pwcca(pair)[0]
    a, b = pair.first.whitening[0] @ left, pair.second.whitening[0] @ right[:count].T
    projections = left.T @ pair.first.loading[0]
    # Entry (i, c): how much the weight of variate i grows when it turns towards variate c.
    overlap = np.sign(projections[:count]) @ projections.T
    alpha = np.diag(overlap)
    slope = ((rho[:count] - value) / alpha.sum())[:, None] * overlap
    padded = np.zeros(p)
    padded[:count] = rho[:count]
    gap = padded[:count, None] ** 2 - padded**2
    # The variates of nearly equal correlations turn freely, but a turn has an end that its derivative does not know.
    # Half the sampling error of the squared correlations bounds it (value chosen by simulation, docs/similarity.md).
    error = (1 - padded**2) * padded / np.sqrt(pair.images)
    turn = slope * gap / (gap**2 + error[:count, None] ** 2 + error**2 + np.finfo(np.float64).tiny)
    by_core = (turn * padded[:count, None]).T
    by_core[:count] += turn[:, :count] * padded[:count]
    by_core[np.arange(count), np.arange(count)] = alpha / alpha.sum()
    by_first = slope.T / 2 - by_core * padded[:count] / 2
    by_second = -padded[:count, None] * by_core[:count] / 2
    return a @ by_first @ a[:, :count].T, b @ by_second @ b.T, a @ by_core @ b.T


def cka_linear_gradient(pair):
    """Derivatives of linear CKA."""
    value = cka_linear(pair)[0]
    first, second, cross = pair.first.comoment[0], pair.second.comoment[0], pair.comoment[0]
    first_squares, second_squares = (first**2).sum(), (second**2).sum()
    by_cross = 2 * cross / np.sqrt(first_squares * second_squares)
    return -value * first / first_squares, -value * second / second_squares, by_cross


def nbs_gradient(pair):
    """Derivatives of NBS: the nuclear norm grows along U V^T."""
    value = nbs(pair)[0]
    left, values, right = pair.nuclear
    left = left * (values[0] > 1e-12 * values[0, 0])
    first, second = pair.first.total[0], pair.second.total[0]
    by_networks = [
        -value / (2 * total) * np.eye(network.width) for total, network in ((first, pair.first), (second, pair.second))
    ]
    return *by_networks, left @ right / np.sqrt(first * second)


def procrustes_gradient(pair):
    """Derivatives of 2 - 2 nbs."""
    return tuple(-2 * gradient for gradient in nbs_gradient(pair))


def linear_r2_gradient(pair):
    """Derivatives of the explained share, K = S_xy S_yy^-1 the coefficients."""
    total = pair.first.total[0]
    white = pair.second.whitening[0]
    coefficients = pair.comoment[0] @ white @ white.T
    by_first = -linear_r2(pair)[0] / total * np.eye(pair.first.width)
    return by_first, -coefficients.T @ coefficients / total, 2 * coefficients / total
