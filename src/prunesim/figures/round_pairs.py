"""All pairs of rounds of a chain, one small heat map a layer."""

import numpy as np

from prunesim.figures import heatmaps, style
from prunesim.results.reading import gaps, reason, select

MOST_VECTOR_CELLS = 3000


def draw(tables, settings):
    """Return the figure: one panel a method and layer, the earlier round down, the later round across.

    Parameters
    ----------
    tables : dict
        ``similarity``.
    settings : dict
        ``measure``, ``palette``, ``layers``.
    """
    measure, layers = settings["measure"], settings["layers"]
    rows = select(tables["similarity"], "rounds", measure)
    rows = rows[rows["layer_b"].isin(layers)]
    if rows["value"].isna().all():
        return style.placeholder(
            f"No value of {measure} to draw: {reason(rows) or 'no rounds have been compared with each other'}."
        )
    methods = sorted(set(rows["method_b"]))
    rounds = style.rounded([*rows["round_a"], *rows["round_b"]])
    means = rows.groupby(["method_b", "layer_b", "round_a", "round_b"])["value"].mean()
    map_ = heatmaps.colours(settings["palette"], measure)
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
            heatmaps.draw_matrix(axis, matrix, map_, ends, expected=expected, rasterized=many)
            axis.set_title(layer if len(methods) == 1 else f"{method}: {layer}", fontsize="small")
            axis.set_aspect("equal")
            lowest = index + columns >= len(layers)
            heatmaps.number_ticks(axis.xaxis, later, shown=lowest)
            heatmaps.number_ticks(axis.yaxis, earlier, shown=index % columns == 0)
    figure.supxlabel("Later round", fontsize="medium")
    figure.supylabel("Earlier round (0: dense)", fontsize="medium")
    heatmaps.colour_bar(figure, axes, style.measure_label(measure))
    style.remark(figure, " ".join(gaps(rows.rename(columns={"layer_b": "layer"}), layers)))
    return figure


def _matrix(means, method, layer):
    here = (means.index.get_level_values(0) == method) & (means.index.get_level_values(1) == layer)
    return means[here].droplevel([0, 1]).unstack()
