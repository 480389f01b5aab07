"""What a study says about the claims of the literature, and about its own controls."""

import numpy as np
import pandas as pd

from prunesim.results.reading import between_replicates, dense_to_rounds, reason, t_interval

COLUMNS = ["claim", "statement", "estimate", "ci_low", "ci_high", "verdict", "source", "note"]
ACCURACY_MARGIN = 0.01
ANSUINI = "Ansuini et al. 2020 (ICPRAM), abstract"
BLAKENEY = "Blakeney et al. 2020 (WACV), abstract"
CONTROL = "control"
TOO_FEW_LAYERS = "Fewer than three layers are compared, so none lies between the first and the last one."


def claims(networks, similarity, settings):
    """Test each claim for each method.

    Every claim is one number a replicate. Its interval is that of Student's t over replicates, the verdict says on
    which side of the bound the whole interval lies.

    The replicates of a claim are held to the same layers. So a layer that lacks a value in one of them has no part in
    a mean over layers, and a replicate none that lacks the layer which the claim is about; the statement names the
    layers that are left out, and the note says why.

    Parameters
    ----------
    networks, similarity : pandas.DataFrame
        The tables of a study, as `prunesim.results.reading.read_table` returns them.
    settings : dict
        ``layers``: the compared layers in network order. ``methods``: names. ``measure``: its name; ``cca_mean``, or
        the first that the table has, where it is None or left out. Procrustes distances d are turned into the
        similarity 1 - d / 2.

    Returns
    -------
    pandas.DataFrame
        Columns ``claim, statement, estimate, ci_low, ci_high, verdict, source, note``, one row a claim and method. The
        interval is missing with fewer than two replicates, the estimate too where the tables have nothing to compute
        it from; the verdict is then ``inconclusive``. The note says what was left out and why a claim is inconclusive;
        it is missing where there is nothing to say.

    Raises
    ------
    PrunesimError
        If the table has values, but none of this measure.
    """
    measure = settings.get("measure") or _default_measure(similarity)
    pruned = _as_similarity(dense_to_rounds(similarity, measure), measure)
    dense = _as_similarity(between_replicates(similarity, measure), measure)
    words = f"1 - {measure} / 2" if measure == "procrustes_distance" else measure
    layers = settings["layers"]
    rows = []
    for method in settings["methods"]:
        chain = pruned[(pruned["method"] == method) & pruned["layer"].isin(layers)]
        study = {
            "method": method,
            "words": words,
            "networks": networks,
            "chain": chain[chain["round"] > 0],
            "last": chain[chain["round"] == chain["round"].max()],
            "dense": dense[dense["layer"].isin(layers)],
            "layers": layers,
            "when": _when(networks, method),
        }
        rows += [_row(f"{name}/{method}", claim(study)) for name, claim in CLAIMS.items()]
    return pd.DataFrame(rows, columns=COLUMNS)


def _default_measure(similarity):
    known = list(dict.fromkeys(similarity["measure"]))
    return known[0] if known and "cca_mean" not in known else "cca_mean"


def _as_similarity(rows, measure):
    rows = rows if "note" in rows.columns else rows.assign(note=None)
    if measure != "procrustes_distance":
        return rows
    return rows.assign(value=1 - rows["value"] / 2, null=1 - rows["null"] / 2)


def _when(networks, method):
    rounds = networks[networks["method"] == method]
    if rounds.empty:
        return f"After the last round of {method}"
    last = rounds["round"].max()
    density = rounds.loc[rounds["round"] == last, "density"].mean()
    return f"After round {last:.0f} of {method}, with {100 * density:.3g} % of the prunable weights left"


def _row(name, claim):
    estimate, low, high = t_interval(claim["values"])
    bound, notes = claim.get("bound", 0.0), list(claim["notes"])
    found = verdict(low, high, bound, claim.get("below", False))
    if found == "inconclusive" and not np.isnan(low):
        notes.append(f"The interval does not lie on one side of {bound:g}.")
    elif found == "inconclusive" and not np.isnan(estimate):
        notes.append("One replicate has no interval.")
    return {
        "claim": name,
        "statement": claim["statement"],
        "estimate": estimate,
        "ci_low": low,
        "ci_high": high,
        "verdict": found,
        "source": claim["source"],
        "note": " ".join(notes) or None,
    }


def verdict(low, high, bound, below=False):
    """Return what an interval says about the claim that a number is above (or below) a bound.

    Parameters
    ----------
    low, high : float
        The ends of the interval; NaN where there is none.
    bound : float
    below : bool
        The claim is that the number is below the bound.

    Returns
    -------
    {"supported", "contradicted", "inconclusive"}
        The last where the bound lies inside, or there is no interval.
    """
    if below:
        low, high, bound = -high, -low, -bound
    if low > bound:
        return "supported"
    return "contradicted" if high < bound else "inconclusive"


def accuracy_kept(study):
    """Pruned minus dense test accuracy at the last round, a replicate at a time."""
    networks = study["networks"]
    mine = networks[networks["method"] == study["method"]]
    pruned = mine[mine["round"] == mine["round"].max()].set_index("replicate")["test_accuracy"]
    dense = networks[networks["method"] == "dense"].set_index("replicate")["test_accuracy"]
    values = pruned - dense.reindex(pruned.index)
    lost = [replicate for replicate in values.index if np.isnan(values[replicate])]
    notes = [] if len(values) else [f"No pruned network of {study['method']} was evaluated."]
    notes += [f"Without {_named('replicate', lost)}: no test accuracy, dense or pruned."] if lost else []
    return {
        "statement": f"{study['when']}, the test accuracy is no more than {ACCURACY_MARGIN} below that of the dense "
        f"network (pruned minus dense, as shares of the test images; above -{ACCURACY_MARGIN} supports it).",
        "values": values,
        "bound": -ACCURACY_MARGIN,
        "source": ANSUINI,
        "notes": notes,
    }


def first_layer_agrees(study):
    """First layer minus the least similar layer in between.

    That layer is chosen in the other replicates, so that its low value is no product of the choice.
    """
    layers = study["layers"]
    first = layers[0] if layers else "none"
    table, without, notes = _same_layers(study["last"], layers[:1], layers[1:-1])
    inner = table.iloc[:, 1:]
    values = []
    for replicate in table.index if inner.shape[1] else []:
        others = inner.drop(index=replicate) if len(table) > 1 else inner
        values.append(table.iloc[:, 0][replicate] - inner.loc[replicate, others.mean().idxmin()])
    return {
        "statement": f"{study['when']}, the first layer ({first}) is more similar to that of the dense network than "
        f"the least similar layer between the first and the last one{_without(without)} "
        f"(difference of {study['words']}, that layer chosen in the other replicates; above 0 supports it).",
        "values": values,
        "source": ANSUINI,
        "notes": notes,
    }


def output_agrees(study):
    """Last layer minus the mean of the layers in between."""
    layers = study["layers"]
    last = layers[-1] if layers else "none"
    table, without, notes = _same_layers(study["last"], layers[-1:], layers[1:-1])
    return {
        "statement": f"{study['when']}, the last layer ({last}) is more similar to that of the dense network than the "
        f"layers between the first and the last one{_without(without)} are on average (difference of "
        f"{study['words']}; above 0 supports it).",
        "values": table.iloc[:, 0] - table.iloc[:, 1:].mean(axis=1) if table.shape[1] else [],
        "source": ANSUINI,
        "notes": notes,
    }


def middle_drifts(study):
    """Slope of the mean similarity of the layers in between against the round."""
    inner = study["layers"][1:-1]
    chain = study["chain"][study["chain"]["layer"].isin(inner)]
    every = _table(chain, ["replicate", "round"], inner)
    ever, without, notes = _without_gaps(every.groupby(level="replicate").max(), [], inner, chain)
    every = every.loc[every.index.isin(ever.index, level="replicate"), ever.columns]
    # A round without one of the layers would have another mean for that reason alone.
    whole = every.dropna()
    if len(whole) < len(every):
        lost = every.index.difference(whole.index)
        at = [layer for layer in every.columns if every.loc[lost, layer].isna().any()]
        why = _why(chain[chain["layer"].isin(at)])
        notes.append(
            f"Without {len(lost)} of {len(every)} rounds, first round {lost[0][1]:.0f} of replicate {lost[0][0]:.0f}: "
            f"no value at {', '.join(at)} ({why})."
        )
    slopes, short = [], []
    for replicate in ever.index:
        values = whole[whole.index.isin([replicate], level="replicate")].mean(axis=1)
        if len(values) > 1:
            slopes.append(np.polyfit(values.index.get_level_values("round"), values, 1)[0])
        else:
            short.append(replicate)
    if short:
        notes.append(f"Without {_named('replicate', short)}: a slope needs two rounds.")
    return {
        "statement": f"With each round of {study['method']}, the layers between the first and the last one"
        f"{_without(without)} grow less similar to those of the dense network (slope of their mean {study['words']} "
        "against the round, per round; below 0 supports it).",
        "values": slopes,
        "below": True,
        "source": BLAKENEY,
        "notes": notes if inner else [TOO_FEW_LAYERS],
    }


def closer_than_retrained(study):
    """Pruned network to its own dense network, minus dense networks of different replicates to each other.

    The yardstick of a replicate is the mean over its pairs with the others, so the values of two replicates share a
    pair and the interval takes them as more independent than they are.
    """
    layers, dense = study["layers"], study["dense"]
    table, without, notes = _without_gaps(_table(study["last"], ["replicate"], layers), [], layers, study["last"])
    pairs = _table(dense, ["other", "replicate"], list(table.columns))
    measured = [replicate for replicate in table.index if _pairs_of(pairs, [replicate]).notna().any(axis=None)]
    alone = [replicate for replicate in table.index if replicate not in measured and len(table.columns)]
    if len(table) == 1:
        notes = ["One replicate has no other dense network to be compared with."]
    elif alone:
        notes.append(f"Without {_named('replicate', alone)}: no value between dense networks ({_why(dense)}).")
    table = table.drop(index=alone)
    pairs = _pairs_of(pairs, table.index, both=True)
    lost = [layer for layer in table.columns if pairs[layer].isna().any()]
    notes += [
        f"Without {layer}: no value between dense networks ({_why(dense[dense['layer'] == layer])})." for layer in lost
    ]
    table, pairs = table.drop(columns=lost), pairs.drop(columns=lost)
    without = [layer for layer in layers if layer in (*without, *lost)]
    return {
        "statement": f"{study['when']}, a network is closer to its own dense network than two dense networks of "
        f"different replicates are to each other (difference of {study['words']}, mean over layers{_without(without)}; "
        "above 0 supports it).",
        "values": [(table.loc[replicate] - _pairs_of(pairs, [replicate]).mean()).mean() for replicate in table.index],
        "source": CONTROL,
        "notes": notes,
    }


def _pairs_of(pairs, replicates, both=False):
    """Return the pairs in which one of the replicates is, or of which both are."""
    wanted = (sum(replicate in replicates for replicate in pair) for pair in pairs.index)
    return pairs.loc[np.array([count > both for count in wanted], dtype=bool)]


def above_null(study):
    """Similarity minus null, at the layer whose interval begins lowest."""
    rows, layers = study["last"], study["layers"]
    no_null = rows["value"].notna() & rows["null"].isna()
    why = rows["note"].where(rows["note"].astype(str).str.startswith("no null"), "it has no null")
    rows = rows.assign(value=rows["value"] - rows["null"], note=rows["note"].where(~no_null, why))
    table = _table(rows, ["replicate"], layers)
    missing = table.isna()
    without = [layer for layer in layers if missing[layer].all()]
    fewer = [layer for layer in layers if missing[layer].any() and layer not in without]
    weakest = _weakest({layer: table[layer].dropna().to_numpy() for layer in layers if layer not in without})
    notes = _left_out("layer", without, missing, rows)
    notes += _left_out("layer", fewer, missing, rows, "Fewer replicates at")
    return {
        "statement": f"{study['when']}, every compared layer{_without(without if weakest else [])} is more similar to "
        f"that of the dense network than with the images shuffled ({study['words']} minus its null at the weakest "
        f"layer, {weakest or 'none'}; above 0 supports it).",
        "values": table[weakest] if weakest else [],
        "source": CONTROL,
        "notes": notes if len(table) else [_nothing(rows)],
    }


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


# --- What is left out


def _table(rows, index, layers):
    """Return similarities with the layers across, in network order; missing where there is no value."""
    table = rows.pivot_table(index=index, columns="layer", values="value")
    # What has no value at all stays in the table, to be named.
    every = rows.set_index(index).index.unique().sort_values()
    return table.reindex(index=every, columns=layers)


def _same_layers(rows, needed, others):
    """Return replicates x layers, first those needed, without gaps; the layers left out; and notes on what was."""
    if not others:
        return pd.DataFrame(), [], [TOO_FEW_LAYERS]
    return _without_gaps(_table(rows, ["replicate"], [*needed, *others]), needed, others, rows)


def _without_gaps(table, needed, others, rows):
    """Leave out each replicate that lacks a layer needed or all others, then each layer that one of the rest lacks."""
    if table.empty:
        return table, [], [_nothing(rows)]
    notes = []
    for layers, lacks in ((needed, pd.DataFrame.any), (others, pd.DataFrame.all)):
        missing = table[layers].isna()
        gone = list(table.index[lacks(missing, axis=1)]) if layers else []
        notes += _left_out("replicate", gone, missing, rows)
        table = table.drop(index=gone)
    missing = table.isna()
    without = [layer for layer in others if missing[layer].any()]
    return table.drop(columns=without), without, notes + _left_out("layer", without, missing, rows)


def _left_out(kind, names, missing, rows, how="Without"):
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
        why = _why(rows[(rows[kind] == name) & rows[other].isin(lacking)])
        where = "" if len(lacking) == len(line) and kind == "layer" else _named(other, lacking)
        found.setdefault((where, why), []).append(name)
    preposition = " at " if kind == "replicate" else " in "
    return [
        f"{how} {_named(kind, members)}: no value{preposition + where if where else ''} ({why})."
        for (where, why), members in found.items()
    ]


def _why(rows):
    return reason(rows) or ("not compared" if rows.empty else "no reason given")


def _named(kind, names):
    if kind == "layer":
        return ", ".join(names)
    return f"replicate{'s' * (len(names) > 1)} {', '.join(f'{name:.0f}' for name in names)}"


def _without(layers):
    return f" (without {', '.join(layers)})" if layers else ""


def _nothing(rows):
    return f"No value ({reason(rows) or 'no pruned network was compared with its dense network'})."


CLAIMS = {
    "accuracy_kept": accuracy_kept,
    "first_layer_agrees": first_layer_agrees,
    "output_agrees": output_agrees,
    "middle_drifts": middle_drifts,
    "closer_than_retrained": closer_than_retrained,
    "above_null": above_null,
}
