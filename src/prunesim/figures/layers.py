"""Heat map of each layer of the dense network against each layer of the last round."""

from prunesim.figures import heatmaps, plotted, style
from prunesim.results.reading import gaps, reason, select

COLUMNS = ["method", "round", "layer_a", "layer_b", "value", "n"]


def rows(tables, settings):
    """Return what is shown: one row a method, layer of the dense network and layer of the last round.

    Parameters
    ----------
    tables : dict
        ``similarity``.
    settings : dict
        ``measure``, ``layers``.
    """
    measure, layers = settings["measure"], settings["layers"]
    found = select(tables["similarity"], "layers", measure)
    found = found[found["layer_a"].isin(layers) & found["layer_b"].isin(layers)]
    if found["value"].isna().all():
        why = reason(found) or "no layers have been compared"
        return plotted.nothing(f"No value of {measure} to draw: {why}.", COLUMNS)
    cells = plotted.cells(found.rename(columns={"method_b": "method"}), ["method", "layer_a", "layer_b"])
    last = found.groupby("method_b")["round_b"].max()
    cells = cells.assign(round=cells["method"].map(last))[COLUMNS]
    return plotted.Plotted(cells, " ".join(_gaps(found, layers)))


def draw(shown, settings):
    """Return the figure: one panel a method, layers of the dense network down, of the last round across."""
    layers = settings["layers"]
    methods = sorted(set(shown.rows["method"]))
    means = shown.rows.set_index(["method", "layer_a", "layer_b"])["value"]
    ends = heatmaps.limits(means)
    map_ = heatmaps.colours(settings["palette"], settings["measure"])
    side = max(2.3, 0.2 * len(layers))
    width, height = 1.2 + len(methods) * side, 0.3 + side + style.layer_height(layers, side)
    figure, axes = style.new_figure(width, height, 1, len(methods), "compressed", sharey=True)
    for axis, method in zip(axes.flat, methods, strict=True):
        matrix = means[method].unstack().reindex(index=layers, columns=layers)
        heatmaps.draw_matrix(axis, matrix, map_, ends, annotate=len(layers) <= 8)
        style.layer_ticks(axis, layers, side, centre=0.5)
        axis.set_yticks([index + 0.5 for index in range(len(layers))], layers, rotation=0)
        last = style.rounded(plotted.pick(shown.rows, method=method)["round"])[-1]
        axis.set_xlabel(f"Layer after round {last}" if len(methods) == 1 else f"Layer after round {last} of {method}")
        axis.set_aspect("equal")
    axes[0, 0].set_ylabel("Layer of the dense network")
    heatmaps.colour_bar(figure, axes, style.measure_label(settings["measure"]))
    style.remark(figure, shown.note)
    return figure


def _gaps(rows, layers):
    """Name the layers that have no value with any other, and then what else is missing."""
    with_it = {layer: rows[(rows["layer_a"] == layer) | (rows["layer_b"] == layer)] for layer in layers}
    lost = [layer for layer in layers if with_it[layer]["value"].isna().all()]
    others = rows[~rows["layer_a"].isin(lost) & ~rows["layer_b"].isin(lost)]
    return [
        *gaps(rows.rename(columns={"layer_a": "layer"}), lost),
        *gaps(others.rename(columns={"layer_b": "layer"}), [layer for layer in layers if layer not in lost]),
    ]
