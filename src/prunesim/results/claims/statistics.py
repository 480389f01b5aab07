"""Intervals, p-values, Holm's correction and the replicates that a claim would take."""

import numpy as np
from scipy.special import ndtri, stdtr, stdtrit

from prunesim.results.reading import CONFIDENCE, t_interval

ALPHA = 1 - CONFIDENCE
POWER = 0.8
MOST_REPLICATES = 100


def interval(values, image_variance=0.0):
    """Return mean, lower and upper end of a 95 % interval for the mean of independent values.

    Its half width is that of Student's t over the values and, in quadrature, that of the normal distribution for the
    noise that they all share. So it is never narrower than Student's, and covers at least as often.

    Parameters
    ----------
    values : array_like, shape (n,)
        One number a replicate; missing ones are left out.
    image_variance : float
        Variance of the shared noise.

    Returns
    -------
    tuple of float
        NaN where it cannot be said: all three without a value, the ends with a single one.
    """
    mean, low, high = t_interval(values)
    shared = ndtri(1 - ALPHA / 2) * np.sqrt(image_variance)
    # Student's own ends where there is no more to add: the same digits.
    if not shared or np.isnan(low):
        return mean, low, high
    half = float(np.hypot(high - mean, shared))
    return mean, mean - half, mean + half


def p_value(values, bound, image_variance=0.0):
    """Return the two-sided p-value of the hypothesis that the mean is the bound: NaN with fewer than two values.

    One minus the confidence at which the interval of `interval` ends at the bound; Student's t-test where there is no
    shared noise.
    """
    values = _known(values)
    if len(values) < 2:
        return np.nan
    distance = abs(values.mean() - bound)
    error, freedom = values.std(ddof=1) / np.sqrt(len(values)), len(values) - 1
    if distance == 0:
        return 1.0
    if image_variance == 0:
        return float(2 * stdtr(freedom, -distance / error)) if error > 0 else 0.0
    # By bisection of log p, which any digit of the answer allows.
    low, high = np.log(1e-300), 0.0
    for _ in range(200):
        middle = (low + high) / 2
        level = np.exp(middle) / 2
        wide = np.hypot(stdtrit(freedom, level) * error, ndtri(level) * np.sqrt(image_variance)) > distance
        low, high = (middle, high) if wide else (low, middle)
    return float(np.exp(high))


def holm(p_values):
    """Return p-values corrected for their number, so that one error among all of them is as rare as for one alone.

    Holm 1979, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 65-70.
    It holds for claims that depend on each other in any way.

    Parameters
    ----------
    p_values : array_like, shape (claims,)
        NaN where a claim was not tested: it is not counted.
    """
    p_values = np.asarray(p_values, dtype=float)
    corrected = np.full(p_values.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(p_values))
    order = tested[np.argsort(p_values[tested], kind="stable")]
    steps = np.arange(len(order), 0, -1) * p_values[order]
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected


def replicates_needed(values, bound, image_variance=0.0, claims=1):
    """Return how many replicates would decide a claim with a probability of about 80 %.

    The smallest n at which the distance of the mean from the bound exceeds (t_(1 - a/2) + t_0.8) s / sqrt(n), with
    n - 1 degrees of freedom, the standard deviation s that was seen and a = 0.05 / `claims`, the strictest level of
    Holm's procedure; the shared noise is added in quadrature.

    Returns
    -------
    float
        NaN with fewer than two values; infinity where more than `MOST_REPLICATES` are needed.
    """
    values = _known(values)
    if len(values) < 2:
        return np.nan
    distance, spread = abs(values.mean() - bound), values.std(ddof=1)
    level = 1 - ALPHA / claims / 2
    n = np.arange(2, MOST_REPLICATES + 1)
    training = (stdtrit(n - 1, level) + stdtrit(n - 1, POWER)) * spread / np.sqrt(n)
    images = (ndtri(level) + ndtri(POWER)) * np.sqrt(image_variance)
    enough = n[np.hypot(training, images) < distance]
    return float(enough[0]) if len(enough) else np.inf


def verdict(low, high, bound, below=False):
    """Return what an interval says about the claim that a number is above (or below) a bound.

    Parameters
    ----------
    low, high : float
        The ends of the interval; NaN where there is none.
    bound : float
    below : bool
        The claim is that the number is below the bound.

    Returns
    -------
    {"supported", "contradicted", "inconclusive"}
        The last where the bound lies inside, or there is no interval.
    """
    if below:
        low, high, bound = -high, -low, -bound
    if low > bound:
        return "supported"
    return "contradicted" if high < bound else "inconclusive"


def _known(values):
    values = np.asarray(values, dtype=float)
    return values[~np.isnan(values)]
