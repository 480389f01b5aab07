"""The share of weights that each round leaves in each layer."""

from prunesim.figures import profiles, style
from prunesim.results.reading import summarise


def draw(tables, settings):
    """Return the figure: one panel a method, one line a round along the layers that have weights.

    The layers stand in the order in which layers.csv first names them, which is that of the network. A layer without
    any weight left has no place on a log axis and leaves a gap, which a remark names.

    Parameters
    ----------
    tables : dict
        ``layers``.
    settings : dict
        ``palette``.
    """
    table = tables["layers"]
    layers = list(dict.fromkeys(table["layer"]))
    pruned = table[table["method"] != "dense"]
    rows = pruned[pruned["density"] > 0]
    rows = rows.assign(left=100 * rows["density"])
    if rows.empty:
        return style.placeholder("layers.csv has no pruned network: the study has no pruning round.")
    methods, rounds = sorted(set(rows["method"])), style.rounded(rows["round"])
    names = {round_: str(round_) for round_ in profiles.named(rounds)}
    figure, axes = profiles.new_panels(len(methods), layers, list(names.values()))
    colours = dict(zip(rounds, style.round_colours(settings["palette"], len(rounds)), strict=True))
    lines = {}
    for axis, method in zip(axes, methods, strict=True):
        summary = summarise(rows[rows["method"] == method], ["round", "layer"], "left")
        # A wide interval of few replicates may reach below zero, which a log axis cannot show.
        summary["low"] = summary["low"].clip(lower=1e-6)
        lines |= profiles.draw_rounds(axis, summary, colours, layers)
        if len(methods) > 1:
            axis.set_title(method)
        if axis.get_subplotspec().is_first_col():
            axis.set_ylabel("Weights remaining (%, log scale)")
    axes[0].set_yscale("log")
    axes[0].set_ylim(rows["left"].min() / 1.2, 115)
    style.percent_ticks(axes[0].yaxis, rows["left"].min())
    profiles.add_legend(figure, [(lines[round_], name) for round_, name in names.items()], "Pruning round")
    remarks = [style.ONE_REPLICATE] if rows.groupby(["method", "round", "layer"])["left"].count().max() < 2 else []
    style.remark(figure, " ".join(remarks + _emptied(pruned, layers)))
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
