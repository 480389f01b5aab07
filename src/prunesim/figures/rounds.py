"""Heat map of the similarity of the dense network and each round: layer by round."""

from prunesim.figures import heatmaps, style
from prunesim.results.reading import dense_to_rounds, gaps, reason


def draw(tables, settings):
    """Return the figure: one panel a method, layers down, rounds across, mean over replicates.

    Parameters
    ----------
    tables : dict
        ``similarity``.
    settings : dict
        ``measure``, ``palette``, ``layers``.
    """
    measure, layers = settings["measure"], settings["layers"]
    rows = dense_to_rounds(tables["similarity"], measure)
    rows = rows[rows["layer"].isin(layers)]
    if rows["value"].isna().all():
        why = reason(rows) or "no pruned network has been compared with the dense one"
        return style.placeholder(f"No value of {measure} to draw: {why}.")
    methods, rounds = sorted(set(rows["method"])), style.rounded(rows["round"])
    means = rows.groupby(["method", "layer", "round"])["value"].mean()
    map_ = heatmaps.colours(settings["palette"], measure)
    ends = heatmaps.limits(means)
    width = max(1.6 if len(methods) > 1 else 2.1, 0.19 * len(rounds))
    figure, axes = style.new_figure(
        len(methods) * width + 1.4, 0.75 + max(1.5, 0.2 * len(layers)), 1, len(methods), sharey=True
    )
    for axis, method in zip(axes.flat, methods, strict=True):
        matrix = means[method].unstack().reindex(index=layers, columns=rounds)
        heatmaps.draw_matrix(axis, matrix, map_, ends)
        heatmaps.number_ticks(axis.xaxis, rounds, most=12)
        axis.set_yticks([index + 0.5 for index in range(len(layers))], layers, rotation=0)
        axis.set_xlabel("Pruning round")
        if len(methods) > 1:
            axis.set_title(method)
    axes[0, 0].set_ylabel("Layer, from input to output")
    heatmaps.colour_bar(figure, axes, style.measure_label(measure))
    style.remark(figure, " ".join(gaps(rows, layers)))
    return figure
