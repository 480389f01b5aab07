"""Test accuracy against the share of weights that remains."""

from itertools import cycle

import seaborn as sns

from prunesim.figures import style
from prunesim.results.reading import summarise


def draw(tables, settings):
    """Return the figure: one line a method, with the interval over replicates and each replicate as a point.

    Parameters
    ----------
    tables : dict
        ``networks``.
    settings : dict
        Nothing but what `prunesim.figures.style.render` uses.
    """
    networks = tables["networks"].dropna(subset=["test_accuracy", "density"])
    networks = networks[networks["density"] > 0]
    if networks.empty:
        return style.placeholder("networks.csv has no test accuracy: no network has been evaluated.")
    networks = networks.assign(accuracy=100 * networks["test_accuracy"], left=100 * networks["density"])
    is_dense = networks["method"] == "dense"
    methods = sorted(set(networks.loc[~is_dense, "method"]))

    figure, axes = style.new_figure(style.COLUMN, 2.6)
    axis = axes[0, 0]
    colours = sns.color_palette("colorblind", max(len(methods), 1))
    for method, colour, marker, dashes in zip(
        methods or ["dense"], colours, cycle(style.MARKERS), cycle(style.DASHES), strict=False
    ):
        chain = networks[is_dense | (networks["method"] == method)].sort_values(["round", "replicate"])
        mean = summarise(chain, "round", "accuracy")
        left = chain.groupby("round")["left"].mean().reindex(mean.index)
        axis.fill_between(left, mean["low"], mean["high"], color=colour, alpha=0.2, linewidth=0)
        size = 8 * style.scale() ** 2
        axis.scatter(chain["left"], chain["accuracy"], s=size, color=colour, alpha=0.6, linewidth=0, zorder=2)
        axis.plot(left, mean["mean"], color=colour, marker=marker, linestyle=dashes, label=method, zorder=3)
    if methods and is_dense.any():
        level = networks.loc[is_dense, "accuracy"].mean()
        axis.axhline(level, color="0.3", linestyle=(0, (4, 2)), linewidth=0.9 * style.scale(), zorder=1, label="dense")
    axis.legend(frameon=False, loc="best", fontsize="small")
    axis.set_xscale("log")
    # Pruning goes on from left to right, as the rounds do.
    axis.set_xlim(115, min(networks["left"].min(), 80) / 1.15)
    style.percent_ticks(axis.xaxis, networks["left"].min())
    axis.locator_params(axis="y", nbins=6)
    low, high = axis.get_ylim()
    axis.set_ylim(low, min(high, 100 + 0.04 * (high - low)))
    axis.set_xlabel("Weights remaining (%, log scale)")
    axis.set_ylabel("Test accuracy (%)")
    style.faint_grid(axis)
    if networks.groupby(["method", "round"])["accuracy"].count().max() < 2:
        style.remark(figure, style.ONE_REPLICATE)
    return figure
