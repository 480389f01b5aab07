"""Similarity of networks of one width against the width, before and after training, and across widths."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.ticker import FixedLocator, NullLocator

from prunesim.figures import heatmaps, plotted, profiles, style
from prunesim.results.reading import gaps
from prunesim.results.width_groups import STATES, across_widths, in_width, mean_of_pairs, measure_shown

# How far trained and untrained networks of a width stand apart, of the place on the logarithmic axis.
APART = 1.025
COLUMNS = [
    *("measure", "quantity", "shown", "layer", "units", "trained", "width", "width_b", "value", "low", "high", "n")
]


def rows(tables, settings):
    """Return what is shown of each layer: pairs of networks of one width, their means and null; means across widths.

    Intervals are those over networks (`prunesim.results.width_groups`).

    Parameters
    ----------
    tables : dict
        ``widths``.
    settings : dict
    """
    table = tables["widths"]
    if table["value"].isna().all():
        return plotted.nothing("widths.csv has no value: no two networks could be compared.", COLUMNS)
    layers, pairs = list(dict.fromkeys(table["layer"])), in_width(table)
    quantities = ["value", *(["calibrated"] if table["calibrated"].notna().any() else [])]
    parts = []
    for layer in layers:
        here, mine = table[table["layer"] == layer], pairs[pairs["layer"] == layer]
        own = [part for quantity in quantities for part in _of_lines(mine, quantity)]
        matrix = across_widths(here[here["trained"] == "yes"], "value").rename_axis(index="width", columns="width_b")
        own.append(_cells(matrix, sorted({*here["width_a"], *here["width_b"]})))
        units = {*here["filters_a"], *here["filters_b"]}
        units = units.pop() if len(units) == 1 else np.nan
        parts += [part.assign(layer=layer, units=units) for part in own]
    remarks = gaps(pairs[pairs["trained"] == "yes"], layers)
    if len({*pairs["replicate_a"], *pairs["replicate_b"]}) < 3:
        remarks.append("Two networks of each width, so no interval.")
    found = plotted.joined(parts, COLUMNS).assign(measure=measure_shown(table))
    return plotted.Plotted(found, " ".join(remarks))


def _of_lines(pairs, quantity):
    """Return the pairs, means and null of a layer, of untrained and trained networks."""
    for trained in STATES:
        mine = pairs[pairs["trained"] == trained]
        each = mine[["width_a", quantity]].rename(columns={"width_a": "width", quantity: "value"})
        each = each.sort_values(["width", "value"]).assign(shown="pair")
        means = []
        for width in sorted(set(pairs["width_a"])):
            one = mine[mine["width_a"] == width]
            mean, low, high = mean_of_pairs(one, quantity)[:3]
            means.append({"shown": "mean", "width": width, "value": mean, "low": low, "high": high, "n": len(one)})
            if quantity == "value":
                null = {"value": one["null"].mean(), "n": one["null"].count()}
                means.append({"shown": "null", "width": width, **null})
        for part in (each, pd.DataFrame(means)):
            yield part.assign(quantity=quantity, trained=trained)


def _cells(matrix, widths):
    """Return the means of all pairs of widths, of trained networks, as rows; empty where there is none."""
    matrix = matrix.reindex(index=widths, columns=widths)
    return pd.DataFrame(
        [
            {
                "shown": "across",
                "quantity": "value",
                "trained": "yes",
                "width": a,
                "width_b": b,
                "value": matrix.loc[a, b],
            }
            for a in widths
            for b in widths
        ]
    )


def draw(shown, settings):
    """Return the figure: a row a layer; raw similarity and calibrated score against the width, and trained widths
    against each other.

    A line goes through the means over all pairs of networks of one width, points are pairs, dotted lines the null.
    """
    found, measure = shown.rows, shown.rows["measure"].iloc[0]
    layers, quantities = list(dict.fromkeys(found["layer"])), list(dict.fromkeys(found["quantity"]))
    size = len(layers), len(quantities) + 1
    figure, axes = style.new_figure(1.05 * style.COLUMN * (len(quantities) + 1) * 0.72, 2.3 * len(layers) + 0.2, *size)
    for row, layer in zip(axes, layers, strict=True):
        here = plotted.pick(found, layer=layer)
        for axis, quantity in zip(row, quantities, strict=False):
            _lines(axis, plotted.pick(here[here["shown"] != "across"], quantity=quantity), quantity)
            axis.set_ylabel(style.measure_label(measure) if quantity == "value" else "Calibrated score, 0 is chance")
            units = here["units"].iloc[0]
            axis.set_title(f"{layer}, all units" if np.isnan(units) else f"{layer}, {units:.0f} units")
        _matrix(row[-1], plotted.pick(here, shown="across"), measure, settings["palette"])
    # Below the panels, where no line is.
    profiles.add_legend(figure, list(zip(*axes[0, 0].get_legend_handles_labels(), strict=True)), "")
    style.remark(figure, shown.note)
    return figure


def _lines(axis, found, quantity):
    widths = sorted(set(found["width"]))
    colours = dict(zip(STATES, sns.color_palette("colorblind", 2)[::-1], strict=True))
    for place, (trained, name) in enumerate(STATES.items()):
        mine, colour = plotted.pick(found, trained=trained), colours[trained]
        moved = APART ** (2 * place - 1)
        each, mean, null = (plotted.pick(mine, shown=sort) for sort in ("pair", "mean", "null"))
        x = mean["width"].to_numpy(float) * moved
        axis.plot(
            each["width"] * moved, each["value"], ".", color=colour, alpha=0.35, zorder=2, markersize=2 * style.scale()
        )
        axis.plot(x, mean["value"], color=colour, marker=style.MARKERS[place], label=name, zorder=3)
        low, high = (mean[end].to_numpy(float) for end in ("low", "high"))
        axis.vlines(x, low, high, color=colour, linewidth=0.9 * style.scale(), zorder=3)
        if len(null):
            axis.plot(x, null["value"], color=colour, linestyle=":", zorder=1, label="by chance" if place else None)
    values = found.loc[found["shown"].isin(["pair", "null"]), "value"].astype(float)
    _bound(axis, [*values, *([] if quantity == "value" else [0])])
    _width_ticks(axis, widths)
    axis.locator_params(axis="y", nbins=6)
    axis.set_xlabel("Width (log scale)")
    style.faint_grid(axis)


def _bound(axis, values):
    """Let pairs and null decide what is shown of an axis: intervals of few networks may go beyond it."""
    low, high = np.nanmin(values), np.nanmax(values)
    room = 0.08 * (high - low) or 0.1
    axis.set_ylim(low - room, high + room)


def _width_ticks(axis, widths):
    axis.set_xscale("log", base=2)
    axis.xaxis.set_major_locator(FixedLocator(widths))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xticklabels([f"{width:g}" for width in widths])
    room = 1.25
    axis.set_xlim(widths[0] / room, widths[-1] * room)


def _matrix(axis, found, measure, palette):
    """Draw the means of all pairs of widths, of trained networks."""
    widths = sorted(set(found["width"]))
    matrix = found.pivot_table(index="width", columns="width_b", values="value")
    matrix = matrix.reindex(index=widths[::-1], columns=widths)
    matrix.index, matrix.columns = ([f"{x:g}" for x in side] for side in (matrix.index, matrix.columns))
    ends = heatmaps.limits(matrix.to_numpy()) if matrix.notna().to_numpy().any() else (0, 1)
    heatmaps.draw_matrix(axis, matrix, heatmaps.colours(palette, measure), ends, annotate=len(widths) <= 8)
    axis.set_aspect("equal")
    axis.tick_params(axis="y", rotation=0)
    axis.set_title("trained, across widths")
    axis.set_xlabel("Width")
    axis.set_ylabel("Width")
