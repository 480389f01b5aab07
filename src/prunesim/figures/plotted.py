"""The numbers of a figure as a table: a figure draws what is in it, and has nothing else to draw.

A figure's module has two functions. ``rows(tables, settings)`` chooses and computes, and returns `Plotted`;
``draw(shown, settings)`` is given that alone. So the table beside a figure holds exactly what the figure shows.
"""

from typing import NamedTuple

import pandas as pd

from prunesim.figures import style
from prunesim.results.reading import summarise
from prunesim.storage.files import write_text

WHOLE = ("replicate", "round", "round_a", "round_b", "iteration", "index", "n")
DIGITS = 12  # significant ones: the order in which numbers were added is not seen


class Plotted(NamedTuple):
    """What a figure shows.

    Attributes
    ----------
    rows : pandas.DataFrame
        One row a mark. ``shown`` says what it is drawn as where there are several sorts, ``value`` where it stands,
        ``low`` and ``high`` the ends of its interval whole though an axis may cut it, ``n`` how many it is a mean of.
    note : str
        The remark above the panels, or, of a figure without rows, the sentence in its place.
    """

    rows: pd.DataFrame
    note: str = ""


def nothing(sentence, columns=("shown", "value")):
    """Return `Plotted` of a figure that has nothing to draw, and says why."""
    return Plotted(pd.DataFrame(columns=list(columns)), sentence)


def drawing_of(draw):
    """Return a function for `prunesim.figures.style.render` that draws `Plotted`, or writes its sentence."""
    return lambda shown, settings: draw(shown, settings) if len(shown.rows) else style.placeholder(shown.note)


def figure_of(module, tables, settings):
    """Return the figure of a module of this room; see the top of this file."""
    return drawing_of(module.draw)(module.rows(tables, settings), settings)


def means(frame, by, value="value", shown="mean"):
    """Return one row a group: mean over replicates, its interval and n.

    Parameters
    ----------
    frame : pandas.DataFrame
    by : list of str
    value : str
        Column; empty cells are left out.
    shown : str

    Returns
    -------
    pandas.DataFrame
        ``shown``, `by`, ``value, low, high, n``, sorted by `by`.
    """
    found = summarise(frame, by, value).reset_index().rename(columns={"mean": "value"})
    return found.assign(shown=shown)[["shown", *by, "value", "low", "high", "n"]]


def points(frame, by, value="value", shown="replicate"):
    """Return one row a replicate: ``shown``, `by`, ``replicate, value``, sorted."""
    found = frame.dropna(subset=[value])
    found = found[[*by, "replicate"]].assign(shown=shown, value=found[value])
    return found.sort_values([*by, "replicate"])[["shown", *by, "replicate", "value"]]


def cells(frame, by, value="value"):
    """Return one row a cell of a map: `by`, ``value`` (mean over replicates, empty where there is none) and ``n``."""
    groups = frame.groupby(by, sort=True)[value]
    return pd.DataFrame({"value": groups.mean(), "n": groups.count()}).reset_index()


def joined(parts, columns):
    """Return several parts as one table with these columns; one that a part lacks is empty there."""
    parts = [part.reindex(columns=columns) for part in parts if len(part)]
    frame = pd.concat([part.astype(object) for part in parts], ignore_index=True) if parts else pd.DataFrame()
    return frame.reindex(columns=columns).infer_objects()


def pick(rows, **wanted):
    """Return the rows in which columns have these values."""
    for column, value in wanted.items():
        rows = rows[rows[column] == value]
    return rows


def write_plotted(rows, path):
    """Write the table of a figure, numbers with `DIGITS` digits and whole ones as such."""
    whole = {column: rows[column].astype("Int64") for column in WHOLE if column in rows.columns}
    write_text(path, rows.assign(**whole).to_csv(index=False, lineterminator="\n", float_format=f"%.{DIGITS}g"))
