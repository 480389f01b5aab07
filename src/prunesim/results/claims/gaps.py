"""What a claim leaves out for want of values, and the sentences that say so."""

import pandas as pd

from prunesim.results.reading import reason

TOO_FEW_LAYERS = "Fewer than three layers are compared, so none lies between the first and the last one."


def across(rows, index, layers):
    """Return similarities with the layers across, in network order; missing where there is no value."""
    table = rows.pivot_table(index=index, columns="layer", values="value")
    # What has no value at all stays in the table, to be named.
    every = rows.set_index(index).index.unique().sort_values()
    return table.reindex(index=every, columns=layers)


def same_layers(rows, needed, others):
    """Return replicates x layers, first those needed, without gaps; the layers left out; and notes on what was."""
    if not others:
        return pd.DataFrame(), [], [TOO_FEW_LAYERS]
    return without_gaps(across(rows, ["replicate"], [*needed, *others]), needed, others, rows)


def without_gaps(table, needed, others, rows):
    """Leave out each replicate that lacks a layer needed or all others, then each layer that one of the rest lacks."""
    if table.empty:
        return table, [], [nothing(rows)]
    notes = []
    for layers, lacks in ((needed, pd.DataFrame.any), (others, pd.DataFrame.all)):
        missing = table[layers].isna()
        gone = list(table.index[lacks(missing, axis=1)]) if layers else []
        notes += left_out("replicate", gone, missing, rows)
        table = table.drop(index=gone)
    missing = table.isna()
    without = [layer for layer in others if missing[layer].any()]
    return table.drop(columns=without), without, notes + left_out("layer", without, missing, rows)


def left_out(kind, names, missing, rows, how="Without"):
    """Return sentences on layers or replicates that lack values, one for each reason.

    Parameters
    ----------
    kind : {"layer", "replicate"}
    names : list
    missing : pandas.DataFrame of bool
        Replicates x layers.
    rows : pandas.DataFrame
        Where the reasons stand.
    how : str
    """
    other = "replicate" if kind == "layer" else "layer"
    found = {}
    for name in names:
        line = missing[name] if kind == "layer" else missing.loc[name]
        lacking = [place for place in line.index if line[place]]
        why = why_none(rows[(rows[kind] == name) & rows[other].isin(lacking)])
        where = "" if len(lacking) == len(line) and kind == "layer" else named(other, lacking)
        found.setdefault((where, why), []).append(name)
    preposition = " at " if kind == "replicate" else " in "
    return [
        f"{how} {named(kind, members)}: no value{preposition + where if where else ''} ({why})."
        for (where, why), members in found.items()
    ]


def why_none(rows):
    return reason(rows) or ("not compared" if rows.empty else "no reason given")


def named(kind, names):
    if kind == "layer":
        return ", ".join(names)
    return f"replicate{'s' * (len(names) > 1)} {', '.join(f'{name:.0f}' for name in names)}"


def said_without(layers):
    return f" (without {', '.join(layers)})" if layers else ""


def nothing(rows):
    return f"No value ({reason(rows) or 'no pruned network was compared with its dense network'})."
