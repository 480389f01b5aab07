"""Intervals from values recomputed without one block of images each."""

import functools
import math

import numpy as np

MINIMUM_BLOCKS = 5


def jackknife_interval(value, left_out, sizes, bounds=(-math.inf, math.inf), level=0.95, corrected=True):
    """Return the delete-a-block jackknife interval of a statistic.

    The centre is the bias-corrected estimate, so that the interval need not lie around `value`: the mean
    canonical correlation of a finite sample is too large, and the interval shows it.

    Parameters
    ----------
    value : float
        The statistic of the whole sample.
    left_out : array_like
        The statistic without each block, shape (blocks,).
    sizes : array_like
        Number of images of each block, shape (blocks,).
    bounds : (float, float)
        Possible range of the statistic; the interval is cut to it.
    level : float
        Confidence level.
    corrected : bool
        Whether the centre is the bias-corrected estimate or `value` itself.

    Returns
    -------
    low, high : float

    Notes
    -----
    Busing, Meijer and van der Leeden (1999), "Delete-m jackknife for unequal m", eq. 4 and 6, with Student's t
    of blocks - 1 degrees of freedom.
    """
    left_out, sizes = np.asarray(left_out, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    blocks = len(left_out)
    weight = sizes.sum() / sizes
    centre = blocks * value - ((1 - 1 / weight) * left_out).sum()
    pseudo = weight * value - (weight - 1) * left_out
    variance = ((pseudo - centre) ** 2 / (weight - 1)).mean()
    margin = student_quantile(0.5 + level / 2, blocks - 1) * math.sqrt(variance)
    centre = centre if corrected else value
    low, high = (min(max(centre + sign * margin, bounds[0]), bounds[1]) for sign in (-1, 1))
    return float(low), float(high)


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
