"""Claims about the width of dense networks: wider ones converge to more similar solutions."""

from prunesim.results.claims.finding import Finding
from prunesim.results.claims.registry import CONTROL, Claim
from prunesim.results.reading import reason
from prunesim.results.width_groups import in_width, measure_shown, pseudo_values, slope

MORCOS = "Morcos et al. 2018 (NeurIPS), abstract"
CLAIMS = {
    "wider_more_similar": Claim("Wider networks are more similar to each other", MORCOS, None),
    "wider_beyond_chance": Claim("So they are by the score that chance is taken out of", CONTROL, None),
    "wider_by_training": Claim("Training adds to that growth", CONTROL, None),
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
    pairs, said = in_width(table), measure
    if measure == "procrustes_distance":
        pairs, said = pairs.assign(value=1 - pairs["value"] / 2), f"1 - {measure} / 2"
    found = []
    for layer in dict.fromkeys(table["layer"]):
        rows = pairs[pairs["layer"] == layer]
        yes, no = rows[rows["trained"] == "yes"], rows[rows["trained"] == "no"]
        raw = f"mean {said} over pairs of networks of one width at {layer}{_filters(rows)}"
        calibrated = f"mean calibrated score of {measure} over pairs of networks of one width at {layer}{_filters(rows)}"
        asked = {
            "wider_more_similar": ("Trained networks of one width are the more similar to each other, the wider they are "
                                   f"(slope of the {raw}", "value", [yes]),
            "wider_beyond_chance": ("Trained networks of one width are the more similar to each other, the wider they "
                                    f"are, also beyond chance (slope of the {calibrated}", "calibrated", [yes]),
            "wider_by_training": ("Similarity grows more with the width of trained networks than of untrained ones "
                                  f"(difference of the slopes of the {raw}", "value", [yes, no]),
        }  # fmt: skip
        for name, (statement, column, states) in asked.items():
            finding = _finding(f"{statement}, per doubling of the width; above 0 supports it).", column, states)
            if finding is not None:
                found.append((f"{name}/{layer}", CLAIMS[name], finding))
    return found


def _filters(rows):
    """Return in words how many filters are compared, where that is the same number at all widths."""
    counts = {*rows["filters_a"], *rows["filters_b"]}
    return f", {counts.pop():.0f} of its filters or units" if len(counts) == 1 else ", all of its filters or units"


def _finding(statement, column, states):
    """Return what a claim finds: pseudo-values of the slope, or of the difference of two, one a replicate."""
    if all(rows[column].isna().all() for rows in states) and column == "calibrated":
        return None
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
