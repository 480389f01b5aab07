"""What the networks of a study answer to all test images: comparisons and tables that run no network again."""

from pathlib import Path

import numpy as np

from prunesim.datasets.converted import load_labels
from prunesim.errors import PrunesimError
from prunesim.similarity.functional import (
    accuracy,
    calibration_error,
    class_accuracies,
    compare_answers,
    cross_entropy,
)
from prunesim.storage.arrays import PREDICTIONS, load_checked
from prunesim.storage.columns import ANSWERS, CLASSES, SIMILARITY
from prunesim.storage.files import read_json
from prunesim.study import paths
from prunesim.study.seeds import derive_seed

LAYER = "predictions"


def load_predictions(folder):
    """Return the logits of a network for all test images, (images, classes), float32.

    Parameters
    ----------
    folder : path-like
        The folder of its activations.

    Raises
    ------
    PrunesimError
        If the file is missing or is not the one that ``activations.json`` was written for.
    """
    index = Path(folder) / "activations.json"
    entry = read_json(index).get("predictions")
    if entry is None:
        raise PrunesimError(f"{index} knows of no predictions; delete it and run again.")
    return load_checked(Path(folder) / PREDICTIONS, entry["sha256"])


def compare_functional(activations, replicate, method, round_, dataset, settings):
    """Compare the answers of a network with those of all earlier rounds of its chain and of all earlier replicates.

    Parameters
    ----------
    activations : path-like
        ``results/<study>/activations``.
    replicate, round_ : int
    method : str
    dataset : path-like
        Folder of the converted data set, whose test labels say what is right.
    settings : dict
        ``seed``, ``blocks``, ``null_draws`` and ``dense``, see `prunesim.results.comparison.compare_rounds`.

    Returns
    -------
    list of dict
        Rows with the keys `SIMILARITY`; the earlier network is the first of each pair.
    """
    labels = load_labels(dataset, "test")
    base = settings.get("dense", "dense")
    mine = _logits(activations, paths.network(replicate, method, round_, base), labels)
    rows = []
    for earlier in paths.answers_before(replicate, method, round_, base):
        *names, folder = earlier
        found = compare_answers(
            _logits(activations, folder, labels),
            mine,
            labels,
            blocks=settings["blocks"],
            draws=settings["null_draws"],
            seed=derive_seed(settings["seed"], "null"),
        )
        pair = {**_identity("a", *names), **_identity("b", replicate, method, round_)}
        rows += [
            {"family": "functional", **{key: row[key] for key in SIMILARITY if key in row}, **pair} for row in found
        ]
    return rows


def answers_table(study, plan):
    """Return one row a network whose answers were kept; ``plan`` as in `prunesim.results.tables.networks_table`."""
    labels = load_labels(Path(study).parent / plan["dataset"], "test")
    rows = []
    for who, logits in _answers(study, plan, labels):
        rows.append(
            {
                **who,
                "images": len(labels),
                "accuracy": accuracy(logits, labels),
                "cross_entropy": cross_entropy(logits, labels),
                "ece": calibration_error(logits, labels),
            }
        )
    return ANSWERS, rows


def classes_table(study, plan):
    """Return one row a network and class; see `answers_table`. A class without test images has no accuracy."""
    folder = Path(study).parent / plan["dataset"]
    labels, names = load_labels(folder, "test"), read_json(folder / "dataset.json")["classes"]
    rows = []
    for who, logits in _answers(study, plan, labels):
        images, right = class_accuracies(logits, labels, len(names))
        rows += [
            {**who, "class": name, "images": int(count), "accuracy": None if np.isnan(share) else float(share)}
            for name, count, share in zip(names, images, right, strict=True)
        ]
    return CLASSES, rows


def _answers(study, plan, labels):
    """Yield replicate, method and round of each network whose answers are kept, and its logits."""
    keys = ("families", "replicates", "methods", "rounds", "chains")
    for replicate, method, round_, folder in paths.dumped_networks(**{key: plan[key] for key in keys if key in plan}):
        who = {"replicate": replicate, "method": method, "round": round_}
        yield who, _logits(Path(study) / "activations", folder, labels)


def _logits(activations, folder, labels):
    logits = load_predictions(Path(activations) / folder)
    if len(logits) != len(labels):
        raise PrunesimError(
            f"{Path(activations) / folder / PREDICTIONS} has answers to {len(logits)} images, but there are "
            f"{len(labels)} test images; delete the folder and run again."
        )
    return logits


def _identity(side, replicate, method, round_):
    found = {"replicate": replicate, "method": method, "round": round_, "layer": LAYER}
    return {f"{key}_{side}": value for key, value in found.items()}
