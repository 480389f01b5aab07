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
    """Return the bias of a statistic, supposed inversely proportional to the number of images.

    Parameters
    ----------
    values : array_like
        The statistic of the whole sample, of its even and of its odd blocks.
    sizes : array_like
        Number of images of each block.
    """
    sizes = np.asarray(sizes, dtype=np.float64)
    excess = [sizes.sum() / sizes[half::2].sum() - 1 for half in (0, 1)]
    return float(np.mean([values[1] - values[0], values[2] - values[0]]) / np.mean(excess))


def jackknife_interval(value, changes, sizes, bias=0.0, bounds=(-math.inf, math.inf), level=0.95):
    """Return the delete-a-block jackknife interval of a statistic.

    Parameters
    ----------
    value : float
        The statistic of the whole sample.
    changes : array_like
        How much the statistic changes when each block is left out, shape (blocks,).
    sizes : array_like
        Number of images of each block, shape (blocks,).
    bias : float
        Taken off the centre: the mean canonical correlation of a finite sample is too large, and the interval shows
        it. It still reaches as far as `value`, which only makes it wider.
    bounds : (float, float)
        Possible range of the statistic; the interval is cut to it.
    level : float
        Confidence level.

    Returns
    -------
    low, high : float

    Notes
    -----
    The variance is that of Busing, Meijer and van der Leeden (1999), "Delete-m jackknife for unequal m", eq. 6, with
    Student's t of blocks - 1 degrees of freedom.
    """
    changes, sizes = np.asarray(changes, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    weight = sizes.sum() / sizes
    # Pseudo-values and their centre, both less `value`.
    pseudo = -(weight - 1) * changes
    centre = -((1 - 1 / weight) * changes).sum()
    variance = ((pseudo - centre) ** 2 / (weight - 1)).mean()
    margin = student_quantile(0.5 + level / 2, len(changes) - 1) * math.sqrt(variance)
    low, high = (min(max(value - bias + sign * margin, bounds[0]), bounds[1]) for sign in (-1, 1))
    return float(min(low, value)), float(max(high, value))


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
