"""Which classes pay for pruning: accuracy of the dense network less that of the last round, class by class."""

import seaborn as sns

from prunesim.figures import plotted, style
from prunesim.results.reading import base_of

MOST = 30
COLUMNS = ["shown", "method", "class", "value", "low", "high", "n"]


def rows(tables, settings):
    """Return what is shown: mean and interval over replicates of what each class loses, by method.

    Of more classes than fit, those whose accuracy changes most are shown.

    Parameters
    ----------
    tables : dict
        ``classes``.
    settings : dict
        Nothing but what `prunesim.figures.style.render` uses.
    """
    found = tables["classes"].dropna(subset=["accuracy"])
    methods = sorted(set(found.loc[found["round"] > 0, "method"]))
    if not methods:
        return plotted.nothing("classes.csv has no pruned network: there is no cost of pruning to draw.", COLUMNS)
    names = list(dict.fromkeys(found["class"]))
    costs = {method: plotted.means(class_costs(found, method), ["class"], "cost") for method in methods}
    costs = {method: cost.set_index("class").reindex(names) for method, cost in costs.items()}
    chosen = names
    if len(names) > MOST:
        size = sum(cost["value"].abs().fillna(0) for cost in costs.values())
        largest = set(size.sort_values(ascending=False, kind="stable").index[:MOST])
        chosen = [name for name in names if name in largest]
    parts = [cost.loc[chosen].reset_index().assign(method=method, shown="mean") for method, cost in costs.items()]
    remarks = [f"The {MOST} of {len(names)} classes that change most."] if len(chosen) < len(names) else []
    if found["replicate"].nunique() < 2:
        remarks.append(style.ONE_REPLICATE)
    return plotted.Plotted(plotted.joined(parts, COLUMNS), " ".join(remarks))


def draw(shown, settings):
    """Return the figure: one panel a method, a class a bar, with its interval as a line."""
    methods = list(dict.fromkeys(shown.rows["method"]))
    names = list(dict.fromkeys(shown.rows["class"]))
    figure, axes = style.new_figure(
        max(style.COLUMN, 2.4 * len(methods)), 0.9 + 0.17 * len(names), 1, len(methods), sharey=True, sharex=True
    )
    colours = sns.color_palette("colorblind", len(methods))
    for axis, method, colour in zip(axes.flat, methods, colours, strict=True):
        cost = plotted.pick(shown.rows, method=method)[["value", "low", "high"]].astype(float).clip(-100, 100)
        cost = cost.reset_index(drop=True)
        axis.barh(cost.index, cost["value"], color=colour, alpha=0.8)
        known = cost.dropna(subset=["low"])
        axis.hlines(known.index, known["low"], known["high"], color="0.2", linewidth=0.9 * style.scale())
        axis.axvline(0, color="0.3", linewidth=0.8 * style.scale())
        axis.set_xlabel("Accuracy lost (percentage points)")
        if len(methods) > 1:
            axis.set_title(method)
    values = shown.rows["value"].dropna()
    low, high = min(0.0, values.min()), max(0.0, values.max())
    room = 0.35 * (high - low) or 1.0
    axes[0, 0].set_xlim(max(low - room, -104), min(high + room, 104))
    axes[0, 0].set_yticks(range(len(names)), names)
    axes[0, 0].invert_yaxis()
    axes[0, 0].set_ylabel("Class")
    style.remark(figure, shown.note)
    return figure


def class_costs(rows, method):
    """Return what each class loses from the dense network to the last round of a method, in percentage points.

    Parameters
    ----------
    rows : pandas.DataFrame
        ``classes.csv``.
    method : str

    Returns
    -------
    pandas.DataFrame
        ``replicate, class, cost``.
    """
    mine = rows[rows["method"] == method]
    last = mine[mine["round"] == mine["round"].max()]
    dense = rows[(rows["method"] == base_of(rows, method)) & (rows["round"] == 0)]
    both = last.merge(dense, on=["replicate", "class"], suffixes=("", "_dense"))
    return both.assign(cost=100 * (both["accuracy_dense"] - both["accuracy"]))[["replicate", "class", "cost"]]
