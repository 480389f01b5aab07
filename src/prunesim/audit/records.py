"""Reading the records that jobs leave of what they made; `prunesim.audit.provenance` writes them."""

from pathlib import Path

from prunesim.storage.files import damaged, read_json, sha256_file


def record_path(job):
    """Return where the record of a job lies, relative to the study: ``provenance/networks/rep0/dense.json``."""
    return f"provenance/{job}.json"


def read_made(folder, path):
    """Return the record of a job whose artifacts are all what it made.

    Parameters
    ----------
    folder : path-like
        What the names in the record are relative to.
    path : path-like
        The record, relative to `folder`.

    Raises
    ------
    PrunesimError
        If an artifact is missing or its checksum is another one.
    """
    folder = Path(folder)
    record = read_json(folder / path)
    for name, sha256 in record["outputs"].items():
        if sha256_file(folder / name) != sha256:
            raise damaged(folder / name)
    return record
