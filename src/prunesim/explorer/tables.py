"""The tables of a study as the page has them: columns by name, and as many of them as there are."""

import csv
import itertools
import math
from pathlib import Path

from prunesim.errors import PrunesimError
from prunesim.explorer.columns import DIGITS, encode_numbers, encode_words
from prunesim.storage.files import read_error

SIDES = [f"{key}_{side}" for side in "ab" for key in ("replicate", "method", "round", "layer")]
# What every table has, and what the page shows where a table has it.
NETWORKS = ("replicate", "method", "round", "density", "test_accuracy")
NETWORKS_MORE = ("remaining_weights", "prunable_weights", "test_loss")
SIMILARITY = ("family", "measure", "value", *SIDES)
MEASURED = ("value", "ci_low", "ci_high", "null", "calibrated", "p_value")
COUNTED = ("n_images", "n_samples", "rank_a", "rank_b")
LARGEST = 3e38  # of four bytes
WHOLE = {"replicate", "round", "replicate_a", "round_a", "replicate_b", "round_b", *COUNTED}
# A p-value or a count is few different numbers, a note one of a few sentences.
SIMILARITY_MORE = (*MEASURED[1:], *COUNTED, "note")


def study_data(study):
    """Return what the page needs of a study, as JSON values.

    Parameters
    ----------
    study : path-like
        ``results/<study>``, with ``tables/networks.csv`` and ``tables/similarity.csv``.

    Returns
    -------
    dict
        ``networks``: its columns as lists. ``families``: for each, the ``count`` of compared pairs, who they are
        (``pairs``, a column each of `SIDES`) and for each of its ``measures`` the columns that are aligned with the
        pairs; see `prunesim.explorer.columns`. ``layers``: their names in the order of the table, which is that of the
        network.

    Raises
    ------
    PrunesimError
        If there is no such table, or it is not one.
    """
    tables = Path(study) / "tables"
    if not tables.is_dir():
        raise PrunesimError(f"{study} holds no folder tables; give the folder of a finished study, results/<study>.")
    networks = read_columns(tables / "networks.csv", NETWORKS, NETWORKS_MORE)
    path = tables / "similarity.csv"
    similarity = read_columns(path, SIMILARITY, SIMILARITY_MORE)
    names = dict.fromkeys(similarity["layer_a"] + similarity["layer_b"])
    return {
        "networks": {name: [_rounded(value) for value in values] for name, values in networks.items()},
        "layers": list(names),
        "families": _families(similarity, path),
    }


def read_columns(path, needed, more):
    """Read some columns of a CSV table.

    Parameters
    ----------
    path : path-like
    needed, more : sequence of str
        Columns that must be there, and those that may.

    Returns
    -------
    dict of str to list
        Text, whole numbers or numbers, as the name of the column says. NaN for a missing measured number, None for any
        other empty cell.

    Raises
    ------
    PrunesimError
        If the file is missing or is no table, lacks a column, or has something else than a number where one belongs.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            if missing := [name for name in needed if name not in header]:
                raise PrunesimError(f"{path} has no column {missing[0]!r}; it needs {', '.join(needed)}.")
            columns = {name: [] for name in (*needed, *more) if name in header}
            done = 0
            # Some rows at a time: a table may have a million.
            while rows := list(itertools.islice(reader, 10_000)):
                for number, row in enumerate(rows, done + 1):
                    if len(row) != len(header):
                        raise PrunesimError(
                            f"{path} has {len(row)} fields in row {number}, not {len(header)}; delete it and run again."
                        )
                cells = dict(zip(header, zip(*rows, strict=True), strict=True))
                for name, values in columns.items():
                    values += _values(path, name, cells[name], done + 1)
                done += len(rows)
    except OSError as error:
        raise read_error(path, error) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise PrunesimError(f"{path} is not a readable CSV file ({error}); delete it and run again.") from error
    return columns


def _values(path, name, cells, first):
    """Return what the cells of a column say; `first` is the number of the row of the first of them."""
    if name in WHOLE:
        kind, missing, right = int, None, "a whole number"
    elif name in (*MEASURED, *NETWORKS[3:], *NETWORKS_MORE):
        kind, missing, right = _finite, math.nan, "a finite number"
    else:
        return [cell or None for cell in cells]
    known = {}
    # Each text once: most columns repeat a few.
    for cell in dict.fromkeys(cells):
        try:
            known[cell] = kind(cell) if cell else missing
        except ValueError:
            raise PrunesimError(
                f"{path} has {cell!r} in column {name!r}, row {first + cells.index(cell)}; "
                f"{right} or an empty cell would be right."
            ) from None
    return list(map(known.__getitem__, cells))


def _finite(cell):
    number = float(cell)
    if not abs(number) < LARGEST:
        raise ValueError
    return number


def _rounded(value):
    if not isinstance(value, float):
        return value
    return None if math.isnan(value) else int(value) if value.is_integer() else float(f"{value:.{DIGITS}g}")


def _families(columns, path):
    """Return the rows as one table of pairs a family, and a column a measure and quantity beside it."""
    rows = {}
    for row, names in enumerate(zip(columns["family"], columns["measure"], strict=True)):
        if None in names:
            raise PrunesimError(f"{path} has no family or measure in row {row + 1}; delete it and run again.")
        rows.setdefault(names[0], {}).setdefault(names[1], []).append(row)
    sides = list(zip(*(columns[name] for name in SIDES), strict=True))
    families = {}
    for family, measures in rows.items():
        pairs = {pair: None for found in measures.values() for pair in map(sides.__getitem__, found)}
        places = {pair: place for place, pair in enumerate(pairs)}
        families[family] = {
            "count": len(pairs),
            "pairs": {name: encode_words(values) for name, values in zip(SIDES, zip(*pairs, strict=True), strict=True)},
            "measures": {
                measure: _measure(columns, found, [places[sides[row]] for row in found], len(pairs), path)
                for measure, found in measures.items()
            },
        }
    return families


def _measure(columns, rows, places, count, path):
    if len(set(places)) < len(places):
        row = next(row for row, place in zip(rows, places, strict=True) if places.count(place) > 1)
        raise PrunesimError(f"{path} has the comparison of row {row + 1} more than once; delete it and run again.")
    found = {}
    for name in ("value", *SIMILARITY_MORE):
        if name in columns:
            values = [math.nan if name in MEASURED else None] * count
            for row, place in zip(rows, places, strict=True):
                values[place] = columns[name][row]
            found[name] = encode_numbers(values) if name in MEASURED else encode_words(values)
    return found
