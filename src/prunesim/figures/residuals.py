"""The residuals of ADMM against its iterations: whether training came to the density that it aimed at."""

from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from prunesim.figures import plotted, profiles, style

RESIDUALS = {
    "primal_residual": "Primal residual\n||W - Z|| / ||W||",
    "dual_residual": "Dual residual\n$\\rho$ ||Z - Z before||",
}
MOST_IN_A_ROW = 4
KEYS = ["method", "round", "iteration"]
COLUMNS = ["residual", "shown", *KEYS, "value", "low", "high", "n"]


def rows(tables, settings):
    """Return what is shown: the residuals of each method, round and iteration, mean and interval over replicates.

    Residuals of exactly zero have no place on a log axis and are left out.

    Parameters
    ----------
    tables : dict
        ``sparsity``.
    settings : dict
    """
    table = tables["sparsity"]
    found = table.dropna(subset=["iteration"])
    if found.empty:
        return plotted.nothing("sparsity.csv has no residuals: no method is trained by ADMM.", COLUMNS)
    parts = [
        plotted.means(found[found[residual] > 0], KEYS, residual).assign(residual=residual) for residual in RESIDUALS
    ]
    alone = found.groupby(KEYS)["primal_residual"].count().max() < 2
    note = " ".join(([style.ONE_REPLICATE] if alone else []) + _noted(table))
    return plotted.Plotted(plotted.joined(parts, COLUMNS), note)


def draw(shown, settings):
    """Return the figure: a column of panels a method, the primal residual above the dual one, a line a round.

    Lines are means over replicates, on a logarithmic axis. Bands are drawn for few rounds, or the first and last, as in
    `prunesim.figures.profiles`.
    """
    methods, rounds = sorted(set(shown.rows["method"])), style.rounded(shown.rows["round"])
    names = {round_: str(round_) for round_ in profiles.named(rounds)}
    bands, columns = style.grid_shape(len(methods), MOST_IN_A_ROW)
    figure, axes = style.new_figure(
        0.8 + columns * (2.6 if columns == 1 else 1.9), 0.6 + 3.0 * bands, 2 * bands, columns, sharex=True, sharey="row"
    )
    colours = dict(zip(rounds, style.round_colours(settings["palette"], len(rounds)), strict=True))
    lines = {}
    for place, (upper, lower) in enumerate((2 * (i // columns), i % columns) for i in range(bands * columns)):
        pair = (axes[upper, lower], axes[upper + 1, lower])
        if place >= len(methods):
            for axis in pair:
                axis.set_axis_off()
            continue
        mine = plotted.pick(shown.rows, method=methods[place])
        for axis, residual in zip(pair, RESIDUALS, strict=True):
            lines |= _draw_residual(axis, plotted.pick(mine, residual=residual), colours)
            if axis.get_subplotspec().is_first_col():
                axis.set_ylabel(RESIDUALS[residual])
        pair[1].set_xlabel("Iteration")
        pair[1].xaxis.set_major_locator(MaxNLocator(5, integer=True))
        if len(methods) > 1:
            pair[0].set_title(methods[place])
    for index, axis in enumerate(axes[:, 0]):
        values = plotted.pick(shown.rows, residual=[*RESIDUALS][index % 2])["value"]
        if len(values):
            axis.set_ylim(values.min() / 3, values.max() * 3)
        _ticks(axis)
    drawn = [(lines[round_], name) for round_, name in names.items() if round_ in lines]
    if len(rounds) > 1 and drawn:
        profiles.add_legend(figure, drawn, "Pruning round")
    style.remark(figure, shown.note)
    return figure


def _draw_residual(axis, rows, colours):
    """Draw one line a round and return them by round."""
    axis.set_yscale("log")
    style.faint_grid(axis)
    lines = {}
    for round_, colour in colours.items():
        mean = plotted.pick(rows, round=round_).astype({"value": float, "low": float, "high": float})
        if mean.empty:
            continue
        if round_ in profiles.banded(colours):
            # A wide interval of few replicates may reach below zero, which a log axis cannot show.
            low = mean["low"].clip(lower=mean["value"] / 10)
            axis.fill_between(mean["iteration"], low, mean["high"], color=colour, alpha=0.2, linewidth=0)
        marker = "o" if len(mean) == 1 else None
        (lines[round_],) = axis.plot(mean["iteration"], mean["value"], color=colour, marker=marker)
    return lines


def _ticks(axis):
    """Write powers of ten along the y axis, and numbers between them where there are few."""
    low, high = axis.get_ylim()
    axis.yaxis.set_major_locator(LogLocator(subs=(1,) if high > 100 * low else (1, 2, 5)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())


def _noted(table):
    """Say how many trainings did not converge."""
    trainings = table.loc[table["iteration"].notna(), ["replicate", "method", "round"]].drop_duplicates()
    noted = table.dropna(subset=["note"]).merge(trainings) if "note" in table.columns else []
    if not len(noted):
        return []
    return [f"{len(noted)} of {len(trainings)} trainings had not converged (note in sparsity.csv)."]
