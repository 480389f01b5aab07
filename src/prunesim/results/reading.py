"""Reading the tables of a study, and means with intervals over its replicates."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from prunesim.errors import PrunesimError

CONFIDENCE = 0.95

_PAIR = [f"{key}_{side}" for side in "ab" for key in ("replicate", "method", "round", "layer")]
COLUMNS = {
    "networks": ["replicate", "method", "round", "density", "test_accuracy"],
    "layers": ["replicate", "method", "round", "layer", "density"],
    "answers": ["replicate", "method", "round", "images", "accuracy", "ece"],
    "connectivity": [
        *(f"{key}_{side}" for side in "ab" for key in ("replicate", "method", "round")),
        *("alpha", "train_error", "test_error", "recalibrated"),
    ],
    "robustness": ["replicate", "method", "round", "kind", "severity", "accuracy"],
    "concept_layers": [
        *("replicate", "method", "round", "density", "layer", "units", "silent"),
        *("detectors", "concepts", "chance_detectors", "chance_concepts"),
    ],
    "classes": ["replicate", "method", "round", "class", "images", "accuracy"],
    "spectra": ["replicate", "method", "round", "layer", "index", "correlation", "null", "rank_a", "rank_b", "note"],
    "similarity": ["family", "measure", "value", "null", *_PAIR],
    "sparsity": ["replicate", "method", "round", "iteration", "primal_residual", "dual_residual"],
    "training": ["replicate", "method", "round", "epoch", "train_loss", "validation_accuracy"],
    "overlap": [
        *("replicate_a", "method_a", "replicate_b", "method_b", "round", "layer", "density_a", "density_b"),
        *("iou", "chance"),
    ],
    "widths": [
        *("replicate_a", "width_a", "replicate_b", "width_b", "trained", "layer", "measure", "value", "null"),
        *("calibrated", "filters_a", "filters_b"),
    ],
    "claims": [
        *("claim", "title", "estimate", "ci_low", "ci_high", "verdict", "bound", "direction", "replicates"),
        *("p_holm", "verdict_holm"),
    ],
}
_TEXT = {"method", "layer", "family", "measure", "method_a", "method_b", "layer_a", "layer_b", "note"}
_TEXT |= {"kind", "concept", "detector"}
_TEXT |= {"recalibrated", "class", "claim", "statement", "verdict", "source", "title", "direction"}
_TEXT |= {"verdict_holm", "replicates_needed", "trained"}


def read_table(folder, name):
    """Read one table of a study.

    Parameters
    ----------
    folder : path-like
        The folder ``tables`` of the study.
    name : str
        One of `COLUMNS`.

    Returns
    -------
    pandas.DataFrame
        The columns of `COLUMNS` that figures and claims use, and ``note`` where the table has it. An empty cell is a
        missing value.

    Raises
    ------
    PrunesimError
        If the file is missing or not a table, lacks a column, or holds something else than a finite number where a
        number belongs.
    """
    path = Path(folder) / f"{name}.csv"
    frame = _read_text(path)
    if missing := [column for column in COLUMNS[name] if column not in frame.columns]:
        raise PrunesimError(f"{path} has no column {missing[0]!r}; it needs {', '.join(COLUMNS[name])}.")
    frame = frame[COLUMNS[name] + (["note"] if "note" in frame.columns else [])]
    numbers = {column: _numbers(frame[column], path) for column in frame.columns if column not in _TEXT}
    return frame.assign(**numbers)


def read_whole_table(path):
    """Return a table with all its columns (pandas.DataFrame), numbers as numbers where a column has nothing else."""
    frame = _read_text(path)
    for column in frame.columns.difference(list(_TEXT)):
        # A column that is empty throughout is one of missing numbers; only text stays text.
        numbers = pd.to_numeric(frame[column], errors="coerce")
        if not (numbers.isna() & frame[column].notna()).any():
            frame[column] = numbers
    return frame


def _read_text(path):
    try:
        # Everything is text at first: a layer may be called "0", a method "none", and neither is a number or missing.
        return pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    except FileNotFoundError as error:
        raise PrunesimError(f"{path} does not exist; the pipeline makes it before figures and claims.") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise PrunesimError(f"{path} is not a CSV table ({str(error).strip()}); delete it and run again.") from error


def _numbers(column, path):
    numbers = pd.to_numeric(column, errors="coerce").astype(float)
    wrong = column[column.notna() & ~np.isfinite(numbers)]
    if len(wrong):
        raise PrunesimError(
            f"{path} has {wrong.iloc[0]!r} in column {column.name!r}, row {wrong.index[0] + 1}; "
            "a finite number or an empty cell would be right."
        )
    return numbers


def parse_settings(text, keys, optional=()):
    """Return the settings given as JSON text.

    Parameters
    ----------
    text : str
        A JSON object.
    keys : collection of str
        The keys that must be there.
    optional : collection of str
        Those that may; no other one may.

    Raises
    ------
    PrunesimError
    """
    try:
        settings = json.loads(text)
    except json.JSONDecodeError as error:
        raise PrunesimError(f"--settings is not valid JSON ({error}); an object with {_list(keys)} is.") from error
    if not isinstance(settings, dict):
        raise PrunesimError(f"--settings must be a JSON object with {_list(keys)}, not {text}.")
    if missing := [key for key in keys if key not in settings]:
        raise PrunesimError(f"--settings has no {missing[0]!r}; it needs {_list(keys)}.")
    if unknown := [key for key in settings if key not in (*keys, *optional)]:
        raise PrunesimError(f"--settings has {unknown[0]!r}, which is not used here; it needs {_list(keys)}.")
    for key in {"layers", "methods"} & set(settings):
        value = settings[key]
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise PrunesimError(f"--settings has {key!r} = {value!r}; a list of names is right.")
    return settings


def _list(keys):
    return ", ".join(keys)


def select(similarity, family, measure):
    """Return the rows of one family and one measure.

    Raises
    ------
    PrunesimError
        If the table has values, but none of this measure.
    """
    # Answers have measures of their own.
    similarity = similarity[similarity["family"] != "functional"]
    if len(similarity) and measure not in set(similarity["measure"]):
        known = ", ".join(sorted(similarity["measure"].unique()))
        raise PrunesimError(
            f"similarity.csv has no measure {measure!r}; give one of those that it has ({known}), "
            "or add it to comparison.measures."
        )
    return similarity[(similarity["family"] == family) & (similarity["measure"] == measure)]


def dense_to_rounds(similarity, measure):
    """Return the comparisons of the dense network with each pruning round, one row a replicate, method, round, layer.

    Columns: ``replicate, method, round, layer, value, null`` and ``note`` where the table has it.
    """
    rows = select(similarity, "rounds", measure)
    rows = rows[rows["round_a"] == 0]
    return _renamed(rows)


def between_replicates(similarity, measure):
    """Return the comparisons of dense networks of different replicates, one row a pair and layer.

    Columns as in `dense_to_rounds`, with ``replicate`` and ``other`` for the two replicates.
    """
    rows = select(similarity, "replicates", measure)
    rows = rows[(rows["round_a"] == 0) & (rows["round_b"] == 0)]
    return _renamed(rows.assign(other=rows["replicate_a"]), "other")


def answers_of_rounds(similarity, measure):
    """Return a measure of the answers of the dense network and each round; columns as in `dense_to_rounds`."""
    rows = _functional(similarity, measure)
    return _renamed(rows[(rows["replicate_a"] == rows["replicate_b"]) & (rows["round_a"] == 0)])


def dense_answers(similarity, measure):
    """Return a measure of the answers of dense networks of different replicates; columns as in `between_replicates`."""
    rows = _functional(similarity, measure)
    rows = rows[(rows["replicate_a"] != rows["replicate_b"]) & (rows["round_a"] == 0) & (rows["round_b"] == 0)]
    return _renamed(rows.assign(other=rows["replicate_a"]), "other")


def _functional(similarity, measure):
    return similarity[(similarity["family"] == "functional") & (similarity["measure"] == measure)]


def base_of(networks, method):
    """Return whose network round 0 of a method is, in its column ``method``: ``dense``, or a chain that has its own."""
    own = (networks["method"] == method) & (networks["round"] == 0)
    return method if own.any() else "dense"


def _renamed(rows, *more):
    names = {"replicate_b": "replicate", "method_b": "method", "round_b": "round", "layer_b": "layer"}
    columns = [*names.values(), *more, "value", "null", *(["note"] if "note" in rows.columns else [])]
    return rows.rename(columns=names)[columns]


def reason(rows):
    """Return why there is no value: the first note of the rows without one, or an empty text."""
    notes = rows.loc[rows["value"].isna(), "note"].dropna() if "note" in rows.columns else []
    return str(notes.iloc[0]).strip().removeprefix("no value: ").rstrip(".") if len(notes) else ""


def gaps(rows, layers):
    """Return in words at which layers there is no value, and why.

    Parameters
    ----------
    rows : pandas.DataFrame
        Columns ``layer``, ``value`` and, where the table has it, ``note``.
    layers : list of str
        Those that should have a value.

    Returns
    -------
    list of str
        A sentence for each reason, with all the layers that it holds for; none where nothing is missing. A layer that
        lacks some of its values has a sentence of its own, which counts them.
    """
    found = {}
    for layer in layers:
        mine = rows[rows["layer"] == layer]
        missing = int(mine["value"].isna().sum())
        if missing == len(mine):
            found.setdefault(("", reason(mine) if missing else "not compared"), []).append(layer)
        elif missing:
            found.setdefault((f" in {missing} of {len(mine)} comparisons", reason(mine)), []).append(layer)
    return [
        f"No value at {', '.join(names)}{where}{f': {why}' if why else ''}." for (where, why), names in found.items()
    ]


def t_interval(values):
    """Return mean, lower and upper end of the 95 % interval of Student's t over independent values.

    Parameters
    ----------
    values : array-like, shape (n,)
        One number a replicate; missing ones are left out.

    Returns
    -------
    tuple of float
        NaN where it cannot be said: all three without a value, the ends with a single one.
    """
    values = np.asarray(values, dtype=float)
    values = values[~np.isnan(values)]
    if not len(values):
        return np.nan, np.nan, np.nan
    mean = float(values.mean())
    if len(values) == 1:
        return mean, np.nan, np.nan
    half = float(_quantile(len(values)) * values.std(ddof=1) / np.sqrt(len(values)))
    return mean, mean - half, mean + half


def summarise(frame, by, value):
    """Return mean and 95 % interval of a column over the rows (replicates) of each group.

    Parameters
    ----------
    frame : pandas.DataFrame
    by : str or list of str
        Columns that make the groups; they become the index.
    value : str
        Column; empty cells are left out.

    Returns
    -------
    pandas.DataFrame
        Columns ``n, mean, low, high``; the ends are NaN where n is 1.
    """
    groups = frame.dropna(subset=[value]).groupby(by, sort=True)[value].agg(["count", "mean", "std"])
    half = _quantile(groups["count"]) * groups["std"] / np.sqrt(groups["count"])
    return pd.DataFrame(
        {"n": groups["count"], "mean": groups["mean"], "low": groups["mean"] - half, "high": groups["mean"] + half}
    )


def _quantile(n):
    """Return the quantile of Student's t that belongs to n values (NaN for one)."""
    freedom = np.asarray(n, dtype=float) - 1
    return stdtrit(np.where(freedom > 0, freedom, np.nan), 0.5 + CONFIDENCE / 2)
