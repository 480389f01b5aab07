"""Layers that a trained network can have and no measure likes: from activation files through the verbs to claims."""

import csv
import json

import numpy as np
import pytest

from prunesim.audit.records import record_path
from prunesim.audit.table_checks import TABLES
from prunesim.cli import main
from prunesim.results.reading import read_table
from prunesim.similarity import MEASURES
from prunesim.storage.arrays import save_array
from prunesim.storage.columns import SIMILARITY
from prunesim.storage.csvfiles import read_rows
from prunesim.storage.files import sha256_file, write_json
from prunesim.study import paths

IMAGES, POSITIONS = 40, 3
METHODS = {"imp": {"types": ["conv"], "exclude": []}}
GROWTH = {"replicates": 2, "rounds": {"imp": 2}, "methods": METHODS, "families": ["rounds", "layers", "replicates"]}


def one_image(rng):
    x = np.zeros((IMAGES * POSITIONS, 6))
    x[5 * POSITIONS : 6 * POSITIONS, 2] = 2.5
    return x


LAYERS = {
    "normal": lambda rng: rng.standard_normal((IMAGES * POSITIONS, 6)),
    "one_image": one_image,
    "dead": lambda rng: np.zeros((IMAGES * POSITIONS, 6)),
    "wide": lambda rng: rng.standard_normal((IMAGES * POSITIONS, 150)),
    "tiny": lambda rng: rng.standard_normal((IMAGES * POSITIONS, 6)) * 1e-38,
    "huge": lambda rng: rng.standard_normal((IMAGES * POSITIONS, 6)) * 1e37,
}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study of which only activations exist, with the comparisons and their table made by the verbs."""
    folder = tmp_path_factory.mktemp("degenerate")
    rng = np.random.default_rng(0)
    networks = paths.networks(GROWTH["replicates"], METHODS, GROWTH["rounds"])
    for *_, network in networks:
        index = {}
        for layer, make in LAYERS.items():
            x = make(rng).astype(np.float32)
            files = {f"{layer}.npy": x, f"{layer}.pooled.npy": x.reshape(IMAGES, POSITIONS, -1).mean(axis=1)}
            for name, array in files.items():
                save_array(folder / "activations" / network / name, array)
            index[layer] = {
                "kind": "relu", "shape": [x.shape[1], 1, POSITIONS], "images": IMAGES, "positions": POSITIONS,
                "sha256": {name: sha256_file(folder / "activations" / network / name) for name in files},
            }  # fmt: skip
        write_json(folder / "activations" / network / "activations.json", {"images": [], "layers": index})
    settings = json.dumps({"seed": 1, "measures": list(MEASURES), "blocks": 8, "null_draws": 2})
    for file in paths.comparisons(layers=list(LAYERS), **GROWTH):
        family, replicate, *network, _ = file.split("/")
        if family == "layers":
            network = file.removesuffix(".csv").split("/")[2:]
            layer = list(LAYERS)
        else:
            layer = [file.rpartition("/")[2].removesuffix(".csv")]
        method, round_ = network if len(network) == 2 else ("dense", "round0")
        output = folder / "comparisons" / file
        record = folder / record_path(f"comparisons/{file.removesuffix('.csv')}")
        assert main(
            ["similarity", family, "--settings", settings, "--activations", str(folder / "activations"),
             "--replicate", replicate.removeprefix("rep"), "--method", method, "--round", round_.removeprefix("round"),
             "--layer", *layer, "--output", str(output), "--record", str(output), str(record)]
        ) == 0  # fmt: skip
    plan = json.dumps({**GROWTH, "layers": list(LAYERS)})
    table = folder / "tables" / "similarity.csv"
    assert main(["table", "similarity", "--study", str(folder), "--plan", plan, "--output", str(table)]) == 0
    return folder


def test_every_number_is_within_its_bounds_or_its_note_says_why_there_is_none(study):
    rows = read_rows(study / "tables" / "similarity.csv", SIMILARITY)
    empty = set()
    for row in rows:
        low, high = MEASURES[row["measure"]].bounds
        numbers = [float(row[key]) for key in ("value", "ci_low", "ci_high", "null") if row[key]]
        assert all(low <= number <= high for number in numbers), row
        if not row["value"]:
            assert row["note"].startswith("no value: "), row
            assert not numbers
            empty.add((row["family"], row["layer_a"], row["measure"]))
    assert {layer for family, layer, _ in empty if family == "rounds"} == {"one_image", "dead", "wide"}
    assert ("rounds", "one_image", "cka_linear_debiased") not in empty  # the positions of the image have it in common
    assert ("layers", "one_image", "cka_linear_debiased") in empty
    assert ("rounds", "wide", "cca_mean") in empty
    assert ("rounds", "wide", "cka_linear") not in empty
    assert len(rows) > 1000


def test_the_tables_are_read_and_the_claims_come_out(study, tmp_path):
    frame = read_table(study / "tables", "similarity")
    values = frame.dropna(subset=["value"])
    assert np.isfinite(values["value"]).all()
    assert TABLES["similarity"](study, study / "tables" / "similarity.csv", {}) == []
    networks = "replicate,method,round,density,test_accuracy\n" + "".join(
        f"{replicate},{method},{round_},{0.8**round_},0.9\n"
        for replicate, method, round_, _ in paths.networks(2, METHODS, GROWTH["rounds"])
    )
    (study / "tables" / "networks.csv").write_text(networks)
    for measure in ("cca_mean", "cka_linear_debiased"):
        settings = json.dumps({"measure": measure, "layers": list(LAYERS), "methods": ["imp"]})
        output = tmp_path / f"{measure}.csv"
        assert main(["claims", "--tables", str(study / "tables"), "--settings", settings, "--output", str(output)]) == 0
        with open(output, newline="", encoding="utf-8") as file:
            numbers = [row[key] for row in csv.DictReader(file) for key in ("estimate", "ci_low", "ci_high")]
        assert len(numbers) == 3 * 7
        assert all(np.isfinite(float(number)) for number in numbers if number)
