"""Test accuracy against the share of weights that remains."""

from prunesim.figures import method_lines, style
from prunesim.results.reading import base_of, summarise


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

    figure, axes = style.new_figure(style.COLUMN + method_lines.legend_width(methods), 2.6)
    axis, means = axes[0, 0], []
    for place, (method, look) in enumerate(method_lines.looks(methods or ["dense"]).items()):
        # A chain may have a dense network of its own.
        base = is_dense & (base_of(networks, method) == "dense")
        chain = networks[base | (networks["method"] == method)].sort_values(["round", "replicate"])
        mean = summarise(chain, "round", "accuracy")
        left = chain.groupby("round")["left"].mean().reindex(mean.index)
        means += list(mean["mean"])
        if len(methods) <= method_lines.MOST_BANDS:
            size = 8 * style.scale() ** 2
            axis.scatter(chain["left"], chain["accuracy"], s=size, color=look[0], alpha=0.6, linewidth=0, zorder=2)
        method_lines.draw_line(axis, left, mean, method, look, place, len(methods))
    if methods and is_dense.any():
        level = networks.loc[is_dense, "accuracy"].mean()
        axis.axhline(level, color="0.3", linestyle=(0, (4, 2)), linewidth=0.9 * style.scale(), zorder=1, label="dense")
    method_lines.add_legend(figure, axis, len(methods))
    axis.set_xscale("log")
    # Pruning goes on from left to right, as the rounds do.
    axis.set_xlim(115, min(networks["left"].min(), 80) / 1.15)
    style.percent_ticks(axis.xaxis, networks["left"].min())
    axis.locator_params(axis="y", nbins=6)
    if len(methods) > method_lines.MOST_BANDS:
        method_lines.bound(axis, means)
    low, high = axis.get_ylim()
    axis.set_ylim(low, min(high, 100 + 0.04 * (high - low)))
    axis.set_xlabel("Weights remaining (%, log scale)")
    axis.set_ylabel("Test accuracy (%)")
    style.faint_grid(axis)
    if networks.groupby(["method", "round"])["accuracy"].count().max() < 2:
        style.remark(figure, style.ONE_REPLICATE)
    return figure
