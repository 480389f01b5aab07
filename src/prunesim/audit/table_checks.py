"""What the tables of a study must say."""

import numpy as np

from prunesim.similarity.calibration import LEVEL
from prunesim.storage.columns import LAYERS, NETWORKS, SIMILARITY
from prunesim.storage.csvfiles import read_rows
from prunesim.storage.files import read_json
from prunesim.storage.left_out import left_out_files
from prunesim.study import paths


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
    problems = []
    for number, row in enumerate(read_rows(path, SIMILARITY), start=2):
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


TABLES = {
    "networks": _check_networks_table,
    "layers": _check_layers_table,
    "similarity": check_similarity_table,
}
