"""What every claim is told of a study, and what it finds."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from prunesim.results.reading import answers_of_rounds, base_of, between_replicates, dense_to_rounds


@dataclass(frozen=True)
class Finding:
    """What a claim finds in a study.

    Attributes
    ----------
    statement : str
        What is claimed of this study, with its numbers and the bound.
    values : array_like, shape (replicates,)
        One number a replicate.
    notes : list of str
        Sentences on what was left out and what the interval holds.
    image_variance : float
        Variance of the mean of the values that comes of the choice of the test images, which all replicates share.
    """

    statement: str
    values: Sequence[float]
    notes: list = field(default_factory=list)
    image_variance: float = 0.0


@dataclass(frozen=True)
class Study:
    """The tables of a study as the claims about one method need them.

    Attributes
    ----------
    method, base : str
        The method, and whose network its round 0 is.
    about : dict
        What the config says of the method, see `prunesim.results.claims.table.claims`.
    words : str
        The measure of similarity, larger where more is alike.
    tables : dict of str to pandas.DataFrame
        ``networks``, and ``answers`` and ``connectivity`` where the study has them.
    chain, last : pandas.DataFrame
        Dense network against each round, and against the last one: ``replicate, round, layer, value, null, note``.
    dense : pandas.DataFrame
        Dense networks of different replicates against each other.
    disagreement : pandas.DataFrame
        ``replicate, round, value``: share of the test images to which the dense network and a round give other answers.
    layers : list of str
        In network order.
    """

    method: str
    base: str
    about: dict
    words: str
    tables: dict
    chain: pd.DataFrame
    last: pd.DataFrame
    dense: pd.DataFrame
    disagreement: pd.DataFrame
    layers: list

    @property
    def networks(self):
        """One row a network (pandas.DataFrame)."""
        return self.tables["networks"]

    @property
    def when(self):
        """The last round of the method and what it leaves, as the beginning of a sentence."""
        rounds = self.networks[self.networks["method"] == self.method]
        return self.after(rounds["round"].max() if len(rounds) else None)

    def after(self, round_):
        """Return the beginning of a sentence about a round of the method, or about its last one for None."""
        if round_ is None:
            return f"After the last round of {self.method}"
        rows = self.networks[(self.networks["method"] == self.method) & (self.networks["round"] == round_)]
        left = 100 * rows["density"].mean()
        return f"After round {round_:.0f} of {self.method}, with {left:.3g} % of the prunable weights left"


def studies(tables, settings):
    """Return what is known of each method, one `Study` each; see `prunesim.results.claims.table.claims`."""
    networks, similarity = tables["networks"], tables["similarity"]
    measure = settings.get("measure") or _default_measure(similarity)
    pruned = _as_similarity(dense_to_rounds(similarity, measure), measure)
    dense = _as_similarity(between_replicates(similarity, measure), measure)
    layers = settings["layers"]
    return [
        _of_method(method, base_of(networks, method), tables, settings, pruned, dense, measure, layers)
        for method in settings["methods"]
    ]


def _of_method(method, base, tables, settings, pruned, dense, measure, layers):
    chain = pruned[(pruned["method"] == method) & pruned["layer"].isin(layers)]
    return Study(
        method=method,
        base=base,
        about=settings.get("about", {}).get(method, {}),
        words=f"1 - {measure} / 2" if measure == "procrustes_distance" else measure,
        tables=tables,
        chain=chain[chain["round"] > 0],
        last=chain[chain["round"] == chain["round"].max()],
        dense=dense[dense["layer"].isin(layers) & (dense["method"] == base)],
        disagreement=_disagreement(tables["similarity"], method),
        layers=layers,
    )


def _default_measure(similarity):
    known = list(dict.fromkeys(similarity["measure"]))
    return known[0] if known and "cca_mean" not in known else "cca_mean"


def _as_similarity(rows, measure):
    rows = rows if "note" in rows.columns else rows.assign(note=None)
    if measure != "procrustes_distance":
        return rows
    return rows.assign(value=1 - rows["value"] / 2, null=1 - rows["null"] / 2)


def _disagreement(similarity, method):
    rows = answers_of_rounds(similarity, "disagreement")
    return rows.loc[rows["method"] == method, ["replicate", "round", "value"]]
