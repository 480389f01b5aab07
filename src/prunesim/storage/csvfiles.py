"""CSV tables, written with every digit and read back as text."""

import csv
import io

from prunesim.errors import PrunesimError
from prunesim.storage.files import read_error, write_text


def write_rows(path, columns, rows):
    """Write rows (dicts; None becomes an empty field) under a header, atomically."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def read_table(path):
    """Return the header and the rows of a CSV file, as a tuple and as dicts of text.

    Raises
    ------
    PrunesimError
        If the file is missing or no table.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            return tuple(reader.fieldnames or ()), list(reader)
    except OSError as error:
        raise read_error(path, error) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise PrunesimError(f"{path} is not a readable CSV file ({error}); delete it and run again.") from error


def read_rows(path, columns):
    """Return the rows of a CSV file as dicts of text.

    Raises
    ------
    PrunesimError
        If the file is missing or its header is not `columns`.
    """
    header, rows = read_table(path)
    if header != tuple(columns):
        raise PrunesimError(f"{path} must have the columns {', '.join(columns)}; delete it and run again.")
    if any(None in row or None in row.values() for row in rows):
        raise PrunesimError(f"{path} has a row with too few or too many fields; delete it and run again.")
    return rows
