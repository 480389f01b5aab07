"""A killed training goes on from its last finished epoch and ends with the bytes of an uninterrupted one."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from core_study import NETWORK, PRUNING, everything_below, same_bytes, settings, training, write_dataset

import prunesim
from prunesim.cli import main
from prunesim.networks.build import build_network
from prunesim.networks.state import network_arrays
from prunesim.storage.arrays import load_metadata, load_tensors, save_tensors
from prunesim.storage.files import read_json
from prunesim.training import loop
from prunesim.training.checkpoint import load_checkpoint, save_checkpoint
from prunesim.training.optimizer import initial_state
from prunesim.training.run import train_dense, train_round

pytestmark = pytest.mark.slow

EPOCHS = 60
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(prunesim.__file__).parents[1]), "OMP_NUM_THREADS": "1"}


def told(**changes):
    return settings(**{"epochs": EPOCHS, "augmentation": "crop_flip", "learning_rate": 0.01, **changes})


@pytest.fixture(scope="module")
def start(tmp_path_factory, dataset):
    """Weights and mask that a round starts from."""
    folder = tmp_path_factory.mktemp("start")
    train_dense(settings(epochs=1), dataset, 0, folder, folder / "checkpoint", log=lambda line: None)
    call = ["prune", "--settings", json.dumps({"seed": 7, **PRUNING}), "--weights", folder / "weights.safetensors"]
    call += ["--replicate", 0, "--round", 1, "--output", folder / "mask.safetensors"]
    assert main([str(part) for part in call]) == 0
    return folder


def arguments(folder, dataset, start, kind, values):
    call = ["train", "--settings", json.dumps(values), "--dataset", dataset, "--replicate", 0]
    call += ["--checkpoint", folder / "checkpoints" / "rep0.safetensors", "--output", folder / "network"]
    if kind == "round":
        call += ["--method", "imp", "--round", 1, "--start", start / "weights.safetensors"]
        call += ["--mask", start / "mask.safetensors"]
    return [str(part) for part in call]


def kill_in_the_middle(call, checkpoint):
    """Start a training, kill it with SIGKILL once it has written a checkpoint, and return the epochs it had done.

    Its log goes to a small pipe that nobody reads, so it cannot come to its end before it is killed.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "prunesim", *call], env=ENVIRONMENT, stdout=subprocess.PIPE, pipesize=4096
    )
    try:
        limit = time.monotonic() + 300
        while not checkpoint.exists():
            assert process.poll() is None, "the training ended before it was killed"
            assert time.monotonic() < limit
            time.sleep(0.002)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    return load_metadata(checkpoint)["epoch"]


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("kind", ["dense", "round"])
def test_a_killed_training_ends_with_the_same_bytes(dataset, start, tmp_path, capsys, kind, optimizer):
    values = told(optimizer=optimizer)
    whole, killed = (arguments(tmp_path / name, dataset, start, kind, values) for name in ("whole", "killed"))
    checkpoint = tmp_path / "killed" / "checkpoints" / "rep0.safetensors"
    epochs = kill_in_the_middle(killed, checkpoint)
    assert 1 <= epochs < EPOCHS
    assert not (tmp_path / "killed" / "network" / "weights.safetensors").exists()

    if (kind, optimizer) == ("round", "sgd"):
        again = subprocess.run(
            [sys.executable, "-m", "prunesim", *killed], env=ENVIRONMENT, capture_output=True, text=True, check=True
        )
        log = again.stdout
    else:
        capsys.readouterr()
        assert main(killed) == 0
        log = capsys.readouterr().out
    assert f"going on from {checkpoint} after epoch {epochs}\nepoch {epochs + 1}/{EPOCHS}  " in log
    assert "epoch 1/" not in log
    assert not checkpoint.exists()

    assert main(whole) == 0
    assert "going on" not in capsys.readouterr().out
    names = everything_below(tmp_path / "whole" / "network")
    assert everything_below(tmp_path / "killed" / "network") == names
    for name in set(names) - {"metrics.json"}:
        assert (tmp_path / "killed/network" / name).read_bytes() == (tmp_path / "whole/network" / name).read_bytes()
    first, second = (read_json(tmp_path / name / "network" / "metrics.json") for name in ("killed", "whole"))
    assert {**first, "seconds": 0} == {**second, "seconds": 0}


class Killed(Exception):
    pass


def interrupted(call, epochs):
    """Run a training in this process up to the checkpoint of an epoch; return the number of saved checkpoints."""
    save = loop.save_checkpoint

    def save_and_stop(path, network, state, *, epoch, **others):
        save(path, network, state, epoch=epoch, **others)
        if epoch == epochs:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "save_checkpoint", save_and_stop)
        with pytest.raises(Killed):
            call()


def lines_of(call):
    lines = []
    call(lines.append)
    return lines


@pytest.fixture
def small(dataset, start, tmp_path):
    """Return a function that trains a small network in this process."""

    def call(log=lambda line: None, *, name="network", data=dataset, replicate=0, kind="dense", **changes):
        values = settings(**{"epochs": 4, **changes})
        files = (tmp_path / name, tmp_path / "checkpoint")
        if kind == "dense":
            train_dense(values, data, replicate, *files, log=log)
        else:
            inputs = (start / "weights.safetensors", start / "mask.safetensors")
            train_round(values, data, replicate, "imp", 1, *inputs, *files, log=log)

    return call


@pytest.mark.parametrize("epochs", [1, 2, 3])
@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("dense", {"momentum": 0.0}),
        ("dense", {"precision": "bfloat16", "schedule": "cosine"}),
        ("round", {"channels_last": True, "clip_norm": 0.1}),
        ("round", {"optimizer": "adam", "learning_rate": 0.01}),
    ],
)
def test_after_every_epoch(small, tmp_path, epochs, kind, changes):
    small(name="whole", kind=kind, **changes)
    interrupted(lambda: small(kind=kind, **changes), epochs)
    assert (tmp_path / "checkpoint").exists()
    assert f"going on from {tmp_path / 'checkpoint'} after epoch {epochs}" in lines_of(
        lambda log: small(log, kind=kind, **changes)
    )
    for file in ("weights.safetensors", "history.csv"):
        assert (tmp_path / "network" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    assert not (tmp_path / "checkpoint").exists()


def test_a_rewound_round_is_resumed(dataset, start, tmp_path):
    """It begins in the middle of an epoch; the epochs that it goes on from are those of the schedule."""
    values = settings(epochs=4, method={"rewind": {"step": 6}})

    def call(name, log=lambda line: None):
        files = (start / "weights.safetensors", start / "mask.safetensors", tmp_path / name, tmp_path / "checkpoint")
        train_round(values, dataset, 0, "imp", 1, *files, log=log)

    call("whole")
    interrupted(lambda: call("killed"), 3)
    assert any("after epoch 3" in line for line in lines_of(lambda log: call("killed", log)))
    for file in ("weights.safetensors", "history.csv"):
        assert (tmp_path / "killed" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    epochs = [read_json(tmp_path / name / "metrics.json")["epochs"] for name in ("killed", "whole")]
    assert epochs == [2.5, 2.5]


OWN = """
from torch import nn


def network(shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(64, 5), nn.{activation}(), nn.Linear(5, classes))
"""


def own(tmp_path, activation):
    (tmp_path / "own.py").write_text(OWN.format(activation=activation))
    return {"network": {**NETWORK, "name": f"{tmp_path / 'own.py'}:network"}}


def test_dropout_is_resumed(small, tmp_path):
    small(name="whole", **own(tmp_path, "ReLU"))
    interrupted(lambda: small(**own(tmp_path, "ReLU")), 2)
    small(**own(tmp_path, "ReLU"))
    file = "weights.safetensors"
    assert (tmp_path / "network" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


# checkpoints that are of no use


def starts_anew(call):
    lines = lines_of(call)
    return not any("going on" in line for line in lines) and any(line.startswith("epoch 1/") for line in lines)


@pytest.mark.parametrize(
    "changes",
    [
        {"learning_rate": 0.2},
        {"epochs": 5},
        {"replicate": 1},
        {"weight_decay": 0.0},
        {"optimizer": "adam"},
        {"threads": 2},
    ],
)
def test_checkpoints_of_other_settings_are_passed_over(small, changes):
    interrupted(small, 2)
    assert starts_anew(lambda log: small(log, **changes))


def test_checkpoints_of_other_images_are_passed_over(small, tmp_path):
    interrupted(small, 2)
    other = write_dataset(tmp_path / "other", seed=1)
    assert starts_anew(lambda log: small(log, data=other))


def test_checkpoints_of_other_inputs_are_passed_over(dataset, start, tmp_path):
    weights, metadata = load_tensors(start / "weights.safetensors")
    other = tmp_path / "other.safetensors"
    save_tensors(other, weights | {"logits.bias": weights["logits.bias"] + 1}, metadata)

    def call(file, log=lambda line: None):
        files = (file, start / "mask.safetensors", tmp_path / "network", tmp_path / "checkpoint")
        train_round(settings(epochs=4), dataset, 0, "imp", 1, *files, log=log)

    interrupted(lambda: call(start / "weights.safetensors"), 2)
    assert starts_anew(lambda log: call(other, log))


def test_checkpoints_of_another_network_file_are_passed_over(small, tmp_path):
    interrupted(lambda: small(**own(tmp_path, "ReLU")), 2)
    assert starts_anew(lambda log: small(log, **own(tmp_path, "GELU")))


def test_checkpoints_of_other_code_are_passed_over(small, monkeypatch):
    interrupted(small, 2)
    original = prunesim.training.run.code_identity
    monkeypatch.setattr(prunesim.training.run, "code_identity", lambda *a: original(*a)[::-1])
    assert starts_anew(lambda log: small(log))


@pytest.mark.parametrize("keep", [0, 5, 500, -1])
def test_truncated_checkpoints_are_passed_over(small, tmp_path, keep):
    small(name="whole")
    interrupted(small, 2)
    checkpoint = tmp_path / "checkpoint"
    checkpoint.write_bytes(checkpoint.read_bytes()[:keep])
    assert starts_anew(lambda log: small(log))
    file = "weights.safetensors"
    assert (tmp_path / "network" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    assert not checkpoint.exists()


def test_the_checkpoint_goes_when_everything_is_written(small, tmp_path, monkeypatch):
    """A job that dies while it writes its results goes on from the last checkpoint."""
    monkeypatch.setattr(prunesim.training.run, "write_json", lambda *_: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        small()
    assert (tmp_path / "checkpoint").exists()
    monkeypatch.undo()
    assert any("after epoch 3" in line for line in lines_of(lambda log: small(log)))
    assert not (tmp_path / "checkpoint").exists()


def test_a_training_of_one_epoch_writes_no_checkpoint(small, tmp_path):
    small(epochs=1)
    assert everything_below(tmp_path)[0] == "network"


# the file itself


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_round_trip(tmp_path, optimizer):
    told = training(optimizer=optimizer)
    network, other = (build_network(NETWORK, (1, 8, 8), 3, seed) for seed in (0, 1))
    states = [initial_state(list(n.parameters()), told) for n in (network, other)]
    for values in states[0].values():
        for number, value in enumerate(values):
            value.fill_(number + 0.5)
    history = [{"epoch": 1, "train_loss": 0.1 + 0.2, "validation_loss": None}]
    path = tmp_path / "checkpoint"
    assert load_checkpoint(path, other, states[1], fingerprint="f") == (0, [])
    save_checkpoint(path, network, states[0], fingerprint="f", epoch=1, history=history)
    before = network_arrays(other)
    assert load_checkpoint(path, other, states[1], fingerprint="g") == (0, [])
    assert same_bytes(network_arrays(other), before)
    assert load_checkpoint(path, other, states[1], fingerprint="f") == (1, history)
    assert same_bytes(network_arrays(other), network_arrays(network))
    for key, values in states[0].items():
        assert all(bool((a == b).all()) for a, b in zip(values, states[1][key], strict=True))
    assert path.read_bytes()[8:9] == b"{"  # safetensors: nothing that runs when it is opened
