"""Claims about the width of dense networks: wider ones converge to more similar solutions."""

from prunesim.results.claims.finding import Finding
from prunesim.results.claims.registry import CONTROL, Claim
from prunesim.results.reading import reason
from prunesim.results.width_groups import in_width, measure_shown, pseudo_values, slope

MORCOS = "Morcos et al. 2018 (NeurIPS), abstract"
CLAIMS = {
    "wider_more_similar": Claim("Wider networks are more similar to each other", MORCOS, None),
    "wider_beyond_chance": Claim("Wider networks are more similar beyond chance", CONTROL, None),
    "wider_by_training": Claim("Training adds to what width gives untrained networks", CONTROL, None),
}


def width_claims(tables):
    """Return name, claim and finding of each claim about widths, layer by layer; none for a study without.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        ``widths``, where the study has it.
    """
    table = tables.get("widths")
    if table is None or table.empty:
        return []
    measure = measure_shown(table)
    pairs, raw = in_width(table), measure
    if measure == "procrustes_distance":
        pairs, raw = pairs.assign(value=1 - pairs["value"] / 2), f"1 - {measure} / 2"
    score, wider = (
        f"calibrated score of {measure}",
        "Trained networks of one width are the more similar, the wider they are",
    )
    more = "Similarity grows more with the width of trained networks than of untrained ones"
    found = []
    for layer in dict.fromkeys(table["layer"]):
        rows = pairs[pairs["layer"] == layer]
        yes, no = rows[rows["trained"] == "yes"], rows[rows["trained"] == "no"]
        where = f"over pairs of networks of one width at {layer}{_filters(rows)}, per doubling of the width"
        asked = {
            "wider_more_similar": (f"{wider} (slope of the mean {raw} {where}", "value", [yes]),
            "wider_beyond_chance": (
                f"{wider}, also beyond chance (slope of the mean {score} {where}",
                "calibrated",
                [yes],
            ),
            "wider_by_training": (f"{more} (difference of the slopes of the mean {raw} {where}", "value", [yes, no]),
        }
        for name, (statement, column, states) in asked.items():
            # Without enough draws there is no calibrated score.
            if column == "value" or yes[column].notna().any():
                finding = _finding(f"{statement}; above 0 supports it).", column, states)
                found.append((f"{name}/{layer}", CLAIMS[name], finding))
    return found


def _filters(rows):
    """Return in words how many filters are compared, where that is the same number at all widths."""
    counts = {*rows["filters_a"], *rows["filters_b"]}
    return f", {counts.pop():.0f} of its units" if len(counts) == 1 else ", all of its units"


def _finding(statement, column, states):
    """Return what a claim finds: pseudo-values of the slope, or of the difference of two, one a replicate."""
    widths = sorted(set(states[0]["width_a"]))
    # A mean over the pairs that have a value would compare other networks at one width than at another.
    gone = [width for width in widths if any(rows[rows["width_a"] == width][column].isna().any() for rows in states)]
    notes = [f"Without width {', '.join(f'{x:g}' for x in gone)}: no value ({_why(states, gone)})."] if gone else []
    kept = [rows[~rows["width_a"].isin(gone)] for rows in states]
    if len(widths) - len(gone) < 2:
        return Finding(statement, [], [*notes, "A slope needs two widths."])
    replicates = sorted({*kept[0]["replicate_a"], *kept[0]["replicate_b"]})

    def statistic(out):
        found = [slope(rows, column, out) for rows in kept]
        return found[0] - sum(found[1:])

    if len(replicates) < 3:
        return Finding(statement, [statistic(None)], [*notes, "Two networks are one pair: three give an interval."])
    return Finding(statement, pseudo_values(replicates, statistic), notes)


def _why(states, gone):
    return next((why for rows in states if (why := reason(rows[rows["width_a"].isin(gone)]))), "no reason given")
