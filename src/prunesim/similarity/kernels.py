"""Measures that need all distances between samples, computed on a subset of the samples.

Each is split in two: what one network needs (``prepare``), done once, and what a pair needs. `blocks` holds the block
of images of each sample, 0 to B - 1, and values come as a stack: all samples first, then without each block. With
``blocks=None`` only the first is computed.
"""

import numpy as np

from prunesim.errors import PrunesimError

MAXIMUM_SAMPLES = 2000


def sampled_rows(n_images, rows_per_image, rng, maximum=MAXIMUM_SAMPLES):
    """Return sorted row numbers: all when there are at most `maximum`, else that many, spread over the images.

    One random row of each image in random order, then a second one of each, until there are enough: rows of
    different images tell more than rows of the same.
    """
    if n_images * rows_per_image <= maximum:
        return np.arange(n_images * rows_per_image)
    order = rng.permutation(n_images)
    rounds = -(-maximum // n_images)
    positions = rng.permuted(np.tile(np.arange(rows_per_image), (n_images, 1)), axis=1)[:, :rounds]
    return np.sort((order * rows_per_image + positions[order].T).ravel()[:maximum])


def squared_distances(sample):
    """Return squared Euclidean distances of all rows, (n, n), exactly 0 on the diagonal and symmetric."""
    # Equal samples (dead layers have many) get equal distances, bit for bit: ties stay ties.
    rows = np.ascontiguousarray(sample, dtype=np.float64) + 0.0
    _, first, same = np.unique(rows.view(f"V{8 * rows.shape[1]}").ravel(), return_index=True, return_inverse=True)
    rows = rows[first] - rows.mean(axis=0)
    # Scaled, so that very large or small activations neither overflow nor vanish when squared.
    largest = np.abs(rows).max()
    if largest > 0:
        rows = rows / largest
    norms = np.einsum("ij,ij->i", rows, rows)
    distances = norms[:, None] + norms - 2 * (rows @ rows.T)
    np.maximum(distances, 0, out=distances)
    np.fill_diagonal(distances, 0)
    return distances[np.ix_(same, same)]


def prepare_rbf(sample, blocks, bandwidth=1.0):
    """Return the Gaussian kernel exp(-d^2 / (2 bandwidth^2 median(d^2))) less 1, and its own HSIC, stacked.

    The median is that of all squared distances, the zero diagonal included (Kornblith et al. 2019). Centring takes the
    1 away again; without it a kernel of large bandwidth keeps its digits.
    """
    distances = squared_distances(sample)
    median = np.median(distances)
    if median == 0:
        raise PrunesimError("more than half of the pairs of samples are equal, so that the median distance is 0")
    with np.errstate(over="ignore", under="ignore"):
        width = np.float64(bandwidth) ** 2 * (2 * median)
        # Never 0: the distance of a sample to itself would be 0 / 0.
        kernel = np.expm1(distances / -max(width, np.finfo(np.float64).tiny))
        # Of size 1 whatever the bandwidth, so that products of four do not vanish.
        kernel /= np.abs(kernel).max() or 1.0
    return kernel, _hsic(kernel, kernel, blocks)


def cka_rbf(first, second, blocks, bandwidth=1.0):
    """CKA with Gaussian kernels (Kornblith et al. 2019): <HKH, HLH> / (|HKH|_F |HLH|_F).

    Bandwidths of left-out stacks are those of the whole sample.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return _hsic(first[0], second[0], blocks) / np.sqrt(first[1] * second[1])


def _hsic(k, l, blocks):  # noqa: E741
    """Return <HKH, HLH> for all samples and without each block, in O(n^2) for all together.

    Equal to sum(K * L) - 2 / n sum_i k_i l_i + k l / n^2 with row sums k_i, l_i and totals k, l.
    """
    n = len(k)
    product = k * l
    rows_k, rows_l = k.sum(axis=1), l.sum(axis=1)
    whole = product.sum() - 2 / n * (rows_k @ rows_l) + rows_k.sum() * rows_l.sum() / n**2
    if blocks is None:
        return np.array([whole])
    member = (blocks[:, None] == np.arange(blocks.max() + 1)).astype(np.float64)
    sizes = member.sum(axis=0)
    table = member.T @ (product @ member)
    left_k = (rows_k[:, None] - k @ member) * (1 - member)
    left_l = (rows_l[:, None] - l @ member) * (1 - member)
    left = n - sizes
    products = table.sum() - 2 * table.sum(axis=1) + np.diag(table)
    values = products - 2 / left * (left_k * left_l).sum(axis=0) + left_k.sum(axis=0) * left_l.sum(axis=0) / left**2
    return np.append(whole, values)


def prepare_neighbours(sample, blocks, neighbours=10):
    """Return the nearest neighbours of each sample, (n, neighbours). Equal distances are ordered by row."""
    if len(sample) <= neighbours:
        raise PrunesimError(f"{len(sample)} samples do not have {neighbours} neighbours")
    distances = squared_distances(sample)
    np.fill_diagonal(distances, np.inf)
    return nearest(distances, neighbours)


def nearest(distances, count):
    """Return the columns of the `count` smallest distances of each row, nearest first, ties by column."""
    if count >= distances.shape[1] - 1:
        return np.argsort(distances, axis=1, kind="stable")[:, :count]
    found = np.sort(np.argpartition(distances, count - 1, axis=1)[:, :count], axis=1)
    near = np.take_along_axis(distances, found, axis=1)
    found = np.take_along_axis(found, np.argsort(near, axis=1, kind="stable"), axis=1)
    # A tie at the edge of the list: which of the equals were found is then an accident.
    tied = (distances <= near.max(axis=1)[:, None]).sum(axis=1) > count
    found[tied] = np.argsort(distances[tied], axis=1, kind="stable")[:, :count]
    return found


def mutual_knn(first, second, blocks, neighbours=10):
    """Mean share of the k nearest neighbours that a sample has in common in both networks (Huh et al. 2024).

    Euclidean distance, the sample itself not counted. Without a block means: without its samples, be they at the
    centre or neighbours, to first order. Lists found anew would take in farther neighbours, whose chance hits are no
    part of how the value varies.
    """
    shared = (first[:, :, None] == second[:, None, :]).any(axis=2)
    value = shared.mean()
    if blocks is None:
        return np.array([value])
    count = blocks.max() + 1
    table = np.zeros((count, count))
    centre = np.repeat(blocks, neighbours)
    # What each pair of blocks, of the centres and of the neighbours, adds beyond its part of the mean.
    np.add.at(table, (centre, blocks[first].ravel()), shared.ravel() - value / 2)
    np.add.at(table, (centre, blocks[second].ravel()), -value / 2)
    left = len(first) - np.bincount(blocks, minlength=count)
    changes = -(table.sum(axis=0) + table.sum(axis=1) - np.diag(table)) / (neighbours * left)
    return value + np.append(0, _without_pair_noise(changes, table / shared.size))


def _without_pair_noise(changes, table):
    """Return changes that spread as the value does: a jackknife counts the noise of pairs twice (Efron, Stein 1981)."""
    count = len(table)
    noise = table - table.mean(axis=0) - table.mean(axis=1)[:, None] + table.mean()
    twice = (noise**2).sum() * (count / (count - 1)) ** 2
    spread = (count - 1) / count * ((changes - changes.mean()) ** 2).sum()
    # Half of it is left at least, as much as there is when nothing but pairs varies.
    return changes * np.sqrt(1 - min(twice / spread, 0.5)) if spread > 0 else changes
