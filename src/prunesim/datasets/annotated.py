"""Images with concepts as arrays of a study: from a folder of the user's, or scenes that are made for it."""

import tempfile
from pathlib import Path

import numpy as np

from prunesim.datasets.concept_folder import Annotated, read_annotated, write_annotated
from prunesim.datasets.converted import load_description, load_images
from prunesim.datasets.scenes import categories, compose, digits, things
from prunesim.storage.arrays import load_checked, save_array
from prunesim.storage.files import read_json, sha256_file, write_json

IMAGES, LABELS, ABOUT = "images.npy", "labels.npy", "concepts.json"


def annotate(settings, dataset, output):
    """Write the images with concepts of a study.

    Parameters
    ----------
    settings : dict
        ``seed`` and ``concepts``: ``source`` (``scenes`` or ``folder``), and ``path`` of a folder, or ``objects``
        (``digits`` or ``dataset``, its test images), ``count`` and ``multiple`` of scenes.
    dataset : path-like
        Folder of the converted data set of the study.
    output : path-like
        Folder for ``images.npy`` (uint8, N x H x W x C), ``labels.npy`` (N x categories x h x w) and
        ``concepts.json``, with the share of all pixels that each concept covers.

    Raises
    ------
    PrunesimError
        If the folder is not as `prunesim.datasets.concept_folder` says, or such scenes cannot be made.
    """
    asked, about = settings["concepts"], load_description(dataset)
    with tempfile.TemporaryDirectory(prefix="prunesim-") as scratch:
        folder = asked.get("path")
        if asked["source"] == "scenes":
            folder = Path(scratch) / "scenes"
            _write_scenes(folder, settings, dataset, about)
        annotated = read_annotated(Path(folder).expanduser(), scratch)
        _save(annotated, output, asked)


def _write_scenes(folder, settings, dataset, about):
    asked = settings["concepts"]
    if asked["objects"] == "digits":
        images, labels, classes = digits()
    else:
        images, labels = things(*load_images(dataset, "test"), about["name"])
        classes = [str(name) for name in about["classes"]]
    shape = tuple(about["shape"])
    scenes = compose(asked["count"], shape, images, labels, settings["seed"], asked["multiple"])
    write_annotated(folder, scenes, categories(classes, shape[2]), {})


def _save(annotated, output, asked):
    output = Path(output)
    save_array(output / IMAGES, annotated.images)
    save_array(output / LABELS, annotated.labels)
    write_json(
        output / ABOUT,
        {
            "concepts": [list(concept) for concept in annotated.concepts],
            "shares": pixel_shares(annotated),
            "made_from": asked,
            "sha256": {name: sha256_file(output / name) for name in (IMAGES, LABELS)},
        },
    )


def pixel_shares(annotated):
    """Return which share of all pixels each concept covers, in the order of ``concepts``."""
    areas = np.zeros(1 + len(annotated.concepts), np.int64)
    for labels in annotated.labels:
        areas += np.bincount(labels.ravel(), minlength=len(areas))
    return (areas[1:] / (len(annotated.labels) * np.prod(annotated.labels.shape[2:]))).tolist()


def load_annotated(folder):
    """Return what `annotate` wrote.

    Returns
    -------
    prunesim.datasets.concept_folder.Annotated
        Arrays are mapped from the files; ``names`` are numbers.

    Raises
    ------
    PrunesimError
        If a file is missing or is not the one that ``concepts.json`` was written for.
    """
    folder = Path(folder)
    about = read_json(folder / ABOUT)
    images, labels = (load_checked(folder / name, about["sha256"][name], mmap=True) for name in (IMAGES, LABELS))
    concepts = [tuple(concept) for concept in about["concepts"]]
    return Annotated(folder, [str(index) for index in range(len(images))], concepts, images, labels)
