"""All pairs of rounds of a chain, one small heat map a layer."""

import numpy as np

from prunesim.figures import heatmaps, plotted, style
from prunesim.results.reading import gaps, reason, select

MOST_VECTOR_CELLS = 3000
KEYS = ["method", "layer", "round_a", "round_b"]


def rows(tables, settings):
    """Return what is shown: one row a method, layer, earlier and later round, mean over replicates.

    Parameters
    ----------
    tables : dict
        ``similarity``.
    settings : dict
        ``measure``, ``layers``.
    """
    measure, layers = settings["measure"], settings["layers"]
    found = select(tables["similarity"], "rounds", measure)
    found = found.rename(columns={"method_b": "method", "layer_b": "layer"})
    found = found[found["layer"].isin(layers)]
    if found["value"].isna().all():
        why = reason(found) or "no rounds have been compared with each other"
        return plotted.nothing(f"No value of {measure} to draw: {why}.", [*KEYS, "value", "n"])
    return plotted.Plotted(plotted.cells(found, KEYS), " ".join(gaps(found, layers)))


def draw(shown, settings):
    """Return the figure: one panel a method and layer, the earlier round down, the later round across."""
    layers = settings["layers"]
    methods = sorted(set(shown.rows["method"]))
    rounds = style.rounded([*shown.rows["round_a"], *shown.rows["round_b"]])
    means = shown.rows.set_index(KEYS)["value"]
    map_ = heatmaps.colours(settings["palette"], settings["measure"])
    ends = heatmaps.limits(means)
    # The earlier round is never the last one, the later one never the dense network.
    earlier, later = rounds[:-1], rounds[1:]
    expected = np.triu(np.ones((len(earlier), len(later)), dtype=bool))
    many = len(methods) * len(layers) * expected.sum() > MOST_VECTOR_CELLS
    lines, columns = style.grid_shape(len(layers), 4)
    figure, axes = style.new_figure(
        1.1 + 1.5 * columns, 0.5 + 1.6 * lines * len(methods), lines * len(methods), columns, "compressed"
    )
    for block, method in enumerate(methods):
        panels = axes[block * lines : (block + 1) * lines].ravel()
        for axis in panels[len(layers) :]:
            axis.set_axis_off()
        for index, (axis, layer) in enumerate(zip(panels, layers, strict=False)):
            matrix = _matrix(means, method, layer).reindex(index=earlier, columns=later)
            heatmaps.draw_matrix(axis, matrix, map_, ends, expected=expected, rasterized=many, labels=False)
            axis.set_title(layer if len(methods) == 1 else f"{method}: {layer}", fontsize="small")
            axis.set_aspect("equal")
            lowest = index + columns >= len(layers)
            heatmaps.number_ticks(axis.xaxis, later, shown=lowest)
            heatmaps.number_ticks(axis.yaxis, earlier, shown=index % columns == 0)
    figure.supxlabel("Later round", fontsize="medium")
    figure.supylabel("Earlier round (0: dense)", fontsize="medium")
    heatmaps.colour_bar(figure, axes, style.measure_label(settings["measure"]))
    style.remark(figure, shown.note)
    return figure


def _matrix(means, method, layer):
    here = (means.index.get_level_values(0) == method) & (means.index.get_level_values(1) == layer)
    return means[here].droplevel([0, 1]).unstack()
