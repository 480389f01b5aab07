"""How large a data set will be: from the arrays if they are there, from a table, or by counting files."""

from pathlib import Path
from typing import NamedTuple

from prunesim.datasets.known import PUBLISHED
from prunesim.datasets.settings import dataset_id
from prunesim.errors import PrunesimError
from prunesim.storage.files import read_json

SPLITS = ("train", "test")


class Images(NamedTuple):
    """The sizes of a data set.

    Attributes
    ----------
    train, test : int
        Numbers of images.
    shape : tuple of int
        Channels, height and width.
    classes : int
    origin : str
        Where the numbers come from, in words.
    """

    train: int
    test: int
    shape: tuple
    classes: int
    origin: str

    @property
    def bytes_each(self):
        """Size of one image as it is stored, one byte a value."""
        channels, height, width = self.shape
        return channels * height * width


def image_sizes(settings, given, results="results"):
    """Return the sizes of the data set of a config.

    Parameters
    ----------
    settings : dict
        The ``dataset`` section.
    given : dict
        What is known better: ``train``, ``test``, ``shape`` and ``classes``, each may be None.
    results : path-like
        Where an earlier run may have left ``datasets/<dataset>/dataset.json``.

    Returns
    -------
    Images

    Raises
    ------
    PrunesimError
        If nothing says how large the data set is.
    """
    given = {key: value for key, value in given.items() if value is not None}
    if len(given) == 4:
        return Images(**given, origin="as given")
    description = Path(results) / "datasets" / dataset_id(settings) / "dataset.json"
    source = settings["source"] or settings["name"]
    if description.is_file():
        found = _converted(description)
    elif source in PUBLISHED:
        found = _published(source, settings)
    else:
        found = _folder(settings, given)
    return found._replace(**given)


def _converted(path):
    description = read_json(path)
    height, width, channels = description["shape"]
    counts = (description["counts"][split] for split in SPLITS)
    return Images(*counts, (channels, height, width), len(description["classes"]), f"from {path}")


def _published(source, settings):
    train, test, channels, height, width, classes = PUBLISHED[source]
    subset = settings["subset"] or {}
    counts = [subset.get("train") or train, subset.get("test") or test]
    return Images(*counts, _shape((channels, height, width), settings), classes, "as published")


def published_bytes(settings):
    """Return the size of all images of a data set as published, one byte a value."""
    train, test, channels, height, width, _ = PUBLISHED[settings["source"] or settings["name"]]
    return (train + test) * channels * height * width


def _shape(shape, settings):
    channels, height, width = shape
    return (settings["channels"] or channels, *(settings["resize"] or (height, width)))


def _folder(settings, given):
    """Count the images of a folder, as far as they are not given, and look into one of them if need be."""
    from prunesim.datasets.class_folders import list_split
    from prunesim.datasets.image_folder import read_image

    folder = Path(settings["path"])
    listed = {}
    if folder.is_dir():
        for split in SPLITS:
            if (folder / split).is_dir():
                listed[split], _ = list_split(folder / split)
    subset = settings["subset"] or {}
    counts = {split: subset.get(split) or sum(map(len, listed.get(split, {}).values())) for split in SPLITS}
    found = {**counts, "classes": len(listed.get("train", {})), "shape": None}
    if settings["resize"] and settings["channels"]:
        found["shape"] = _shape((None, None, None), settings)
    elif listed.get("train") and "shape" not in given:
        image, _ = read_image(next(iter(listed["train"].values()))[0], settings.get("background"))
        height, width, channels = image.shape
        found["shape"] = _shape((channels, height, width), settings)
    options = {"train": "--images N", "test": "--test-images N", "classes": "--classes N", "shape": "--shape C H W"}
    if missing := [options[key] for key in options if not found[key] and key not in given]:
        raise PrunesimError(
            f"dataset.path: {folder} does not say how large the data set is; give {' '.join(missing)}, "
            "or make the folder with train/<class>/* and test/<class>/* available."
        )
    return Images(**found, origin=f"counted in {folder}" if listed else "as given")
