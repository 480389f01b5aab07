"""Units that recognise concepts, and how many concepts they recognise, against the share of weights that remains."""

from matplotlib.ticker import MaxNLocator

from prunesim.figures import method_lines, plotted, style
from prunesim.results.reading import base_of

PANELS = (
    ("detectors", "chance_detectors", "Detectors (units)"),
    ("concepts", "chance_concepts", "Distinct concepts"),
)
COLUMNS = ["shown", "method", "layer", "count", "round", "density", "value", "low", "high", "n"]


def rows(tables, settings):
    """Return what is shown: means over replicates of detectors and distinct concepts, a line a layer and method.

    Parameters
    ----------
    tables : dict
        ``concept_layers``: columns `prunesim.results.concepts.LAYER_COLUMNS`.
    settings : dict
        ``palette``.
    """
    found = tables["concept_layers"]
    if found.empty:
        return plotted.nothing("The table has no layer of any network.", COLUMNS)
    methods = sorted(set(found["method"][found["round"] > 0])) or sorted(set(found["method"]))
    parts = []
    for method in methods:
        base = base_of(found, method)
        own = found[(found["method"] == method) | ((found["method"] == base) & (found["round"] == 0))]
        left = 100 * own.groupby("round")["density"].mean()
        for layer in dict.fromkeys(found["layer"]):
            for count, chance, _ in PANELS:
                for column, shown in ((count, "mean"), (chance, "by chance")):
                    line = plotted.means(own[own["layer"] == layer], ["round"], column, shown)
                    line["density"] = left.reindex(line["round"]).to_numpy()
                    parts.append(line.assign(method=method, layer=layer, count=count))
    remarks = ["Dotted: by chance, the masks permuted over images."] if found["chance_detectors"].notna().any() else []
    if found["replicate"].nunique() == 1:
        remarks.append(style.ONE_REPLICATE)
    return plotted.Plotted(plotted.joined(parts, COLUMNS), " ".join(remarks))


def draw(shown, settings):
    """Return the figure: a column a method, detectors above distinct concepts, a line a layer.

    Bars are 95 % intervals over replicates, cut where they leave the axes; dotted is the number by chance, masks
    permuted over images.
    """
    layers, methods = (list(dict.fromkeys(shown.rows[key])) for key in ("layer", "method"))
    colours = style.round_colours(settings["palette"], len(layers))
    width = 2.2 if len(methods) > 1 else 2.6
    figure, axes = style.new_figure(width * len(methods) + 0.9, 4.0, 2, len(methods), sharex=True, sharey="row")
    for column, method in zip(axes.T, methods, strict=True):
        for axis, (count, _, words) in zip(column, PANELS, strict=True):
            for place, (layer, colour) in enumerate(zip(layers, colours, strict=True), start=-(len(layers) // 2)):
                here = plotted.pick(shown.rows, method=method, layer=layer, count=count)
                _draw_layer(axis, here, colour, layer, 1 + method_lines.APART * place)
            if axis in axes[:, 0]:
                axis.set_ylabel(words)
            style.faint_grid(axis)
        column[0].set_title(method)
        column[1].set_xlabel(method_lines.LEFT)
    least = shown.rows["density"].min()
    axes[0, 0].set_xscale("log")
    axes[0, 0].set_xlim(115, min(least, 80) / 1.15)
    for line, (count, *_) in zip(axes, PANELS, strict=True):
        method_lines.bound(line[0], plotted.pick(shown.rows, count=count)["value"].dropna().tolist(), least=0)
    for axis in axes.flat:
        axis.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        style.percent_ticks(axis.xaxis, least)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, loc="outside right center", fontsize="small")
    style.remark(figure, shown.note)
    return figure


def _draw_layer(axis, rows, colour, layer, aside):
    mean, chance = (plotted.pick(rows, shown=shown).sort_values("round") for shown in ("mean", "by chance"))
    density, low, high = (mean[column].to_numpy(float) for column in ("density", "low", "high"))
    axis.vlines(density * aside, low, high, color=colour, linewidth=0.7 * style.scale(), alpha=0.5, zorder=2)
    axis.plot(density * aside, mean["value"], color=colour, marker="o", label=layer, zorder=3)
    axis.plot(chance["density"], chance["value"], color=colour, linestyle=":", zorder=2)
