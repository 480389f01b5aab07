"""A finished study in the user's own code, and its networks without prunesim."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from pipeline.pipeline_runs import STUDY
from safetensors.torch import load_file

import prunesim
from prunesim.cli import main
from prunesim.errors import PrunesimError
from prunesim.study import paths

pytestmark = pytest.mark.slow

NETWORKS = [(replicate, method, round_) for replicate, method, round_, _ in paths.networks(2, ["imp"], {"imp": 2})]


@pytest.fixture(scope="module")
def study(finished):
    return prunesim.open_study(finished / STUDY)


def test_it_says_what_it_holds(study):
    assert repr(study) == "<Study tiny: 2 replicates, 2 rounds of imp>"
    assert (study.replicates, study.methods, study.rounds) == ([0, 1], ["imp"], [0, 1, 2])


def test_tables_are_data_frames(study):
    assert len(study.networks) == len(NETWORKS)
    assert study.networks["test_accuracy"].between(0, 1).all()
    assert study.networks["round"].dtype == np.int64
    assert {"value", "ci_low", "null", "note", "layer_a"} <= set(study.similarity.columns)
    assert study.similarity["value"].dtype == np.float64
    assert study.layers["density"].max() == 1
    assert set(study.claims["verdict"]) <= {"supported", "contradicted", "inconclusive"}
    assert study.table("provenance")["artifact"].str.endswith("metrics.json").any()


@pytest.mark.parametrize(("replicate", "method", "round_"), NETWORKS)
def test_networks_have_the_accuracy_of_their_metrics(study, replicate, method, round_):
    which = {"replicate": replicate, "method": method, "round": round_}
    network = study.network(**which)
    assert isinstance(network, torch.nn.Module)
    assert not network.training
    images, labels = study.images("test")
    with torch.no_grad():
        accuracy = (network(images).argmax(1) == labels).double().mean().item()
    assert accuracy == study.metrics(**which)["test_accuracy"] == study.accuracy(network)


def test_masks_weights_and_activations(study):
    mask = study.mask(method="imp", round=2)
    weights = study.weights(method="imp", round=2)
    assert all((weights[name][kept == 0] == 0).all() for name, kept in mask.items())
    kept = sum(int(array.sum()) for array in mask.values())
    row = study.networks.query("replicate == 0 and method == 'imp' and round == 2")
    assert kept == row["remaining_weights"].item()
    sampled = study.activations("relu1", method="imp", round=2)
    pooled = study.activations("relu1", method="imp", round=2, pooled=True)
    assert sampled.shape[1] == pooled.shape[1]
    assert len(sampled) % len(pooled) == 0
    pixels, labels = study.pixels("train")
    assert (pixels.dtype, pixels.ndim, len(labels)) == (np.uint8, 4, 200)


def test_a_notebook_shows_the_central_figure_and_the_accuracies(study):
    shown = study._repr_html_()
    assert shown.index("<svg") < shown.index("test_accuracy")
    assert "<?xml" not in shown


def test_what_is_not_there_is_named(study, tmp_path):
    for call, message in (
        (lambda: study.network(replicate=7), "tiny has no network of replicate 7, method 'dense', round 0; it has"),
        (lambda: study.network(method="imp", round=9), r"rounds \[0, 1, 2\]"),
        (lambda: study.mask(method="dense", round=0), "dense network has no mask"),
        (lambda: study.activations("relu9"), "no layer 'relu9'"),
        (lambda: study.images("val"), "'val'; it must be train or test"),
        (lambda: study.table("nothing"), r"nothing\.csv does not exist"),
        (lambda: prunesim.open_study(tmp_path), "holds no study"),
    ):
        with pytest.raises(PrunesimError, match=message):
            call()
    with pytest.raises(AttributeError, match="opened"):
        prunesim.opened  # noqa: B018


def test_the_package_alone_imports_nothing():
    heavy = "{'torch', 'pandas', 'numpy'}"
    code = f"import sys, prunesim; print(len({heavy} & set(sys.modules)), prunesim.open_study.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "0 open_study\n"


# --- Export ---------------------------------------------------------------------------------------------------------

WITHOUT_PRUNESIM = """
import sys
sys.modules["prunesim"] = None
import numpy, torch
network = torch.export.load(sys.argv[1]).module()
images, labels = (torch.from_numpy(numpy.load(path)) for path in sys.argv[2:])
print((network(images).argmax(1) == labels).double().mean().item())
"""


def export(study, output, *options):
    return main(["export", str(study.folder), "--method", "imp", "--round", "2", "--output", str(output), *options])


def test_an_exported_program_runs_without_prunesim(study, tmp_path):
    assert export(study, tmp_path / "net.pt2", "--replicate", "1") == 0
    images, labels = study.images("test")
    np.save(tmp_path / "images.npy", images.numpy())
    np.save(tmp_path / "labels.npy", labels.numpy())
    arguments = [tmp_path / "net.pt2", tmp_path / "images.npy", tmp_path / "labels.npy"]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PRUNESIM, *arguments], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) == study.metrics(replicate=1, method="imp", round=2)["test_accuracy"]


def test_exported_weights_are_the_state_of_the_network(study, tmp_path):
    assert export(study, tmp_path / "net.safetensors") == 0
    network = study.network(method="imp", round=2)
    found = load_file(tmp_path / "net.safetensors")
    assert set(found) == set(network.state_dict())
    assert all(torch.equal(found[name], tensor) for name, tensor in network.state_dict().items())
    network.load_state_dict(found)


def test_the_card_says_what_the_network_is_and_how_it_is_used(study, tmp_path):
    export(study, tmp_path / "net.safetensors")
    card = (tmp_path / "net.safetensors.md").read_text()
    metrics = study.metrics(method="imp", round=2)
    description = json.loads(next(study.folder.parent.glob("datasets/*/dataset.json")).read_text())
    for part in (
        "round 2 of `imp`",
        f"{metrics['test_accuracy']:.4f} on 100 images",
        f"{metrics['nonzero_parameters']:,} are not zero",
        repr(description["mean"][0]),
        repr(description["std"][0]),
        'load_file("net.safetensors")',
        "N x 1 x 8 x 8",
        "seed of the study: ",
    ):
        assert part in card, part


def test_an_unknown_ending_or_network_is_refused_and_nothing_is_written(study, tmp_path, capsys):
    assert export(study, tmp_path / "net.onnx") == 2
    assert "must end in .safetensors" in capsys.readouterr().err
    assert export(study, tmp_path / "net.pt2", "--replicate", "5") == 2
    assert "no network of replicate 5" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
