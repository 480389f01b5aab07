"""Comparing two studies artifact by artifact."""

import csv
import io
import json
from itertools import zip_longest
from pathlib import Path

import numpy as np

from prunesim.errors import PrunesimError
from prunesim.storage.arrays import load_array, load_tensors
from prunesim.storage.files import CHUNK_BYTES, read_error, read_json
from prunesim.storage.left_out import left_out_files

FOLDERS = ("networks", "activations", "comparisons", "spectra", "connectivity", "robustness", "concepts")
FOLDERS += ("widths", "tables", "figures")
# What tells how, when and where something was made, or how long it took; the artifacts do not depend on it.
VARYING_FILES = ("tables/provenance.csv",)
VARYING_KEYS = ("seconds", "provenance", "checksum")  # the checksum is that of the other keys
SHOWN = 3


def diff_studies(first, second):
    """Compare the artifacts of two studies.

    Parameters
    ----------
    first, second : path-like
        Each ``results/<study>``. Artifacts are paired by their paths in these folders.

    Returns
    -------
    differences : list of str
        One for each artifact that differs or that only one study has: its path and what differs.
    counts : dict of str to int
        ``compared``, the artifacts that both have, and ``left_out``, those that one of them lacks because it was
        restored from an archive without them.

    Raises
    ------
    PrunesimError
        If one of the folders is no study, or a file cannot be read.
    """
    studies = Path(first), Path(second)
    files = [artifacts(study) for study in studies]
    left_out = set().union(*(left_out_files(study) for study in studies))
    differences, compared, skipped = [], 0, 0
    for path in sorted(files[0] | files[1]):
        missing = [study for study, found in zip(studies, files, strict=True) if path not in found]
        if not missing:
            compared += 1
            what = difference(*(study / path for study in studies))
            differences += [f"{path}: {what}"] if what else []
        elif path in left_out:
            skipped += 1
        else:
            differences.append(f"{path}: not in {missing[0]}")
    return differences, {"compared": compared, "left_out": skipped}


def artifacts(study):
    """Return the paths of the artifacts of a study, relative to its folder."""
    if not any((study / folder).is_dir() for folder in FOLDERS):
        raise PrunesimError(f"{study} holds no results; give the folder of a study, results/<study>.")
    found = (path for folder in FOLDERS for path in (study / folder).rglob("*") if path.is_file())
    paths = {path.relative_to(study).as_posix() for path in found if not path.name.startswith(".")}
    return paths.difference(VARYING_FILES)


def difference(first, second):
    """Return what differs between two artifacts of the same name, or None.

    Parameters
    ----------
    first, second : pathlib.Path
    """
    offset = first_different_byte(first, second)
    if offset is None:
        return None
    try:
        return DESCRIBE.get(first.suffix, _bytes_differ)(first, second, offset)
    except PrunesimError as error:
        return f"{_bytes_differ(first, second, offset)} ({error})"


def first_different_byte(first, second):
    """Return the offset of the first byte in which two files differ, or None."""
    try:
        with open(first, "rb") as one, open(second, "rb") as two:
            offset = 0
            while True:
                a, b = one.read(CHUNK_BYTES), two.read(CHUNK_BYTES)
                if a != b:
                    common = min(len(a), len(b))
                    unequal = np.flatnonzero(np.frombuffer(a[:common], np.uint8) != np.frombuffer(b[:common], np.uint8))
                    return offset + int(unequal[0] if unequal.size else common)
                if not a:
                    return None
                offset += len(a)
    except OSError as error:
        raise read_error(error.filename, error) from error


def _bytes_differ(first, second, offset):
    sizes = [path.stat().st_size for path in (first, second)]
    length = "" if sizes[0] == sizes[1] else f"; {sizes[0]} and {sizes[1]} bytes"
    return f"byte {offset} is the first that differs{length}"


def _tensors_differ(first, second, offset):
    (one, about_one), (two, about_two) = load_tensors(first), load_tensors(second)
    parts = [f"{name}: {what}" for name in sorted(one.keys() & two.keys()) if (what := _arrays(one[name], two[name]))]
    parts += [f"{name}: only in {first}" for name in sorted(one.keys() - two.keys())]
    parts += [f"{name}: only in {second}" for name in sorted(two.keys() - one.keys())]
    if about := _first_key(about_one, about_two):
        parts.append(f"metadata: {about}")
    return _listed(parts) or _bytes_differ(first, second, offset)


def _array_differs(first, second, offset):
    what = _arrays(load_array(first, mmap=True), load_array(second, mmap=True))
    return what or _bytes_differ(first, second, offset)


def _arrays(one, two):
    """Return how two arrays differ, or None. Entries are compared bit for bit, so that NaN equals itself."""
    if one.shape != two.shape or one.dtype != two.dtype:
        return f"{one.dtype} of shape {one.shape}, and {two.dtype} of shape {two.shape}"
    if one.dtype.kind not in "biufc":
        return None
    one, two = (np.ascontiguousarray(array).reshape(-1) for array in (one, two))
    width = one.dtype.itemsize
    unequal = (one.view(np.uint8).reshape(-1, width) != two.view(np.uint8).reshape(-1, width)).any(axis=1)
    count = int(unequal.sum())
    if not count:
        return None
    number = np.complex128 if one.dtype.kind == "c" else np.float64
    with np.errstate(all="ignore"):
        distances = np.abs(one[unequal].astype(number) - two[unequal].astype(number))
    largest = f"{np.nanmax(distances):.3g}" if np.isfinite(distances).any() else "not a number"
    return f"{count} of {one.size} entries differ, by {largest} at most"


def _table_differs(first, second, offset):
    one, two = _cells(first), _cells(second)
    header = one[0] if one else []
    unequal = [
        (line, column, *values)
        for line, rows in enumerate(zip_longest(one, two, fillvalue=[]), start=1)
        for column, values in enumerate(zip_longest(*rows))
        if values[0] != values[1] and not (one[0] == two[0] and header[column : column + 1] == ["seconds"])
    ]
    if not unequal:
        plain = _is_written(first, _text_of(one)) and _is_written(second, _text_of(two))
        return None if plain else _bytes_differ(first, second, offset)
    line, column, *values = unequal[0]
    name = header[column] if column < len(header) else column + 1
    shown = " and ".join("none" if value is None else repr(value) for value in values)
    more = f"; {len(unequal)} cells differ" if len(unequal) > 1 else ""
    return f"line {line}, column {name}: {shown}{more}"


def _text_of(rows):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _is_written(path, text):
    """Return whether a file has no other form than the one in which its content is written here."""
    return path.read_bytes() == text.encode()


def _cells(path):
    try:
        return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise PrunesimError(f"{path} is not a readable CSV file: {error}.") from error


def _objects_differ(first, second, offset):
    contents = [_parsed(path) for path in (first, second)]
    if key := _first_key(*map(_without_varying, contents)):
        return key
    for path in (first, second):
        read_json(path)  # refuses a checksum that is not that of the content
    plain = all(map(_is_written, (first, second), (json.dumps(content, indent=2) + "\n" for content in contents)))
    return None if plain else _bytes_differ(first, second, offset)


def _parsed(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise PrunesimError(f"{path} is not valid JSON: {error}.") from error


def _without_varying(content):
    if not isinstance(content, dict):
        return content
    return {key: value for key, value in content.items() if key not in VARYING_KEYS}


def _first_key(one, two):
    """Return the dotted key under which two JSON values differ, how often they do, and the first values; or None."""
    found = list(_different_keys(one, two, ""))
    if not found:
        return None
    key, *values = found[0]
    more = f"; {len(found)} keys differ" if len(found) > 1 else ""
    return f"{key or 'the whole'}: {' and '.join(values)}{more}"


def _different_keys(one, two, key):
    if isinstance(one, dict) and isinstance(two, dict):
        for name in dict.fromkeys([*one, *two]):
            yield from _different_keys(one.get(name, _NONE), two.get(name, _NONE), f"{key}.{name}" if key else name)
    elif isinstance(one, list) and isinstance(two, list):
        for index, pair in enumerate(zip_longest(one, two, fillvalue=_NONE)):
            yield from _different_keys(*pair, f"{key}[{index}]")
    elif one is _NONE or two is _NONE or json.dumps(one) != json.dumps(two):
        yield key, *("none" if value is _NONE else _short(json.dumps(value)) for value in (one, two))


_NONE = object()


def _short(text, length=60):
    return text if len(text) <= length else f"{text[: length - 3]}..."


def _listed(parts):
    more = [f"and {len(parts) - SHOWN} more"] if len(parts) > SHOWN else []
    return "; ".join([*parts[:SHOWN], *more])


DESCRIBE = {
    ".safetensors": _tensors_differ,
    ".npy": _array_differs,
    ".csv": _table_differs,
    ".json": _objects_differ,
}
