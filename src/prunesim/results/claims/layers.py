"""Claims about the similarity of layers: which keep that of the dense network."""

import numpy as np

from prunesim.results.claims.finding import Finding
from prunesim.results.claims.gaps import (
    across,
    left_out,
    named,
    nothing,
    said_without,
    same_layers,
    why_none,
    without_gaps,
)
from prunesim.results.reading import t_interval


def first_layer_agrees(study):
    """First layer minus the least similar layer in between.

    That layer is chosen in the other replicates, so that its low value is no product of the choice.
    """
    layers = study.layers
    first = layers[0] if layers else "none"
    table, without, notes = same_layers(study.last, layers[:1], layers[1:-1])
    inner = table.iloc[:, 1:]
    values = []
    for replicate in table.index if inner.shape[1] else []:
        others = inner.drop(index=replicate) if len(table) > 1 else inner
        values.append(table.iloc[:, 0][replicate] - inner.loc[replicate, others.mean().idxmin()])
    return Finding(
        statement=f"{study.when}, the first layer ({first}) is more similar to that of the dense network than "
        f"the least similar layer between the first and the last one{said_without(without)} "
        f"(difference of {study.words}, that layer chosen in the other replicates; above 0 supports it).",
        values=values,
        notes=notes,
    )


def output_agrees(study):
    """Last layer minus the mean of the layers in between."""
    layers = study.layers
    last = layers[-1] if layers else "none"
    table, without, notes = same_layers(study.last, layers[-1:], layers[1:-1])
    return Finding(
        statement=f"{study.when}, the last layer ({last}) is more similar to that of the dense network than the "
        f"layers between the first and the last one{said_without(without)} are on average (difference of "
        f"{study.words}; above 0 supports it).",
        values=table.iloc[:, 0] - table.iloc[:, 1:].mean(axis=1) if table.shape[1] else [],
        notes=notes,
    )


def closer_than_retrained(study):
    """Pruned network to its own dense network, minus dense networks of different replicates to each other.

    The yardstick of a replicate is the mean over its pairs with the others, so the values of two replicates share a
    pair and the interval takes them as more independent than they are.
    """
    layers, dense = study.layers, study.dense
    table, without, notes = without_gaps(across(study.last, ["replicate"], layers), [], layers, study.last)
    pairs = across(dense, ["other", "replicate"], list(table.columns))
    measured = [replicate for replicate in table.index if _pairs_of(pairs, [replicate]).notna().any(axis=None)]
    alone = [replicate for replicate in table.index if replicate not in measured and len(table.columns)]
    if len(table) == 1:
        notes = ["One replicate has no other dense network to be compared with."]
    elif alone:
        notes.append(f"Without {named('replicate', alone)}: no value between dense networks ({why_none(dense)}).")
    table = table.drop(index=alone)
    pairs = _pairs_of(pairs, table.index, both=True)
    lost = [layer for layer in table.columns if pairs[layer].isna().any()]
    notes += [
        f"Without {layer}: no value between dense networks ({why_none(dense[dense['layer'] == layer])})."
        for layer in lost
    ]
    table, pairs = table.drop(columns=lost), pairs.drop(columns=lost)
    without = [layer for layer in layers if layer in (*without, *lost)]
    return Finding(
        statement=f"{study.when}, a network is closer to its own dense network than two dense networks of "
        f"different replicates are to each other (difference of {study.words}, mean over layers"
        f"{said_without(without)}; above 0 supports it).",
        values=[(table.loc[replicate] - _pairs_of(pairs, [replicate]).mean()).mean() for replicate in table.index],
        notes=notes,
    )


def _pairs_of(pairs, replicates, both=False):
    """Return the pairs in which one of the replicates is, or of which both are."""
    wanted = (sum(replicate in replicates for replicate in pair) for pair in pairs.index)
    return pairs.loc[np.array([count > both for count in wanted], dtype=bool)]


def above_null(study):
    """Similarity minus null, at the layer whose interval begins lowest."""
    rows, layers = study.last, study.layers
    no_null = rows["value"].notna() & rows["null"].isna()
    why = rows["note"].where(rows["note"].astype(str).str.startswith("no null"), "it has no null")
    rows = rows.assign(value=rows["value"] - rows["null"], note=rows["note"].where(~no_null, why))
    table = across(rows, ["replicate"], layers)
    missing = table.isna()
    without = [layer for layer in layers if missing[layer].all()]
    fewer = [layer for layer in layers if missing[layer].any() and layer not in without]
    weakest = _weakest({layer: table[layer].dropna().to_numpy() for layer in layers if layer not in without})
    notes = left_out("layer", without, missing, rows)
    notes += left_out("layer", fewer, missing, rows, "Fewer replicates at")
    return Finding(
        statement=f"{study.when}, every compared layer{said_without(without if weakest else [])} is more similar to "
        f"that of the dense network than with the images shuffled ({study.words} minus its null at the weakest "
        f"layer, {weakest or 'none'}; above 0 supports it).",
        values=table[weakest] if weakest else [],
        notes=notes if len(table) else [nothing(rows)],
    )


def _weakest(by_layer):
    """Return the layer whose interval begins lowest.

    One layer below the bound is enough to contradict a claim about all of them. Otherwise it is open as long as a layer
    has no interval.
    """
    intervals = {layer: t_interval(values) for layer, values in by_layer.items()}
    known = [layer for layer in intervals if not np.isnan(intervals[layer][1])]
    weakest = min(known, key=lambda layer: intervals[layer][1], default=None)
    if len(known) == len(intervals) or (known and intervals[weakest][2] < 0):
        return weakest
    return min(intervals.keys() - known, key=lambda layer: (intervals[layer][0], layer))
