"""The central figure: similarity of the dense network and each pruning round, layer by layer."""

import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from prunesim.figures import plotted, profiles, style
from prunesim.results.reading import base_of, between_replicates, dense_to_rounds, gaps, reason

YARDSTICK = {"color": "black", "linestyle": (0, (3, 1.5)), "marker": ""}
COLUMNS = ["shown", "method", "round", "layer", "replicate", "left", "value", "low", "high", "n"]


def rows(tables, settings):
    """Return what is shown: means with intervals and replicates of each round, the null, and the yardstick.

    A study without pruning rounds has its yardstick all the same, as that of no method.

    Parameters
    ----------
    tables : dict
        ``similarity``, and ``networks`` for the share of weights that each round has left.
    settings : dict
        ``measure``, ``layers``.
    """
    measure, layers = settings["measure"], settings["layers"]
    pruned = dense_to_rounds(tables["similarity"], measure)
    dense = between_replicates(tables["similarity"], measure)
    pruned, dense = (found[found["layer"].isin(layers)] for found in (pruned, dense))
    why = reason(pruned) or reason(dense) or "no networks have been compared"
    methods = sorted(set(pruned["method"])) or [""]
    missing = gaps(pd.concat([pruned, dense]), layers)
    pruned, dense = (found.dropna(subset=["value"]) for found in (pruned, dense))
    if pruned.empty and dense.empty:
        return plotted.nothing(f"No value of {measure} to draw: {why}.", COLUMNS)
    rounds, left, parts = style.rounded(pruned["round"]), _left(tables["networks"], methods), []
    for method in methods:
        mine = pruned[pruned["method"] == method]
        between = dense[dense["method"] == base_of(tables["networks"], method)]
        own = profiles.rows_of(mine, "value", layers, rounds)
        own[0] = own[0].assign(left=own[0]["round"].map(left))
        for shown, column, found in (
            ("null", "null", mine if mine["null"].notna().any() else between),
            ("yardstick", "value", between),
        ):
            mean = found.groupby("layer")[column].agg(["mean", "count"]).reindex(layers).dropna().reset_index()
            own.append(mean.rename(columns={"mean": "value", "count": "n"}).assign(shown=shown))
        parts += [part.assign(method=method) for part in own]
    remarks = []
    if methods == [""]:
        remarks.append("No pruning round to show.")
    elif len(pruned) and pruned.groupby(["method", "round", "layer"])["value"].count().max() < 2:
        remarks.append(style.ONE_REPLICATE)
    return plotted.Plotted(plotted.joined(parts, COLUMNS), " ".join(remarks + missing))


def _left(networks, methods):
    """Return the share of weights left after each round, in per cent, where the methods agree on it."""
    shares = networks[networks["method"].isin(methods)].groupby("round")["density"].agg(["min", "max"]).dropna()
    return 100 * shares.loc[shares["max"] - shares["min"] < 5e-4, "max"]


def draw(shown, settings):
    """Return the figure: one panel a method, one line a round, with the null and the yardstick."""
    measure, layers = settings["measure"], settings["layers"]
    methods = list(dict.fromkeys(shown.rows["method"]))
    means = plotted.pick(shown.rows, shown="mean")
    rounds = style.rounded(means["round"])
    names = _names(profiles.named(rounds), means)
    others = _others(shown.rows)
    figure, axes = profiles.new_panels(len(methods), layers, [*names.values(), *(label for _, label in others)])
    colours = dict(zip(rounds, style.round_colours(settings["palette"], len(rounds)), strict=True))
    lines = {}
    for axis, method in zip(axes, methods, strict=True):
        mine = plotted.pick(shown.rows, method=method)
        _draw_null(axis, _along(mine, "null", layers), measure)
        if len(plotted.pick(mine, shown="yardstick")):
            places, yardstick = profiles.widened(range(len(layers)), _along(mine, "yardstick", layers))
            axis.plot(places, yardstick, zorder=4, **YARDSTICK)
        lines |= profiles.draw_rounds(axis, mine, colours, layers)
        if len(methods) > 1:
            axis.set_title(method)
        if axis.get_subplotspec().is_first_col():
            axis.set_ylabel(style.measure_label(measure))
    _set_limits(axes[0], shown.rows["value"].astype(float), measure)
    entries = [(lines[round_], name) for round_, name in names.items()] + others
    if entries:
        profiles.add_legend(figure, entries, "Dense against round (weights remaining)" if names else "")
    style.remark(figure, shown.note)
    return figure


def _along(rows, shown, layers):
    return plotted.pick(rows, shown=shown).set_index("layer")["value"].reindex(layers).astype(float)


def _others(rows):
    """Return what the legend holds besides the rounds."""
    sorts = set(rows["shown"])
    others = [(Line2D([], [], **YARDSTICK), "two dense networks")] if "yardstick" in sorts else []
    if "null" in sorts:
        others.append((Patch(facecolor="0.88", edgecolor="0.6", linewidth=0.7), "null (images shuffled)"))
    return others


def _draw_null(axis, null, measure):
    # No similarity is below the shade, and no distance above it.
    end = 1.05 * null.max() if measure in style.DISTANCES else 0
    places, null = profiles.widened(range(len(null)), null)
    axis.fill_between(places, end, null, color="0.88", linewidth=0, zorder=1)
    axis.plot(places, null, color="0.6", linewidth=0.7 * style.scale(), zorder=1)


def _set_limits(axis, values, measure):
    low, high = min(0, 1.02 * values.min()), values.max()
    # Similarities end at 1, where an interval may reach beyond.
    axis.set_ylim(low, 1.07 * high if measure in style.DISTANCES else 1.02)


def _names(rounds, means):
    """Return how the legend names each round, with the share of weights left where the methods agree on it."""
    left = means.dropna(subset=["left"]).groupby("round")["left"].first()
    return {
        round_: f"{round_} ({style.percent(left[round_] / 100)})" if round_ in left else str(round_)
        for round_ in rounds
    }
