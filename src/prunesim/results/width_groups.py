"""What ``widths.csv`` says of each width: means over pairs of networks, with intervals over networks.

Pairs that share a network are not independent, so an interval over pairs would be too narrow. A mean over all pairs
of n networks is a U-statistic; its pseudo-values n U - (n - 1) U_(-i), U_(-i) being the mean without network i, have
it as their mean and are treated as independent (Arvesen 1969, doi:10.1214/aoms/1177697287).
"""

import numpy as np
import pandas as pd

from prunesim.results.reading import t_interval

STATES = {"no": "untrained", "yes": "trained"}


def measure_shown(table):
    """Return the measure that figure and claims are about: the first of the table."""
    return str(table["measure"].iloc[0])


def in_width(table):
    """Return the rows of ``widths.csv`` about two networks of one width, of the measure that is shown."""
    rows = table[table["measure"] == measure_shown(table)] if len(table) else table
    return rows[rows["width_a"] == rows["width_b"]]


def across_widths(table, column):
    """Return the mean over pairs of networks by width, widths x widths (pandas.DataFrame, symmetric)."""
    rows = table[table["measure"] == measure_shown(table)]
    both = pd.concat([rows, rows.rename(columns={"width_a": "width_b", "width_b": "width_a"})])
    return both.pivot_table(index="width_a", columns="width_b", values=column)


def mean_of_pairs(pairs, column):
    """Return the mean over pairs of networks, its interval over networks and their number.

    Parameters
    ----------
    pairs : pandas.DataFrame
        ``replicate_a, replicate_b`` and `column`; empty cells are left out.
    column : str

    Returns
    -------
    tuple of (float, float, float, int)
        The ends are NaN with fewer than three networks, of which two are one pair.
    """
    pairs = pairs.dropna(subset=[column])
    networks = sorted({*pairs["replicate_a"], *pairs["replicate_b"]})
    if len(networks) < 3:
        return float(pairs[column].mean()), np.nan, np.nan, len(networks)
    values = pseudo_values(networks, lambda out: _mean(pairs, column, out))
    return *t_interval(values), len(networks)


def pseudo_values(networks, statistic):
    """Return the jackknife's pseudo-values of a statistic, one a network.

    Parameters
    ----------
    networks : sequence
        At least three.
    statistic : callable
        From a network that is left out, or None, to a number.
    """
    whole, count = statistic(None), len(networks)
    return np.array([count * whole - (count - 1) * statistic(network) for network in networks])


def slope(pairs, column, out=None):
    """Return by how much the mean over pairs grows with each doubling of the width.

    That is the slope of the least-squares line through the means of all widths over the binary logarithm of the width.

    Parameters
    ----------
    pairs : pandas.DataFrame
        Of networks of one width, see `in_width`, without empty cells.
    column : str
    out : int, optional
        A replicate that is left out, at every width.
    """
    rows = pairs if out is None else pairs[(pairs["replicate_a"] != out) & (pairs["replicate_b"] != out)]
    means = rows.groupby("width_a")[column].mean()
    return float(np.polyfit(np.log2(means.index.to_numpy(dtype=float)), means.to_numpy(), 1)[0])


def _mean(pairs, column, out):
    return pairs.loc[(pairs["replicate_a"] != out) & (pairs["replicate_b"] != out), column].mean()
