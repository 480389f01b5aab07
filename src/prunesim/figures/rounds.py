"""Heat map of the similarity of the dense network and each round: layer by round."""

from prunesim.figures import heatmaps, plotted, style
from prunesim.results.reading import dense_to_rounds, gaps, reason


def rows(tables, settings):
    """Return what is shown: one row a method, layer and round, mean over replicates.

    Parameters
    ----------
    tables : dict
        ``similarity``.
    settings : dict
        ``measure``, ``layers``.
    """
    measure, layers = settings["measure"], settings["layers"]
    found = dense_to_rounds(tables["similarity"], measure)
    found = found[found["layer"].isin(layers)]
    if found["value"].isna().all():
        why = reason(found) or "no pruned network has been compared with the dense one"
        return plotted.nothing(f"No value of {measure} to draw: {why}.", ["method", "layer", "round", "value", "n"])
    return plotted.Plotted(plotted.cells(found, ["method", "layer", "round"]), " ".join(gaps(found, layers)))


def draw(shown, settings):
    """Return the figure: one panel a method, layers down, rounds across; ``palette`` of the settings."""
    layers = settings["layers"]
    methods, rounds = sorted(set(shown.rows["method"])), style.rounded(shown.rows["round"])
    means = shown.rows.set_index(["method", "layer", "round"])["value"]
    map_ = heatmaps.colours(settings["palette"], settings["measure"])
    ends = heatmaps.limits(means)
    width = max(1.6 if len(methods) > 1 else 2.1, 0.19 * len(rounds))
    figure, axes = style.new_figure(
        len(methods) * width + 1.4, 0.75 + max(1.5, 0.2 * len(layers)), 1, len(methods), sharey=True
    )
    for axis, method in zip(axes.flat, methods, strict=True):
        matrix = means[method].unstack().reindex(index=layers, columns=rounds)
        heatmaps.draw_matrix(axis, matrix, map_, ends, labels=False)
        heatmaps.number_ticks(axis.xaxis, rounds, most=12)
        axis.set_yticks([index + 0.5 for index in range(len(layers))], layers, rotation=0)
        axis.set_xlabel("Pruning round")
        if len(methods) > 1:
            axis.set_title(method)
    axes[0, 0].set_ylabel("Layer, from input to output")
    heatmaps.colour_bar(figure, axes, style.measure_label(settings["measure"]))
    style.remark(figure, shown.note)
    return figure
