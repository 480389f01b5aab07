"""Claims about straight lines between networks, without a barrier where pruning keeps the accuracy."""

import numpy as np

from prunesim.results.claims.accuracy import ACCURACY_MARGIN, ROUNDING, dense_accuracies
from prunesim.results.claims.finding import Finding
from prunesim.results.claims.gaps import named
from prunesim.results.connectivity import barriers

STABLE = 0.02
BETWEEN = {"rounds": "a round and the one before it", "dense": "the dense network and a round"}
BARRIER = (
    f"largest test error on the line minus the mean of its ends (Frankle et al. 2020), as a share; below {STABLE} "
)


def connected(pair):
    """Return the claim that rounds which keep the accuracy have no barrier to the one before, or to the dense network.

    Parameters
    ----------
    pair : {"rounds", "dense"}
    """

    def find(study):
        lines = _lines(study, pair)
        if lines is None:
            return None
        matching = lines[lines["matching"]]
        return Finding(
            statement=f"With {study.method}, no barrier lies on the line between {BETWEEN[pair]} as long as that round "
            f"keeps the test accuracy within {ACCURACY_MARGIN} of that of the dense network (at the worst such round, "
            f"{BARRIER}supports it).",
            values=matching.groupby("replicate_b")["over_mean"].max(),
            notes=_left_out(lines, matching, "no round keeps the accuracy"),
        )

    return find


def barrier_once_lost(study):
    """Smallest barrier between a round that has lost accuracy and the one before it."""
    lines = _lines(study, "rounds")
    if lines is None or lines["matching"].all():
        return None
    lost = lines[~lines["matching"]]
    return Finding(
        statement=f"With {study.method}, a barrier lies on the line between {BETWEEN['rounds']} once that round has "
        f"lost more than {ACCURACY_MARGIN} of the dense network's test accuracy (at the lowest such barrier, "
        f"{BARRIER.replace('below', 'above')}supports it).",
        values=lost.groupby("replicate_b")["over_mean"].min(),
        notes=_left_out(lines, lost, "every round keeps the accuracy"),
    )


def _left_out(lines, chosen, why):
    """Return a sentence on the replicates none of whose lines are chosen."""
    known = set(chosen["replicate_b"])
    gone = [replicate for replicate in lines["replicate_b"].unique() if replicate not in known]
    return [f"Without {named('replicate', gone)}: {why}."] if gone else []


def _lines(study, pair):
    """Return the barriers of a method's chain and whether the later network keeps the accuracy; None without any."""
    table = study.tables.get("connectivity")
    if table is None:
        return None
    rows = table[(table["replicate_a"] == table["replicate_b"]) & (table["method_b"] == study.method)]
    rows = rows[rows["round_b"] > 0]
    step, from_dense = rows["round_b"] - rows["round_a"] == 1, rows["round_a"] == 0
    # The line from the dense network to the first round is of both sorts; alone it says nothing of later rounds.
    if pair == "rounds" and from_dense[step].all() and rows["round_b"].nunique() > 1:
        return None
    rows = rows[step if pair == "rounds" else from_dense & (rows["method_a"] == study.base)]
    if (rows["recalibrated"] == "yes").any():
        rows = rows[rows["recalibrated"] == "yes"]
    found = barriers(rows)
    found = found[found["split"] == "test"]
    mine = study.networks[study.networks["method"] == study.method].set_index(["replicate", "round"])["test_accuracy"]
    dense = dense_accuracies(study)
    there = zip(found["replicate_b"], found["round_b"], strict=True)
    kept = np.array([mine.get(key, np.nan) - dense.get(key[0], np.nan) for key in there], dtype=float)
    found = found.assign(matching=kept >= -ACCURACY_MARGIN - ROUNDING)[~np.isnan(kept)]
    return None if found.empty else found
