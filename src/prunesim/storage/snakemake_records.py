"""Snakemake's own records of what it made, one file an output."""

import base64
from pathlib import Path

RECORDS = ".snakemake/metadata"
INCOMPLETE = ".snakemake/incomplete"
LOCKS = ".snakemake/locks"
MAX_NAME = 254


def record_path(output):
    """Return where Snakemake keeps its record of an output, relative to `RECORDS`.

    The name is the path in base64, split into folders where it is longer than a file name can be.
    """
    name = base64.urlsafe_b64encode(output.encode()).decode()
    *folders, last = [name[start : start + MAX_NAME] for start in range(0, len(name), MAX_NAME)]
    return "/".join([*(f"@{folder}" for folder in folders), last])


def recorded_output(path):
    """Return the output that a record is of, given its path relative to `RECORDS`.

    Raises
    ------
    ValueError
        If this is not the path of a record.
    """
    name = "".join(part.removeprefix("@") for part in path.split("/"))
    output = base64.b64decode(name, altchars=b"-_", validate=True).decode()
    if record_path(output) != path:
        raise ValueError(f"{path} is not where the record of {output} lies")
    return output


def records(root):
    """Return the record file of each output that Snakemake has made in `root`, by the output's path."""
    folder = Path(root) / RECORDS
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            try:
                found[recorded_output(path.relative_to(folder).as_posix())] = path
            except ValueError:
                continue  # of another version of Snakemake, which would not find it either
    return found
