"""Claims of the user's own: a difference of two selections of the tables, held against a bound."""

from prunesim.results.claims.finding import Finding
from prunesim.results.claims.registry import Claim
from prunesim.study.words import plain


def own_claims(tables, claims):
    """Return name, claim and finding of each claim of the section ``claims`` of the config.

    The number of a replicate is the mean of a column over the rows that fit all conditions, less that of the second
    selection where there is one. A row of a pair of networks belongs to the replicate of the second one.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        With all columns of those that the claims select from.
    claims : dict of str to dict
        ``statement``, ``of`` and ``minus`` (``table``, ``column``, ``where``; ``minus`` may be None), ``bound``,
        ``direction`` and ``source``.
    """
    return [(f"own/{name}", _claim(claim), _finding(tables, claim)) for name, claim in claims.items()]


def _claim(claim):
    title = claim["statement"].rstrip(".")
    return Claim(title, claim["source"], None, claim["bound"], claim["direction"] == "below")


def _finding(tables, claim):
    sides = [claim["of"], *([claim["minus"]] if claim["minus"] else [])]
    values = [_select(tables, side) for side in sides]
    notes = [f"No value in {_words(side)}." for side, found in zip(sides, values, strict=True) if found.empty]
    number = values[0] - values[1] if claim["minus"] else values[0]
    lost = number.index[number.isna()]
    if len(lost) and not notes:
        notes.append(f"Without replicates {', '.join(f'{x:.0f}' for x in lost)}: one of the selections has no value.")
    said = ", minus ".join(f"mean {_words(side)}" for side in sides)
    return Finding(
        statement=f"{claim['statement'].rstrip('.')} ({said}; {claim['direction']} {claim['bound']:g} supports it).",
        values=number,
        notes=notes,
    )


def _select(tables, side):
    """Return the mean of the selected cells a replicate (pandas.Series)."""
    rows = tables[side["table"]]
    for column, value in side["where"].items():
        wanted = value if isinstance(value, list) else [value]
        # A class may be called 3, which YAML reads as a number, and a detector is yes, which it reads as true.
        text = [plain(one) for one in wanted]
        rows = rows[rows[column].isin(wanted) | rows[column].isin(text)]
    replicate = "replicate" if "replicate" in rows.columns else "replicate_b"
    return rows.dropna(subset=[side["column"]]).groupby(replicate)[side["column"]].mean()


def _words(side):
    """Return a selection in words."""
    where = " and ".join(f"{key} {_value(value)}" for key, value in side["where"].items())
    return f"{side['column']} of {side['table']}.csv{f' where {where}' if where else ''}"


def _value(value):
    return f"is {plain(value)}" if not isinstance(value, list) else f"is one of {', '.join(map(plain, value))}"
