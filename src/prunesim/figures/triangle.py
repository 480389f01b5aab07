"""Representation, function and connectivity of the same networks against the share of weights that remains."""

from prunesim.figures import method_lines, style
from prunesim.results.reading import summarise
from prunesim.results.triangle import three_views


def draw(tables, settings):
    """Return the figure: one panel a view, one line a method with its interval over replicates.

    Parameters
    ----------
    tables : dict
        ``similarity, networks, connectivity``.
    settings : dict
        ``measure``.
    """
    if tables["connectivity"].empty:
        return style.placeholder("connectivity.csv is empty: no two networks have been connected.")
    views = three_views(tables["similarity"], tables["networks"], tables["connectivity"], settings["measure"])
    views = views[views["density"] > 0]
    if views.empty:
        return style.placeholder("No pruned network is connected with its dense one.")
    methods = sorted(set(views["method"]))
    panels = {
        "representation": (f"Mean over layers,\n{style.measure_label(settings['measure'])}", 1),
        "function": ("Same class as dense (%)", 100),
        "connectivity": ("Barrier to dense\n(percentage points)", 100),
    }
    figure, axes = style.new_figure(2.2 * style.COLUMN + method_lines.legend_width(methods), 2.6, 1, len(panels))
    left = 100 * views.groupby(["method", "round"])["density"].mean()
    for axis, (view, (label, unit)) in zip(axes.flat, panels.items(), strict=True):
        means = []
        for place, (method, look) in enumerate(method_lines.looks(methods).items()):
            rows = views[views["method"] == method]
            mean = summarise(rows.assign(value=unit * rows[view]), "round", "value")
            means += list(mean["mean"])
            x = left[method].reindex(mean.index)
            method_lines.draw_line(axis, x, mean, method, look, place, len(methods))
        if means:
            method_lines.bound(axis, means)
        axis.set_xscale("log")
        axis.set_xlim(115, min(left.min(), 80) / 1.15)
        style.percent_ticks(axis.xaxis, left.min())
        axis.locator_params(axis="y", nbins=6)
        axis.set_xlabel("Weights remaining (%, log scale)")
        axis.set_ylabel(label)
        axis.set_title(view)
        style.faint_grid(axis)
    method_lines.add_legend(figure, axes[0, 0], len(methods))
    if views["replicate"].nunique() < 2:
        style.remark(figure, style.ONE_REPLICATE)
    return figure
