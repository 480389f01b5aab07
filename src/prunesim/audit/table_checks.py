"""What the tables of a study must say."""

import numpy as np

from prunesim.audit.checks import content
from prunesim.storage.columns import ANSWERS, CLASSES, CONNECTIVITY, LAYERS, NETWORKS, SIMILARITY
from prunesim.storage.csvfiles import read_rows
from prunesim.storage.files import read_json
from prunesim.storage.left_out import left_out_files
from prunesim.study import paths

# A calibrated score above 0 is a p-value of at most this.
LEVEL = 0.05


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


def check_similarity_table(study, path, networks):
    return check_values(path, read_rows(path, SIMILARITY))


def check_values(path, rows):
    """Check value, interval, p-value and calibrated score of the rows of a table of similarities."""
    problems = []
    for number, row in enumerate(rows, start=2):
        if row["value"] == "":
            if not row["note"]:
                problems.append(f"{path}, line {number}: an empty value without a note.")
        elif not np.isfinite(float(row["value"])):
            problems.append(f"{path}, line {number}: {row['measure']} is {row['value']}, not a finite number.")
        elif row["ci_low"] and float(row["ci_low"]) > float(row["ci_high"]):
            problems.append(f"{path}, line {number}: the interval of {row['measure']} ends before it begins.")
        if row["p_value"] and not 0 < float(row["p_value"]) <= 1:
            problems.append(
                f"{path}, line {number}: the p-value is {row['p_value']}; it must be above 0 and at most 1."
            )
        elif row["calibrated"] and (float(row["calibrated"]) > 0) > (float(row["p_value"] or 1) <= LEVEL):
            problems.append(
                f"{path}, line {number}: the calibrated score is {row['calibrated']}, and the p-value "
                f"{row['p_value'] or 'empty'}; above 0 it must be at most {LEVEL}."
            )
    return problems


def _check_answers_table(study, path, networks):
    problems = []
    for row in read_rows(path, ANSWERS):
        key = int(row["replicate"]), row["method"], int(row["round"])
        metrics = networks[key] / "metrics.json" if key in networks else None
        if metrics and metrics.exists() and (noted := read_json(metrics)["test_accuracy"]) != float(row["accuracy"]):
            problems.append(f"{path}: the accuracy of {paths.network(*key)} is {row['accuracy']}, not {noted}.")
        if not 0 <= float(row["ece"]) <= 1:
            problems.append(f"{path}: the calibration error of {paths.network(*key)} is {row['ece']}, not from 0 to 1.")
    return problems


def _check_classes_table(study, path, networks):
    """Check that the accuracies of the classes of a network make up its accuracy."""
    right, images = {}, {}
    for row in read_rows(path, CLASSES):
        key = int(row["replicate"]), row["method"], int(row["round"])
        images[key] = images.get(key, 0) + int(row["images"])
        right[key] = right.get(key, 0) + round(int(row["images"]) * float(row["accuracy"] or 0))
    return [
        f"{path}: the classes of {paths.network(*key)} do not make up the accuracy in its metrics.json."
        for key in images
        if key in networks
        and (networks[key] / "metrics.json").exists()
        and right[key] / images[key] != read_json(networks[key] / "metrics.json")["test_accuracy"]
    ]


def check_line(study, path, networks):
    """Check the errors on a line between two networks; at its ends they are those of the networks."""
    problems = []
    record = study / "provenance" / path.relative_to(study).with_suffix(".json")
    device = content(record).get("device")
    for number, row in enumerate(read_rows(path, CONNECTIVITY), start=2):
        alpha, errors = float(row["alpha"]), [float(row["train_error"]), float(row["test_error"])]
        if not 0 <= alpha <= 1 or not all(0 <= error <= 1 for error in errors):
            problems.append(f"{path}, line {number}: alpha and errors must be from 0 to 1.")
        side = {0.0: "a", 1.0: "b"}.get(alpha)
        if side is None or row["recalibrated"] != "no":
            continue
        key = int(row[f"replicate_{side}"]), row[f"method_{side}"], int(row[f"round_{side}"])
        metrics = content(networks[key] / "metrics.json") if key in networks else {}
        # Another device rounds in another way.
        if metrics.get("device") == device and metrics and errors[1] != 1 - metrics["test_accuracy"]:
            problems.append(f"{path}, line {number}: the test error is {errors[1]}, not that of {paths.network(*key)}.")
    return problems


TABLES = {
    "networks": _check_networks_table,
    "layers": _check_layers_table,
    "similarity": check_similarity_table,
    "answers": _check_answers_table,
    "classes": _check_classes_table,
}
