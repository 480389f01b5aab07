"""The layers of a study's network: found by running it once, known to workflow and plan from then on."""

import importlib.util
import json
import subprocess

import pytest
from pipeline.pipeline_runs import REPOSITORY, copy_all, copy_source, due, run, snakemake

from prunesim.cli import main
from prunesim.errors import PrunesimError
from prunesim.resolution import discovery
from prunesim.resolution.overlays import read_config
from prunesim.storage.files import read_json

pytestmark = pytest.mark.slow

NET = """
from torch import nn
from parts import act


def f(shape, classes, width=4):
    network = nn.Sequential(nn.Conv2d(shape[0], width, 3), act(), nn.Flatten(), nn.Linear(width * 36, width), nn.Tanh())
    network.add_module("my answer", nn.Linear(width, classes))
    return network
"""
PARTS = "from torch.nn import SELU as act\n"
OVERLAY = "{study: own, replicates: 1, rounds: 1, network: {name: 'nets/net.py:f'}}"


def project(folder, net=NET, overlay=OVERLAY):
    copy_source(REPOSITORY, folder)
    (folder / "nets").mkdir()
    (folder / "nets" / "net.py").write_text(net)
    (folder / "nets" / "parts.py").write_text(PARTS)
    (folder / "own.yaml").write_text(overlay)
    return folder


@pytest.fixture(scope="module")
def found(made_once):
    """Return a clone in which the layers of the network were found. No test may change it."""
    return made_once("layers found", lambda folder: read(project(folder)))


@pytest.fixture
def clone(found, tmp_path):
    """Return a copy of it."""
    return copy_all(found, tmp_path / "clone")


def read(clone, *assignments, **options):
    return read_config(clone, [clone / "own.yaml"], assignments, **options)


def made(clone):
    return sorted(path.name for path in (clone / "results" / ".layers").iterdir())


def forbidden(*arguments, **options):
    raise AssertionError("the network is run again")


def test_layers_and_the_output_layer_are_found_once(tmp_path, monkeypatch):
    clone = project(tmp_path)
    config = read(clone)
    assert config["network"]["layers"] == [
        {"name": "1", "output": "1", "kind": "relu", "shape": [4, 6, 6]},
        {"name": "3", "output": "3", "kind": "linear", "shape": [4]},
        {"name": "4", "output": "4", "kind": "relu", "shape": [4]},
        {"name": "my_answer", "output": "my_answer", "kind": "linear", "shape": [10]},
    ]
    assert config["methods"]["imp"]["exclude"] == ["my answer"]
    (name,) = made(clone)
    assert name.startswith("net-f-")
    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "run", forbidden)
        assert read(clone) == config
        assert read(clone, "rounds=5")["network"] == config["network"]
    assert not (clone / "nets" / "__pycache__" / "net.json").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda clone: (clone / "nets" / "net.py").write_text(NET.replace("width=4", "width=5")),
        lambda clone: (clone / "nets" / "parts.py").write_text("from torch.nn import GELU as act\n"),
        lambda clone: (clone / "own.yaml").write_text(OVERLAY.replace("'}", "', arguments: {width: 6}}")),
        lambda clone: (clone / "own.yaml").write_text(OVERLAY.replace("{study", "{dataset: {channels: 3}, study")),
        lambda clone: next((clone / "results" / ".layers").iterdir()).write_text("{damaged"),
    ],
)
def test_they_are_found_again_when_something_has_changed(clone, change, monkeypatch):
    runs = []
    real = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *values, **options: runs.append(1) or real(*values, **options))
    read(clone)
    assert len(runs) == 0
    change(clone)
    read(clone)
    read(clone)
    assert len(runs) == 1


def test_a_list_selects_and_renames(clone):
    overlay = OVERLAY.replace("'}", "', layers: [{name: answer, output: my_answer}, {name: first, output: '0'}]}")
    (clone / "own.yaml").write_text(overlay)
    assert read(clone)["network"]["layers"] == [
        {"name": "first", "output": "0", "kind": "conv", "shape": [4, 6, 6]},
        {"name": "answer", "output": "my_answer", "kind": "linear", "shape": [10]},
    ]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("[conv]", ["0"]),
        ("[linear, '?']", ["0", "1", "2", "3", "4", "my_answer"]),
        ("all", ["0", "1", "2", "3", "4", "my_answer"]),
        ("['my*']", ["my_answer"]),
    ],
)
def test_activations_layers_decides_what_is_dumped(found, words, names):
    config = read(found, f"activations={{layers: {words}}}", "comparison={layers: all}")
    assert [layer["name"] for layer in config["network"]["layers"]] == names


@pytest.mark.parametrize(
    ("assignment", "sentence"),
    [
        ("activations={layers: [conv9]}", r"^activations.layers: 'conv9' matches no layer of network nets/net.py:f"),
        ("activations={layers: [pool]}", r"^activations.layers is \['pool'\]; network nets/net.py:f has none of these"),
        ("comparison={layers: [block]}", r"^comparison.layers: no block of network .* is dumped, only relu or linear"),
        ("comparison={layers: 'x*'}", r"^comparison.layers: 'x\*' is not a layer of network"),
        ("methods={imp: {exclude: [fc]}}", r"^methods.imp.exclude: 'fc' matches no layer with weights"),
        ("network={layouts: {tokens: channels_last}}", r"^network.layouts: 'tokens' matches no layer of network"),
        (
            "network={layers: [{name: a, output: b}]}",
            r"^network.layers: 'b' is not a layer of network .*; it has 1, 3, 4",
        ),
        ("network={arguments: {depth: 1}}", r"^network.name: .* unexpected keyword argument 'depth'"),
    ],
)
def test_what_the_network_does_not_have_is_refused(found, assignment, sentence):
    with pytest.raises(PrunesimError, match=sentence):
        read(found, assignment)


DROPOUT = NET.replace("act(), nn.Flatten()", "act(), Drop(), nn.Flatten()") + (
    "\n\nclass Drop(nn.Module):\n    def forward(self, x):\n        return nn.functional.dropout(x)\n"
)
WEIGHT_NORM = NET.replace("return network", "nn.utils.parametrizations.weight_norm(network[3])\n    return network")
BROKEN = NET.replace("return network", "return network.lost")


@pytest.mark.parametrize(
    ("net", "sentence"),
    [
        (DROPOUT, "draws random numbers when it is evaluated (dropout in its module '2')"),
        (
            WEIGHT_NORM,
            "layer '3' of network nets/net.py:f cannot be pruned: its weight is computed by a parametrization",
        ),
        (BROKEN, "AttributeError: 'Sequential' object has no attribute 'lost' ("),
    ],
)
def test_the_workflow_and_plan_refuse_alike_before_anything_runs(tmp_path, net, sentence, capsys):
    clone = project(tmp_path, net)
    assert main(["plan", "--directory", str(clone), "--configfile", str(clone / "own.yaml")]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    status, printed = snakemake(clone, "--dry-run", base="own.yaml")
    assert status == 1
    assert sentence in printed
    assert "Traceback" not in said + printed
    assert "Job stats" not in printed


def test_without_pytorch_the_layers_come_from_what_was_found_or_from_conda(clone, monkeypatch):
    config = read(clone)
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else real(name))
    monkeypatch.setattr(subprocess, "run", forbidden)
    assert read(clone) == config
    (clone / "nets" / "parts.py").write_text("from torch.nn import GELU as act\n")
    with pytest.raises(PrunesimError, match=r"^network.layers: PyTorch, .* is not installed .* --use-conda\.$"):
        read(clone)

    def conda(command, **options):
        told = json.loads(command[command.index("--configfile") + 1].read_text())["call"]
        assert told["words"][-2:] == ["--", "nets/net.py:f"]
        assert {"--use-conda", "--conda-prefix"} <= set(command)
        output = told["words"][told["words"].index("--output") + 1]
        (source,) = (clone / "results" / ".layers").iterdir()
        (clone / "results" / ".layers" / output).write_bytes(source.read_bytes())
        return subprocess.CompletedProcess(command, 0, stdout="")

    monkeypatch.setattr(subprocess, "run", conda)
    from prunesim.study.config import check_config, load_yaml

    checked = check_config(
        json.loads(json.dumps(load_yaml(clone / "config.yaml"))) | {"network": {"name": "nets/net.py:f"}},
        load_yaml(clone / "workflow" / "schemas" / "config.schema.yaml"),
    )
    found = discovery.find_layers(checked, clone, conda=clone / "envs-made", folder=clone)
    assert found["output_layer"] == "my answer"


def test_the_command_writes_what_the_workflow_reads(clone, monkeypatch):
    monkeypatch.chdir(clone)
    words = ["layers", "nets/net.py:f", "--shape", "1", "8", "8", "--output", "found.json"]
    assert main(words) == 0
    assert read_json("found.json")["output_layer"] == "my answer"


def test_the_command_prints_a_table(clone, monkeypatch, capsys):
    monkeypatch.chdir(clone)
    assert main(["layers", "nets/net.py:f", "--shape", "1", "8", "8"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split("  ")[0] == "name"
    for word in ("kind", "shape", "neurons", "samples an image", "weights", "multiply-adds", "prunable"):
        assert word in head
    first = rows[0].split()
    assert first == [
        "0",
        "conv",
        "4",
        "x",
        "6",
        "x",
        "6",
        "N",
        "x",
        "C",
        "x",
        "H",
        "x",
        "W",
        "4",
        "36",
        "36",
        "1,296",
        "yes",
    ]


# --- A whole study ---------------------------------------------------------------------------------------------------

VIT = """
from torchvision.models import VisionTransformer
from torch import nn
import parts


def f(shape, classes):
    vit = VisionTransformer(8, 4, 1, 2, 8, 12, num_classes=classes)
    network = nn.Sequential(nn.Conv2d(shape[0], 3, 1), vit)
    return network
"""
TINY_VIT = """
study: vit
replicates: 1
rounds: 1
network: {name: "nets/net.py:f"}
dataset: {name: digits, subset: {train: 60, test: 40}}
training: {epochs: 1, batch_size: 20}
activations: {layers: [relu, linear, block], images: 30}
comparison:
  {layers: [relu, "*self_attention"], measures: [cka_linear], families: [rounds, layers], blocks: 5, null_draws: 2}
figures: {measure: cka_linear, dpi: 50}
"""


@pytest.fixture(scope="module")
def vit(made_once):
    """Return a clone in which a vision transformer of torchvision has been studied."""

    def make(folder):
        run(project(folder, VIT, TINY_VIT), base="own.yaml")

    return made_once("vit", make)


def test_a_vision_transformer_is_studied_by_its_name_alone(vit):
    # The last of the dumped layers is the whole transformer, whose answer is that of the network.
    layers = [*(f"1.encoder.layers.encoder_layer_0.{name}" for name in ("self_attention", "mlp.1")), "1"]
    rows = (vit / "results/vit/tables/similarity.csv").read_text().splitlines()
    column = rows[0].split(",").index("layer_a")
    rounds = [row.split(",")[column] for row in rows if row.startswith("rounds")]
    assert rounds == layers
    index = read_json(vit / "results/vit/activations/rep0/dense/activations.json")["layers"]
    assert index[layers[1]]["layout"] == "N x T x C"
    assert index[layers[1]]["shape"] == [12, 5]
    metrics = read_json(vit / "results/vit/networks/rep0/imp/round01/metrics.json")
    pruned = {layer["layer"]: layer["pruned"] for layer in metrics["layers"]}
    assert pruned.pop("1.heads.head") is False
    assert all(pruned.values())
    assert "1.encoder.layers.encoder_layer_0.self_attention.in_proj" in pruned
    assert main(["verify", str(vit / "results/vit")]) == 0


def test_an_edit_of_a_file_beside_it_trains_again_and_more_layers_dump_again(vit):
    assert due(vit, base="own.yaml") == {}
    more = due(vit, base="own.yaml", config=["activations: {layers: all}\ncomparison: {layers: [add]}"])
    assert more["dump"] == 2
    assert not {"train_dense", "prune", "retrain"} & set(more)
    parts = vit / "nets" / "parts.py"
    before = parts.read_text()
    try:
        parts.write_text("from torch.nn import GELU as act\n")
        jobs = due(vit, base="own.yaml")
    finally:
        parts.write_text(before)
    assert jobs["train_dense"] == 1
    assert due(vit, base="own.yaml") == {}
