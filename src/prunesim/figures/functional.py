"""What pruned networks answer, against the share of weights that remains: agreement with the dense network, and JSD."""

import pandas as pd

from prunesim.figures import method_lines, plotted, style
from prunesim.results.reading import answers_of_rounds, dense_answers

PANELS = {"agreement": "Same class as dense (%)", "jsd": "Jensen-Shannon divergence (bits)"}
UNITS = {"agreement": 100, "jsd": 1}
COLUMNS = ["measure", "shown", "method", "round", "replicate", "left", "value", "low", "high", "n"]


def rows(tables, settings):
    """Return what is shown: of each measure the means with intervals and replicates, what accuracies allow, and dense.

    ``allowed`` has in ``low`` and ``high`` what the two accuracies allow of the agreement, mean over replicates;
    ``dense`` is the mean over pairs of dense networks of different replicates.

    Parameters
    ----------
    tables : dict
        ``similarity, networks``.
    settings : dict
        Nothing but what `prunesim.figures.style.render` uses.
    """
    similarity = tables["similarity"][tables["similarity"]["family"] == "functional"]
    if similarity.empty:
        sentence = "similarity.csv has no row of the family functional: no answers have been compared."
        return plotted.nothing(sentence, COLUMNS)
    networks = tables["networks"]
    left = 100 * networks.groupby(["method", "round"])["density"].mean()
    left, parts = left[left > 0], []
    for measure, unit in UNITS.items():
        found = answers_of_rounds(similarity, measure)
        found = found.assign(value=unit * found["value"])
        methods = sorted(set(found["method"]))
        own = []
        for method in methods:
            chain = found[found["method"] == method]
            own += method_lines.rows_of(chain, method, "value", len(methods) <= method_lines.MOST_BANDS, left[method])
        if measure == "agreement" and len(methods) <= method_lines.MOST_BANDS:
            own += [_allowed(similarity, method, left[method]) for method in methods]
        dense = dense_answers(similarity, measure)["value"]
        if dense.notna().any():
            own.append(pd.DataFrame({"shown": ["dense"], "value": [unit * dense.mean()], "n": [dense.count()]}))
        parts += [part.assign(measure=measure) for part in own]
    note = style.ONE_REPLICATE if networks["replicate"].nunique() < 2 else ""
    return plotted.Plotted(plotted.joined(parts, COLUMNS), note)


def _allowed(similarity, method, left):
    ends = {}
    for end, measure in (("low", "disagreement_most"), ("high", "disagreement_least")):
        found = answers_of_rounds(similarity, measure)
        ends[end] = 100 * (1 - found[found["method"] == method].groupby("round")["value"].mean())
    found = pd.DataFrame(ends).rename_axis("round").reset_index()
    return found.assign(shown="allowed", method=method, left=found["round"].map(left))


def draw(shown, settings):
    """Return the figure: one panel a measure, one line a method with its interval; grey is what accuracies allow."""
    lines = shown.rows[shown.rows["shown"].isin(["mean", "replicate"])]
    methods = list(dict.fromkeys(lines["method"]))
    figure, axes = style.new_figure(2 * style.COLUMN + method_lines.legend_width(methods), 2.6, 1, len(PANELS))
    for axis, (measure, label) in zip(axes.flat, PANELS.items(), strict=True):
        here = plotted.pick(shown.rows, measure=measure)
        mine, dense = plotted.pick(lines, measure=measure), plotted.pick(here, shown="dense")["value"]
        for place, (method, look) in enumerate(method_lines.looks(methods).items()):
            method_lines.draw_line(axis, plotted.pick(mine, method=method), method, look, place, len(methods))
        for _, allowed in plotted.pick(here, shown="allowed").groupby("method"):
            ends = (allowed[column].to_numpy(float) for column in ("left", "low", "high"))
            axis.fill_between(*ends, color="0.85", linewidth=0, zorder=0)
        if len(dense):
            axis.axhline(dense.iloc[0], color="0.3", linestyle=(0, (4, 2)), linewidth=0.9 * style.scale(), zorder=1,
                         label="dense, replicates")  # fmt: skip
        method_lines.left_axis(axis, lines["left"].min() if len(lines) else 80)
        axis.locator_params(axis="y", nbins=6, prune="upper")
        if len(mine) or len(dense):
            method_lines.bound(axis, [*mine["value"], *dense], least=0, most=UNITS[measure])
        axis.set_ylabel(label)
        style.faint_grid(axis)
    method_lines.add_legend(figure, axes[0, 0], len(methods))
    style.remark(figure, shown.note)
    return figure
