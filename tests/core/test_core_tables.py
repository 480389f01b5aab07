"""Paths, tables and comparisons, from made-up artifacts."""

import json

import numpy as np
import pytest
from core_study import CNN_LAYERS

from prunesim.audit.provenance import provenance, versions, write_record
from prunesim.audit.records import read_made, record_path
from prunesim.cli import main
from prunesim.errors import PrunesimError
from prunesim.results.comparison import compare_layers, compare_replicates, compare_rounds
from prunesim.results.tables import layers_table, networks_table, similarity_table
from prunesim.storage.arrays import load_array, save_array
from prunesim.storage.columns import LAYERS, NETWORKS, SIMILARITY
from prunesim.storage.csvfiles import read_rows, write_rows
from prunesim.storage.files import sha256_file, write_json, write_text
from prunesim.study import paths

PLAN = {
    "replicates": 2,
    "rounds": {"imp": 2, "other": 2},
    "methods": {
        "imp": {"types": ["conv", "linear"], "exclude": ["logits"]},
        "other": {"types": ["conv"], "exclude": []},
    },
    "families": ["rounds", "layers", "replicates"],
    "layers": ["relu1", "logits"],
}

# paths


def test_networks():
    assert paths.network(0, "imp", 0) == "rep0/dense"
    assert paths.network(3, "imp", 1) == "rep3/imp/round01"
    assert paths.network(12, "imp", 100) == "rep12/imp/round100"
    assert paths.chain(1, "imp", 2) == [
        ("dense", 0, "rep1/dense"),
        ("imp", 1, "rep1/imp/round01"),
        ("imp", 2, "rep1/imp/round02"),
    ]
    assert paths.networks(2, ["a", "b"], {"a": 1, "b": 1}) == [
        (0, "dense", 0, "rep0/dense"),
        (1, "dense", 0, "rep1/dense"),
        (0, "a", 1, "rep0/a/round01"),
        (0, "b", 1, "rep0/b/round01"),
        (1, "a", 1, "rep1/a/round01"),
        (1, "b", 1, "rep1/b/round01"),
    ]
    assert paths.networks(1, ["a"], {"a": 0}) == [(0, "dense", 0, "rep0/dense")]


def test_comparisons():
    call = (["rounds", "layers", "replicates"], 2, ["imp"], {"imp": 2}, ["x", "y"])
    assert paths.comparisons(*call) == [
        *(f"rounds/rep{r}/imp/round0{k}/{layer}.csv" for r in (0, 1) for k in (1, 2) for layer in "xy"),
        *(f"layers/rep{r}/imp/round02.csv" for r in (0, 1)),
        *(f"replicates/rep1/{network}/{layer}.csv" for network in ("dense", "imp/round02") for layer in "xy"),
    ]
    assert paths.comparisons([], 2, ["imp"], {"imp": 2}, ["x"]) == []
    assert paths.comparisons(["rounds", "layers"], 2, ["imp"], {"imp": 0}, ["x"]) == []
    assert paths.comparisons(["replicates"], 1, ["imp"], {"imp": 2}, ["x"]) == []
    assert paths.comparisons(["replicates"], 2, ["imp"], {"imp": 0}, ["x"]) == ["replicates/rep1/dense/x.csv"]
    assert paths.comparisons(["functional"], 2, ["imp"], {"imp": 1}, ["x"]) == [
        "functional/rep1/dense.csv",
        "functional/rep0/imp/round01.csv",
        "functional/rep1/imp/round01.csv",
    ]
    own = {"outside": {"replicates": 2, "rounds": 1, "dense": "outside", "exclude": []}}
    assert paths.comparisons(["functional"], 0, [], {}, ["x"], own) == [
        "functional/rep0/outside/round01.csv",
        "functional/rep1/outside/round00.csv",
        "functional/rep1/outside/round01.csv",
    ]


def test_answers_are_compared_with_those_before():
    assert paths.answers_before(0, "dense", 0) == []
    assert paths.answers_before(1, "dense", 0) == [(0, "dense", 0, "rep0/dense")]
    assert paths.answers_before(1, "imp", 2) == [
        (1, "dense", 0, "rep1/dense"),
        (1, "imp", 1, "rep1/imp/round01"),
        (0, "imp", 2, "rep0/imp/round02"),
    ]
    assert paths.answers_before(1, "outside", 1, "outside") == [
        (1, "outside", 0, "rep1/outside/round00"),
        (0, "outside", 1, "rep0/outside/round01"),
    ]


def test_a_study_only_grows():
    small = set(paths.comparisons(["rounds", "replicates"], 2, ["imp"], {"imp": 2}, ["x"]))
    assert small < set(paths.comparisons(["rounds", "replicates"], 3, ["imp"], {"imp": 2}, ["x", "y"]))
    rounds = set(paths.comparisons(["rounds"], 2, ["imp"], {"imp": 2}, ["x"]))
    assert rounds < set(paths.comparisons(["rounds"], 2, ["imp"], {"imp": 3}, ["x"]))


# tables


@pytest.fixture
def study(tmp_path):
    """The metrics of a study whose numbers say where they belong."""
    for replicate, method, round_, folder in paths.networks(2, PLAN["methods"], PLAN["rounds"]):
        remaining = 200 - 40 * round_ - replicate
        layers = [
            ("conv1", "conv", method != "dense", 100, 100 if method == "dense" else remaining - 100),
            ("fc1", "linear", method == "imp", 100, 100),
            ("logits", "linear", False, 50, 50),
        ]
        metrics = {
            "replicate": replicate,
            "method": method,
            "round": round_,
            "layers": [
                {"layer": a, "kind": b, "pruned": c, "weights": d, "remaining_weights": e, "macs": 2 * e}
                for a, b, c, d, e in layers
            ],
            "parameters": 260,
            "nonzero_parameters": 255,
            "macs": 2 * sum(layer[-1] for layer in layers),
            "train_loss": 0.1 + 0.2,
            "test_loss": 0.5,
            "test_accuracy": 0.9 + round_ / 100,
            "epochs": 3,
            "seconds": 1.5,
            "files": {},
        }
        write_json(tmp_path / "networks" / folder / "metrics.json", metrics)
    for number, file in enumerate(
        paths.comparisons(PLAN["families"], 2, PLAN["methods"], PLAN["rounds"], PLAN["layers"])
    ):
        row = dict.fromkeys(SIMILARITY) | {"family": file.split("/")[0], "value": number}
        write_rows(tmp_path / "comparisons" / file, SIMILARITY, [row, row])
        record(tmp_path, f"comparisons/{file.removesuffix('.csv')}", f"comparisons/{file}")
    return tmp_path


def record(study, job, *outputs):
    """Write the record of a job."""
    outputs = [str(study / output) for output in outputs]
    write_record(str(study / record_path(job)), outputs, "verb", {"settings": {"seed": 7}, "replicate": 0}, 0.0)


def test_networks_table(study):
    columns, rows = networks_table(study, PLAN)
    assert columns == NETWORKS
    assert [set(row) for row in rows] == [set(NETWORKS)] * 10
    assert [(row["replicate"], row["method"], row["round"]) for row in rows[:4]] == [
        (0, "dense", 0),
        (1, "dense", 0),
        (0, "imp", 1),
        (0, "imp", 2),
    ]
    dense, last = rows[0], rows[3]
    # What the first method selects: conv1 and fc1.
    assert (dense["density"], dense["prunable_weights"], dense["remaining_weights"]) == (1.0, 200, 200)
    assert (last["density"], last["prunable_weights"], last["remaining_weights"]) == (0.6, 200, 120)
    assert (last["macs"], last["train_loss"], last["seconds"]) == (340, 0.1 + 0.2, 1.5)
    other = next(row for row in rows if (row["replicate"], row["method"], row["round"]) == (1, "other", 1))
    assert (other["density"], other["prunable_weights"], other["remaining_weights"]) == (0.59, 100, 59)


def test_layers_table(study):
    columns, rows = layers_table(study, PLAN)
    assert columns == LAYERS
    assert len(rows) == 30
    assert rows[9:12] == [
        dict(zip(LAYERS, (0, "imp", 2, *values), strict=True))
        for values in (("conv1", 100, 20, 0.2), ("fc1", 100, 100, 1.0), ("logits", 50, 50, 1.0))
    ]


def test_similarity_table_keeps_the_order_of_the_plan(study):
    columns, rows = similarity_table(study, PLAN)
    assert columns == SIMILARITY
    count = len(paths.comparisons(PLAN["families"], 2, PLAN["methods"], PLAN["rounds"], PLAN["layers"]))
    assert [row["value"] for row in rows] == [str(number) for number in range(count) for _ in range(2)]


def test_a_study_without_methods_has_a_dense_row(study):
    plan = {**PLAN, "methods": {}, "rounds": {}}
    (row, _) = networks_table(study, plan)[1]
    assert (row["density"], row["prunable_weights"]) == (1.0, 250)


def test_missing_and_damaged_artifacts_are_refused(study):
    (study / "networks/rep1/imp/round02/metrics.json").unlink()
    with pytest.raises(PrunesimError, match=r"rep1/imp/round02/metrics.json does not exist\."):
        networks_table(study, PLAN)
    comparison = "comparisons/layers/rep0/imp/round02"
    whole = (study / f"{comparison}.csv").read_text()
    (study / f"{comparison}.csv").write_text(whole.replace("layers", "rounds", 1))
    with pytest.raises(PrunesimError, match=r"layers/rep0/imp/round02.csv is damaged \(checksum\)"):
        similarity_table(study, PLAN)
    (study / f"{comparison}.csv").write_text("family\nlayers\n")
    record(study, comparison, f"{comparison}.csv")
    with pytest.raises(PrunesimError, match=r"layers/rep0/imp/round02.csv must have the columns family, measure"):
        similarity_table(study, PLAN)


@pytest.mark.parametrize("name", ["networks", "layers", "similarity"])
def test_the_command_writes_what_the_functions_return(study, name, capsys):
    output = study / "tables" / f"{name}.csv"
    call = ["table", name, "--study", str(study), "--plan", json.dumps(PLAN), "--output", str(output)]
    assert main(call) == 0
    columns, rows = {"networks": networks_table, "layers": layers_table, "similarity": similarity_table}[name](
        study, PLAN
    )
    assert read_rows(output, columns) == [{key: str(row[key]) for key in columns} for row in rows]
    assert capsys.readouterr().out == f"{len(rows)} rows in {output}\n"


def test_the_command_refuses_with_status_2(study, capsys):
    (study / "networks/rep0/dense/metrics.json").write_text("{")
    output = study / "tables" / "networks.csv"
    call = ["table", "networks", "--study", str(study), "--plan", json.dumps(PLAN), "--output", str(output)]
    assert main(call) == 2
    assert "rep0/dense/metrics.json is not valid JSON" in capsys.readouterr().err
    assert not output.exists()


# comparisons

COMPARISON = {"seed": 7, "measures": ["cca_mean", "cka_linear"], "blocks": 5, "null_draws": 2}
IMAGES = 60


@pytest.fixture
def activations(tmp_path):
    """Two layers of two replicates of a chain of two rounds; each network is noisier than the one before."""
    rng = np.random.default_rng(0)
    truth = {"relu1": rng.normal(size=(IMAGES * 4, 3)), "logits": rng.normal(size=(IMAGES, 2))}
    for replicate, _, round_, folder in paths.networks(2, ["imp"], {"imp": 2}):
        for layer, matrix in truth.items():
            noise = rng.normal(size=matrix.shape)
            values = (matrix + (0.1 + replicate / 10 + round_) * noise).astype(np.float32)
            save_array(tmp_path / folder / f"{layer}.npy", values)
            save_array(tmp_path / folder / f"{layer}.pooled.npy", values.reshape(IMAGES, -1, values.shape[1]).mean(1))
        describe(tmp_path / folder)
    return tmp_path


def describe(folder, images=IMAGES):
    """Write ``activations.json`` for the files that are there."""
    layers = {
        layer: {
            "images": images,
            "sha256": {file: sha256_file(folder / file) for file in (f"{layer}.npy", f"{layer}.pooled.npy")},
        }
        for layer in ("relu1", "logits")
    }
    write_json(folder / "activations.json", {"layers": layers})


def sides(row):
    return [tuple(row[f"{key}_{side}"] for key in ("replicate", "method", "round", "layer")) for side in "ab"]


def test_rounds_are_compared_with_all_earlier_ones(activations):
    rows = compare_rounds(activations, 1, "imp", 2, "relu1", COMPARISON)
    assert all(set(row) == set(SIMILARITY) for row in rows)
    assert [row["measure"] for row in rows] == ["cca_mean", "cka_linear"] * 2
    new = (1, "imp", 2, "relu1")
    assert [sides(row) for row in rows[::2]] == [[(1, "dense", 0, "relu1"), new], [(1, "imp", 1, "relu1"), new]]
    assert {(row["family"], row["n_images"], row["n_samples"], row["rank_a"]) for row in rows} == {
        ("rounds", IMAGES, IMAGES * 4, 3)
    }
    assert all(row["ci_low"] < row["value"] < row["ci_high"] for row in rows)


def test_layers_meet_in_their_spatial_means(activations):
    rows = compare_layers(activations, 0, "imp", 2, ["relu1", "logits"], {**COMPARISON, "measures": ["cka_linear"]})
    pairs = [("relu1", "relu1"), ("relu1", "logits"), ("logits", "relu1"), ("logits", "logits")]
    assert [sides(row) for row in rows] == [[(0, "dense", 0, a), (0, "imp", 2, b)] for a, b in pairs]
    assert {(row["family"], row["n_images"], row["n_samples"]) for row in rows} == {("layers", IMAGES, IMAGES)}
    assert [(row["rank_a"], row["rank_b"]) for row in rows] == [(3, 3), (3, 2), (2, 3), (2, 2)]


def test_replicates_are_compared_with_those_before(activations):
    for method, round_ in (("dense", 0), ("imp", 2)):
        rows = compare_replicates(activations, 1, method, round_, "logits", COMPARISON)
        assert [sides(row) for row in rows] == [[(r, method, round_, "logits") for r in (0, 1)]] * 2
        assert {row["family"] for row in rows} == {"replicates"}


def test_a_network_is_like_itself(activations):
    for file in (activations / "rep0" / "dense").iterdir():
        (activations / "rep0/imp/round01" / file.name).write_bytes(file.read_bytes())
    rows = compare_rounds(activations, 0, "imp", 1, "relu1", COMPARISON)
    assert [row["value"] for row in rows] == pytest.approx([1, 1], abs=1e-9)


@pytest.mark.parametrize("rows", [IMAGES * 4 - 1, IMAGES * 2, IMAGES * 8])
def test_other_numbers_of_samples_are_refused(activations, rows):
    save_array(activations / "rep0/imp/round01/relu1.npy", np.zeros((rows, 3), np.float32))
    describe(activations / "rep0/imp/round01")
    with pytest.raises(PrunesimError, match=f"rep0/imp/round01: layer 'relu1' has {rows} samples of {IMAGES} images"):
        compare_rounds(activations, 0, "imp", 2, "relu1", COMPARISON)


def test_other_numbers_of_images_are_refused(activations):
    describe(activations / "rep0/imp/round01", IMAGES // 2)
    with pytest.raises(PrunesimError, match=f"rep0/imp/round01: .* of {IMAGES // 2} images"):
        compare_rounds(activations, 0, "imp", 2, "relu1", COMPARISON)


def test_other_files_than_were_dumped_are_refused(activations):
    path = activations / "rep0/imp/round01/relu1.npy"
    values = load_array(path).copy()
    values[5, 1] += 1e-6
    save_array(path, values)
    with pytest.raises(PrunesimError, match=r"round01/relu1\.npy is damaged \(checksum\)"):
        compare_rounds(activations, 0, "imp", 2, "relu1", COMPARISON)
    with pytest.raises(PrunesimError, match=r"activations\.json has no layer 'relu7'"):
        compare_rounds(activations, 0, "imp", 2, "relu7", COMPARISON)


def test_the_command_writes_the_rows(activations, capsys):
    output = activations / "out.csv"
    call = ["similarity", "rounds", "--settings", json.dumps(COMPARISON), "--activations", str(activations)]
    call += ["--replicate", "0", "--method", "imp", "--round", "2", "--layer", "logits", "--output", str(output)]
    assert main(call) == 0
    expected = compare_rounds(activations, 0, "imp", 2, "logits", COMPARISON)
    rows = read_rows(output, SIMILARITY)
    assert rows == [{key: "" if row[key] is None else str(row[key]) for key in SIMILARITY} for row in expected]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(rows)
    assert lines[0].endswith(f": cca_mean {expected[0]['value']:.4f}")


# provenance


def test_jobs():
    plain = {"criterion": "magnitude", "unit": "weight", "sparsity": None, "control": None}
    plan = PLAN | {"methods": {"imp": plain | {"rewind": {"epoch": 2}}, "other": plain | {"rewind": "init"}}}
    keys = ("families", "replicates", "methods", "rounds", "layers")
    found = paths.jobs(**{key: plan[key] for key in keys})
    assert found[:4] == [
        "networks/rep0/dense",
        "networks/rep1/dense",
        *(f"networks/rep{r}/rewind_epoch2" for r in (0, 1)),
    ]
    assert [job for job in found if job.startswith("networks/rep1/other/")] == [
        f"networks/rep1/other/{job}0{k}" for k in (1, 2) for job in ("prune", "round")
    ]
    dumped = [job.removeprefix("activations/") for job in found if job.startswith("activations/")]
    assert dumped == [folder for *_, folder in paths.networks(2, plan["methods"], plan["rounds"])]
    files = paths.comparisons(*(plan[key] for key in keys))
    assert [f"{job}.csv" for job in found if job.startswith("comparisons/")] == [f"comparisons/{x}" for x in files]


@pytest.mark.parametrize(
    ("families", "replicates", "rounds", "expected"),
    [
        (["layers"], 1, 3, [0, 3]),
        (["replicates"], 1, 3, []),
        (["replicates"], 2, 3, [0, 0, 3, 3]),
        (["rounds"], 1, 2, [0, 1, 2]),
        (["rounds", "layers"], 1, 0, []),
        (["functional"], 1, 0, [0]),
        (["layers", "functional"], 2, 1, [0, 0, 1, 1]),
    ],
)
def test_only_networks_that_are_compared_are_dumped(families, replicates, rounds, expected):
    found = paths.dumped_networks(families, replicates, ["imp"], {"imp": rounds})
    assert [round_ for _, _, round_, _ in found] == expected


def test_record(tmp_path):
    write_text(tmp_path / "s/tables/a.csv", "1")
    write_text(tmp_path / "s/figures/a.svg", "2")
    record(tmp_path / "s", "tables/a", "tables/a.csv", "figures/a.svg")
    found = read_made(tmp_path / "s", "provenance/tables/a.json")
    assert found["outputs"] == {name: sha256_file(tmp_path / "s" / name) for name in ("tables/a.csv", "figures/a.svg")}
    assert (found["verb"], found["seed"], found["replicate"], found["device"]) == ("verb", 7, 0, "cpu")
    assert found["started"] == "1970-01-01T00:00:00+00:00"
    assert found["seconds"] > 0
    assert found["packages"]["numpy"] == np.__version__
    write_text(tmp_path / "s/tables/a.csv", "3")
    with pytest.raises(PrunesimError, match=r"s/tables/a\.csv is damaged"):
        read_made(tmp_path / "s", "provenance/tables/a.json")


def test_provenance_is_plain_and_names_versions():
    found = provenance()
    assert json.loads(json.dumps(found)) == found
    assert found["packages"]["numpy"] == np.__version__
    assert {"python", "platform", "processor", "cores", "commit", "dirty"} <= set(found)
    assert versions(["numpy", "no-such-package"]) == {"numpy": np.__version__}


def test_the_layers_of_the_tests_are_those_of_the_network():
    from prunesim.networks.spec import activation_layers

    assert [name for name, _ in activation_layers({"name": "cnn", "width": 1, "layers": None})] == CNN_LAYERS
