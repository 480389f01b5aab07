"""The table of claims: one row a claim and method, corrected for their number."""

import numpy as np
import pandas as pd

from prunesim.results.claims.finding import studies
from prunesim.results.claims.own import own_claims
from prunesim.results.claims.registry import CLAIMS
from prunesim.results.claims.statistics import (
    ALPHA,
    MOST_REPLICATES,
    holm,
    interval,
    p_value,
    replicates_needed,
    verdict,
)
from prunesim.results.claims.widths import width_claims

COLUMNS = [
    "claim", "statement", "estimate", "ci_low", "ci_high", "verdict", "source", "note",
    "title", "bound", "direction", "replicates", "p_value", "p_holm", "verdict_holm", "replicates_needed",
]  # fmt: skip


def claims(tables, settings):
    """Test each claim for each method.

    Every claim is one number a replicate. Its interval is that of Student's t over replicates, for accuracies with the
    noise of the test images in quadrature. The verdict says on which side of the bound the whole interval lies;
    ``verdict_holm`` says so after Holm's correction for all claims of the table that have an interval.

    The replicates of a claim are held to the same layers. So a layer that lacks a value in one of them has no part in
    a mean over layers, and a replicate none that lacks the layer which the claim is about; the statement names the
    layers that are left out, and the note says why.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        ``networks``, ``similarity`` and, where the study has them, ``answers``, ``connectivity`` and ``widths``, as
        `prunesim.results.reading.read_table` returns them; those that claims of the user's own are about.
    settings : dict
        ``layers``: the compared layers in network order. ``methods``: names. ``measure``: its name; ``cca_mean``, or
        the first that the table has, where it is None or left out. Procrustes distances d are turned into the
        similarity 1 - d / 2. ``about``, where methods are controls or prune before training: by method, ``control``,
        ``of``, ``rewind`` and ``early`` (``of`` prunes before training), or ``criterion``. ``own``: claims of the
        user's own, see `prunesim.results.claims.own.own_claims`.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`, one row a claim and method (of ``widths``, and layer), of those claims that the study has
        something for. The interval is missing with fewer than two replicates, the estimate too where the tables have
        nothing to compute it from; the verdict is then ``inconclusive``. The note says what was left out, why a claim
        is inconclusive, and how many replicates would probably decide it; it is missing where there is nothing to say.

    Raises
    ------
    PrunesimError
        If the table has values, but none of this measure.
    """
    found = [
        (f"{name}/{study.method}", claim, finding)
        for study in studies(tables, settings)
        for name, claim in CLAIMS.items()
        if (finding := claim.find(study)) is not None
    ]
    found += width_claims(tables)
    found += own_claims(tables, settings.get("own", {}))
    rows = pd.DataFrame([_row(*one) for one in found], columns=COLUMNS)
    return _corrected(rows, [(claim, finding) for _, claim, finding in found])


def _row(name, claim, finding):
    estimate, low, high = interval(finding.values, finding.image_variance)
    return {
        "claim": name,
        "statement": finding.statement,
        "estimate": estimate,
        "ci_low": low,
        "ci_high": high,
        "verdict": verdict(low, high, claim.bound, claim.below),
        "source": claim.source,
        "title": claim.title,
        "bound": claim.bound,
        "direction": claim.direction,
        "replicates": int(np.sum(~np.isnan(np.asarray(finding.values, dtype=float)))),
        "p_value": p_value(finding.values, claim.bound, finding.image_variance),
    }


def _corrected(rows, found):
    """Add what follows from all claims together: Holm's p-values, verdicts by them, and notes."""
    p_holm = holm(rows["p_value"])
    tested = int(np.sum(~np.isnan(p_holm)))
    verdicts = rows["verdict"].where(p_holm < ALPHA, "inconclusive")
    needed, notes = [], []
    for (claim, finding), row, after in zip(found, rows.to_dict("records"), verdicts, strict=True):
        told = claim.bound, finding.image_variance, max(tested, 1)
        needed.append(replicates_needed(finding.values, *told))
        by_images = np.isinf(replicates_needed([row["estimate"]] * 2, *told))
        reasons = _reasons(row, after, needed[-1], by_images, tested)
        notes.append(" ".join([*finding.notes, *reasons]) or None)
    return rows.assign(p_holm=p_holm, verdict_holm=verdicts, replicates_needed=list(map(_count, needed)), note=notes)


def _reasons(row, after_holm, needed, by_images, tested):
    """Yield why a claim is inconclusive, and what would decide it."""
    if np.isnan(row["estimate"]):
        return
    if np.isnan(row["ci_low"]):
        yield "One replicate has no interval."
        return
    if np.isclose(row["ci_low"], row["ci_high"], rtol=0, atol=1e-12):
        yield "All replicates have the same value, so the interval has no width."
    if row["verdict"] == "inconclusive":
        yield f"The interval does not lie on one side of {row['bound']:g}."
    elif after_holm == "inconclusive":
        yield f"{row['verdict'].capitalize()} by its own interval, but not after Holm's correction for {tested} claims."
    if after_holm != "inconclusive":
        return
    if by_images:
        yield "More replicates would not decide it: too few test images, or the estimate is too near to that bound."
    elif np.isinf(needed):
        yield f"More than {MOST_REPLICATES} replicates would be needed to decide it."
    elif needed > row["replicates"]:
        yield f"About {needed:.0f} replicates would probably decide it."


def _count(needed):
    if np.isnan(needed):
        return None
    return f">{MOST_REPLICATES}" if np.isinf(needed) else f"{needed:.0f}"
