"""Test error on the lines between networks, and the barriers against the share of weights that remains."""

import seaborn as sns

from prunesim.figures import style
from prunesim.results.connectivity import barriers
from prunesim.results.reading import summarise


def draw(tables, settings):
    """Return the figure: errors along the lines from the dense network to each round, and barriers against density.

    The left panel shows the method with the most rounds, mean over replicates, with statistics of batch normalisation
    taken anew where there are such; the right one the barrier over the mean of the ends (Frankle et al. 2020), full
    with the statistics taken anew and dotted as interpolated, a colour a sort of pair.

    Parameters
    ----------
    tables : dict
        ``connectivity, networks``.
    settings : dict
        ``palette``.
    """
    lines, networks = tables["connectivity"], tables["networks"]
    if lines.empty:
        return style.placeholder("connectivity.csv is empty: no two networks have been connected.")
    lines = lines.assign(
        pair=[_pair(*ends) for ends in lines[["replicate_a", "round_a", "replicate_b", "round_b"]].values]
    )
    figure, axes = style.new_figure(2 * style.COLUMN, 2.7, 1, 2)
    _errors(axes[0, 0], lines, settings["palette"])
    left = 100 * networks.groupby(["method", "round"])["density"].mean()
    _barriers(axes[0, 1], lines, left[left > 0])
    return figure


def _pair(replicate_a, round_a, replicate_b, round_b):
    """Return which sort of pair two networks are."""
    if replicate_a != replicate_b:
        return "replicates"
    return "dense and round" if round_a == 0 else "consecutive rounds"


def _errors(axis, lines, palette):
    pair = next(
        name for name in ("dense and round", "consecutive rounds", "replicates") if (lines["pair"] == name).any()
    )
    rows = lines[lines["pair"] == pair]
    method = rows.groupby("method_b")["round_b"].nunique().idxmax()
    rows = rows[(rows["method_b"] == method) & (rows["recalibrated"] == _best(rows))]
    rounds = style.rounded(rows["round_b"])
    for round_, colour in zip(rounds, style.round_colours(palette, len(rounds)), strict=True):
        mean = 100 * rows[rows["round_b"] == round_].groupby("alpha")["test_error"].mean()
        named = round_ in (rounds[0], rounds[-1])
        axis.plot(mean.index, mean, color=colour, label=f"round {round_}" if named else None)
    axis.set_xlabel(f"From {'first to second' if pair == 'replicates' else 'earlier to later'} (alpha), {pair}")
    axis.set_ylabel("Test error (%)")
    axis.legend(frameon=False, loc="best", fontsize="small")
    style.faint_grid(axis)


def _barriers(axis, lines, left):
    found = barriers(lines)
    found = found[found["split"] == "test"]
    found = found.assign(
        pair=[_pair(*ends) for ends in found[["replicate_a", "round_a", "replicate_b", "round_b"]].values]
    )
    sorts = sorted(set(zip(found["pair"], found["method_b"], strict=True)) - {("replicates", "dense")})
    colours = sns.color_palette("colorblind", max(len(sorts), 1))
    best = _best(found)
    for (pair, method), colour in zip(sorts, colours, strict=False):
        for recalibrated in sorted(set(found["recalibrated"])):
            rows = found[(found["pair"] == pair) & (found["recalibrated"] == recalibrated)]
            # Dense networks of different replicates stand at the left of each method.
            own = (rows["method_b"] == method) | ((rows["method_b"] == "dense") & (pair == "replicates"))
            mean = 100 * summarise(rows[own], "round_b", "over_mean")
            x = [left.get((method if k else "dense", k), 100.0) for k in mean.index]
            line = "-" if recalibrated == best else ":"
            axis.plot(x, mean["mean"], color=colour, linestyle=line, marker="o",
                      label=f"{pair}, {method}" if line == "-" else None)  # fmt: skip
    axis.axhline(2, color="0.6", linewidth=0.8 * style.scale(), zorder=0)
    axis.set_xscale("log")
    axis.set_xlim(115, min(left.min(), 80) / 1.15)
    style.percent_ticks(axis.xaxis, left.min())
    axis.set_xlabel("Weights remaining (%, log scale)")
    axis.set_ylabel("Barrier (percentage points)")
    if sorts:
        axis.legend(frameon=False, loc="best", fontsize="small")
    style.faint_grid(axis)


def _best(rows):
    return "yes" if (rows["recalibrated"] == "yes").any() else "no"
