"""What all figures share: size, type, colours, words for the measures, and how they are saved."""

import math

import matplotlib
import matplotlib.font_manager
import matplotlib.style
import numpy as np
import seaborn as sns
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from prunesim.errors import PrunesimError
from prunesim.figures.words import DISTANCES as DISTANCES
from prunesim.figures.words import measure_label as measure_label
from prunesim.storage.files import atomic_path

CONTEXTS = ("paper", "notebook", "talk", "poster")
COLUMN = 3.5  # inches, one column of a journal
WIDTHS = {"single": COLUMN, "double": 7.2}
LEAST_TYPE = 5.0  # points, of the smallest letters in a column
FONT_SCALE = 0.84  # seaborn's paper type is made for a page; a column needs 8 points
REMARK_LETTER, REMARK_LINE = 0.062, 0.125  # inches
ONE_REPLICATE = "One replicate, so no interval."
MARKERS = "osD^vPX<>p"
DASHES = ["-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (5, 1, 1, 1)), (0, (8, 2))]


def percent(share):
    """Return a share as text in per cent with three digits."""
    return f"{100 * share:.3g} %"


def rounded(numbers):
    """Return numbers such as rounds as sorted plain integers, each once."""
    return sorted({int(number) for number in numbers})


def render(draw, data, settings, svg, png, title, pdf=None):
    """Draw one figure and write it as SVG and PNG, and as PDF if asked for.

    The files depend on nothing but the arguments: the user's matplotlibrc is set aside, the identifiers in the SVG are
    hashed from a constant and no date is written. All formats come from the same drawing.

    Parameters
    ----------
    draw : callable
        ``draw(data, settings)``, returns a `matplotlib.figure.Figure`.
    data
        What it draws: `prunesim.figures.plotted.Plotted`, or tables.
    settings : dict
        ``context`` and ``dpi``; ``width`` (see `WIDTHS`) where a figure is to fit a column.
    svg, png : path-like
    title : str
        Written into the metadata of all files.
    pdf : path-like, optional
        Its fonts are embedded as TrueType, so that text stays text.
    """
    inches, factor = None, 1.0
    if settings.get("width"):
        with drawing(settings):
            inches, factor = fitted(draw(data, settings), settings["width"])
    with drawing(settings, factor):
        figure = draw(data, settings)
        if inches:
            figure.set_figwidth(inches)
        with atomic_path(svg) as temporary:
            figure.savefig(temporary, format="svg", dpi=300, metadata={"Date": None, "Title": title})
        with atomic_path(png) as temporary:
            figure.savefig(temporary, format="png", dpi=settings["dpi"], metadata={"Title": title})
        if pdf:
            with atomic_path(pdf) as temporary:
                metadata = {"CreationDate": None, "Title": title}
                figure.savefig(temporary, format="pdf", dpi=300, metadata=metadata)


def fitted(figure, width):
    """Return the width of a figure that fits a column, and by how much all in it is made smaller (1: not at all).

    A figure whose letters would be smaller than `LEAST_TYPE` in a single column takes two.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        As wide as its content needs.
    width : {"single", "double"}

    Returns
    -------
    inches, factor : float
    """
    factors = {one: min(1.0, inches / figure.get_figwidth()) for one, inches in WIDTHS.items()}
    small = matplotlib.font_manager.FontProperties(size="small").get_size_in_points()
    chosen = width if factors[width] * small >= LEAST_TYPE else "double"
    return WIDTHS[chosen], factors[chosen]


def drawing(settings, factor=1.0):
    """Return the context in which figures are drawn and saved; what was set before is put back at its end.

    Parameters
    ----------
    settings : dict
    factor : float
        By how much everything is larger than it would be.

    Raises
    ------
    PrunesimError
        If ``context`` or ``dpi`` is not usable.
    """
    context = settings["context"]
    if context not in CONTEXTS:
        raise PrunesimError(f"figures.context is {context!r}; one of {', '.join(CONTEXTS)} is right.")
    dpi = settings["dpi"]
    if isinstance(dpi, bool) or not isinstance(dpi, (int, float)) or not 10 <= dpi <= 2400:
        raise PrunesimError(f"figures.dpi is {dpi!r}; a number from 10 to 2400 is right.")
    return matplotlib.style.context(["default", _parameters(context, factor)])


def _parameters(context, factor):
    size = factor * sns.plotting_context(context)["font.size"] / sns.plotting_context("paper")["font.size"]
    return {
        **sns.axes_style("ticks"),
        **sns.plotting_context(context, font_scale=FONT_SCALE * factor),
        "font.sans-serif": ["DejaVu Sans"],
        "axes.linewidth": 0.8 * size,
        "xtick.major.width": 0.8 * size,
        "ytick.major.width": 0.8 * size,
        "xtick.major.size": 3 * size,
        "ytick.major.size": 3 * size,
        "lines.linewidth": 1.2 * size,
        "lines.markersize": 3.6 * size,
        "hatch.linewidth": 0.5 * size,
        # Outlines instead of font names: the page looks the same where DejaVu is not installed.
        "svg.fonttype": "path",
        "svg.hashsalt": "prunesim",
        # TrueType, whole letters: what journals ask for, where PDF would hold outlines of Type 3.
        "pdf.fonttype": 42,
    }


def scale():
    """Return how many times larger than in the ``paper`` context everything is drawn."""
    return matplotlib.rcParams["font.size"] / sns.plotting_context("paper", font_scale=FONT_SCALE)["font.size"]


def new_figure(width, height, rows=1, columns=1, layout="constrained", **keywords):
    """Return a figure without pyplot and its axes as a 2-D array.

    Parameters
    ----------
    width, height : float
        Inches in the ``paper`` context. A figure with larger type is larger in proportion, so that nothing overlaps.
    rows, columns : int
    layout : {"constrained", "compressed"}
        ``compressed`` for panels of fixed aspect.
    **keywords
        For `matplotlib.figure.Figure.subplots`.
    """
    # Without a canvas of its own: seaborn would draw the whole figure again for each heat map.
    figure = Figure(figsize=(width * scale(), height * scale()), layout=layout)
    return figure, figure.subplots(rows, columns, squeeze=False, **keywords)


def placeholder(sentence):
    """Return a figure that holds one sentence, for a study that has nothing to draw."""
    figure, axes = new_figure(COLUMN, 1.2)
    axes[0, 0].set_axis_off()
    axes[0, 0].text(0.5, 0.5, wrapped(sentence), ha="center", va="center", transform=axes[0, 0].transAxes)
    return figure


def wrapped(text, width=46):
    """Return text in lines of fewer than `width` letters, where its words allow it."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


def remark(figure, text):
    """Write a small remark above the axes, at the left, in as many lines as it needs; the figure grows with them."""
    if text:
        text = wrapped(text, int(figure.get_figwidth() / scale() / REMARK_LETTER))
        figure.set_figheight(figure.get_figheight() + text.count("\n") * REMARK_LINE * scale())
        figure.suptitle(text, x=0.01, ha="left", fontsize=matplotlib.rcParams["xtick.labelsize"], color="0.3")


def colour_map(palette):
    """Return the colour map of the setting ``figures.palette``.

    Raises
    ------
    PrunesimError
        If neither matplotlib nor seaborn has it.
    """
    try:
        map_ = sns.color_palette(palette, as_cmap=True) if isinstance(palette, str) else None
    except ValueError:
        map_ = None
    # Seaborn gives a list for a palette of separate colours.
    if not isinstance(map_, Colormap):
        raise PrunesimError(
            f"figures.palette is {palette!r}, which is no colour map; cividis, viridis, mako or crest are examples."
        )
    return map_


def round_colours(palette, count):
    """Return one colour a round, evenly spaced along the map, the last round darkest and none too pale for paper."""
    colours = colour_map(palette)(np.linspace(0, 1, 256))
    light = colours[:, :3] @ [0.2126, 0.7152, 0.0722]
    if light[0] < light[-1]:
        colours, light = colours[::-1], light[::-1]
    dark = colours[light <= 0.68]
    colours = dark if len(dark) else colours
    if count == 1:
        return [tuple(colours[-1])]
    return [tuple(colours[index]) for index in np.linspace(0, len(colours) - 1, count).round().astype(int)]


def layer_width(layers, least=2.2):
    """Return the inches that an axis with these layers as ticks needs."""
    return max(least, 0.17 * len(layers))


def layer_height(layers, width):
    """Return the inches that the names of the layers need below an axis of this width."""
    longest = max((len(layer) for layer in layers), default=0)
    return 0.2 if _fit(layers, width) else 0.15 + 0.07 * longest


def _fit(layers, width):
    return sum(len(layer) + 1 for layer in layers) * 0.068 <= width


def layer_ticks(axis, layers, width, centre=0.0):
    """Name the layers along an x axis, upright where they do not fit side by side."""
    axis.set_xticks([index + centre for index in range(len(layers))])
    if _fit(layers, width):
        axis.set_xticklabels(layers, rotation=0)
    else:
        axis.set_xticklabels(layers, rotation=90)


def grid_shape(count, most):
    """Return rows and columns for `count` panels, at most `most` in a row and rows as even as can be."""
    rows = math.ceil(count / most)
    return rows, math.ceil(count / rows)


def percent_ticks(axis, least):
    """Write plain numbers (100, 50, 20, 10, ...) on a logarithmic `Axis` that goes from `least` to 100 per cent."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if least < 20 else (1, 2, 3, 4, 5, 6, 8)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def faint_grid(axis):
    """Draw horizontal grid lines behind the data and open the frame."""
    axis.grid(axis="y", color="0.92")
    axis.set_axisbelow(True)
    sns.despine(ax=axis)
