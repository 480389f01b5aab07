"""Intervals from blocks of images: a delete-a-block jackknife, and the bias from two halves."""

import functools
import math

import numpy as np

MINIMUM_BLOCKS = 5


def halves(blocks):
    """Return the whole sample and its two halves, every second block, as parts, (3, blocks): 1 for a block in it."""
    odd = np.arange(blocks) % 2
    return np.stack([np.ones(blocks), 1 - odd, odd])


def leave_one_out(blocks):
    """Return the whole sample and the sample without each block as parts, (1 + blocks, blocks)."""
    return np.concatenate([np.ones((1, blocks)), 1 - np.eye(blocks)])


def half_bias(values, sizes):
    """Return the bias of statistics, supposed inversely proportional to the number of images.

    Parameters
    ----------
    values : array_like
        Each statistic of the whole sample, of its even and of its odd blocks, shape (..., 3).
    sizes : array_like
        Number of images of each block.
    """
    values, sizes = np.asarray(values), np.asarray(sizes)
    total = sizes.sum()
    excess = (total / sizes[0::2].sum() + total / sizes[1::2].sum()) / 2 - 1
    return ((values[..., 1] + values[..., 2]) / 2 - values[..., 0]) / excess


def jackknife_interval(value, changes, sizes, bias=0.0, bounds=(-math.inf, math.inf), level=0.95):
    """Return the delete-a-block jackknife intervals of statistics.

    Parameters
    ----------
    value : array_like
        The statistics of the whole sample, any shape.
    changes : array_like
        How much each changes when each block is left out, shape (..., blocks).
    sizes : array_like
        Number of images of each block, shape (blocks,).
    bias : array_like
        Taken off the centre: the mean canonical correlation of a finite sample is too large, and the interval shows
        it. It still reaches as far as `value`, which only makes it wider.
    bounds : (array_like, array_like)
        Possible range of the statistics; the intervals are cut to it.
    level : float
        Confidence level.

    Returns
    -------
    low, high : numpy.ndarray
        Of the shape of `value`.

    Notes
    -----
    The variance is that of Busing, Meijer and van der Leeden (1999), "Delete-m jackknife for unequal m", eq. 6, with
    Student's t of blocks - 1 degrees of freedom.
    """
    value, changes, sizes = np.asarray(value), np.asarray(changes), np.asarray(sizes)
    weight = sizes.sum() / sizes
    # Pseudo-values and their centre, both less `value`.
    pseudo = (1 - weight) * changes
    centre = changes @ (1 / weight - 1)
    variance = (pseudo - centre[..., None]) ** 2 @ (1 / (weight - 1)) / len(weight)
    margin = student_quantile(0.5 + level / 2, len(weight) - 1) * np.sqrt(variance)
    low, high = (np.clip(value - bias + side, *bounds) for side in (-margin, margin))
    return np.minimum(low, value), np.maximum(high, value)


@functools.cache
def student_quantile(probability, freedom):
    """Return the quantile of Student's t for an integer number of degrees of freedom and probability > 0.5.

    By bisection on the finite series of the distribution (Abramowitz and Stegun 26.7.3 and 26.7.4); SciPy has it too,
    but takes longer to import than the comparison to run.
    """
    low, high = 0.0, 1.0
    while _student_distribution(high, freedom) < probability:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _student_distribution(middle, freedom) < probability else (low, middle)
    return (low + high) / 2


def _student_distribution(t, freedom):
    angle = math.atan(t / math.sqrt(freedom))
    sine, squared = math.sin(angle), math.cos(angle) ** 2
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    total = term if freedom > 1 else 0.0
    for k in range(3 if odd else 2, freedom - 1, 2):
        term *= squared * (k - 1) / k
        total += term
    central = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return 0.5 + central / 2
