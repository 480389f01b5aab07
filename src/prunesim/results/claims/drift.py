"""Claims about how the similarity of layers changes as a network is pruned on."""

import numpy as np

from prunesim.results.claims.finding import Finding
from prunesim.results.claims.gaps import TOO_FEW_LAYERS, across, named, said_without, why_none, without_gaps


def middle_drifts(study):
    """Slope of the mean similarity of the layers in between against the round."""
    inner = study.layers[1:-1]
    chain = study.chain[study.chain["layer"].isin(inner)]
    every = across(chain, ["replicate", "round"], inner)
    ever, without, notes = without_gaps(every.groupby(level="replicate").max(), [], inner, chain)
    every = every.loc[every.index.isin(ever.index, level="replicate"), ever.columns]
    # A round without one of the layers would have another mean for that reason alone.
    whole = every.dropna()
    if len(whole) < len(every):
        lost = every.index.difference(whole.index)
        at = [layer for layer in every.columns if every.loc[lost, layer].isna().any()]
        why = why_none(chain[chain["layer"].isin(at)])
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
        notes.append(f"Without {named('replicate', short)}: a slope needs two rounds.")
    return Finding(
        statement=f"With each round of {study.method}, the layers between the first and the last one"
        f"{said_without(without)} grow less similar to those of the dense network (slope of their mean {study.words} "
        "against the round, per round; below 0 supports it).",
        values=slopes,
        notes=notes if inner else [TOO_FEW_LAYERS],
    )


def gap_grows(study):
    """Slope of the gap between the ends of the network and its middle against the halvings of the weights."""
    layers, chain = study.layers, study.chain
    ends, inner = [*layers[:1], *layers[-1:]], layers[1:-1]
    if not inner or chain.loc[chain["value"].notna(), "round"].nunique() < 2:
        return None
    every = across(chain, ["replicate", "round"], layers)
    ever, without, notes = without_gaps(every.groupby(level="replicate").max()[[*ends, *inner]], ends, inner, chain)
    every = every.loc[every.index.isin(ever.index, level="replicate"), ever.columns]
    whole = every.dropna()
    if len(whole) < len(every):
        notes.append(f"Without {len(every) - len(whole)} of {len(every)} rounds, which lack a layer.")
    gap = whole[ends].mean(axis=1) - whole.drop(columns=ends).mean(axis=1)
    mine = study.networks[study.networks["method"] == study.method]
    halvings = -np.log2(mine.set_index(["replicate", "round"])["density"]).reindex(gap.index)
    slopes, short = [], []
    for replicate in ever.index:
        here = gap.index.isin([replicate], level="replicate") & halvings.notna()
        if halvings[here].nunique() > 1:
            slopes.append(np.polyfit(halvings[here], gap[here], 1)[0])
        else:
            short.append(replicate)
    if short:
        notes.append(f"Without {named('replicate', short)}: a slope needs two densities.")
    return Finding(
        statement=f"Each time {study.method} halves the weights, the layers between the first ({ends[0]}) and the last "
        f"one ({ends[1]}){said_without(without)} fall further behind these two in similarity to the dense network "
        f"(slope of the mean {study.words} of the two minus that of the layers between them, per halving; above 0 "
        "supports it).",
        values=slopes,
        notes=notes,
    )
