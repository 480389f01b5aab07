"""The residuals of ADMM against its iterations: whether training came to the density that it aimed at."""

from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from prunesim.figures import profiles, style
from prunesim.results.reading import summarise

RESIDUALS = {
    "primal_residual": "Primal residual\n||W - Z|| / ||W||",
    "dual_residual": "Dual residual\n$\\rho$ ||Z - Z before||",
}
MOST_IN_A_ROW = 4


def draw(tables, settings):
    """Return the figure: a column of panels a method, the primal residual above the dual one, a line a round.

    Lines are means over replicates, on a logarithmic axis; residuals of exactly zero have no place there. Bands are
    drawn for few rounds, or the first and last, as in `prunesim.figures.profiles`.

    Parameters
    ----------
    tables : dict
        ``sparsity``.
    settings : dict
        ``palette``.
    """
    table = tables["sparsity"]
    rows = table.dropna(subset=["iteration"])
    if rows.empty:
        return style.placeholder("sparsity.csv has no residuals: no method is trained by ADMM.")
    methods, rounds = sorted(set(rows["method"])), style.rounded(rows["round"])
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
        mine = rows[rows["method"] == methods[place]]
        for axis, residual in zip(pair, RESIDUALS, strict=True):
            lines |= _draw_residual(axis, mine[mine[residual] > 0], residual, colours)
            if axis.get_subplotspec().is_first_col():
                axis.set_ylabel(RESIDUALS[residual])
        pair[1].set_xlabel("Iteration")
        pair[1].xaxis.set_major_locator(MaxNLocator(5, integer=True))
        if len(methods) > 1:
            pair[0].set_title(methods[place])
    for axis in axes[:, 0]:
        _ticks(axis)
    drawn = [(lines[round_], name) for round_, name in names.items() if round_ in lines]
    if len(rounds) > 1 and drawn:
        profiles.add_legend(figure, drawn, "Pruning round")
    alone = rows.groupby(["method", "round", "iteration"])["primal_residual"].count().max() < 2
    style.remark(figure, " ".join(([style.ONE_REPLICATE] if alone else []) + _noted(table)))
    return figure


def _draw_residual(axis, rows, residual, colours):
    """Draw one line a round and return them by round."""
    axis.set_yscale("log")
    style.faint_grid(axis)
    lines = {}
    for round_, colour in colours.items():
        mean = summarise(rows[rows["round"] == round_], "iteration", residual)
        if mean.empty:
            continue
        if len(colours) <= profiles.MOST_BANDS or round_ in (min(colours), max(colours)):
            # A wide interval of few replicates may reach below zero, which a log axis cannot show.
            low = mean["low"].clip(lower=mean["mean"] / 10)
            axis.fill_between(mean.index, low, mean["high"], color=colour, alpha=0.2, linewidth=0)
        marker = "o" if len(mean) == 1 else None
        (lines[round_],) = axis.plot(mean.index, mean["mean"], color=colour, marker=marker)
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
