"""Test accuracy against the share of weights that remains."""

import pandas as pd

from prunesim.figures import method_lines, plotted, style
from prunesim.results.reading import base_of

COLUMNS = ["shown", "method", "round", "replicate", "left", "value", "low", "high", "n"]


def rows(tables, settings):
    """Return what is shown, in per cent: means with intervals, replicates, and the mean of the dense networks.

    Parameters
    ----------
    tables : dict
        ``networks``.
    settings : dict
        Nothing but what `prunesim.figures.style.render` uses.
    """
    networks = tables["networks"].dropna(subset=["test_accuracy", "density"])
    networks = networks[networks["density"] > 0]
    if networks.empty:
        return plotted.nothing("networks.csv has no test accuracy: no network has been evaluated.", COLUMNS)
    networks = networks.assign(accuracy=100 * networks["test_accuracy"], left=100 * networks["density"])
    is_dense = networks["method"] == "dense"
    methods = sorted(set(networks.loc[~is_dense, "method"]))
    parts = []
    points = not method_lines.MOST_BANDS < len(methods) <= method_lines.MOST_LINES
    for method in methods or ["dense"]:
        # A chain may have a dense network of its own.
        base = is_dense & (base_of(networks, method) == "dense")
        parts += method_lines.rows_of(networks[base | (networks["method"] == method)], method, "accuracy", points)
    if methods and is_dense.any():
        parts.append(pd.DataFrame({"shown": ["dense"], "value": [networks.loc[is_dense, "accuracy"].mean()]}))
    alone = networks.groupby(["method", "round"])["accuracy"].count().max() < 2
    return plotted.Plotted(plotted.joined(parts, COLUMNS), style.ONE_REPLICATE if alone else "")


def draw(shown, settings):
    """Return the figure: one line a method, with the interval over replicates; of many methods each in a panel."""
    lines = shown.rows[shown.rows["shown"] != "dense"]
    level = plotted.pick(shown.rows, shown="dense")["value"]
    methods = list(dict.fromkeys(lines["method"]))
    figure = _panels(lines, level, methods) if len(methods) > method_lines.MOST_LINES else _one(lines, level, methods)
    style.remark(figure, shown.note)
    return figure


def _one(lines, level, methods):
    figure, axes = style.new_figure(style.COLUMN + method_lines.legend_width(methods), 2.6)
    axis = axes[0, 0]
    for place, (method, look) in enumerate(method_lines.looks(methods).items()):
        method_lines.draw_line(axis, plotted.pick(lines, method=method), method, look, place, len(methods))
    _finish(axis, lines, level)
    method_lines.add_legend(figure, axis, len(methods))
    axis.set_ylabel("Test accuracy (%)")
    return figure


def _panels(lines, level, methods):
    """Return a panel a method, with all others in grey."""
    across = 4
    down = -(-len(methods) // across)
    figure, axes = style.new_figure(2 * style.COLUMN, 1.5 * down + 0.3, down, across, sharex=True, sharey=True)
    for axis, method in zip(axes.flat, methods, strict=False):
        for other in methods:
            if other != method:
                method_lines.draw_behind(axis, plotted.pick(lines, method=other))
        look = method_lines.looks([method])[method]
        method_lines.draw_line(axis, plotted.pick(lines, method=method), method, look, 0, 1)
        _finish(axis, lines, level)
        axis.set_title(method)
        axis.set_xlabel("")
    for axis in axes.flat[len(methods) :]:
        axis.remove()
    figure.supxlabel(method_lines.LEFT, fontsize="medium")
    figure.supylabel("Test accuracy (%), in grey all other methods", fontsize="medium")
    return figure


def _finish(axis, lines, level):
    if len(level):
        axis.axhline(level.iloc[0], color="0.3", linestyle=(0, (4, 2)), linewidth=0.9 * style.scale(), zorder=1,
                     label="dense")  # fmt: skip
    method_lines.left_axis(axis, lines["left"].min())
    axis.locator_params(axis="y", nbins=6)
    method_lines.bound(axis, [*lines["value"], *level], least=0, most=100)
    style.faint_grid(axis)
