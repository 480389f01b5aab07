"""What a study says about the claims of the literature, and about its own controls."""

import numpy as np
import pandas as pd

from prunesim.results.reading import between_replicates, dense_to_rounds, t_interval

COLUMNS = ["claim", "statement", "estimate", "ci_low", "ci_high", "verdict", "source"]
ACCURACY_MARGIN = 0.01
ANSUINI = "Ansuini et al. 2020 (ICPRAM), abstract"
BLAKENEY = "Blakeney et al. 2020 (WACV), abstract"
CONTROL = "control"


def claims(networks, similarity, settings):
    """Test each claim for each method.

    Every claim is one number a replicate. Its interval is that of Student's t over replicates, the verdict says on
    which side of the bound the whole interval lies.

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
        Columns ``claim, statement, estimate, ci_low, ci_high, verdict, source``, one row a claim and method. The
        interval is missing with fewer than two replicates, the estimate too where the tables have nothing to compute
        it from; the verdict is then ``inconclusive``.

    Raises
    ------
    PrunesimError
        If the table has values, but none of this measure.
    """
    measure = settings.get("measure") or _default_measure(similarity)
    pruned = _as_similarity(dense_to_rounds(similarity, measure), measure)
    dense = _as_similarity(between_replicates(similarity, measure), measure)
    words = f"1 - {measure} / 2" if measure == "procrustes_distance" else measure
    rows = []
    for method in settings["methods"]:
        chain = pruned[pruned["method"] == method]
        last = chain[chain["round"] == chain["round"].max()].dropna(subset=["value"])
        study = {
            "method": method,
            "words": words,
            "networks": networks,
            "chain": chain[chain["round"] > 0].dropna(subset=["value"]),
            "last": last,
            "last_by_layer": _by_layer(last, settings["layers"]),
            "dense": dense.dropna(subset=["value"]),
            "layers": settings["layers"],
            "when": _when(networks, method),
        }
        rows += [_row(f"{name}/{method}", claim(study)) for name, claim in CLAIMS.items()]
    return pd.DataFrame(rows, columns=COLUMNS)


def _default_measure(similarity):
    known = list(dict.fromkeys(similarity["measure"]))
    return known[0] if known and "cca_mean" not in known else "cca_mean"


def _as_similarity(rows, measure):
    if measure != "procrustes_distance":
        return rows
    return rows.assign(value=1 - rows["value"] / 2, null=1 - rows["null"] / 2)


def _by_layer(rows, layers):
    """Return similarities as replicates x layers, in network order; missing where there is no value."""
    return rows.pivot_table(index="replicate", columns="layer", values="value").reindex(columns=layers)


def _when(networks, method):
    rounds = networks[networks["method"] == method]
    if rounds.empty:
        return f"After the last round of {method}"
    last = rounds["round"].max()
    density = rounds.loc[rounds["round"] == last, "density"].mean()
    return f"After round {last:.0f} of {method}, with {100 * density:.3g} % of the prunable weights left"


def _row(name, claim):
    estimate, low, high = t_interval(claim["values"])
    return {
        "claim": name,
        "statement": claim["statement"],
        "estimate": estimate,
        "ci_low": low,
        "ci_high": high,
        "verdict": verdict(low, high, claim.get("bound", 0.0), claim.get("below", False)),
        "source": claim["source"],
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
    return {
        "statement": f"{study['when']}, the test accuracy is no more than {ACCURACY_MARGIN} below that of the dense "
        f"network (pruned minus dense, as shares of the test images; above -{ACCURACY_MARGIN} supports it).",
        "values": pruned - dense.reindex(pruned.index),
        "bound": -ACCURACY_MARGIN,
        "source": ANSUINI,
    }


def first_layer_agrees(study):
    """First layer minus the least similar layer in between.

    That layer is chosen in the other replicates, so that its low value is no product of the choice.
    """
    table = study["last_by_layer"]
    inner = table.iloc[:, 1:-1]
    values = []
    for replicate in table.index:
        others = inner.drop(index=replicate) if len(table) > 1 else inner
        means = others.mean().dropna()
        if len(means):
            values.append(table.iloc[:, 0][replicate] - inner.loc[replicate, means.idxmin()])
    first = study["layers"][0] if study["layers"] else "none"
    return {
        "statement": f"{study['when']}, the first layer ({first}) is more similar to that of the dense network than "
        "the least similar layer between the first and the last one "
        f"(difference of {study['words']}, that layer chosen in the other replicates; above 0 supports it).",
        "values": values,
        "source": ANSUINI,
    }


def output_agrees(study):
    """Last layer minus the mean of the layers in between."""
    table = study["last_by_layer"]
    last = study["layers"][-1] if study["layers"] else "none"
    return {
        "statement": f"{study['when']}, the last layer ({last}) is more similar to that of the dense network than the "
        f"layers between the first and the last one are on average (difference of {study['words']}; above 0 supports "
        "it).",
        "values": table.iloc[:, -1] - table.iloc[:, 1:-1].mean(axis=1) if table.shape[1] > 2 else [],
        "source": ANSUINI,
    }


def middle_drifts(study):
    """Slope of the mean similarity of the layers in between against the round."""
    chain = study["chain"]
    inner = chain[chain["layer"].isin(study["layers"][1:-1])]
    # A round without one of the layers would have another mean for that reason alone.
    means = inner.pivot_table(index=["replicate", "round"], columns="layer", values="value").dropna().mean(axis=1)
    slopes = [
        np.polyfit(values.index.get_level_values("round"), values, 1)[0]
        for _, values in means.groupby(level="replicate")
        if len(values) > 1
    ]
    return {
        "statement": f"With each round of {study['method']}, the layers between the first and the last one grow less "
        f"similar to those of the dense network (slope of their mean {study['words']} against the round, per round; "
        "below 0 supports it).",
        "values": slopes,
        "below": True,
        "source": BLAKENEY,
    }


def closer_than_retrained(study):
    """Pruned network to its own dense network, minus dense networks of different replicates to each other.

    The yardstick of a replicate is the mean over its pairs with the others, so the values of two replicates share a
    pair and the interval takes them as more independent than they are.
    """
    table, dense = study["last_by_layer"], study["dense"]
    values = []
    for replicate in table.index:
        pairs = dense[(dense["replicate"] == replicate) | (dense["other"] == replicate)]
        yardstick = pairs.groupby("layer")["value"].mean().reindex(table.columns)
        values.append((table.loc[replicate] - yardstick).mean())
    return {
        "statement": f"{study['when']}, a network is closer to its own dense network than two dense networks of "
        f"different replicates are to each other (difference of {study['words']}, mean over layers; above 0 supports "
        "it).",
        "values": values,
        "source": CONTROL,
    }


def above_null(study):
    """Similarity minus null, at the layer whose interval begins lowest."""
    last = study["last"].assign(difference=study["last"]["value"] - study["last"]["null"])
    last = last[last["layer"].isin(study["layers"])].dropna(subset=["difference"])
    by_layer = {layer: rows["difference"].to_numpy() for layer, rows in last.groupby("layer")}
    weakest = min(by_layer, key=lambda layer: _strength(by_layer[layer]), default=None)
    return {
        "statement": f"{study['when']}, every compared layer is more similar to that of the dense network than "
        f"with the images shuffled ({study['words']} minus its null at the weakest layer, {weakest or 'none'}; above 0 "
        "supports it).",
        "values": by_layer.get(weakest, []),
        "source": CONTROL,
    }


def _strength(values):
    """Return a sort key: layers without an interval first, since nothing can be concluded from them."""
    mean, low, _ = t_interval(values)
    return (False, mean) if np.isnan(low) else (True, low)


CLAIMS = {
    "accuracy_kept": accuracy_kept,
    "first_layer_agrees": first_layer_agrees,
    "output_agrees": output_agrees,
    "middle_drifts": middle_drifts,
    "closer_than_retrained": closer_than_retrained,
    "above_null": above_null,
}
