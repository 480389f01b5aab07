"""Test error on the lines between networks, and the barriers against the share of weights that remains."""

from prunesim.figures import method_lines, plotted, style
from prunesim.results.connectivity import barriers

COLUMNS = ["shown", "pair", "method", "round", "alpha", "recalibrated", "left", "value", "n"]
ENDS = ["replicate_a", "round_a", "replicate_b", "round_b"]


def rows(tables, settings):
    """Return what is shown, in percentage points: errors along lines of one sort and method, and barriers.

    Errors are of the method with the most rounds, mean over replicates, with statistics of batch normalisation taken
    anew where there are such; barriers are those over the mean of the ends (Frankle et al. 2020).

    Parameters
    ----------
    tables : dict
        ``connectivity, networks``.
    settings : dict
    """
    lines, networks = tables["connectivity"], tables["networks"]
    if lines.empty:
        return plotted.nothing("connectivity.csv is empty: no two networks have been connected.", COLUMNS)
    lines = lines.assign(pair=[_pair(*ends) for ends in lines[ENDS].values])
    left = 100 * networks.groupby(["method", "round"])["density"].mean()
    both = set(lines["recalibrated"]) == {"yes", "no"}
    note = "Dotted: statistics of batch normalisation interpolated as the weights are." if both else ""
    return plotted.Plotted(plotted.joined([_errors(lines), *_barriers(lines, left[left > 0])], COLUMNS), note)


def _pair(replicate_a, round_a, replicate_b, round_b):
    """Return which sort of pair two networks are."""
    if replicate_a != replicate_b:
        return "replicates"
    return "dense and round" if round_a == 0 else "consecutive rounds"


def _errors(lines):
    pair = next(
        name for name in ("dense and round", "consecutive rounds", "replicates") if (lines["pair"] == name).any()
    )
    found = lines[lines["pair"] == pair]
    method = found.groupby("method_b")["round_b"].nunique().idxmax()
    found = found[(found["method_b"] == method) & (found["recalibrated"] == _best(found))]
    found = found.assign(round=found["round_b"], value=100 * found["test_error"])
    found = plotted.cells(found, ["round", "alpha"])
    return found.assign(shown="error", pair=pair, method=method)


def _barriers(lines, left):
    found = barriers(lines)
    found = found[found["split"] == "test"]
    found = found.assign(pair=[_pair(*ends) for ends in found[ENDS].values], value=100 * found["over_mean"])
    sorts = sorted(set(zip(found["pair"], found["method_b"], strict=True)) - {("replicates", "dense")})
    for pair, method in sorts:
        for recalibrated in sorted(set(found["recalibrated"])):
            mine = found[(found["pair"] == pair) & (found["recalibrated"] == recalibrated)]
            # Dense networks of different replicates stand at the left of each method.
            own = (mine["method_b"] == method) | ((mine["method_b"] == "dense") & (pair == "replicates"))
            mean = plotted.cells(mine[own].rename(columns={"round_b": "round"}), ["round"])
            x = [left.get((method if k else "dense", k), 100.0) for k in mean["round"]]
            yield mean.assign(shown="barrier", pair=pair, method=method, recalibrated=recalibrated, left=x)


def draw(shown, settings):
    """Return the figure: errors along lines of one sort, and a panel a sort of pair with its barriers against density.

    Barriers are full with the statistics taken anew and dotted as interpolated, a colour a method.
    """
    found = plotted.pick(shown.rows, shown="barrier")
    sorts, methods = (list(dict.fromkeys(found[key])) for key in ("pair", "method"))
    beside = max(method_lines.legend_width(methods), 0.9) if len(methods) > 1 else 0.0
    figure, axes = style.new_figure(style.COLUMN * (0.9 + 0.7 * len(sorts)) + beside, 2.7, 1, 1 + len(sorts))
    _draw_errors(axes[0, 0], plotted.pick(shown.rows, shown="error"), settings["palette"])
    looks = method_lines.looks(methods)
    for axis, pair in zip(axes[0, 1:], sorts, strict=True):
        _draw_barriers(axis, plotted.pick(found, pair=pair), looks, found["left"].min())
        axis.set_title(pair)
    if sorts:
        axes[0, 1].set_ylabel("Barrier (percentage points)")
    if beside:
        named = dict(pair for axis in axes[0, 1:] for pair in zip(*axis.get_legend_handles_labels()[::-1], strict=True))
        figure.legend(
            [named[method] for method in methods], methods, frameon=False, loc="outside right center", fontsize="small"
        )
    style.remark(figure, shown.note)
    return figure


def _draw_errors(axis, errors, palette):
    rounds = style.rounded(errors["round"])
    for round_, colour in zip(rounds, style.round_colours(palette, len(rounds)), strict=True):
        one = plotted.pick(errors, round=round_)
        named = round_ in (rounds[0], rounds[-1])
        axis.plot(one["alpha"], one["value"], color=colour, label=f"round {round_}" if named else None)
    pair = errors["pair"].iloc[0]
    axis.set_xlabel(f"From {'first to second' if pair == 'replicates' else 'earlier to later'} (alpha), {pair}")
    axis.set_ylabel("Test error (%)")
    axis.legend(frameon=False, loc="best", fontsize="small")
    style.faint_grid(axis)


def _draw_barriers(axis, found, looks, least):
    best = _best(found)
    for method, (colour, marker, _) in looks.items():
        for recalibrated, one in plotted.pick(found, method=method).groupby("recalibrated"):
            full = recalibrated == best
            axis.plot(one["left"], one["value"], color=colour, linestyle="-" if full else ":", marker=marker,
                      label=method if full else None)  # fmt: skip
    axis.axhline(2, color="0.6", linewidth=0.8 * style.scale(), zorder=0)
    axis.set_ylim(bottom=min(0.0, *found["value"]), top=max(4.0, 1.06 * found["value"].max()))
    method_lines.left_axis(axis, least)
    style.faint_grid(axis)


def _best(rows):
    return "yes" if (rows["recalibrated"] == "yes").any() else "no"
