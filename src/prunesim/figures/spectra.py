"""All canonical correlations of the dense network with each round: a panel a layer, a line a round."""

from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from prunesim.figures import plotted, profiles, style
from prunesim.results.reading import gaps

MOST_IN_A_ROW = 4
FEW = 12  # points that are seen one by one
CHANCE = {"linestyle": (0, (1.2, 1.2)), "linewidth": 0.8}
COLUMNS = ["shown", "method", "layer", "round", "index", "value", "n"]


def rows(tables, settings):
    """Return what is shown: means over replicates of the first, the second, ... correlation of each layer and round.

    A line ends where a replicate has no further correlation: beyond it, the mean would be over other networks. The null
    is there of the first and the last round, or of all where they are few.

    Parameters
    ----------
    tables : dict
        ``spectra``.
    settings : dict
        ``layers``.
    """
    layers = settings["layers"]
    table = tables["spectra"]
    table = table[table["layer"].isin(layers)]
    missing = gaps(table.rename(columns={"correlation": "value"}), layers)
    table = table.dropna(subset=["index", "correlation"])
    if table.empty:
        return plotted.nothing(" ".join(["No canonical correlation to draw.", *missing]), COLUMNS)
    parts = []
    for method in sorted(set(table["method"])):
        for layer in layers:
            mine = plotted.pick(table, method=method, layer=layer)
            rounds = style.rounded(mine["round"])
            null = mine[mine["round"].isin(profiles.banded(rounds) if rounds else [])]
            for shown, found, column in (("mean", mine, "correlation"), ("null", null, "null")):
                mean = _common(plotted.cells(found.dropna(subset=[column]), ["round", "index"], column))
                parts.append(mean.assign(shown=shown, method=method, layer=layer))
    alone = table["replicate"].nunique() < 2
    return plotted.Plotted(plotted.joined(parts, COLUMNS), " ".join([*(["One replicate."] if alone else []), *missing]))


def _common(means):
    """Return the means up to the index that all replicates of a round have."""
    return means[means["n"] == means.groupby("round")["n"].transform("max")]


def draw(shown, settings):
    """Return the figure: a block of panels a method, a panel a layer, a line a round; dotted, the null."""
    methods = list(dict.fromkeys(shown.rows["method"]))
    layers = [layer for layer in settings["layers"] if layer in set(shown.rows["layer"])]
    rounds = style.rounded(shown.rows["round"])
    colours = dict(zip(rounds, style.round_colours(settings["palette"], len(rounds)), strict=True))
    bands, columns = style.grid_shape(len(layers), MOST_IN_A_ROW)
    figure, axes = style.new_figure(
        0.7 + columns * (2.6 if columns == 1 else 1.75), 0.8 + 1.55 * bands * len(methods), bands * len(methods),
        columns, sharey=True,
    )  # fmt: skip
    for block, method in enumerate(methods):
        panels = axes[block * bands : (block + 1) * bands].ravel()
        for axis in panels[len(layers) :]:
            axis.set_axis_off()
        for index, (axis, layer) in enumerate(zip(panels, layers, strict=False)):
            if index + columns >= len(layers):
                axis.set_xlabel("Direction")
            if index % columns == 0:
                axis.set_ylabel("Canonical correlation")
            _draw_layer(axis, plotted.pick(shown.rows, method=method, layer=layer), colours)
            axis.set_title(layer if len(methods) == 1 else f"{method}: {layer}", fontsize="small")
    axes[0, 0].set_ylim(-0.02, 1.03)
    entries = [(Line2D([], [], color=colours[round_]), str(round_)) for round_ in profiles.named(rounds)]
    if (shown.rows["shown"] == "null").any():
        entries.append((Line2D([], [], color="0.3", **CHANCE), "null (images shuffled)"))
    profiles.add_legend(figure, entries, "Dense against round")
    style.remark(figure, shown.note)
    return figure


def _draw_layer(axis, rows, colours):
    longest = int(rows["index"].max()) if len(rows) else 1
    for round_, colour in colours.items():
        mean, null = (plotted.pick(rows, round=round_, shown=sort) for sort in ("mean", "null"))
        marker = {"marker": ".", "markersize": 3 * style.scale()} if longest <= FEW else {}
        axis.plot(mean["index"], mean["value"], color=colour, linewidth=0.9 * style.scale(), **marker)
        look = CHANCE | {"linewidth": CHANCE["linewidth"] * style.scale()}
        axis.plot(null["index"], null["value"], color=colour, zorder=1, **look)
    room = 0.04 * max(longest - 1, 1)
    axis.set_xlim(max(1 - room, 0.5), longest + room)
    axis.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=2))
    style.faint_grid(axis)
