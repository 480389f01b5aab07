"""The replicate yardstick: what pruning changes beside what another training changes, layer by layer."""

from matplotlib.lines import Line2D

from prunesim.figures import plotted, profiles, style
from prunesim.results.reading import base_of, between_replicates, dense_to_rounds, gaps, reason, select

COLUMNS = ["shown", "method", "round", "layer", "replicate", "other", "value", "low", "high", "n"]
SORTS = {
    "pruned": ("after the last round, to its own dense network", "o", "0.1"),
    "dense": ("dense networks of two replicates", "D", "#d55e00"),
    "both": ("pruned networks of two replicates", "^", "#0072b2"),
}
APART = 0.22  # layers


def rows(tables, settings):
    """Return what is shown: of each sort of pair the mean at each layer, and every pair.

    Only pairs of a pruned network and its own dense one are independent, so only their mean has an interval.

    Parameters
    ----------
    tables : dict
        ``similarity, networks``.
    settings : dict
        ``measure``, ``layers``.
    """
    similarity, measure, layers = tables["similarity"], settings["measure"], settings["layers"]
    pruned, dense = dense_to_rounds(similarity, measure), between_replicates(similarity, measure)
    pairs = select(similarity, "replicates", measure)
    pairs = pairs.rename(columns={"replicate_b": "replicate", "replicate_a": "other", "layer_b": "layer"})
    pruned, dense, pairs = (found[found["layer"].isin(layers)] for found in (pruned, dense, pairs))
    if pruned["value"].isna().all() or dense["value"].isna().all():
        lost = pruned if pruned["value"].isna().all() else dense
        why = reason(lost) or "the yardstick needs a pruned network, two replicates and the family replicates"
        return plotted.nothing(f"No value of {measure} to draw: {why}.", COLUMNS)
    parts = []
    for method, mine in pruned.groupby("method"):
        last = mine["round"].max()
        own = mine[mine["round"] == last]
        both = pairs[(pairs["method_b"] == method) & (pairs["round_a"] == last) & (pairs["round_b"] == last)]
        between = dense[dense["method"] == base_of(tables["networks"], method)]
        found = [
            plotted.means(own, ["layer"]).assign(shown="pruned", round=last),
            plotted.points(own, ["layer"], shown="pruned, each").assign(round=last),
        ]
        for sort, round_, several in (("dense", 0, between), ("both", last, both)):
            if several["value"].notna().any():
                mean = plotted.means(several, ["layer"]).drop(columns=["low", "high"])
                each = several.dropna(subset=["value"]).sort_values(["layer", "other", "replicate"])
                each = each[["layer", "replicate", "other", "value"]].assign(shown=f"{sort}, each", round=round_)
                found += [mean.assign(shown=sort, round=round_), each]
        parts += [part.assign(method=method) for part in found]
    remarks = [style.ONE_REPLICATE] if pruned.groupby(["method", "round", "layer"])["value"].count().max() < 2 else []
    return plotted.Plotted(plotted.joined(parts, COLUMNS), " ".join(remarks + gaps(pruned, layers)))


def draw(shown, settings):
    """Return the figure: one panel a method, at each layer the sorts of pairs side by side, small for every pair."""
    layers = settings["layers"]
    methods = list(dict.fromkeys(shown.rows["method"]))
    present = [sort for sort in SORTS if (shown.rows["shown"] == sort).any()]
    figure, axes = profiles.new_panels(len(methods), layers, [SORTS[sort][0] for sort in present])
    for axis, method in zip(axes, methods, strict=True):
        mine = plotted.pick(shown.rows, method=method)
        for place, sort in enumerate(present):
            _draw_sort(axis, mine, sort, APART * (place - (len(present) - 1) / 2), layers)
        axis.set_xlim(-0.5, len(layers) - 0.5)
        if len(methods) > 1:
            axis.set_title(method)
        if axis.get_subplotspec().is_first_col():
            axis.set_ylabel(style.measure_label(settings["measure"]))
    values = shown.rows["value"]
    room = 0.08 * (values.max() - values.min()) or 0.1
    axes[0].set_ylim(values.min() - room, values.max() + room)
    axes[0].locator_params(axis="y", nbins=6, prune="upper")
    handles = [Line2D([], [], color=SORTS[sort][2], marker=SORTS[sort][1], linestyle="none") for sort in present]
    profiles.add_legend(figure, list(zip(handles, [SORTS[sort][0] for sort in present], strict=True)), "")
    style.remark(figure, shown.note)
    return figure


def _draw_sort(axis, rows, sort, aside, layers):
    _, marker, colour = SORTS[sort]
    mean, each = plotted.pick(rows, shown=sort), plotted.pick(rows, shown=f"{sort}, each")
    places, many = ([layers.index(layer) + aside for layer in part["layer"]] for part in (mean, each))
    axis.scatter(many, each["value"], s=5 * style.scale() ** 2, color=colour, alpha=0.45, linewidth=0, zorder=2)
    axis.vlines(places, mean["low"].astype(float), mean["high"].astype(float), color=colour, alpha=0.7, zorder=2,
                linewidth=0.8 * style.scale())  # fmt: skip
    axis.plot(places, mean["value"], color=colour, marker=marker, linestyle="none", zorder=3)
