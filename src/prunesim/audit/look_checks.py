"""What must hold of networks with fewer weights, on worse images and on images with concepts."""

from prunesim.audit.checks import check_sums, content
from prunesim.storage.columns import CONCEPT_LAYERS, CONCEPT_UNITS, CONCEPTS, ROBUSTNESS
from prunesim.storage.csvfiles import read_rows
from prunesim.storage.files import read_json
from prunesim.study import paths

_UNIT = ("replicate", "method", "round", "layer", "unit", "concept", "iou")


def check_robustness(study, path, networks):
    """Check the accuracies of a network; those with all its weights and on the images as they are are its own."""
    problems = []
    device = content(study / "provenance" / path.relative_to(study).with_suffix(".json")).get("device")
    for number, row in enumerate(read_rows(path, ROBUSTNESS), start=2):
        accuracy, key = float(row["accuracy"]), _key(row)
        if not 0 <= accuracy <= 1:
            problems.append(f"{path}, line {number}: the accuracy is {row['accuracy']}, not from 0 to 1.")
        metrics = content(networks[key] / "metrics.json") if key in networks else {}
        unchanged = float(row["severity"]) == (1 if row["kind"] == "pruning" else 0)
        # Another device rounds in another way.
        same = unchanged and metrics and metrics.get("device") == device
        if same and accuracy != metrics["test_accuracy"]:
            problems.append(
                f"{path}, line {number}: nothing is changed, but the accuracy is {accuracy}, not that of "
                f"{paths.network(*key)}."
            )
    return problems


def check_annotated(path, checksum):
    """Check the images with concepts of a study by their ``concepts.json``."""
    about = read_json(path)
    wrong = [name for name, share in zip(about["concepts"], about["shares"], strict=True) if not 0 <= share <= 1]
    problems = [f"{path}: the share of {': '.join(name)} is not from 0 to 1." for name in wrong]
    return problems + check_sums(path.parent, about["sha256"], checksum)


def check_units(path):
    """Check what the units of a network agree with."""
    problems = []
    for number, row in enumerate(read_rows(path, CONCEPT_UNITS), start=2):
        if not 0 <= float(row["iou"]) <= 1:
            problems.append(f"{path}, line {number}: the IoU is {row['iou']}, not from 0 to 1.")
        elif bool(row["concept"]) != (float(row["iou"]) > 0):
            problems.append(f"{path}, line {number}: a unit has a concept where its IoU is above 0, and only there.")
    return problems


def check_concepts_table(study, path, networks):
    """Check that the table says what the files of the networks say, and that one threshold makes its detectors."""
    problems, rows = [], read_rows(path, CONCEPTS)
    known = {}
    for file in sorted((study / "concepts").rglob("units.csv")):
        for row in read_rows(file, CONCEPT_UNITS):
            if row["draw"] == "0":
                known[tuple(row[name] for name in _UNIT[:5])] = tuple(row[name] for name in _UNIT)
    for number, row in enumerate(rows, start=2):
        made = known.get(tuple(row[name] for name in _UNIT[:5]))
        if made and made != tuple(row[name] for name in _UNIT):
            problems.append(
                f"{path}, line {number}: unit {row['unit']} of {row['layer']} is not what its network's file says."
            )
    most = max((float(row["iou"]) for row in rows if row["detector"] == "no"), default=0)
    least = min((float(row["iou"]) for row in rows if row["detector"] == "yes"), default=1)
    if least <= most:
        problems.append(f"{path}: a unit with an IoU of {most:g} is no detector, and one with {least:g} is.")
    return problems


def check_concept_layers_table(study, path, networks):
    """Check that detectors and concepts are those of ``concepts.csv``."""
    found = {}
    units = path.with_name("concepts.csv")
    for row in read_rows(units, CONCEPTS) if units.exists() else ():
        mine = found.setdefault((*_key(row), row["layer"]), [])
        mine += [row["concept"]] if row["detector"] == "yes" else []
    return [
        f"{path}, line {number}: {row['layer']} of {paths.network(*_key(row))} has {row['detectors']} detectors of "
        f"{row['concepts']} concepts, but concepts.csv has {len(mine)} of {len(set(mine))}."
        for number, row in enumerate(read_rows(path, CONCEPT_LAYERS), start=2)
        if (mine := found.get((*_key(row), row["layer"]))) is not None
        and (int(row["detectors"]), int(row["concepts"])) != (len(mine), len(set(mine)))
    ]


def _key(row):
    return int(row["replicate"]), row["method"], int(row["round"])


TABLES = {"concepts": check_concepts_table, "concept_layers": check_concept_layers_table}
