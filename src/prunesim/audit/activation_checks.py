"""What the activations of a study must be: whole, finite, of the same images."""

import numpy as np

from prunesim.audit.checks import check_sums, guarded
from prunesim.datasets.converted import find_dataset, load_labels
from prunesim.errors import PrunesimError
from prunesim.storage.arrays import PREDICTIONS, load_array
from prunesim.storage.files import read_json


def check_activations(study, networks, indices, checksum):
    problems, images = [], {}
    for index in indices:
        folder = index.parent
        try:
            content = read_json(index)
            for layer, entry in content["layers"].items():
                problems += guarded(check_layer, index, layer, entry, checksum)
            network = study / "networks" / folder.relative_to(study / "activations")
            if "predictions" in content:
                problems += guarded(check_predictions, study, index, content, network, checksum)
            images[folder] = content["images"]
        except PrunesimError as error:
            problems.append(str(error))
        name = folder.relative_to(study / "activations")
        if study / "networks" / name not in networks.values():
            problems.append(f"{folder} holds activations of a network that is not in {study / 'networks'}.")
    for folder, chosen in images.items():
        first = next(iter(images))
        if chosen != images[first]:
            problems.append(f"{folder} was dumped for other images than {first}.")
    return problems


def check_layer(index, layer, entry, checksum):
    """Check the files of a layer that were dumped, spatial means alone or with sampled positions."""
    folder = index.parent
    problems = check_sums(folder, entry["sha256"], checksum)
    shape = (entry["images"] * entry["positions"], entry["shape"][0])
    shapes = {f"{layer}.npy": shape, f"{layer}.pooled.npy": (entry["images"], shape[1])}
    for file in entry["sha256"]:
        wanted = shapes[file]
        array = load_array(folder / file, mmap=True)
        if array.shape != wanted or array.dtype != np.float32:
            problems.append(f"{folder / file} must be float32 of shape {wanted}, not {array.dtype} of {array.shape}.")
        elif not np.isfinite(array).all():
            problems.append(f"{folder / file} is not all finite numbers.")
    return problems


def check_predictions(study, index, content, network, checksum):
    """Check the answers of a network to all test images; they have the accuracy that was noted after its training."""
    path, entry = index.parent / PREDICTIONS, content["predictions"]
    problems = check_sums(index.parent, {PREDICTIONS: entry["sha256"]}, checksum)
    if checksum(path) is None:
        return problems
    logits, wanted = load_array(path, mmap=True), (entry["images"], entry["classes"])
    if logits.shape != wanted or logits.dtype != np.float32:
        return [*problems, f"{path} must be float32 of shape {wanted}, not {logits.dtype} of {logits.shape}."]
    if not np.isfinite(logits).all():
        problems.append(f"{path} is not all finite numbers.")
    if not (network / "metrics.json").exists():
        return problems
    metrics = read_json(network / "metrics.json")
    dataset = find_dataset(study.parent, metrics["dataset"])
    # Another device rounds in another way, and an answer may be another one.
    if dataset is None or metrics["device"] != content["device"]:
        return problems
    if not (dataset / "test_labels.npy").exists():  # an archive may leave the images out
        return problems
    labels = load_labels(dataset, "test")
    found = int((np.argmax(logits, axis=1) == labels).sum()) / len(labels) if len(labels) == len(logits) else None
    if found != metrics["test_accuracy"]:
        problems.append(
            f"{path}: the accuracy is {found}, but {network / 'metrics.json'} says {metrics['test_accuracy']}."
        )
    return problems
