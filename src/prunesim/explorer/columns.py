"""Columns of a table as compact JSON values, which the page unpacks into typed arrays."""

import base64

import numpy as np

# What `float` keeps through four bytes, as many digits as the page shows.
DIGITS = 6
WIDTHS = ((1 << 8, "u1"), (1 << 16, "<u2"), (1 << 32, "<u4"))


def encode_numbers(values):
    """Return a column of measured numbers, to `DIGITS` significant digits.

    Parameters
    ----------
    values : sequence of float
        NaN where there is no value.

    Returns
    -------
    dict
        ``{"same": value}`` where all are equal, ``{"of": [...], "codes": text}`` where few are different, and else
        ``{"floats": text}``: little-endian float32 in base64. Four bytes hold six digits exactly.
    """
    # Rounded in decimals first: a number in the middle between two would else be rounded twice.
    values = np.array([float(f"{value:.{DIGITS}g}") for value in values], dtype="<f4")
    distinct, codes = np.unique(values, return_inverse=True)
    if len(distinct) <= WIDTHS[0][0]:
        return _coded([_shortest(value) for value in distinct.tolist()], codes)
    return {"floats": _base64(values)}


def encode_words(values):
    """Return a column of words or whole numbers: each different one once, in order of appearance, and codes.

    Parameters
    ----------
    values : sequence of str, int or None

    Returns
    -------
    dict
        ``{"same": value}`` or ``{"of": [...], "codes": text}``: unsigned little-endian integers in base64, of one, two
        or four bytes, whichever holds all codes.
    """
    places = {value: place for place, value in enumerate(dict.fromkeys(values))}
    return _coded(list(places), [places[value] for value in values])


def decode(column, count):
    """Return the `count` values of a column that was encoded (a list); None for what is missing. For tests."""
    if "same" in column:
        return [column["same"]] * count
    if "floats" in column:
        numbers = np.frombuffer(base64.b64decode(column["floats"]), "<f4").tolist()
        return [_shortest(number) for number in numbers]
    codes = np.frombuffer(base64.b64decode(column["codes"]), _width(len(column["of"])))
    return [column["of"][code] for code in codes]


def _coded(different, codes):
    if len(different) == 1:
        return {"same": different[0]}
    return {"of": different, "codes": _base64(np.asarray(codes, _width(len(different))))}


def _width(count):
    return next(width for most, width in WIDTHS if count <= most)


def _base64(array):
    return base64.b64encode(array.tobytes()).decode("ascii")


def _shortest(number):
    """Return a number with `DIGITS` digits, whole ones without a point; None for NaN, which JSON has not."""
    if np.isnan(number):
        return None
    number = float(f"{number:.{DIGITS}g}")
    return int(number) if number.is_integer() else number
