"""Heat maps of similarity: what several figures share."""

import math

import numpy as np
import seaborn as sns
from matplotlib.patches import Rectangle

from prunesim.figures import style


def limits(values):
    """Return the ends of the colour scale: tenths that hold all values."""
    values = np.asarray(values, dtype=float)
    low, high = np.nanmin(values), np.nanmax(values)
    low, high = math.floor(round(low * 10, 6)) / 10, math.ceil(round(high * 10, 6)) / 10
    return (low, high) if high > low else (low - 0.1, high + 0.1)


def colours(palette, measure):
    """Return the colour map in which bright cells are similar."""
    map_ = style.colour_map(palette)
    return map_.reversed() if measure in style.DISTANCES else map_


def draw_matrix(axis, matrix, map_, ends, annotate=False, expected=None, rasterized=False, labels=True):
    """Draw one matrix; cells without a value are hatched.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    matrix : pandas.DataFrame
    map_ : matplotlib.colors.Colormap
    ends : tuple of float
        Lowest and highest value of the colour scale.
    annotate : bool
        Write the values into the cells.
    expected : numpy.ndarray of bool, optional
        The cells that can have a value; the others stay blank. All by default.
    rasterized : bool
        Store the cells of an SVG as a picture, which thousands of them need.
    labels : bool
        Name rows and columns. Seaborn draws the figure to see whether names overlap, which takes long where there are
        many maps; who sets ticks afterwards needs none of that.
    """
    sns.heatmap(
        matrix.astype(float),
        ax=axis,
        cmap=map_,
        vmin=ends[0],
        vmax=ends[1],
        cbar=False,
        annot=annotate,
        fmt=".2f",
        annot_kws={"fontsize": "x-small"},
        linewidths=0.3,
        linecolor="white",
        rasterized=rasterized,
        xticklabels="auto" if labels else False,
        yticklabels="auto" if labels else False,
    )
    missing = matrix.isna().to_numpy()
    if expected is not None:
        missing = missing & expected
    for row, column in zip(*np.nonzero(missing), strict=True):
        axis.add_patch(
            Rectangle((column, row), 1, 1, facecolor="white", edgecolor="0.6", hatch="////", linewidth=0, zorder=2)
        )
    axis.set_xlabel("")
    axis.set_ylabel("")
    axis.tick_params(length=0)


def number_ticks(axis, numbers, shown=True, most=6):
    """Write at most `most` of the numbers along an `Axis`, beginning with the first."""
    step = max(1, -(-len(numbers) // most))
    axis.set_ticks([index + 0.5 for index in range(0, len(numbers), step)])
    axis.set_ticklabels(numbers[::step] if shown else [], rotation=0)


def colour_bar(figure, axes, label):
    """Add the colour scale that all axes share."""
    # As thick as in a small figure, however long it is.
    aspect = figure.get_figheight() / style.scale() / 0.1
    bar = figure.colorbar(axes.flat[0].collections[0], ax=axes, label=label, aspect=aspect, pad=0.02)
    bar.outline.set_visible(False)
    return bar
