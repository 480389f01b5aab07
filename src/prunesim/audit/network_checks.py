"""What the networks of a study must be: masks nested, counts exact, pruned weights zero."""

from pathlib import Path

import numpy as np

from prunesim.audit.checks import check_sums, content
from prunesim.audit.mask_checks import check_mask_step
from prunesim.errors import PrunesimError
from prunesim.pruning.masks import check_mask
from prunesim.pruning.rewinding import rewind_file
from prunesim.storage.arrays import layer_of, load_tensors
from prunesim.storage.files import read_json
from prunesim.study import paths


def network_folders(study):
    """Return the folder of each network of a study by ``(replicate, method, round)``."""
    found = {}
    for folder in sorted((study / "networks").glob("rep*/dense")):
        found[int(folder.parent.name.removeprefix("rep")), "dense", 0] = folder
    for folder in sorted((study / "networks").glob("rep*/*/round*")):
        replicate, method = folder.parents[1].name, folder.parent.name
        found[int(replicate.removeprefix("rep")), method, int(folder.name.removeprefix("round"))] = folder
    return found


def vanished_layers(study):
    """Return a sentence for each network of a study with layers that pruning has left nothing of.

    That is no mistake of a file, but such a layer's output no longer depends on the image.
    """
    notes = []
    for key, folder in network_folders(Path(study)).items():
        layers = content(folder / "metrics.json").get("layers", [])
        empty = [layer["layer"] for layer in layers if layer["remaining_weights"] == 0]
        if empty:
            notes.append(
                f"note: nothing is left of {', '.join(empty)} in {paths.network(*key)}; "
                "what comes after no longer depends on the image there."
            )
    return notes


def used_datasets(study, networks):
    """Return the descriptions of the data sets that a study was trained on, and those that cannot be read."""
    used = [content(folder / "metrics.json").get("dataset") for key, folder in networks.items() if key[2] == 0]
    descriptions = sorted((study.parent / "datasets").glob("*/dataset.json"))
    return [path for path in descriptions if content(path).get("sha256") in [*used, None]]


def check_sparse(path, checksum):
    """Check a network that was trained to be sparse, before it is pruned, by its ``metrics.json``."""
    return check_sums(path.parent, read_json(path)["files"], checksum)


def check_network(study, key, networks, checksum):
    replicate, method, round_ = key
    folder = networks[key]
    metrics = read_json(folder / "metrics.json")
    problems = []
    if key != (metrics["replicate"], metrics["method"], metrics["round"]):
        problems.append(f"{folder / 'metrics.json'} says it is of another network.")
    problems += check_sums(folder, metrics["files"], checksum)
    weights = (
        None if checksum(folder / "weights.safetensors") is None else load_tensors(folder / "weights.safetensors")[0]
    )
    for name, array in (weights or {}).items():
        if not np.isfinite(array).all():
            problems.append(f"{folder / 'weights.safetensors'}: {name} is not all finite numbers.")
    if round_ == 0:
        return problems
    mask, about = load_tensors(folder / "mask.safetensors")
    # Where the weights were left out, the mask itself has all that is asked of them.
    check_mask(mask, weights or mask, folder / "mask.safetensors")
    tensors = {layer_of(name): name for name in mask}
    kinds = {tensors.get(layer["layer"], f"{layer['layer']}.weight"): layer["kind"] for layer in metrics["layers"]}
    problems += _check_pruned(folder, weights or mask, mask, metrics, kinds)
    if metrics.get("given"):
        # How it was pruned is not known: masks need not be nested, nor any number of weights be removed.
        return problems
    how = about["settings"]
    before_it = round_ - 1 if how.get("from") != "dense" else 0
    earlier = networks.get((replicate, method if before_it else "dense", before_it))
    if earlier is None:
        missing = paths.network(replicate, method, before_it)
        return [*problems, f"{folder}: the round before it, {missing}, is missing."]
    before = other = None
    if before_it:
        before, _ = load_tensors(earlier / "mask.safetensors")
    if how.get("of"):
        controlled = networks.get((replicate, how["of"], round_))
        other = load_tensors(controlled / "mask.safetensors")[0] if controlled else None
    coupling = None
    if how.get("unit") == "filter" and not how.get("control"):
        coupling = read_json(study / "networks" / "coupling" / f"{method}.json")["groups"]
    problems += check_mask_step(folder / "mask.safetensors", mask, before, other, how, kinds, coupling)
    start = rewind_file(metrics["settings"]["method"]["rewind"])
    source = networks[replicate, "dense", 0] / start if start else earlier / "weights.safetensors"
    if how.get("control") == "reinitialise":
        source = folder.parent / "initial.safetensors"
    try:
        checksum(source)
    except PrunesimError:
        problems.append(f"{source}, from which {folder} was retrained, is missing.")
    return problems


def _check_pruned(folder, weights, mask, metrics, kinds):
    problems = []
    kept = {layer["layer"]: layer["remaining_weights"] for layer in metrics["layers"]}
    for name, ones in mask.items():
        moved = int(np.count_nonzero(weights[name][ones == 0]))
        if moved:
            problems.append(f"{folder / 'weights.safetensors'}: {moved} pruned weights of {name} are not zero.")
        if name in kinds and kept.get(layer_of(name)) != int(ones.sum()):
            problems.append(f"{folder / 'metrics.json'}: the remaining weights of {name} are not those of the mask.")
    return problems
