"""One line a method against the share of weights that remains: for few methods with bands, for many with bars."""

import seaborn as sns

from prunesim.figures import plotted, style

# Bands of more methods than this hide each other, and so do lines of more than these.
MOST_BANDS, MOST_LINES = 3, 8
LEFT = "Weights remaining (%, log scale)"
# How far the bars of neighbouring methods stand apart, of the place on the logarithmic axis.
APART = 0.012


def looks(methods):
    """Return colour, marker and dashes of each method, no two alike."""
    colours = sns.color_palette("colorblind", min(max(len(methods), 1), 10))
    return {
        method: (
            colours[index % 10],
            style.MARKERS[(index + index // 10) % len(style.MARKERS)],
            style.DASHES[index % len(style.DASHES)],
        )
        for index, method in enumerate(methods)
    }


def rows_of(chain, method, value, points, left=None):
    """Return what is drawn of a method: its means with intervals, and the replicates where there is room for them.

    Parameters
    ----------
    chain : pandas.DataFrame
        ``round, replicate``, the column `value`, and ``left`` if `left` is not given.
    method : str
    value : str
    points : bool
        Whether the replicates are drawn.
    left : pandas.Series, optional
        Weights that remain, in per cent, by round.

    Returns
    -------
    list of pandas.DataFrame
        ``shown, method, round, replicate, left, value, low, high, n`` as far as they have them.
    """
    mean = plotted.means(chain, ["round"], value)
    if left is None:
        left = chain.groupby("round")["left"].mean()
        one = plotted.points(chain, ["round", "left"], value)
    else:
        one = plotted.points(chain, ["round"], value)
        one = one.assign(left=one["round"].map(left))
    parts = [mean.assign(left=mean["round"].map(left)), *([one] if points else [])]
    return [part.assign(method=method) for part in parts]


def draw_line(axis, rows, method, look, place, count):
    """Draw the line of a method with its interval over replicates, and its replicates as points.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    rows : pandas.DataFrame
        From `rows_of`.
    method : str
    look : tuple
        One of `looks`.
    place, count : int
        Which of how many methods this is.
    """
    colour, marker, dashes = look
    mean, one = (plotted.pick(rows, shown=shown).astype({"value": float}) for shown in ("mean", "replicate"))
    left, value, low, high = (mean[column].to_numpy(float) for column in ("left", "value", "low", "high"))
    size = 8 * style.scale() ** 2
    if len(one):
        axis.scatter(one["left"], one["value"], s=size, color=colour, alpha=0.6, linewidth=0, zorder=2)
    if count <= MOST_BANDS:
        axis.fill_between(left, low, high, color=colour, alpha=0.2, linewidth=0)
        axis.plot(left, value, color=colour, marker=marker, linestyle=dashes, label=method, zorder=3)
        return
    moved = left * (1 + APART * (place - (count - 1) / 2))
    axis.plot(moved, value, color=colour, marker=marker, linestyle=dashes, label=method, zorder=3)
    axis.vlines(moved, low, high, color=colour, linewidth=0.7 * style.scale(), alpha=0.6, zorder=2)


def draw_behind(axis, rows):
    """Draw the means of a method thin and grey, behind the one that a panel is about."""
    mean = plotted.pick(rows, shown="mean")
    axis.plot(mean["left"], mean["value"].astype(float), color="0.85", linewidth=0.7 * style.scale(), zorder=0)


def bound(axis, values, least=None, most=None):
    """Let means and replicates decide what is shown of an axis: intervals of few replicates may go beyond it.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    values : sequence of float
        Means and replicates.
    least, most : float, optional
        Beyond which there are no values.
    """
    low, high = min(values), max(values)
    room = 0.3 * (high - low) or 0.1 * abs(high) or 1.0
    bottom, top = low - room, high + room
    edge = 0.04 * (top - bottom)
    axis.set_ylim(
        bottom if least is None else max(bottom, least - edge), top if most is None else min(top, most + edge)
    )


def left_axis(axis, least):
    """Make the x axis that of the weights that remain: pruning goes on from left to right, as the rounds do."""
    axis.set_xscale("log")
    axis.set_xlim(115, min(least, 80) / 1.15)
    style.percent_ticks(axis.xaxis, least)
    axis.set_xlabel(LEFT)


def add_legend(figure, axis, count):
    """Name the lines, beside the axes where there are many."""
    if count <= MOST_BANDS:
        axis.legend(frameon=False, loc="best", fontsize="small")
    else:
        handles, labels = axis.get_legend_handles_labels()
        figure.legend(handles, labels, frameon=False, loc="outside right center", fontsize="small")


def legend_width(methods):
    """Return the inches that a legend beside the axes needs."""
    return 0.0 if len(methods) <= MOST_BANDS else 0.55 + 0.065 * max(len(method) for method in methods)
