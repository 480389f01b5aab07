"""One line a method against the share of weights that remains: for few methods with bands, for many with bars."""

import seaborn as sns

from prunesim.figures import style

# Bands of more methods than this hide each other.
MOST_BANDS = 3
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


def draw_line(axis, left, mean, method, look, place, count):
    """Draw the line of a method with its interval over replicates.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    left : pandas.Series
        Weights that remain, by round.
    mean : pandas.DataFrame
        ``mean, low, high`` by round, as `prunesim.results.reading.summarise` returns it.
    method : str
    look : tuple
        One of `looks`.
    place, count : int
        Which of how many methods this is.
    """
    colour, marker, dashes = look
    if count <= MOST_BANDS:
        axis.fill_between(left, mean["low"], mean["high"], color=colour, alpha=0.2, linewidth=0)
        axis.plot(left, mean["mean"], color=colour, marker=marker, linestyle=dashes, label=method, zorder=3)
        return
    moved = left * (1 + APART * (place - (count - 1) / 2))
    axis.plot(moved, mean["mean"], color=colour, marker=marker, linestyle=dashes, label=method, zorder=3)
    axis.vlines(moved, mean["low"], mean["high"], color=colour, linewidth=0.7 * style.scale(), alpha=0.6, zorder=2)


def bound(axis, values):
    """Let the means decide what is shown of an axis: intervals of few replicates may go beyond it."""
    low, high = min(values), max(values)
    room = 0.3 * (high - low) or 0.1 * abs(high) or 1.0
    axis.set_ylim(low - room, high + room)


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
