"""Accuracy under further pruning and on corrupted images: one panel a kind, one line a network."""

import pandas as pd

from prunesim.figures import method_lines, plotted, style

PANELS = {
    "pruning": "Remaining weights kept (%, log scale)",
    "noise": "Severity of noise",
    "blur": "Severity of blur",
    "contrast": "Severity of lost contrast",
    "shift": "Severity of shift",
}
PER_ROW = 3
COLUMNS = ["shown", "kind", "network", "severity", "value", "low", "high", "n"]
# How far the intervals of networks stand apart: of a share, and in severities.
SHARE_APART, SEVERITY_APART = 0.03, 0.09


def rows(tables, settings):
    """Return what is shown: means over replicates, of the dense network and of each method's first and last round.

    Parameters
    ----------
    tables : dict
        ``robustness``: see `prunesim.results.robustness.COLUMNS`.
    settings : dict
        Nothing but what `prunesim.figures.style.render` uses.
    """
    table = tables["robustness"]
    table = table.assign(accuracy=100 * table["accuracy"], network=_shown(table)).dropna(subset=["network"])
    table = table[table["kind"].isin(list(PANELS))]
    if table.empty:
        return plotted.nothing("The table has no accuracy of any network.", COLUMNS)
    networks = list(dict.fromkeys(table["network"]))
    parts = [
        plotted.means(table[(table["kind"] == kind) & (table["network"] == network)], ["severity"], "accuracy").assign(
            kind=kind, network=network
        )
        for kind in PANELS
        if kind in set(table["kind"])
        for network in networks
    ]
    note = style.ONE_REPLICATE if table["replicate"].nunique() < 2 else ""
    return plotted.Plotted(plotted.joined(parts, COLUMNS), note)


def draw(shown, settings):
    """Return the figure: a panel a kind, a line a network."""
    networks = list(dict.fromkeys(shown.rows["network"]))
    kinds = list(dict.fromkeys(shown.rows["kind"]))
    rows, columns = style.grid_shape(len(kinds), PER_ROW)
    spare = len(kinds) < rows * columns
    width = 0.75 * columns * style.COLUMN + (0 if spare else method_lines.legend_width(networks))
    figure, axes = style.new_figure(width, 2.2 * rows, rows, columns, sharey=True)
    for axis, kind in zip(axes.flat, kinds, strict=False):
        of_kind = plotted.pick(shown.rows, kind=kind)
        for place, (network, look) in enumerate(method_lines.looks(networks).items()):
            mean = plotted.pick(of_kind, network=network).set_index("severity")
            _draw_line(axis, kind, mean, network, look, place - (len(networks) - 1) / 2)
        _label(axis, kind, 100 * of_kind["severity"].min())
    for axis in axes.flat[len(kinds) :]:
        axis.set_axis_off()
    axes[0, 0].set_ylim(max(-2.0, shown.rows["value"].min() - 5), 102)
    if spare:
        axes.flat[-1].legend(*axes[0, 0].get_legend_handles_labels(), frameon=False, loc="center")
    else:
        method_lines.add_legend(figure, axes[0, 0], len(networks))
    style.remark(figure, shown.note)
    return figure


def _shown(table):
    """Return what each row's network is called in the figure; missing where it is not shown."""
    pruned = table[table["round"] > 0]
    ends = pruned.groupby("method")["round"].agg(["min", "max"])

    def name(method, round_):
        if round_ == 0:
            return method
        return f"{method}, round {int(round_)}" if round_ in tuple(ends.loc[method]) else None

    return pd.Series(
        [name(*one) for one in zip(table["method"], table["round"], strict=True)], table.index, dtype=object
    )


def _draw_line(axis, kind, mean, network, look, aside):
    """Draw one network, its intervals beside those of the others: bands would hide each other where they are wide."""
    colour, marker, dashes = look
    along = mean.index.to_numpy(float)
    along = 100 * along * (1 - SHARE_APART * aside) if kind == "pruning" else along + SEVERITY_APART * aside
    low, high = mean["low"].clip(0, 100), mean["high"].clip(0, 100)
    axis.plot(along, mean["value"], color=colour, marker=marker, linestyle=dashes, label=network, zorder=3)
    axis.vlines(along, low, high, color=colour, linewidth=0.7 * style.scale(), alpha=0.7, zorder=2)


def _label(axis, kind, least):
    axis.set_xlabel(PANELS[kind])
    if kind == "pruning":
        axis.set_xscale("log")
        axis.set_xlim(115, min(least, 80) / 1.15)
        style.percent_ticks(axis.xaxis, least)
    else:
        axis.locator_params(axis="x", integer=True)
    if axis.get_subplotspec().is_first_col():
        axis.set_ylabel("Test accuracy (%)")
    style.faint_grid(axis)
