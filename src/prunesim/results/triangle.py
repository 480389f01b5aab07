"""Representation, function and connectivity of the same networks, side by side."""

import pandas as pd
from scipy.stats import spearmanr

from prunesim.results.connectivity import barriers
from prunesim.results.reading import answers_of_rounds, dense_to_rounds, t_interval

VIEWS = ("representation", "function", "connectivity")
_NETWORK = ["replicate", "method", "round"]


def three_views(similarity, networks, connectivity, measure):
    """Return how each round compares with its dense network in three ways.

    Parameters
    ----------
    similarity, networks, connectivity : pandas.DataFrame
        The tables of a study.
    measure : str
        Of similarity between layers.

    Returns
    -------
    pandas.DataFrame
        One row a round with ``replicate, method, round, density, representation, function, connectivity``: the mean of
        the measure over layers, the agreement of the answers, and the barrier on the line to the dense network over the
        mean of its ends (test error, with statistics of batch normalisation taken anew where there are such). A view
        that a round lacks is empty.
    """
    layers = dense_to_rounds(similarity, measure).groupby(_NETWORK)["value"].mean().rename("representation")
    answers = answers_of_rounds(similarity, "agreement").set_index(_NETWORK)["value"].rename("function")
    found = barriers(connectivity)
    anew = "yes" if (found["recalibrated"] == "yes").any() else "no"
    found = found[(found["split"] == "test") & (found["recalibrated"] == anew) & (found["round_a"] == 0)]
    found = found[(found["replicate_a"] == found["replicate_b"]) & (found["round_b"] > 0)]
    ends = {f"{key}_b": key for key in _NETWORK}
    line = found.rename(columns=ends).set_index(_NETWORK)["over_mean"].rename("connectivity")
    density = networks.set_index(_NETWORK)["density"]
    table = pd.concat([density, layers, answers, line], axis=1).reset_index()
    return table[(table["method"] != "dense") & (table["round"] > 0)].sort_values(_NETWORK, ignore_index=True)


def rank_correlations(views):
    """Return how alike two views rank the rounds of a method.

    Parameters
    ----------
    views : pandas.DataFrame
        From `three_views`.

    Returns
    -------
    pandas.DataFrame
        One row a method and pair of views: ``method, first, second, spearman, ci_low, ci_high, replicates``. Spearman's
        coefficient over the rounds of each replicate, with its mean and 95 % interval over replicates (Student's t).
        Barriers grow where the other two fall, so agreement with them is near -1.
    """
    rows = []
    for method, mine in views.groupby("method"):
        for first, second in ((VIEWS[0], VIEWS[1]), (VIEWS[0], VIEWS[2]), (VIEWS[1], VIEWS[2])):
            values = [
                spearmanr(own[first], own[second]).statistic
                for _, own in mine.dropna(subset=[first, second]).groupby("replicate")
                if len(own) > 2 and own[first].std() > 0 and own[second].std() > 0
            ]
            mean, low, high = t_interval(values)
            rows.append(
                {"method": method, "first": first, "second": second, "spearman": mean}
                | {"ci_low": low, "ci_high": high, "replicates": len(values)}
            )
    return pd.DataFrame(rows, columns=["method", "first", "second", "spearman", "ci_low", "ci_high", "replicates"])
