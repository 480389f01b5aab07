"""What the activations of a study must be: whole, finite, of the same images."""

import numpy as np

from prunesim.audit.checks import check_sums, guarded
from prunesim.errors import PrunesimError
from prunesim.storage.arrays import load_array
from prunesim.storage.files import read_json


def check_activations(study, networks, indices, checksum):
    problems, images = [], {}
    for index in indices:
        folder = index.parent
        try:
            content = read_json(index)
            for layer, entry in content["layers"].items():
                problems += guarded(_check_layer, index, layer, entry, checksum)
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


def _check_layer(index, layer, entry, checksum):
    folder = index.parent
    problems = check_sums(folder, entry["sha256"], checksum)
    shape = (entry["images"] * entry["positions"], entry["shape"][0])
    for file, wanted in ((f"{layer}.npy", shape), (f"{layer}.pooled.npy", (entry["images"], shape[1]))):
        array = load_array(folder / file, mmap=True)
        if array.shape != wanted or array.dtype != np.float32:
            problems.append(f"{folder / file} must be float32 of shape {wanted}, not {array.dtype} of {array.shape}.")
        elif not np.isfinite(array).all():
            problems.append(f"{folder / file} is not all finite numbers.")
    return problems
