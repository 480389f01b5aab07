"""What the claims of a study need of its config: tables, what the methods are, and claims of the user's own."""

from prunesim.networks.spec import some
from prunesim.pruning.catalogue import AT_START, BY_GRADIENT
from prunesim.study.looks import robustness_of
from prunesim.study.methods import method_rounds
from prunesim.study.tables import COLUMNS, tables_of
from prunesim.study.widths import width_layers
from prunesim.study.words import did_you_mean, one_of, plain, refuse, show

PREDICTIONS = "predictions"
ALWAYS = ("networks", "similarity")
WHERE_THERE = ("answers", "connectivity", "widths")
# What a config must have for a table; functional answers for the others.
ADDED = {
    "spectra": "comparison.spectra",
    "connectivity": "connectivity.pairs",
    "robustness": "robustness.shares or robustness.corruptions",
    "concepts": "concepts.source",
    "concept_layers": "concepts.source",
    "sparsity": "a method with sparsity",
    "training": "training to figures.more",
    "overlap": "overlap to figures.more",
    "widths": "widths.factors",
}
YES_OR_NO = ("recalibrated", "trained", "detector")
_SIDES = ("_a", "_b")
# Columns that say which row it is, or hold words.
NAMES = ("replicate", "method", "round", "layer", "class", "family", "measure", "recalibrated", "trained", "note")
NAMES += ("kind", "unit", "concept", "detector", "index")
NAMES += tuple(f"{name}{side}" for name in ("replicate", "method", "round", "layer") for side in _SIDES)


def claimed_tables(config):
    """Return the tables that the claims of a study are held against.

    Parameters
    ----------
    config : dict
        From `prunesim.study.config.check_config`.
    """
    selected = {side["table"] for claim in config["claims"].values() for _, side in _selections(claim)}
    return [*ALWAYS, *_further(config), *sorted(selected - {*ALWAYS, *_further(config)})]


def claims_settings(config):
    """Return what the table of claims is told beside layers, methods and measure: only what there is.

    ``tables`` that published claims use beside networks and similarity, what the methods are ``about``, and the user's
    ``own`` claims; see `prunesim.results.claims.table.claims`.
    """
    methods = config["methods"]
    about = {name: _about(method, methods) for name, method in methods.items()}
    parts = {
        "tables": _further(config),
        "about": {name: known for name, known in about.items() if known},
        "own": config["claims"],
    }
    return {key: part for key, part in parts.items() if part}


def _further(config):
    return [name for name in WHERE_THERE if name in tables_of(config)]


def _about(method, methods):
    """Return what a method is a control of, or the criterion by which it prunes before training; else nothing."""
    if method["control"] and method["of"]:
        of = methods[method["of"]]
        early = of["criterion"] in AT_START
        return {"control": method["control"], "of": method["of"], "rewind": of["rewind"], "early": early}
    return {"criterion": method["criterion"]} if method["criterion"] in BY_GRADIENT and not method["control"] else {}


def _selections(claim):
    """Return which side of a claim selects what."""
    return [(key, claim[key]) for key in ("of", "minus") if claim[key]]


def check_claims(config, schema):
    """Yield a sentence for each selection of a claim that finds nothing in the tables of the study."""
    there = tables_of(config)
    for name, claim in config["claims"].items():
        for side, selection in _selections(claim):
            key, table = f"claims.{name}.{side}", selection["table"]
            if table not in there:
                how = ADDED.get(table, "functional to comparison.families")
                known = one_of([known for known in there if known in COLUMNS])
                yield f"{key}.table is {table}, which this study has not; add {how}, or take {known}."
                continue
            yield from _check_column(key, selection)
            for column, value in selection["where"].items():
                yield from _check_condition(f"{key}.where.{column}", table, column, value, config)


def check_claim_layers(config, layers, weight_layer_names=None):
    """Refuse claims about layers that are not in the tables.

    Parameters
    ----------
    config : dict
        From `prunesim.study.config.check_config`.
    layers : list of str
        Those that are compared.
    weight_layer_names : list of str, optional
        The convolutional and linear layers; those of layers.csv are not checked without them.

    Raises
    ------
    PrunesimError
        One sentence a line for each layer, with the nearest name and all there are.
    """
    problems = []
    for name, claim in config["claims"].items():
        for side, selection in _selections(claim):
            # Which layers units are looked at in is known where the network runs.
            of_table = {"layers": weight_layer_names, "overlap": weight_layer_names, "widths": width_layers(config)}
            of_table |= {"concepts": None, "concept_layers": None}
            known = of_table.get(selection["table"], [*layers, PREDICTIONS])
            for column, value in selection["where"].items():
                if known and column in ("layer", "layer_a", "layer_b"):
                    problems += _unknown(f"claims.{name}.{side}.where.{column}", value, known)
    refuse(problems)


def _check_column(key, selection):
    numbers = [column for column in COLUMNS[selection["table"]] if column not in NAMES]
    if selection["column"] not in numbers:
        yield (
            f"{key}.column is {show(selection['column'])}, which is no column of numbers of {selection['table']}.csv"
            f"{did_you_mean(selection['column'], numbers)}; it has {one_of(numbers)}."
        )


def _check_condition(key, table, column, value, config):
    if column not in COLUMNS[table]:
        yield (
            f"{key}: {table}.csv has no column {show(column)}{did_you_mean(column, COLUMNS[table])}; "
            f"it has {one_of(list(COLUMNS[table]))}."
        )
        return
    known = _values(column.removesuffix("_a").removesuffix("_b"), table, config)
    if known:
        yield from _unknown(key, value, known)


def _unknown(key, value, known):
    """Return a sentence for each value that a column of names does not have."""
    words = [plain(word) for word in known]
    asked = [plain(one) for one in (value if isinstance(value, list) else [value])]
    return [
        f"{key} is {one}, which is not in the tables of this study{did_you_mean(one, words)}; it has {some(words)}."
        for one in asked
        if one not in words
    ]


def _values(kind, table, config):
    """Return the values that a column of names has in this study, or None where the config does not say."""
    if kind == "method":
        return ["dense", *config["methods"], *config["chains"]]
    if kind == "round":
        given = [len(one["rounds"]) for chain in config["chains"].values() for one in chain["networks"]]
        return list(range(max([0, *method_rounds(config).values(), *given]) + 1))
    if kind in YES_OR_NO:
        return ["yes", "no"]
    if table == "robustness":
        asked = robustness_of(config)
        known = {"kind": ["pruning", *asked["corruptions"]], "severity": [*asked["shares"], *asked["severities"]]}
        if kind in known:
            return known[kind]
    if kind == "measure" and table == "widths":
        return config["widths"]["measures"]
    if kind == "measure":
        functional = ["agreement", "jsd", "disagreement", "disagreement_least", "disagreement_most"]
        return [*config["comparison"]["measures"], *functional]
    return config["comparison"]["families"] if kind == "family" else None
