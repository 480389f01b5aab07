"""Which classes pay for pruning: accuracy of the dense network less that of the last round, class by class."""

import seaborn as sns

from prunesim.figures import style
from prunesim.results.reading import base_of, summarise

MOST = 30


def draw(tables, settings):
    """Return the figure: one panel a method, a class a bar, mean and interval over replicates.

    Of more classes than fit, those whose accuracy changes most are shown.

    Parameters
    ----------
    tables : dict
        ``classes``.
    settings : dict
        Nothing but what `prunesim.figures.style.render` uses.
    """
    rows = tables["classes"].dropna(subset=["accuracy"])
    methods = sorted(set(rows.loc[rows["round"] > 0, "method"]))
    if not methods:
        return style.placeholder("classes.csv has no pruned network: there is no cost of pruning to draw.")
    names = list(dict.fromkeys(rows["class"]))
    costs = {method: summarise(class_costs(rows, method), "class", "cost") for method in methods}
    shown = names
    if len(names) > MOST:
        size = sum(cost["mean"].reindex(names).abs().fillna(0) for cost in costs.values())
        largest = set(size.sort_values(ascending=False, kind="stable").index[:MOST])
        shown = [name for name in names if name in largest]
    figure, axes = style.new_figure(
        max(style.COLUMN, 2.4 * len(methods)), 0.9 + 0.17 * len(shown), 1, len(methods), sharey=True, sharex=True
    )
    colours = sns.color_palette("colorblind", len(methods))
    for axis, method, colour in zip(axes.flat, methods, colours, strict=True):
        cost = costs[method].reindex(shown).clip(-100, 100)
        places = range(len(shown))
        axis.barh(places, cost["mean"], color=colour, alpha=0.8)
        known = cost["low"].notna().to_numpy()
        at = [place for place, fine in zip(places, known, strict=True) if fine]
        axis.hlines(at, cost["low"][known], cost["high"][known], color="0.2", linewidth=0.9 * style.scale())
        axis.axvline(0, color="0.3", linewidth=0.8 * style.scale())
        axis.set_xlabel("Accuracy lost (percentage points)")
        if len(methods) > 1:
            axis.set_title(method)
    axes[0, 0].set_yticks(range(len(shown)), shown)
    axes[0, 0].invert_yaxis()
    axes[0, 0].set_ylabel("Class")
    remarks = [f"The {MOST} of {len(names)} classes that change most."] if len(shown) < len(names) else []
    if rows["replicate"].nunique() < 2:
        remarks.append(style.ONE_REPLICATE)
    style.remark(figure, " ".join(remarks))
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
