"""Similarity of networks of one width against the width, before and after training, and across widths."""

import numpy as np
import seaborn as sns
from matplotlib.ticker import FixedLocator, NullLocator

from prunesim.figures import heatmaps, style
from prunesim.results.reading import gaps
from prunesim.results.width_groups import STATES, across_widths, in_width, mean_of_pairs, measure_shown

# How far trained and untrained networks of a width stand apart, of the place on the logarithmic axis.
APART = 1.025


def draw(tables, settings):
    """Return the figure: a row a layer; raw similarity and calibrated score against the width, and trained widths
    against each other.

    A line goes through the means over all pairs of networks of one width, bars are 95 % intervals over networks
    (`prunesim.results.width_groups`), points single pairs, dotted lines the null.

    Parameters
    ----------
    tables : dict
        ``widths``.
    settings : dict
        ``palette``.
    """
    table = tables["widths"]
    if table["value"].isna().all():
        return style.placeholder("widths.csv has no value: no two networks could be compared.")
    measure, layers = measure_shown(table), list(dict.fromkeys(table["layer"]))
    columns = ["value", *(["calibrated"] if table["calibrated"].notna().any() else [])]
    size = len(layers), len(columns) + 1
    figure, axes = style.new_figure(1.05 * style.COLUMN * (len(columns) + 1) * 0.72, 2.3 * len(layers), *size)
    pairs = in_width(table)
    for row, layer in zip(axes, layers, strict=True):
        for axis, column in zip(row, columns, strict=False):
            _lines(axis, pairs[pairs["layer"] == layer], column)
            label = style.measure_label(measure) if column == "value" else "Calibrated score, 0 is chance"
            axis.set_ylabel(label)
            axis.set_title(f"{layer}{_filters(table[table['layer'] == layer])}")
        _matrix(row[-1], table[table["layer"] == layer], measure, settings["palette"])
    axes[0, 0].legend(frameon=False, loc="best", fontsize="small")
    networks = len({*pairs["replicate_a"], *pairs["replicate_b"]})
    remarks = gaps(pairs[pairs["trained"] == "yes"], layers)
    if networks < 3:
        remarks.append("Two networks of each width, so no interval.")
    style.remark(figure, " ".join(remarks))
    return figure


def _filters(rows):
    counts = {*rows["filters_a"], *rows["filters_b"]}
    return f", {counts.pop():.0f} units" if len(counts) == 1 else ", all units"


def _lines(axis, pairs, column):
    widths = sorted(set(pairs["width_a"]))
    colours = dict(zip(STATES, sns.color_palette("colorblind", 2)[::-1], strict=True))
    for place, (trained, name) in enumerate(STATES.items()):
        rows, colour = pairs[pairs["trained"] == trained], colours[trained]
        moved = APART ** (2 * place - 1)
        found = [mean_of_pairs(rows[rows["width_a"] == width], column) for width in widths]
        mean, low, high = np.array([one[:3] for one in found]).T
        x = np.array(widths) * moved
        axis.plot(
            rows["width_a"] * moved, rows[column], ".", color=colour, alpha=0.35, zorder=2, markersize=2 * style.scale()
        )
        axis.plot(x, mean, color=colour, marker=style.MARKERS[place], label=name, zorder=3)
        axis.vlines(x, low, high, color=colour, linewidth=0.9 * style.scale(), zorder=3)
        if column == "value":
            null = rows.groupby("width_a")["null"].mean().reindex(widths)
            axis.plot(x, null, color=colour, linestyle=":", zorder=1, label="by chance" if place else None)
    _bound(axis, [*pairs[column], *(pairs["null"] if column == "value" else [0])])
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


def _matrix(axis, rows, measure, palette):
    """Draw the means of all pairs of widths, of trained networks."""
    matrix = across_widths(rows[rows["trained"] == "yes"], "value")
    widths = sorted(set(rows["width_a"]) | set(rows["width_b"]))
    matrix = matrix.reindex(index=widths[::-1], columns=widths)
    matrix.index, matrix.columns = ([f"{x:g}" for x in side] for side in (matrix.index, matrix.columns))
    ends = heatmaps.limits(matrix.to_numpy()) if matrix.notna().to_numpy().any() else (0, 1)
    heatmaps.draw_matrix(axis, matrix, heatmaps.colours(palette, measure), ends, annotate=len(widths) <= 8)
    axis.set_aspect("equal")
    axis.tick_params(axis="y", rotation=0)
    axis.set_title("trained, across widths")
    axis.set_xlabel("Width")
    axis.set_ylabel("Width")
