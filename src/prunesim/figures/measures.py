"""Measures side by side, and how alike they rank layers and rounds."""

from itertools import combinations

import numpy as np
import pandas as pd
import seaborn as sns
from scipy.stats import kendalltau, spearmanr

from prunesim.figures import heatmaps, plotted, profiles, style
from prunesim.figures.words import MEASURES
from prunesim.results.reading import dense_to_rounds

COLUMNS = ["shown", "method", "round", "measure", "other", "layer", "value", "low", "high", "n"]
AGREEMENTS = {"kendall": kendalltau, "spearman": spearmanr}
LEAST_PLACES = 3  # layers and rounds, of which ranks say something


def rows(tables, settings):
    """Return what is shown: each measure by layer after the last round, and rank agreement of each two measures.

    Agreement is Kendall's tau-b and Spearman's rho over all layers and rounds of one method and replicate, distances
    with their sign turned, and then the mean over methods and replicates.

    Parameters
    ----------
    tables : dict
        ``similarity``.
    settings : dict
        ``layers``.
    """
    similarity, layers = tables["similarity"], settings["layers"]
    known = set(similarity.loc[similarity["family"] == "rounds", "measure"])
    measures = [measure for measure in MEASURES if measure in known]
    if len(measures) < 2:
        return plotted.nothing(
            "similarity.csv has fewer than two measures: there is nothing to hold together.", COLUMNS
        )
    found = {measure: dense_to_rounds(similarity, measure) for measure in measures}
    found = pd.concat([part.assign(measure=measure) for measure, part in found.items()])
    found = found[found["layer"].isin(layers)].dropna(subset=["value"])
    parts = []
    for method, mine in found.groupby("method"):
        last = mine["round"].max()
        lines = plotted.means(mine[mine["round"] == last], ["measure", "layer"], shown="line")
        order = {name: place for place, name in enumerate([*measures, *layers])}
        lines = lines.sort_values(["measure", "layer"], key=lambda column: column.map(order))
        parts.append(lines.assign(method=method, round=last))
    parts.append(_agreements(found, measures))
    return plotted.Plotted(plotted.joined(parts, COLUMNS))


def _agreements(found, measures):
    keys = ["method", "replicate", "layer", "round"]
    wide = found.pivot_table(index=keys, columns="measure", values="value")
    signs = pd.Series({measure: -1.0 if measure in style.DISTANCES else 1.0 for measure in measures})
    groups = [one * signs[one.columns] for _, one in wide.groupby(["method", "replicate"])]
    results = []
    for name, agreement in AGREEMENTS.items():
        for first, second in combinations(measures, 2):
            values = [
                agreement(pair[first], pair[second]).statistic
                for pair in (one[[first, second]].dropna() for one in groups)
                if len(pair) >= LEAST_PLACES and (pair.max() > pair.min()).all()
            ]
            mean = float(np.mean(values)) if values else np.nan
            results.append({"shown": name, "measure": first, "other": second, "value": mean, "n": len(values)})
    return pd.DataFrame(results)


def draw(shown, settings):
    """Return the figure: a panel a method with a line a measure, and a map of agreements.

    Of the map, Kendall's tau stands above the diagonal and Spearman's rho below it.
    """
    layers, lines = settings["layers"], plotted.pick(shown.rows, shown="line")
    methods, measures = list(dict.fromkeys(lines["method"])), _measures(shown.rows)
    side = 1.5 + 0.28 * len(measures)
    wide = max(2.6, style.layer_width(layers))
    height = max(side, 2.2) + style.layer_height(layers, wide) + 0.3
    width = wide * len(methods) + side + 2.2
    ratios = [wide] * len(methods) + [side]
    figure, axes = style.new_figure(width, height, 1, len(methods) + 1, gridspec_kw={"width_ratios": ratios})
    colours = dict(zip(measures, sns.color_palette("husl", len(measures)), strict=True))
    for place, (axis, method) in enumerate(zip(axes[0], methods, strict=False)):
        mine = plotted.pick(lines, method=method)
        _draw_lines(axis, mine, colours, layers, wide)
        axis.set_ylabel("Value after the last round" if place == 0 else "")
        axis.set_title(method if len(methods) > 1 else "")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False, fontsize="small")
    _draw_agreement(axes[0, -1], shown.rows, measures, settings["palette"])
    style.remark(figure, shown.note)
    return figure


def _measures(rows):
    return [measure for measure in MEASURES if measure in set(rows["measure"]) | set(rows["other"].dropna())]


def _draw_lines(axis, lines, colours, layers, wide):
    for index, (measure, colour) in enumerate(colours.items()):
        mine = plotted.pick(lines, measure=measure)
        if mine.empty:
            continue
        values = mine.set_index("layer")["value"].reindex(layers)
        axis.plot(*profiles.widened(range(len(layers)), values), color=colour, label=MEASURES[measure],
                  marker=style.MARKERS[index % len(style.MARKERS)])  # fmt: skip
    axis.set_xlim(-0.3, len(layers) - 0.7)
    style.layer_ticks(axis, layers, wide)
    axis.set_xlabel("Layer, from input to output")
    style.faint_grid(axis)


def _draw_agreement(axis, rows, measures, palette):
    matrix = pd.DataFrame(np.nan, index=measures, columns=measures)
    for row in rows[rows["shown"].isin(AGREEMENTS)].itertuples():
        first, second = (row.measure, row.other) if row.shown == "kendall" else (row.other, row.measure)
        matrix.loc[first, second] = row.value
    expected = ~np.eye(len(measures), dtype=bool)
    heatmaps.draw_matrix(axis, matrix, style.colour_map(palette), (-1, 1), annotate=True, expected=expected)
    names = [MEASURES[measure].partition(";")[0] for measure in measures]
    axis.set_xticks(np.arange(len(measures)) + 0.5, names, rotation=90)
    axis.set_yticks(np.arange(len(measures)) + 0.5, names, rotation=0)
    axis.set_title("Rank agreement:\nKendall above, Spearman below", fontsize="small")
