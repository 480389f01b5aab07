"""Checks that hold for any file of a study: it is the file that was made."""

import functools
import os

from prunesim.errors import PrunesimError
from prunesim.storage.files import read_json, sha256_file
from prunesim.storage.left_out import left_out_files


def checksums(study):
    """Return a function from a file to its SHA-256, which is None for a file that an archive left out of the study.

    What several files vouch for is read once.
    """
    left_out = {os.path.normpath(study / path) for path in left_out_files(study)}

    @functools.cache
    def checksum(path):
        return None if os.path.normpath(path) in left_out and not path.exists() else sha256_file(path)

    return checksum


def check_sums(folder, expected, checksum):
    """Compare files of a folder with the checksums that were written down when they were made."""
    return [
        f"{folder / file} is not the file that was made (checksum)."
        for file, made in expected.items()
        if checksum(folder / file) not in (made, None)
    ]


def check_dataset(path, checksum):
    return check_sums(path.parent, read_json(path)["sha256"], checksum)


def check_record(study, path, checksum):
    """Compare what a job made with its record, as far as it is still there."""
    outputs = read_json(path)["outputs"]
    return check_sums(study, {name: made for name, made in outputs.items() if (study / name).exists()}, checksum)


def content(path):
    """Return the content of a JSON file, or nothing if it cannot be read, which its own check reports."""
    try:
        return read_json(path)
    except PrunesimError:
        return {}


def guarded(check, *arguments):
    try:
        return check(*arguments)
    except PrunesimError as error:
        return [str(error)]
