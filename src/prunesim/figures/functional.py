"""What pruned networks answer, against the share of weights that remains: agreement with the dense network, and JSD."""

from prunesim.figures import method_lines, style
from prunesim.results.reading import answers_of_rounds, dense_answers, summarise

PANELS = {"agreement": "Same class as dense (%)", "jsd": "Jensen-Shannon divergence (bits)"}


def draw(tables, settings):
    """Return the figure: one panel a measure, one line a method with its interval over replicates.

    Dashed: dense networks of different replicates. Grey, of the agreement: what the two accuracies allow, mean over
    replicates.

    Parameters
    ----------
    tables : dict
        ``similarity, networks``.
    settings : dict
        Nothing but what `prunesim.figures.style.render` uses.
    """
    similarity = tables["similarity"][tables["similarity"]["family"] == "functional"]
    if similarity.empty:
        return style.placeholder("similarity.csv has no row of the family functional: no answers have been compared.")
    networks = tables["networks"]
    left = 100 * networks.groupby(["method", "round"])["density"].mean()
    left = left[left > 0]
    methods = sorted(set(answers_of_rounds(similarity, "agreement")["method"]))
    figure, axes = style.new_figure(2 * style.COLUMN + method_lines.legend_width(methods), 2.6, 1, len(PANELS))
    for axis, (measure, label) in zip(axes.flat, PANELS.items(), strict=True):
        unit = 100 if measure == "agreement" else 1
        rows = answers_of_rounds(similarity, measure)
        _lines(axis, rows.assign(value=unit * rows["value"]), left, unit)
        if measure == "agreement" and len(methods) <= method_lines.MOST_BANDS:
            _allowed(axis, similarity, left)
        dense = dense_answers(similarity, measure)["value"].mean()
        if dense == dense:
            axis.axhline(unit * dense, color="0.3", linestyle=(0, (4, 2)), linewidth=0.9 * style.scale(), zorder=1,
                         label="dense, replicates")  # fmt: skip
        axis.set_xscale("log")
        axis.set_xlim(115, min(left.min(), 80) / 1.15)
        style.percent_ticks(axis.xaxis, left.min())
        axis.locator_params(axis="y", nbins=6, prune="upper")
        low, high = axis.get_ylim()
        axis.set_ylim(max(low, -0.02 * unit), min(high, 1.04 * unit))
        axis.set_xlabel("Weights remaining (%, log scale)")
        axis.set_ylabel(label)
        style.faint_grid(axis)
    method_lines.add_legend(figure, axes[0, 0], len(methods))
    if networks["replicate"].nunique() < 2:
        style.remark(figure, style.ONE_REPLICATE)
    return figure


def _lines(axis, rows, left, most):
    methods = sorted(set(rows["method"]))
    means = []
    for place, (method, look) in enumerate(method_lines.looks(methods).items()):
        mean = summarise(rows[rows["method"] == method], "round", "value")
        x = left[method].reindex(mean.index)
        mean[["low", "high"]] = mean[["low", "high"]].clip(0, most)
        means += list(mean["mean"])
        method_lines.draw_line(axis, x, mean, method, look, place, len(methods))
    if len(methods) > method_lines.MOST_BANDS:
        method_lines.bound(axis, means)


def _allowed(axis, similarity, left):
    """Shade what the accuracies allow; of several methods, for each by itself."""
    least, most = (answers_of_rounds(similarity, f"disagreement_{end}") for end in ("least", "most"))
    for method in sorted(set(least["method"])):
        ends = [100 * (1 - rows[rows["method"] == method].groupby("round")["value"].mean()) for rows in (most, least)]
        x = left[method].reindex(ends[0].index)
        axis.fill_between(x, *ends, color="0.85", linewidth=0, zorder=0)
