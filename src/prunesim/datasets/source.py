"""What a reader of original files returns, and the steps that readers share."""

from collections.abc import Callable
from importlib.metadata import version
from typing import NamedTuple

import numpy as np

from prunesim.datasets import originals


class Split(NamedTuple):
    """One half of a data set.

    Attributes
    ----------
    labels : numpy.ndarray
        int64, shape (images,).
    image : callable
        Index to uint8 array H x W x C, C being 1 or 3.
    describe : callable
        Index to the words that name the image in an error.
    """

    labels: np.ndarray
    image: Callable[[int], np.ndarray]
    describe: Callable[[int], str]


class Source(NamedTuple):
    """A data set before its conversion.

    Attributes
    ----------
    classes : list of str
        Names, in the order of the labels.
    splits : dict of str to Split
        ``train`` and ``test``.
    origin : callable
        Returns where the data came from, as JSON-serialisable values, once the images have been read.
    keep : callable, optional
        Takes the folder of the arrays and leaves there, once they are written, what is known of the original files.
    """

    classes: list
    splits: dict
    origin: Callable[[], dict]
    keep: Callable = None


def array_split(name, images, labels):
    """Return the `Split` of images that are in memory, uint8 N x H x W x C."""
    return Split(labels.astype(np.int64), images.__getitem__, lambda index: f"{name} image {index}")


def folder_of_originals(settings, urls, work, known, log):
    """Return the folder with the original files, and where each was downloaded from.

    Parameters
    ----------
    settings : dict
        Checked; with a ``path`` nothing is downloaded.
    urls : dict of str to list of str
        The addresses to try, by file name.
    work : pathlib.Path
        Downloads go into a folder in it.
    known : dict of str to str
        Published checksums.
    log : callable

    Returns
    -------
    folder : pathlib.Path
    served : dict of str to str
        Address by file name; empty for a local folder.
    """
    if settings["path"] is not None:
        folder = originals.existing_folder(settings["path"])
        log(f"reading {settings['source']} from {folder}")
        return folder, {}
    folder = work / "download"
    folder.mkdir()
    return folder, {name: originals.download(name, tries, folder, known[name], log) for name, tries in urls.items()}


def verify(path, digests, expected, settings, log):
    """Check one original file and say so in the log; return whether it is the published one.

    A data set that carries the name of its source must be that data set. One with a name of its own may differ:
    what is found is then only recorded.
    """
    own_name = settings["name"] != settings["source"] and settings["path"] is not None
    advice = (
        "get the file again or, if it is meant to differ, give the data set a name of its own in dataset.name and "
        f"set dataset.source to {settings['source']}"
    )
    verified = originals.check(path, digests, expected, None if own_name else advice)
    if verified:
        log(f"{path}: checksum as published")
    elif expected is None:
        log(f"{path}: no checksum is published; sha256 {digests['sha256']}")
    else:
        log(f"{path}: not the published {settings['source']}; sha256 {digests['sha256']}")
    return verified


def record(path, folder, sha256, verified, served):
    """Return the entry of one original file in ``dataset.json``."""
    entry = {"file": path.relative_to(folder).as_posix(), "sha256": sha256, "verified": verified}
    return entry | ({"url": served[path.name]} if path.name in served else {})


def origin_of_files(settings, served, files):
    """Return the origin of a data set that torchvision read."""
    place = {"from": "download"} if served else {"from": "folder", "path": settings["path"]}
    return place | {"reader": reader_version("torchvision"), "files": files}


def reader_version(distribution):
    """Return the name and version of the library that read the files."""
    return f"{distribution} {version(distribution)}"
