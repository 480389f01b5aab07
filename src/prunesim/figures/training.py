"""Training curves: the loss, and the accuracy on the validation images, epoch by epoch, a line a round."""

import pandas as pd
from matplotlib.ticker import MaxNLocator

from prunesim.figures import plotted, profiles, style
from prunesim.results.reading import base_of

COLUMNS = ["quantity", "shown", "method", "round", "epoch", "value", "low", "high", "n"]
PANELS = {"train_loss": ("Training loss", 1), "validation_accuracy": ("Validation accuracy (%)", 100)}
MOST_IN_A_ROW = 3


def rows(tables, settings):
    """Return what is shown: mean over replicates at each epoch, with its interval.

    Parameters
    ----------
    tables : dict
        ``training``.
    settings : dict
    """
    table = tables["training"]
    methods = sorted(set(table["method"]) - {"dense"}) or sorted(set(table["method"]))
    parts = []
    for quantity, (_, unit) in PANELS.items():
        for method in methods:
            base = (table["method"] == base_of(table, method)) & (table["round"] == 0)
            own = table[base | (table["method"] == method)]
            own = own.assign(value=unit * own[quantity]).dropna(subset=["value"])
            if len(own):
                mean = plotted.means(own, ["round", "epoch"])
                parts.append(mean.assign(quantity=quantity, method=method))
    if not parts:
        return plotted.nothing("training.csv has no epoch: no network has been trained.", COLUMNS)
    alone = table.groupby(["method", "round", "epoch"])["replicate"].nunique().max() < 2
    return plotted.Plotted(plotted.joined(parts, COLUMNS), style.ONE_REPLICATE if alone else "")


def draw(shown, settings):
    """Return the figure: a column of panels a method, a line a round, bands for few rounds or the first and last."""
    methods = list(dict.fromkeys(shown.rows["method"]))
    quantities = [name for name in PANELS if (shown.rows["quantity"] == name).any()]
    rounds = style.rounded(shown.rows["round"])
    names = {round_: "dense" if round_ == 0 else str(round_) for round_ in profiles.named(rounds)}
    bands, columns = style.grid_shape(len(methods), MOST_IN_A_ROW)
    figure, axes = style.new_figure(
        0.8 + columns * (2.8 if columns == 1 else 2.1), 0.8 + 1.8 * bands * len(quantities), bands * len(quantities),
        columns, sharex=True,
    )  # fmt: skip
    colours = dict(zip(rounds, style.round_colours(settings["palette"], len(rounds)), strict=True))
    lines = {}
    for place in range(bands * columns):
        for index, quantity in enumerate(quantities):
            axis = axes[place // columns * len(quantities) + index, place % columns]
            if place >= len(methods):
                axis.set_axis_off()
                continue
            mine = plotted.pick(shown.rows, method=methods[place], quantity=quantity)
            lines |= _draw_rounds(axis, mine, colours)
            _limits(axis, plotted.pick(shown.rows, quantity=quantity)["value"])
            if place % columns == 0:
                axis.set_ylabel(PANELS[quantity][0])
            if index == 0 and len(methods) > 1:
                axis.set_title(methods[place])
            if index == len(quantities) - 1:
                axis.set_xlabel("Epoch")
    profiles.add_legend(figure, [(lines[round_], name) for round_, name in names.items() if round_ in lines], "Round")
    style.remark(figure, shown.note)
    return figure


def _draw_rounds(axis, rows, colours):
    lines = {}
    for round_, colour in colours.items():
        mean = plotted.pick(rows, round=round_)
        if mean.empty:
            continue
        epoch, value, low, high = (mean[column].to_numpy(float) for column in ("epoch", "value", "low", "high"))
        if round_ in profiles.banded(colours):
            axis.fill_between(epoch, low, high, color=colour, alpha=0.2, linewidth=0)
        (lines[round_],) = axis.plot(epoch, value, color=colour, marker="o" if len(mean) == 1 else None)
    axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    style.faint_grid(axis)
    return lines


def _limits(axis, values):
    # Bands of few replicates may leave the axes.
    low, high = pd.Series(values, dtype=float).agg(["min", "max"])
    room = 0.06 * (high - low) or 0.05 * abs(high) or 0.5
    axis.set_ylim(low - room, high + room)
