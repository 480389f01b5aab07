"""What the networks of several widths of a study must be, with their activations and comparisons."""

import numpy as np

from prunesim.audit.activation_checks import check_layer, check_predictions
from prunesim.audit.checks import check_sums, content, guarded
from prunesim.audit.table_checks import check_values
from prunesim.storage.arrays import load_tensors
from prunesim.storage.columns import WIDTH_PAIRS, WIDTHS
from prunesim.storage.csvfiles import read_rows
from prunesim.storage.files import read_json
from prunesim.study.width_paths import STATES


def check_widths(study, checksum):
    """Check what is there below ``widths``.

    Parameters
    ----------
    study : pathlib.Path
    checksum : callable
        See `prunesim.audit.checks.checksums`.

    Returns
    -------
    problems : list of str
    counts : dict of str to int
        What was read; empty where there is nothing.
    """
    problems, folder = [], study / "widths"
    networks = sorted(folder.glob("*/rep*/dense/metrics.json"))
    for path in networks:
        problems += guarded(_check_network, path, checksum)
    dumps = sorted(folder.glob("*/rep*/*/activations.json"))
    images = [content(index).get("images") for index in dumps]
    for index, chosen in zip(dumps, images, strict=True):
        problems += guarded(_check_dump, study, index, checksum)
        if chosen not in (images[0], None):
            problems.append(f"{index.parent} was dumped for other images than {dumps[0].parent}.")
    comparisons = sorted((folder / "comparisons").rglob("*.csv"))
    for path in comparisons:
        problems += guarded(_check_rows, path, WIDTH_PAIRS)
    counts = {
        "networks of widths": len(networks),
        "their activations": len(dumps),
        "their comparisons": len(comparisons),
    }
    return problems, {name: count for name, count in counts.items() if count}


def check_width_rows(study, path, networks):
    """Check ``widths.csv``: its values, and accuracies against what is known of the networks."""
    problems = _check_rows(path, WIDTHS)
    for number, row in enumerate(read_rows(path, WIDTHS), start=2):
        for side in "ab" if row["trained"] == "yes" else "":
            folder = study / "widths" / row[f"width_{side}"] / f"rep{row[f'replicate_{side}']}" / "dense"
            noted = content(folder / "metrics.json").get("test_accuracy")
            if noted is not None and row[f"test_accuracy_{side}"] != str(noted):
                problems.append(
                    f"{path}, line {number}: the accuracy of {folder} is not {noted}, as its metrics.json says."
                )
    return problems


def _check_rows(path, columns):
    return check_values(path, read_rows(path, columns))


def _check_network(path, checksum):
    folder, metrics = path.parent, read_json(path)
    problems = check_sums(folder, metrics["files"], checksum)
    if f"rep{metrics['replicate']}" != folder.parent.name or metrics["round"]:
        problems.append(f"{path} says it is of another network.")
    weights = folder / "weights.safetensors"
    for name, array in ({} if checksum(weights) is None else load_tensors(weights)[0]).items():
        if not np.isfinite(array).all():
            problems.append(f"{weights}: {name} is not all finite numbers.")
    return problems


def _check_dump(study, index, checksum):
    folder, about, problems = index.parent, read_json(index), []
    if folder.name not in STATES or not (folder.parent / "dense" / "metrics.json").exists():
        problems.append(f"{folder} holds activations of a network that is not in {folder.parent / 'dense'}.")
    for layer, entry in about["layers"].items():
        problems += guarded(check_layer, index, layer, entry, checksum)
    # Only what the trained network answers has the accuracy that was noted.
    network = folder.parent / ("dense" if folder.name == "trained" else "none")
    return problems + guarded(check_predictions, study, index, about, network, checksum)
