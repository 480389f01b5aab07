"""What the masks of two networks have in common, beside what chance gives at the same densities."""

from prunesim.figures import method_lines, plotted, style

COLUMNS = ["kind", "shown", "pair", "round", "left", "value", "low", "high", "n"]
PANELS = {"replicates": "One method, two replicates", "methods": "Two methods, one replicate"}
ALL = "all"


def rows(tables, settings):
    """Return what is shown: of all layers together, the mean overlap of each sort of pair, every pair, and chance.

    Pairs of methods are independent, one a replicate, and have an interval; pairs of replicates share networks, and
    have none.

    Parameters
    ----------
    tables : dict
        ``overlap``.
    settings : dict
        Nothing but what `prunesim.figures.style.render` uses.
    """
    table = tables["overlap"]
    table = table[table["layer"] == ALL].dropna(subset=["iou"])
    if table.empty:
        sentence = "overlap.csv has no pair of masks: it needs two replicates or two methods, and a pruning round."
        return plotted.nothing(sentence, COLUMNS)
    across = table["method_a"] == table["method_b"]
    names = table["method_a"].where(across, table["method_a"] + " and " + table["method_b"])
    table = table.assign(pair=names, kind=across.map({True: "replicates", False: "methods"}))
    table = table.assign(left=50 * (table["density_a"] + table["density_b"]), replicate=table["replicate_a"])
    parts = []
    for (kind, pair), mine in table.groupby(["kind", "pair"]):
        left = mine.groupby("round")["left"].mean()
        mean, chance = plotted.means(mine, ["round"], "iou"), plotted.cells(mine, ["round"], "chance")
        if kind == "replicates":
            mean = mean.drop(columns=["low", "high"])
        each = mine[["round", "left"]].assign(shown="pair", value=mine["iou"]).sort_values(["round", "value"])
        for part in (mean, chance.assign(shown="chance")):
            parts.append(part.assign(kind=kind, pair=pair, left=part["round"].map(left)))
        parts.append(each.assign(kind=kind, pair=pair))
    return plotted.Plotted(plotted.joined(parts, COLUMNS))


def draw(shown, settings):
    """Return the figure: a panel a kind of pair, a line a sort of pair, dotted what chance gives."""
    kinds = [kind for kind in PANELS if (shown.rows["kind"] == kind).any()]
    pairs = list(dict.fromkeys(shown.rows["pair"]))
    width = 1.1 * style.COLUMN * len(kinds) + 0.55 + 0.065 * max(map(len, pairs))
    figure, axes = style.new_figure(width, 2.8, 1, len(kinds), sharey=True)
    looks = method_lines.looks(pairs)
    for axis, kind in zip(axes.flat, kinds, strict=True):
        here = plotted.pick(shown.rows, kind=kind)
        for pair in dict.fromkeys(here["pair"]):
            _draw_pair(axis, plotted.pick(here, pair=pair), pair, looks[pair])
        method_lines.left_axis(axis, shown.rows["left"].min())
        axis.set_title(PANELS[kind])
        style.faint_grid(axis)
    axes[0, 0].set_ylabel("Overlap of masks (IoU)")
    axes[0, 0].set_ylim(0, 1.02)
    handles = [line for axis in axes.flat for line in axis.lines if line.get_label() in pairs]
    figure.legend(handles, [line.get_label() for line in handles], frameon=False, loc="outside right center",
                  fontsize="small")  # fmt: skip
    style.remark(figure, f"Dotted: by chance, at the same density of each layer. {shown.note}".strip())
    return figure


def _draw_pair(axis, rows, pair, look):
    colour, marker, dashes = look
    mean, each, chance = (plotted.pick(rows, shown=shown) for shown in ("mean", "pair", "chance"))
    axis.scatter(each["left"], each["value"], s=8 * style.scale() ** 2, color=colour, alpha=0.5, linewidth=0, zorder=2)
    axis.vlines(mean["left"], mean["low"].astype(float), mean["high"].astype(float), color=colour, alpha=0.6, zorder=2,
                linewidth=0.7 * style.scale())  # fmt: skip
    axis.plot(mean["left"], mean["value"], color=colour, marker=marker, linestyle=dashes, label=pair, zorder=3)
    axis.plot(chance["left"], chance["value"], color=colour, linestyle=":", marker="", zorder=1)
