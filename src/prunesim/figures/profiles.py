"""Lines along the layers, one a round: what the similarity and the density figure share."""

from functools import partial

import numpy as np

from prunesim.figures import plotted, style

MOST_NAMED = 12  # rounds in a legend
MOST_BANDS = 3  # more bands than these hide each other
ALONE = 0.12  # half the width of what would be a point, in layers


def new_panels(count, layers, labels):
    """Return a figure with one panel a method, as wide as its layers need and with room for a legend below.

    Parameters
    ----------
    count : int
        Panels.
    layers : list of str
    labels : list of str
        What the legend will hold.

    Returns
    -------
    figure : matplotlib.figure.Figure
    axes : list of matplotlib.axes.Axes
        The panels, with the layers as ticks.
    """
    rows, columns = style.grid_shape(count, 3)
    width = style.layer_width(layers, 2.8 if columns == 1 else 2.1)
    legend = 0.16 * (1 + np.ceil(len(labels) / _legend_columns(labels, columns * width + 0.7)))
    height = rows * (2.0 + style.layer_height(layers, width)) + 0.25 + legend
    figure, grid = style.new_figure(columns * width + 0.7, height, rows, columns, sharey=True)
    for index, axis in enumerate(grid.flat):
        if index >= count:
            axis.set_axis_off()
            continue
        axis.set_xlim(-0.3, len(layers) - 0.7)
        style.layer_ticks(axis, layers, width)
        style.faint_grid(axis)
        if index + columns >= count:
            axis.set_xlabel("Layer, from input to output")
    return figure, list(grid.flat[:count])


def rows_of(frame, value, layers, rounds):
    """Return what is drawn of a method: means with intervals, and the replicates where there is a band.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``round, layer, replicate`` and the column `value`.
    value : str
    layers : list of str
        In the order of the axis.
    rounds : list of int
        All that the figure shows.

    Returns
    -------
    list of pandas.DataFrame
        ``shown, round, layer, replicate, value, low, high, n``, as far as they have them, in the order of the layers.
    """
    parts = [
        plotted.means(frame, ["round", "layer"], value),
        plotted.points(frame[frame["round"].isin(banded(rounds))], ["round", "layer"], value),
    ]
    return [part.sort_values(["round", "layer"], key=partial(_order, layers), kind="stable") for part in parts]


def _order(layers, column):
    return column.map({layer: index for index, layer in enumerate(layers)}) if column.name == "layer" else column


def banded(rounds):
    """Return the rounds whose interval can be read: all of few, or the first and the last."""
    return list(rounds) if len(rounds) <= MOST_BANDS else [min(rounds), max(rounds)]


def draw_rounds(axis, rows, colours, layers):
    """Draw one line a round, with the interval as a band and the replicates as points where they can be read.

    Bands do not move the limits of the axis: those of few replicates would hide the lines.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    rows : pandas.DataFrame
        From `rows_of`.
    colours : dict of int to tuple
        The colour of each round.
    layers : list of str
        In the order of the axis. A layer without a value leaves a gap.

    Returns
    -------
    dict of int to matplotlib.lines.Line2D
        Of the rounds that have a value.
    """
    places = np.arange(len(layers))
    mean = plotted.pick(rows, shown="mean").set_index(["round", "layer"])[["value", "low", "high"]].astype(float)
    ones = plotted.pick(rows, shown="replicate")
    present = set(mean.index.get_level_values(0))
    lines = {}
    for index, (round_, colour) in enumerate(colours.items()):
        if round_ not in present:
            continue
        values = mean.loc[round_].reindex(layers)
        if round_ in banded(colours):
            band = widened(places, values["low"], values["high"])
            axis.fill_between(*band, color=colour, alpha=0.2, linewidth=0)
            one = plotted.pick(ones, round=round_)
            at = [layers.index(layer) for layer in one["layer"]]
            axis.scatter(at, one["value"], s=5 * style.scale() ** 2, color=colour, alpha=0.6, linewidth=0, zorder=2.5)
        (lines[round_],) = axis.plot(
            places,
            values["value"],
            color=colour,
            marker=style.MARKERS[index % len(style.MARKERS)],
            markeredgecolor="white",
            markeredgewidth=0.3 * style.scale(),
            zorder=3,
        )
    return lines


def widened(places, *series):
    """Return places and series in which a value between two gaps is as wide as can be seen.

    A line or an area has no width at a single point: it would not be drawn.

    Parameters
    ----------
    places, *series : array-like, shape (layers,)
        NaN where there is no value.

    Returns
    -------
    list of numpy.ndarray
        The same, with two points instead of one where a value is alone.
    """
    places, series = np.asarray(places, dtype=float), [np.asarray(values, dtype=float) for values in series]
    known = np.pad(np.isfinite(series).all(axis=0), 1)
    alone = known[1:-1] & ~known[:-2] & ~known[2:]
    if not alone.any():
        return [places, *series]
    again = np.repeat(np.arange(len(places)), 1 + alone)
    offset = np.where(alone[again], ALONE, 0.0) * np.where(np.diff(again, prepend=-1) > 0, -1, 1)
    return [places[again] + offset, *(values[again] for values in series)]


def named(rounds):
    """Return the rounds that a legend names: all, or at most `MOST_NAMED` evenly spaced ones with both ends."""
    if len(rounds) <= MOST_NAMED:
        return rounds
    return [rounds[index] for index in np.unique(np.linspace(0, len(rounds) - 1, MOST_NAMED).round().astype(int))]


def add_legend(figure, entries, title):
    """Write one legend below the panels.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    entries : list of (artist, str)
    title : str
    """
    handles, labels = zip(*entries, strict=True)
    figure.legend(
        handles,
        labels,
        title=title,
        loc="outside lower center",
        ncols=_legend_columns(labels, figure.get_figwidth() / style.scale()),
        frameon=False,
        fontsize="small",
        title_fontsize="small",
        handlelength=1.6,
        handletextpad=0.5,
        columnspacing=1.0,
        borderpad=0.1,
        borderaxespad=0.3,
    )


def _legend_columns(labels, width):
    """Return how many columns fit: as wide as the median label, since only the last column holds long ones."""
    typical = sorted(len(label) for label in labels)[len(labels) // 2]
    columns = max(1, int(width // (0.4 + 0.055 * typical)))
    rows = -(-len(labels) // columns)
    return -(-len(labels) // rows)
