"""Filters through a study: trained under a mask, and written without them by `prunesim shrink`."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from core.core_study import settings, write_dataset
from safetensors.torch import load_file

import prunesim
from prunesim.cli import main
from prunesim.networks.coupling import coupling_of
from prunesim.pruning.criteria import prune
from prunesim.pruning.filters import prune_filters, remaining_filters
from prunesim.pruning.shrinking import remaining_parameters
from prunesim.storage.arrays import load_tensors, save_tensors
from prunesim.storage.files import read_json, write_json
from prunesim.training.run import train_dense, train_round

pytestmark = pytest.mark.slow

NETWORK = {"name": "resnet20", "width": 0, "arguments": {}, "layers": None, "width_factor": 0.25}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Return a study of one replicate: filters pruned and retrained in two rounds, and single weights in one."""
    results = tmp_path_factory.mktemp("structured") / "results"
    dataset = write_dataset(results / "datasets" / "stripes")
    about = read_json(dataset / "dataset.json")
    write_json(dataset / "dataset.json", about | {"counts": {"train": 70, "test": 33}})
    told = settings(network=NETWORK, method={"rewind": "lr"}, epochs=2)
    folder = results / "made" / "networks" / "rep0"
    train_dense(told, dataset, 0, folder / "dense", folder / "checkpoint", log=lambda line: None)
    weights, about = load_tensors(folder / "dense" / "weights.safetensors")
    coupling = coupling_of(about["network"], tuple(about["shape"]), about["classes"])
    mask, start = {}, folder / "dense" / "weights.safetensors"
    for round_ in (1, 2):
        mask, _ = prune_filters(
            *(load_tensors(start)[0], mask, coupling),
            **{"names": about["kinds"], "fraction": 0.4, "scope": "global", "criterion": "l1", "seed": round_},
        )
        retrain(told, dataset, "filters", round_, start, mask, folder)
        start = folder / "filters" / f"round{round_:02d}" / "weights.safetensors"
    ones = {name: np.ones(weights[name].shape, np.uint8) for name in about["kinds"]}
    single = prune(weights, ones, fraction=0.2, scope="global", criterion="magnitude", seed=0)
    retrain(told, dataset, "imp", 1, folder / "dense" / "weights.safetensors", single, folder)
    return prunesim.open_study(results / "made")


def retrain(told, dataset, method, round_, start, mask, folder):
    output = folder / method / f"round{round_:02d}"
    save_tensors(output / "mask.safetensors", mask, {"settings": {"unit": "weight" if method == "imp" else "filter"}})
    train_round(
        *(told, dataset, 0, method, round_, start, output / "mask.safetensors", output, folder / "checkpoint"),
        log=lambda line: None,
    )


def shrink(study, output, method="filters", round_=2):
    return main(["shrink", str(study.folder), "--method", method, "--round", str(round_), "--output", str(output)])


def coupling_in(study):
    about = load_tensors(study.folder / "networks/rep0/dense/weights.safetensors")[1]
    return [x for x in coupling_of(about["network"], tuple(about["shape"]), about["classes"]) if x["why"] is None]


def test_training_keeps_pruned_filters_at_zero(study):
    for round_ in (1, 2):
        weights, mask = (what(method="filters", round=round_) for what in (study.weights, study.mask))
        assert any(name.endswith("bn1.bias") for name in mask)
        assert all((weights[name][kept == 0] == 0).all() for name, kept in mask.items())
        moved = [
            name for name, kept in mask.items() if (weights[name][kept == 1] != study.weights()[name][kept == 1]).any()
        ]
        assert len(moved) == len(mask)
    kept = remaining_filters(study.mask(method="filters", round=2), coupling_in(study))
    total = sum(map(len, kept))
    assert sum(int(x.sum()) for x in kept) == total - round(0.4 * total) - round(0.4 * (total - round(0.4 * total)))


def test_the_shrunk_network_answers_as_the_one_of_the_study(study, tmp_path, capsys):
    output = tmp_path / "small.safetensors"
    assert shrink(study, output) == 0
    said = capsys.readouterr().out
    small = load_file(output)
    kept = remaining_filters(study.mask(method="filters", round=2), coupling_in(study))
    assert f"filters: {sum(int(x.sum()) for x in kept)} of {sum(map(len, kept))} (conv1 " in said
    assert "answers to 33 test images: the same to " in said
    assert small["conv1.weight"].shape == (int(kept[0].sum()), 1, 3, 3)
    metrics, whole = study.metrics(method="filters", round=2), study.metrics()["parameters"]
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    count = sum(tensor.numel() for name, tensor in small.items() if not name.endswith(statistics))
    assert count == metrics["parameters"] == remaining_parameters(whole, study.mask(method="filters", round=2))
    assert f"parameters: {count:,} of {whole:,}" in said
    # The multiply-adds of metrics.json leave out pruned weights, and these are the real ones.
    assert f"multiply-adds an image: {metrics['macs']:,} of {study.metrics()['macs']:,}" in said


WITHOUT_PRUNESIM = """
import sys
sys.modules["prunesim"] = None
import numpy, torch
images, answers = (torch.from_numpy(numpy.load(path)) for path in sys.argv[2:])
print((torch.export.load(sys.argv[1]).module()(images) - answers).abs().max().item())
"""


def test_the_shrunk_program_runs_without_prunesim(study, tmp_path):
    assert shrink(study, tmp_path / "small.pt2") == 0
    images, _ = study.images("test")
    with torch.no_grad():
        np.save(tmp_path / "answers.npy", study.network(method="filters", round=2)(images).numpy())
    np.save(tmp_path / "images.npy", images.numpy())
    arguments = [tmp_path / name for name in ("small.pt2", "images.npy", "answers.npy")]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PRUNESIM, *arguments], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 1e-5


def test_the_card_says_that_it_is_smaller(study, tmp_path):
    shrink(study, tmp_path / "small.safetensors")
    card = (tmp_path / "small.safetensors.md").read_text()
    assert "- **Smaller**: " in card
    assert "round 2 of `filters`" in card


@pytest.mark.parametrize(
    ("method", "round_", "name", "message"),
    [
        ("imp", 1, "small.pt2", "imp round 1 has no filter to take away"),
        ("dense", 0, "small.pt2", "dense round 0 has no filter to take away"),
        ("filters", 3, "small.pt2", "no network of replicate 0, method 'filters', round 3"),
        ("filters", 2, "small.onnx", "it must end in .safetensors"),
    ],
)
def test_what_cannot_be_shrunk_is_refused(study, tmp_path, capsys, method, round_, name, message):
    assert shrink(study, tmp_path / name, method, round_) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_network_whose_answers_change_is_refused(study, tmp_path, capsys, monkeypatch):
    from prunesim.results import shrinking

    monkeypatch.setattr(shrinking, "TOLERANCE", -1.0)
    assert shrink(study, tmp_path / "small.pt2") == 2
    assert "without its pruned filters it gives other answers" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
