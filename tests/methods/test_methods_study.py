"""A study of every method and every control, read back."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
import yaml
from pipeline.pipeline_runs import REPOSITORY, STUDY, due
from safetensors.numpy import load_file

from prunesim.audit.verify import verify_study
from prunesim.networks.weights import weight_kinds
from prunesim.results.opened import open_study
from prunesim.results.shrinking import shrink

pytestmark = pytest.mark.slow

OVERLAY = (REPOSITORY / "tests/methods/all.yaml").read_text()
METHODS = yaml.safe_load(OVERLAY)["methods"]
ROUNDS = {name: len(d) if isinstance(d := one.get("density"), list) else 1 for name, one in METHODS.items()}
ROUNDS |= {name: ROUNDS[one["of"]] for name, one in METHODS.items() if "of" in one}


def read(folder, method, round_, file):
    return load_file(folder / STUDY / f"networks/rep0/{method}/round{round_:02d}/{file}.safetensors")


def kept(mask):
    return {name: int(array.sum()) for name, array in mask.items()}


def weights(mask):
    return {name: array for name, array in mask.items() if array.ndim > 1}


def test_every_method_ran_and_nothing_is_wrong_or_due(all_methods):
    problems, counts = verify_study(all_methods / STUDY)
    assert problems == []
    assert counts["networks"] == 1 + sum(ROUNDS.values())
    assert due(all_methods, config=[OVERLAY]) == {}


def test_tables_have_every_method(all_methods):
    with open(all_methods / STUDY / "tables/networks.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {(row["method"], int(row["round"])) for row in rows if row["method"] != "dense"} == {
        (name, k) for name, rounds in ROUNDS.items() for k in range(1, rounds + 1)
    }
    density = {(row["method"], row["round"]): float(row["density"]) for row in rows}
    prunable = int(next(row["prunable_weights"] for row in rows if row["method"] == "imp"))
    for method, round_, asked in [
        ("imp", 1, 0.8),
        ("one_shot", 1, 0.5),
        ("one_shot", 2, 0.2),
        ("erk", 1, 0.2),
        ("start", 1, 0.3),
        ("snip", 2, 0.2),
        ("synflow", 1, 0.1),
        ("l1", 1, 0.3),
        ("admm", 2, 0.2),
        ("longer", 1, 1.0),
        ("reordered", 1, 1.0),
    ]:
        assert density[method, str(round_)] == round(asked * prunable) / prunable, method
    with open(all_methods / STUDY / "tables/sparsity.csv", encoding="utf-8") as file:
        sparse = {(row["method"], row["round"]) for row in csv.DictReader(file)}
    assert sparse == {("slimming", "0"), ("l1", "0"), ("admm", "1"), ("admm", "2")}


def test_controls_have_claims_of_their_own(all_methods):
    """One replicate, so none is decided; methods that prune before training are held against the dense network."""
    table = open_study(all_methods / STUDY).claims.set_index("claim")
    assert set(table["verdict"]) == {"inconclusive"}
    accuracy = open_study(all_methods / STUDY).networks.set_index(["method", "round"])["test_accuracy"]
    difference = accuracy["lottery", 1] - accuracy["reinitialised", 1]
    assert table.loc["beats_reinitialised/reinitialised", "estimate"] == pytest.approx(difference, abs=1e-5)
    assert {name for name in METHODS if f"sparse_from_start/{name}" in table.index} == {
        name for name, one in METHODS.items() if one.get("criterion") in ("snip", "grasp", "synflow")
    }


def test_controls_keep_what_they_say(all_methods):
    assert all(
        np.array_equal(array, read(all_methods, "lottery", 1, "mask")[name])
        for name, array in read(all_methods, "reinitialised", 1, "mask").items()
    )
    start = load_file(all_methods / STUDY / "networks/rep0/reinitialised/initial.safetensors")
    dense = load_file(all_methods / STUDY / "networks/rep0/dense/initial.safetensors")
    for name in read(all_methods, "lottery", 1, "mask"):
        assert not (start[name] == dense[name]).any(), name
    for round_ in (1, 2):
        mask, shuffled = read(all_methods, "snip", round_, "mask"), read(all_methods, "shuffled", round_, "mask")
        assert kept(shuffled) == kept(mask)
        assert any(not np.array_equal(shuffled[name], mask[name]) for name in mask)
        removed = read(all_methods, "removed", round_, "mask")
        assert kept(removed) == kept(read(all_methods, "one_shot", round_, "mask"))
    for name in ("longer", "reordered"):
        assert all(array.all() for array in read(all_methods, name, 1, "mask").values())


def test_what_is_ranked(all_methods):
    """Each density of one shot is that of the dense network, and the initial weights are those before training."""
    dense = load_file(all_methods / STUDY / "networks/rep0/dense/weights.safetensors")
    initial = load_file(all_methods / STUDY / "networks/rep0/dense/initial.safetensors")
    shot = read(all_methods, "one_shot", 2, "mask")
    values = np.concatenate([np.abs(dense[name]).ravel() for name in shot])
    cutoff = np.sort(values)[-round(0.2 * values.size)]
    assert all(np.array_equal(array == 1, np.abs(dense[name]) >= cutoff) for name, array in shot.items())
    early = read(all_methods, "start", 1, "mask")
    cutoff = np.sort(np.concatenate([np.abs(initial[name]).ravel() for name in early]))[-round(0.3 * values.size)]
    assert all(np.array_equal(array == 1, np.abs(initial[name]) >= cutoff) for name, array in early.items())


@pytest.mark.parametrize("method", ["filters", "slimming", "filters_reinitialised"])
def test_counts_of_filter_methods_are_those_of_the_shrunk_network(all_methods, method):
    study = open_study(all_methods / STUDY)
    network, metrics = study.network(method=method, round=1), study.metrics(method=method, round=1)
    small, _ = shrink(network, (1, 8, 8), method)
    assert metrics["parameters"] == sum(tensor.numel() for tensor in small.parameters())
    rows = {layer["layer"]: layer["remaining_weights"] for layer in metrics["layers"]}
    for name in weight_kinds(small):
        assert rows[name.removesuffix(".weight")] == small.get_parameter(name).numel()
    whole = study.metrics(method="dense", round=0)
    assert metrics["macs"] < whole["macs"]
    assert metrics["parameters"] < whole["parameters"]


def test_shrink_on_the_command_line(all_methods, tmp_path):
    words = [all_methods / STUDY, "--method", "filters", "--round", "1", "--output", tmp_path / "small.safetensors"]
    command = [sys.executable, "-m", "prunesim", "shrink", *map(str, words)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"PYTHONPATH": "src"}, cwd=REPOSITORY
    )
    assert done.returncode == 0, done.stderr
    assert "answers to 100 test images: the same to" in done.stdout


FIGURES = {
    f"figure_{name}": 1 for name in ("accuracy", "claims", "density", "similarity", "rounds", "round_pairs", "layers")
}
TABLES = {"networks_table": 2, "similarity_table": 1, "claims_table": 1, "provenance_table": 1} | FIGURES
ONE_ROUND = {"prune": 1, "retrain": 1, "dump": 1, "compare_rounds": 1}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("snip: {density: [0.5, 0.2, 0.1]}", {"score": 1} | dict.fromkeys(ONE_ROUND, 2) | TABLES),
        ("another: {control: shuffle, of: imp}", ONE_ROUND | TABLES),
        ("synflow: {density: 0.2}", {"score": 1} | ONE_ROUND | TABLES),
        ("grasp: {score_images: 5}", {"score": 1} | ONE_ROUND | TABLES),
        ("filters: {fraction: 0.5}", dict.fromkeys(ONE_ROUND, 2) | TABLES),
        ("layerwise: {unit: filter, scope: layer, density: 0.5}", {"coupling": 1} | ONE_ROUND | TABLES),
        ("erk: false", TABLES),
    ],
)
def test_what_a_change_of_a_method_runs(all_methods, change, expected):
    """The mask of a shuffled control follows that of its method. Sparse trainings follow only what they depend on."""
    found = due(all_methods, config=[OVERLAY, f"methods: {{{change}}}"])
    extra = {"sparsity_table", "figure_residuals", "explorer"}
    assert {rule: count for rule, count in found.items() if rule not in extra} == expected


def test_what_a_change_of_a_sparse_training_runs(all_methods):
    more = "methods: {admm: {sparsity: {admm: {iterations: 2, tolerance: 2.0}}}}"
    found = due(all_methods, config=[OVERLAY, more])
    assert (found["sparsify"], found["prune"], found["retrain"], found["sparsity_table"]) == (2, 2, 2, 1)
    found = due(all_methods, config=[OVERLAY, "methods: {l1: {density: 0.2}}"])
    assert "sparsify" not in found
    assert found["prune"] == 1


def test_settings_of_methods_that_were_there_before_are_said_as_before(all_methods):
    """What a mask of magnitude pruning says of itself is what it said when there was nothing else."""
    text = (all_methods / STUDY / "provenance/networks/rep0/imp/prune01.json").read_text()
    settings = json.loads(text)["settings"]
    assert sorted(settings) == ["criterion", "exclude", "fraction", "scope", "seed", "types"]
