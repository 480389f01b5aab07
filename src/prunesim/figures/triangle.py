"""Representation, function and connectivity of the same networks against the share of weights that remains."""

from prunesim.figures import method_lines, plotted, style
from prunesim.results.triangle import three_views

UNITS = {"representation": 1, "function": 100, "connectivity": 100}
COLUMNS = ["view", "shown", "method", "round", "replicate", "left", "value", "low", "high", "n"]


def rows(tables, settings):
    """Return what is shown: of each view and method the means with intervals, and the replicates.

    Parameters
    ----------
    tables : dict
        ``similarity, networks, connectivity``.
    settings : dict
        ``measure``.
    """
    if tables["connectivity"].empty:
        return plotted.nothing("connectivity.csv is empty: no two networks have been connected.", COLUMNS)
    views = three_views(tables["similarity"], tables["networks"], tables["connectivity"], settings["measure"])
    views = views[views["density"] > 0]
    if views.empty:
        return plotted.nothing("No pruned network is connected with its dense one.", COLUMNS)
    methods = sorted(set(views["method"]))
    left = 100 * views.groupby(["method", "round"])["density"].mean()
    parts = []
    for view, unit in UNITS.items():
        for method in methods:
            mine = views[views["method"] == method]
            mine = mine.assign(value=unit * mine[view])
            own = method_lines.rows_of(mine, method, "value", len(methods) <= method_lines.MOST_BANDS, left[method])
            parts += [part.assign(view=view) for part in own]
    note = style.ONE_REPLICATE if views["replicate"].nunique() < 2 else ""
    return plotted.Plotted(plotted.joined(parts, COLUMNS), note)


def draw(shown, settings):
    """Return the figure: one panel a view, one line a method with its interval over replicates."""
    methods = list(dict.fromkeys(shown.rows["method"]))
    panels = {
        "representation": f"Mean over layers,\n{style.measure_label(settings['measure'])}",
        "function": "Same class as dense (%)",
        "connectivity": "Barrier to dense\n(percentage points)",
    }
    figure, axes = style.new_figure(2.2 * style.COLUMN + method_lines.legend_width(methods), 2.6, 1, len(panels))
    for axis, (view, label) in zip(axes.flat, panels.items(), strict=True):
        here = plotted.pick(shown.rows, view=view)
        for place, (method, look) in enumerate(method_lines.looks(methods).items()):
            method_lines.draw_line(axis, plotted.pick(here, method=method), method, look, place, len(methods))
        if len(here):
            method_lines.bound(axis, here["value"].tolist())
        method_lines.left_axis(axis, shown.rows["left"].min())
        axis.locator_params(axis="y", nbins=6)
        axis.set_ylabel(label)
        axis.set_title(view)
        style.faint_grid(axis)
    method_lines.add_legend(figure, axes[0, 0], len(methods))
    style.remark(figure, shown.note)
    return figure
