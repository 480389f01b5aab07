"""Checking the artifacts of a study: what every file must be, whoever wrote it."""

import functools
import os
from pathlib import Path

import numpy as np

from prunesim.errors import PrunesimError
from prunesim.pruning.criteria import select_tensors
from prunesim.pruning.masks import check_mask
from prunesim.pruning.rewinding import rewind_file
from prunesim.storage.arrays import layer_of, load_array, load_tensors
from prunesim.storage.columns import LAYERS, NETWORKS, SIMILARITY
from prunesim.storage.csvfiles import read_rows
from prunesim.storage.files import read_json, sha256_file
from prunesim.storage.left_out import left_out_files
from prunesim.study import paths


def verify_study(study):
    """Check every artifact that is there, and what should be beside it.

    What an archive left out of a study need not be there.

    Parameters
    ----------
    study : path-like
        ``results/<study>``.

    Returns
    -------
    problems : list of str
        A sentence each, naming the file. Empty if the study is sound.
    counts : dict of str to int
        How many artifacts of each sort were read.

    Raises
    ------
    PrunesimError
        If there is no study.
    """
    study = Path(study)
    networks = network_folders(study)
    if not networks and not left_out_files(study):
        raise PrunesimError(f"{study} holds no networks/rep0/dense; give the folder of a study, results/<study>.")
    problems = []
    checksum = _checksums(study)
    for key in networks:
        problems += _guarded(_check_network, study, key, networks, checksum)
    datasets = _used_datasets(study, networks)
    for path in datasets:
        problems += _guarded(_check_dataset, path, checksum)
    activations = sorted((study / "activations").glob("**/activations.json"))
    problems += _check_activations(study, networks, activations, checksum)
    tables = [path for path in map(study.joinpath, map("tables/{}.csv".format, TABLES)) if path.exists()]
    for path in tables:
        problems += _guarded(TABLES[path.stem], study, path, networks)
    problems += [f"{path} is a leftover of an interrupted job; delete it." for path in sorted(study.rglob(".*.tmp"))]
    comparisons = sorted((study / "comparisons").rglob("*.csv"))
    for path in comparisons:
        problems += _guarded(_check_similarity_table, study, path, networks)
    records = sorted((study / "provenance").rglob("*.json"))
    for path in records:
        problems += _guarded(_check_record, study, path, checksum)
    counts = {
        "data sets": len(datasets),
        "networks": len(networks),
        "activations": len(activations),
        "comparisons": len(comparisons),
        "tables": len(tables),
        "records": len(records),
    }
    return list(dict.fromkeys(problems)), counts


def _checksums(study):
    """Return a function from a file to its SHA-256, which is None for a file that an archive left out of the study.

    What several files vouch for is read once.
    """
    left_out = {os.path.normpath(study / path) for path in left_out_files(study)}

    @functools.cache
    def checksum(path):
        return None if os.path.normpath(path) in left_out and not path.exists() else sha256_file(path)

    return checksum


def network_folders(study):
    """Return the folder of each network of a study by ``(replicate, method, round)``."""
    found = {}
    for folder in sorted((study / "networks").glob("rep*/dense")):
        found[int(folder.parent.name.removeprefix("rep")), "dense", 0] = folder
    for folder in sorted((study / "networks").glob("rep*/*/round*")):
        replicate, method = folder.parents[1].name, folder.parent.name
        found[int(replicate.removeprefix("rep")), method, int(folder.name.removeprefix("round"))] = folder
    return found


def _used_datasets(study, networks):
    """Return the descriptions of the data sets that a study was trained on, and those that cannot be read."""
    used = [_content(folder / "metrics.json").get("dataset") for folder in networks.values() if folder.name == "dense"]
    descriptions = sorted((study.parent / "datasets").glob("*/dataset.json"))
    return [path for path in descriptions if _content(path).get("sha256") in [*used, None]]


def _content(path):
    """Return the content of a JSON file, or nothing if it cannot be read, which its own check reports."""
    try:
        return read_json(path)
    except PrunesimError:
        return {}


def _check_dataset(path, checksum):
    return _check_sums(path.parent, read_json(path)["sha256"], checksum)


def _check_record(study, path, checksum):
    """Compare what a job made with its record, as far as it is still there."""
    outputs = read_json(path)["outputs"]
    return _check_sums(study, {name: made for name, made in outputs.items() if (study / name).exists()}, checksum)


def _check_sums(folder, expected, checksum):
    """Compare files of a folder with the checksums that were written down when they were made."""
    return [
        f"{folder / file} is not the file that was made (checksum)."
        for file, made in expected.items()
        if checksum(folder / file) not in (made, None)
    ]


def _guarded(check, *arguments):
    try:
        return check(*arguments)
    except PrunesimError as error:
        return [str(error)]


def _check_network(study, key, networks, checksum):
    replicate, method, round_ = key
    folder = networks[key]
    metrics = read_json(folder / "metrics.json")
    problems = []
    if key != (metrics["replicate"], metrics["method"], metrics["round"]):
        problems.append(f"{folder / 'metrics.json'} says it is of another network.")
    problems += _check_sums(folder, metrics["files"], checksum)
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
    problems += _check_pruned(folder, weights or mask, mask, metrics)
    earlier = networks.get((replicate, method if round_ > 1 else "dense", round_ - 1))
    if earlier is None:
        missing = paths.network(replicate, method, round_ - 1)
        return [*problems, f"{folder}: the round before it, {missing}, is missing."]
    before = None
    if round_ > 1:
        before, _ = load_tensors(earlier / "mask.safetensors")
    tensors = {layer_of(name): name for name in mask}
    kinds = {tensors.get(layer["layer"], f"{layer['layer']}.weight"): layer["kind"] for layer in metrics["layers"]}
    problems += _check_mask_step(folder, mask, before, about["settings"], kinds)
    rewind = metrics["settings"]["method"]["rewind"]
    start = rewind_file(rewind)
    source = networks[replicate, "dense", 0] / start if start else earlier / "weights.safetensors"
    try:
        checksum(source)
    except PrunesimError:
        problems.append(f"{source}, from which {folder} was retrained, is missing.")
    return problems


def _check_pruned(folder, weights, mask, metrics):
    problems = []
    kept = {layer["layer"]: layer["remaining_weights"] for layer in metrics["layers"]}
    for name, ones in mask.items():
        moved = int(np.count_nonzero(weights[name][ones == 0]))
        if moved:
            problems.append(f"{folder / 'weights.safetensors'}: {moved} pruned weights of {name} are not zero.")
        if kept.get(layer_of(name)) != int(ones.sum()):
            problems.append(f"{folder / 'metrics.json'}: the remaining weights of {name} are not those of the mask.")
    return problems


def _check_mask_step(folder, mask, before, settings, kinds):
    """Check that a mask removes the exact number of weights, and only such as were still there."""
    path = folder / "mask.safetensors"
    if before is None:
        before = {name: np.ones_like(ones) for name, ones in mask.items()}
    selected = select_tensors(kinds, settings["types"], settings["exclude"])
    if set(mask) != set(selected):
        return [f"{path} is for {', '.join(sorted(mask))}; the method prunes {', '.join(selected)}."]
    if set(mask) != set(before):
        return [f"{path} is for other tensors than the mask of the round before."]
    problems = []
    for name in mask:
        revived = int(np.count_nonzero(mask[name] > before[name]))
        if revived:
            problems.append(f"{path}: {revived} weights of {name} come back that an earlier round had pruned.")
    groups = [list(mask)] if settings["scope"] == "global" else [[name] for name in mask]
    for names in groups:
        remaining = sum(int(before[name].sum()) for name in names)
        expected = remaining - round(settings["fraction"] * remaining)
        found = sum(int(mask[name].sum()) for name in names)
        if found != expected:
            where = "" if settings["scope"] == "global" else f" of {names[0]}"
            problems.append(f"{path} keeps {found} weights{where}; {expected} of {remaining} should remain.")
    return problems


def _check_activations(study, networks, indices, checksum):
    problems, images = [], {}
    for index in indices:
        folder = index.parent
        try:
            content = read_json(index)
            for layer, entry in content["layers"].items():
                problems += _guarded(_check_layer, index, layer, entry, checksum)
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
    problems = _check_sums(folder, entry["sha256"], checksum)
    shape = (entry["images"] * entry["positions"], entry["shape"][0])
    for file, wanted in ((f"{layer}.npy", shape), (f"{layer}.pooled.npy", (entry["images"], shape[1]))):
        array = load_array(folder / file, mmap=True)
        if array.shape != wanted or array.dtype != np.float32:
            problems.append(f"{folder / file} must be float32 of shape {wanted}, not {array.dtype} of {array.shape}.")
        elif not np.isfinite(array).all():
            problems.append(f"{folder / file} is not all finite numbers.")
    return problems


def _check_networks_table(study, path, networks):
    rows, left_out = read_rows(path, NETWORKS), left_out_files(study)
    problems = []
    for row in rows:
        key = int(row["replicate"]), row["method"], int(row["round"])
        if key not in networks and f"networks/{paths.network(*key)}/metrics.json" in left_out:
            continue
        if key not in networks:
            problems.append(f"{path} has a row for {paths.network(*key)}, which is not in {study / 'networks'}.")
            continue
        metrics = read_json(networks[key] / "metrics.json")
        if any(row[name] != str(metrics[name]) for name in ("test_accuracy", "nonzero_parameters", "macs")):
            problems.append(f"{path}: the row of {paths.network(*key)} does not say what its metrics.json says.")
        if int(row["remaining_weights"]) / int(row["prunable_weights"]) != float(row["density"]):
            problems.append(f"{path}: the density of {paths.network(*key)} is not remaining / prunable weights.")
    return problems


def _check_layers_table(study, path, networks):
    return [
        f"{path}: layer {row['layer']} of {paths.network(int(row['replicate']), row['method'], int(row['round']))} "
        "has a density that is not remaining / all weights."
        for row in read_rows(path, LAYERS)
        if int(row["remaining_weights"]) / int(row["weights"]) != float(row["density"])
    ]


def _check_similarity_table(study, path, networks):
    problems = []
    for number, row in enumerate(read_rows(path, SIMILARITY), start=2):
        if row["value"] == "":
            if not row["note"]:
                problems.append(f"{path}, line {number}: an empty value without a note.")
        elif not np.isfinite(float(row["value"])):
            problems.append(f"{path}, line {number}: {row['measure']} is {row['value']}, not a finite number.")
        elif row["ci_low"] and float(row["ci_low"]) > float(row["ci_high"]):
            problems.append(f"{path}, line {number}: the interval of {row['measure']} ends before it begins.")
    return problems


TABLES = {
    "networks": _check_networks_table,
    "layers": _check_layers_table,
    "similarity": _check_similarity_table,
}
