"""What a study that was restored from an archive says of itself."""

from pathlib import Path

from prunesim.storage.files import read_json

FILE = "archive.json"


def left_out_files(study):
    """Return the paths, relative to a study, of the files that the archive it came from does not hold.

    Empty for a study that was computed here. Files of the data set begin with ``../datasets/``.
    """
    description = Path(study) / FILE
    return frozenset(read_json(description)["left_out"]) if description.exists() else frozenset()
