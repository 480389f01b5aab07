"""Claims about what pruning does to the test accuracy."""

import numpy as np
import pandas as pd

from prunesim.results.claims.finding import Finding
from prunesim.results.claims.gaps import named

ACCURACY_MARGIN = 0.01
SMALL = 0.2
# Accuracies are counts divided by counts: a hundredth less is a hundredth less in any rounding.
ROUNDING = 1e-9
AS_SHARES = f"as shares of the test images; above -{ACCURACY_MARGIN} supports it"


def accuracy_kept(study):
    """Pruned minus dense test accuracy at the last round, a replicate at a time."""
    mine = study.networks[study.networks["method"] == study.method]
    pruned = accuracies(study, study.method, mine["round"].max())
    dense = dense_accuracies(study).reindex(pruned.index)
    values, notes = differences(pruned, dense)
    notes = notes if len(values) else [f"No pruned network of {study.method} was evaluated."]
    variance, said = image_noise(study, pruned, dense, disagreements(study, mine["round"].max()))
    return Finding(
        statement=f"{study.when}, the test accuracy is no more than {ACCURACY_MARGIN} below that of the dense "
        f"network (pruned minus dense, {AS_SHARES}).",
        values=values,
        notes=notes + said,
        image_variance=variance,
    )


def density_kept(study):
    """Lowest density of the study down to which no round has lost accuracy, a replicate at a time."""
    mine = study.networks[study.networks["method"] == study.method].dropna(subset=["test_accuracy"])
    if not (mine["density"] < SMALL).any():
        return None
    dense = dense_accuracies(study)
    kept = {}
    for replicate, rounds in mine.groupby("replicate"):
        if not np.isnan(dense.get(replicate, np.nan)):
            rounds = rounds.sort_values("density", ascending=False)
            good = (rounds["test_accuracy"] >= dense[replicate] - ACCURACY_MARGIN - ROUNDING).cummin()
            kept[replicate] = rounds.loc[good, "density"].min() if good.any() else 1.0
    lost = [replicate for replicate in mine["replicate"].unique() if replicate not in kept]
    return Finding(
        statement=f"With {study.method}, the test accuracy stays within {ACCURACY_MARGIN} of that of the dense network "
        f"until less than {100 * SMALL:g} % of the prunable weights are left (lowest density down to which no round "
        f"has lost more, among those of the study; below {SMALL} supports it).",
        values=list(kept.values()),
        notes=[f"Without {named('replicate', lost)}: no test accuracy of the dense network."] if lost else [],
    )


def sparse_from_start(study):
    """Mean over densities of the accuracy of a network made sparse before training, minus that of the dense one."""
    if "control" in study.about or "criterion" not in study.about:
        return None
    mine = study.networks[study.networks["method"] == study.method]
    if mine["test_accuracy"].isna().all():
        return None
    table = mine.pivot_table(index="replicate", columns="round", values="test_accuracy").dropna()
    pruned, dense = table.mean(axis=1), dense_accuracies(study).reindex(table.index)
    values, notes = differences(pruned, dense)
    lost = [replicate for replicate in mine["replicate"].unique() if replicate not in table.index]
    notes += [f"Without {named('replicate', lost)}: a density has no test accuracy."] if lost else []
    # The noise of a mean over rounds on the same images is at most that of the noisiest of them.
    noise = [image_noise(study, table[k], dense, disagreements(study, k)) for k in table.columns]
    variance, said = max(noise, key=lambda one: one[0], default=(0.0, []))
    return Finding(
        statement=f"Made sparse before training by {study.about['criterion']} ({study.method}), the network reaches a "
        f"test accuracy no more than {ACCURACY_MARGIN} below that of the dense one, on average over the "
        f"{len(table.columns)} densit{'y' if len(table.columns) == 1 else 'ies'} of the study (sparse minus dense, "
        f"{AS_SHARES}).",
        values=values,
        notes=notes + said,
        image_variance=variance,
    )


# --- What claims about accuracy share


def accuracies(study, method, round_):
    """Return the test accuracy of each replicate of a round of a method (pandas.Series by replicate)."""
    rows = study.networks[(study.networks["method"] == method) & (study.networks["round"] == round_)]
    return rows.set_index("replicate")["test_accuracy"]


def dense_accuracies(study):
    """Return the test accuracy of the dense network of each replicate (pandas.Series by replicate)."""
    return accuracies(study, study.base, 0)


def disagreements(study, round_):
    """Return the share of images that the dense network and a round answer differently (pandas.Series by replicate)."""
    rows = study.disagreement[study.disagreement["round"] == round_]
    return rows.set_index("replicate")["value"]


def differences(first, second):
    """Return the differences of two accuracies a replicate, and a sentence on the replicates that have none."""
    values = first - second
    lost = [replicate for replicate in values.index if np.isnan(values[replicate])]
    return values, [f"Without {named('replicate', lost)}: no test accuracy, dense or pruned."] if lost else []


def image_noise(study, first, second, disagreement=None):
    """Return the variance of a mean difference of accuracies that comes of the choice of the test images.

    Of n images on a share b of which two networks answer differently, a difference d of accuracies has the variance
    (b - d**2) / n at most: what both get right or wrong together cancels (as in McNemar's test of 1947). Where b is not
    known it is the sum of both binomial variances. The images are the same in all replicates, so the mean over
    replicates has the mean of these variances: averaging does not lessen it.

    Parameters
    ----------
    study : prunesim.results.claims.finding.Study
    first, second : pandas.Series
        Test accuracies by replicate.
    disagreement : pandas.Series, optional
        Share of the test images with different answers, by replicate.

    Returns
    -------
    variance : float
    sentences : list of str
        What the interval holds; none where there are no accuracies.
    """
    pairs = pd.DataFrame({"first": first, "second": second}).dropna()
    if pairs.empty:
        return 0.0, []
    answers = study.tables.get("answers")
    counts = answers["images"].dropna() if answers is not None else []
    if not len(counts):
        return 0.0, [
            "Its interval leaves out the noise of the test images: without answers.csv their number is unknown."
        ]
    images = int(counts.iloc[0])
    apart = (disagreement if disagreement is not None else pd.Series(dtype=float)).reindex(pairs.index)
    difference = pairs["first"] - pairs["second"]
    paired = (apart.clip(lower=difference.abs()) - difference**2) / images
    binomial = (pairs * (1 - pairs)).sum(axis=1) / images
    how = "from the share of them with different answers"
    if apart.isna().any():
        how = "taken as independent for both networks, which is more than it is"
    variance = float(paired.fillna(binomial).mean())
    return variance, [f"The interval holds the binomial noise of the {images} test images ({how})."]
