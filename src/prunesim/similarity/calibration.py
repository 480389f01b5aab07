"""How far a value lies above what chance gives: a score on the scale of its measure, and a p-value."""

import math

from prunesim.similarity.checks import SLACK

LEVEL = 0.05
# Rank LEVEL of fewer values than 1 / LEVEL, the value itself among them, does not exist.
MINIMUM_DRAWS = round(1 / LEVEL) - 1


def calibrated(row, measure):
    """Return a result with ``calibrated`` and ``p_value``, None where there is no value or no null.

    Parameters
    ----------
    row : dict
        ``value``, ``null`` and ``drawn``, as `prunesim.similarity.checks.settled` leaves them.
    measure : prunesim.similarity.measures.Measure
    """
    if row["value"] is None or row["null"] is None:
        return row | {"calibrated": None, "p_value": None}
    low, high = measure.bounds
    drawn = [min(max(draw, low), high) for draw in row["drawn"]]
    larger = measure.larger_is_more_similar
    # Of a distance, its negative is the similarity.
    value, drawn, best = (row["value"], drawn, high) if larger else (-row["value"], [-draw for draw in drawn], -low)
    return row | {"calibrated": score(value, drawn, best), "p_value": p_value(value, drawn)}


def score(value, drawn, best, level=LEVEL):
    """Return the calibrated score of a similarity, (value - tau) / (best - tau), and 0 below tau.

    tau is the (1 - level) order statistic of the draws and the value (arXiv 2602.14486), so that a score above 0 is a
    p-value of at most `level`.

    Parameters
    ----------
    value : float
        Larger is more similar.
    drawn : sequence of float
        The same with the images of one network exchanged.
    best : float
        The largest possible value.
    level : float

    Returns
    -------
    float or None
        From 0 to 1. None with fewer than 1 / level - 1 draws, of which none is rare enough.
    """
    count = len(drawn) + 1
    if count * level < 1 - 1e-9:
        return None
    tau = sorted([*drawn, value])[math.ceil((1 - level) * count - 1e-9) - 1]
    return max(value - tau, 0.0) / (best - tau) if best > tau else 0.0


def p_value(value, drawn):
    """Return the p-value of a similarity, (1 + draws that reach it) / (1 + draws); never below 1 / (1 + draws).

    What differs by rounding only counts as reached (Phipson and Smyth 2010, doi:10.2202/1544-6115.1585).
    """
    return (1 + sum(draw >= value - SLACK for draw in drawn)) / (1 + len(drawn))
