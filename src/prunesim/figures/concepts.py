"""Units that recognise concepts, and how many concepts they recognise, against the share of weights that remains."""

from matplotlib.ticker import MaxNLocator

from prunesim.figures import style
from prunesim.results.reading import base_of, summarise

PANELS = (
    ("detectors", "chance_detectors", "Detectors (units)"),
    ("concepts", "chance_concepts", "Distinct concepts"),
)


def draw(tables, settings):
    """Return the figure: a column a method, detectors above distinct concepts, a line a layer.

    Bands are 95 % intervals over replicates; dotted is the number by chance, masks permuted over images.

    Parameters
    ----------
    tables : dict
        ``concept_layers``: columns `prunesim.results.concepts.LAYER_COLUMNS`.
    settings : dict
        ``palette``.
    """
    rows = tables["concept_layers"]
    if rows.empty:
        return style.placeholder("The table has no layer of any network.")
    layers = list(dict.fromkeys(rows["layer"]))
    methods = sorted(set(rows["method"][rows["round"] > 0])) or sorted(set(rows["method"]))
    colours = style.round_colours(settings["palette"], len(layers))
    width = 2.2 if len(methods) > 1 else 2.6
    figure, axes = style.new_figure(width * len(methods) + 0.9, 4.0, 2, len(methods), sharex=True, sharey="row")
    for column, method in zip(axes.T, methods, strict=True):
        base = base_of(rows, method)
        own = rows[(rows["method"] == method) | ((rows["method"] == base) & (rows["round"] == 0))]
        for axis, (value, chance, words) in zip(column, PANELS, strict=True):
            for layer, colour in zip(layers, colours, strict=True):
                _draw_layer(axis, own[own["layer"] == layer], value, chance, colour, layer)
            if axis in axes[:, 0]:
                axis.set_ylabel(words)
            style.faint_grid(axis)
        column[0].set_title(method if len(methods) > 1 else "")
        column[1].set_xlabel("Weights remaining (%, log scale)")
    least = 100 * rows["density"].min()
    axes[0, 0].set_xscale("log")
    axes[0, 0].set_xlim(115, min(least, 80) / 1.15)
    for axis in axes.flat:
        axis.set_ylim(bottom=0)
        axis.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        style.percent_ticks(axis.xaxis, least)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, loc="outside right center", fontsize="small")
    remarks = ["Dotted: by chance, the masks permuted over images."] if rows["chance_detectors"].notna().any() else []
    if rows["replicate"].nunique() == 1:
        remarks.append(style.ONE_REPLICATE)
    style.remark(figure, " ".join(remarks))
    return figure


def _draw_layer(axis, rows, value, chance, colour, layer):
    left = 100 * rows.groupby("round")["density"].mean()
    mean = summarise(rows, "round", value)
    axis.fill_between(left, mean["low"], mean["high"], color=colour, alpha=0.2, linewidth=0)
    axis.plot(left, mean["mean"], color=colour, marker="o", label=layer, clip_on=False, zorder=3)
    if rows[chance].notna().any():
        axis.plot(left, rows.groupby("round")[chance].mean(), color=colour, linestyle=":", zorder=2)
