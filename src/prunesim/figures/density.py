"""The share of weights that each round leaves in each layer."""

import pandas as pd

from prunesim.figures import plotted, profiles, style

COLUMNS = ["shown", "method", "round", "layer", "replicate", "value", "low", "high", "n"]


def rows(tables, settings):
    """Return what is shown, in per cent: means with intervals, and replicates, of each method, round and layer.

    The layers stand in the order in which layers.csv first names them, which is that of the network. A layer without
    any weight left has no place on a log axis: its value is empty, which a remark names.

    Parameters
    ----------
    tables : dict
        ``layers``.
    settings : dict
    """
    table = tables["layers"]
    layers = list(dict.fromkeys(table["layer"]))
    pruned = table[table["round"] > 0]
    found = pruned[pruned["density"] > 0]
    found = found.assign(left=100 * found["density"])
    if found.empty:
        return plotted.nothing("layers.csv has no pruned network: the study has no pruning round.", COLUMNS)
    rounds, parts = style.rounded(found["round"]), []
    for method, mine in found.groupby("method"):
        mean, ones = profiles.rows_of(mine, "left", layers, rounds)
        every = pd.MultiIndex.from_product([style.rounded(mine["round"]), layers], names=["round", "layer"])
        mean = mean.set_index(["round", "layer"]).reindex(every).reset_index().assign(shown="mean")
        parts += [part.assign(method=method) for part in (mean.fillna({"n": 0}), ones)]
    alone = found.groupby(["method", "round", "layer"])["left"].count().max() < 2
    remarks = [style.ONE_REPLICATE] if alone else []
    return plotted.Plotted(plotted.joined(parts, COLUMNS), " ".join(remarks + _emptied(pruned, layers)))


def draw(shown, settings):
    """Return the figure: one panel a method, one line a round along the layers that have weights."""
    rows = shown.rows
    layers, methods = list(dict.fromkeys(rows["layer"])), sorted(set(rows["method"]))
    rounds = style.rounded(rows["round"])
    names = {round_: str(round_) for round_ in profiles.named(rounds)}
    figure, axes = profiles.new_panels(len(methods), layers, list(names.values()))
    colours = dict(zip(rounds, style.round_colours(settings["palette"], len(rounds)), strict=True))
    lines = {}
    for axis, method in zip(axes, methods, strict=True):
        # A wide interval of few replicates may reach below zero, which a log axis cannot show.
        mine = plotted.pick(rows, method=method)
        lines |= profiles.draw_rounds(axis, mine.assign(low=mine["low"].clip(lower=1e-6)), colours, layers)
        if len(methods) > 1:
            axis.set_title(method)
        if axis.get_subplotspec().is_first_col():
            axis.set_ylabel("Weights remaining (%, log scale)")
    axes[0].set_yscale("log")
    axes[0].set_ylim(rows["value"].min() / 1.2, 115)
    style.percent_ticks(axes[0].yaxis, rows["value"].min())
    profiles.add_legend(figure, [(lines[round_], name) for round_, name in names.items()], "Pruning round")
    style.remark(figure, shown.note)
    return figure


def _emptied(pruned, layers):
    """Return sentences that name the layers without weights."""
    sentences = []
    for layer in layers:
        mine = pruned[pruned["layer"] == layer]
        empty = mine["density"] == 0
        if empty.any():
            first = mine.loc[empty, "round"].min()
            some = "" if empty[mine["round"] >= first].all() else " in some of the networks"
            sentences.append(f"No weights left in {layer} from round {first:.0f} on{some}.")
    return sentences
