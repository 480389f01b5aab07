"""The central figure: similarity of the dense network and each pruning round, layer by layer."""

import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from prunesim.figures import profiles, style
from prunesim.results.reading import between_replicates, dense_to_rounds, gaps, reason, summarise

YARDSTICK = {"color": "black", "linestyle": (0, (3, 1.5)), "marker": ""}


def draw(tables, settings):
    """Return the figure: one panel a method, one line a round, with the null and the yardstick.

    A layer without a value leaves a gap in all of them, and a remark says why.

    Parameters
    ----------
    tables : dict
        ``similarity``, and ``networks`` for the share of weights that each round has left.
    settings : dict
        ``measure``, ``palette``, ``layers``.
    """
    measure, layers = settings["measure"], settings["layers"]
    pruned = dense_to_rounds(tables["similarity"], measure)
    dense = between_replicates(tables["similarity"], measure)
    pruned, dense = (rows[rows["layer"].isin(layers)] for rows in (pruned, dense))
    why = reason(pruned) or reason(dense) or "no networks have been compared"
    # A study without pruning rounds still has its yardstick, in one panel.
    methods = sorted(set(pruned["method"])) or [None]
    missing = gaps(pd.concat([pruned, dense]), layers)
    pruned, dense = (rows.dropna(subset=["value"]) for rows in (pruned, dense))
    if pruned.empty and dense.empty:
        return style.placeholder(f"No value of {measure} to draw: {why}.")

    rounds = style.rounded(pruned["round"])
    names = _names(profiles.named(rounds), tables["networks"], methods)
    others = _others(pruned, dense)
    figure, axes = profiles.new_panels(len(methods), layers, [*names.values(), *(label for _, label in others)])
    colours = dict(zip(rounds, style.round_colours(settings["palette"], len(rounds)), strict=True))
    lines = {}
    for axis, method in zip(axes, methods, strict=True):
        mine = pruned[pruned["method"] == method] if method else pruned
        _draw_null(axis, mine if mine["null"].notna().any() else dense, layers, measure)
        if len(dense):
            yardstick = dense.groupby("layer")["value"].mean().reindex(layers)
            axis.plot(*profiles.widened(range(len(layers)), yardstick), zorder=4, **YARDSTICK)
        lines |= profiles.draw_rounds(axis, summarise(mine, ["round", "layer"], "value"), colours, layers)
        if len(methods) > 1:
            axis.set_title(method)
        if axis.get_subplotspec().is_first_col():
            axis.set_ylabel(style.measure_label(measure))
    _set_limits(axes[0], measure)
    entries = [(lines[round_], name) for round_, name in names.items()] + others
    if entries:
        profiles.add_legend(figure, entries, "Dense against round (weights remaining)" if names else "")
    remarks = []
    if methods == [None]:
        remarks.append("No pruning round to show.")
    elif len(pruned) and pruned.groupby(["method", "round", "layer"])["value"].count().max() < 2:
        remarks.append(style.ONE_REPLICATE)
    style.remark(figure, " ".join(remarks + missing))
    return figure


def _others(pruned, dense):
    """Return what the legend holds besides the rounds."""
    others = [(Line2D([], [], **YARDSTICK), "two dense networks")] if len(dense) else []
    if pruned["null"].notna().any() or dense["null"].notna().any():
        others.append((Patch(facecolor="0.88", edgecolor="0.6", linewidth=0.7), "null (images shuffled)"))
    return others


def _draw_null(axis, rows, layers, measure):
    null = rows.groupby("layer")["null"].mean().reindex(layers).astype(float)
    # No similarity is below the shade, and no distance above it.
    end = 1.05 * null.max() if measure in style.DISTANCES else 0
    places, null = profiles.widened(range(len(layers)), null)
    axis.fill_between(places, end, null, color="0.88", linewidth=0, zorder=1)
    axis.plot(places, null, color="0.6", linewidth=0.7 * style.scale(), zorder=1)


def _set_limits(axis, measure):
    low, high = axis.dataLim.intervaly
    # Similarities end at 1, where an interval may reach beyond.
    axis.set_ylim(min(0, low), 1.02 * high if measure in style.DISTANCES else 1.02)


def _names(rounds, networks, methods):
    """Return how the legend names each round, with the share of weights left where the methods agree on it."""
    rows = networks[networks["method"].isin([method for method in methods if method])]
    shares = rows.groupby("round")["density"].agg(["min", "max"]).dropna()
    shares = shares.loc[shares["max"] - shares["min"] < 5e-4, "max"]
    return {
        round_: f"{round_} ({style.percent(shares[round_])})" if round_ in shares else str(round_) for round_ in rounds
    }
