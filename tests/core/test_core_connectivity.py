"""Errors on the line between two networks, statistics of batch normalisation taken anew, and barriers."""

import copy
import json

import numpy as np
import pandas as pd
import pytest
import torch
from core_study import NETWORK, TRAINING, same_bytes, settings, write_dataset

from prunesim.cli import main
from prunesim.errors import PrunesimError
from prunesim.networks.build import build_network
from prunesim.networks.state import load_arrays, network_arrays
from prunesim.results.connectivity import ENDS, barrier_over_line, barrier_over_mean, barriers
from prunesim.storage.arrays import load_tensors, save_tensors, tensors_in_turn
from prunesim.storage.columns import CONNECTIVITY
from prunesim.storage.csvfiles import read_rows
from prunesim.storage.files import read_json
from prunesim.study import paths
from prunesim.training.connecting import connect, mixed
from prunesim.training.data import validation_split
from prunesim.training.recalibration import batch_norms, recalibrate
from prunesim.training.run import train_dense

LINE = {"points": 7, "train_images": 30, "recalibration_images": 25}
SHAPE = (1, 8, 8)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("data"), train=200, test=60)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """Return the folder of a trained dense network."""
    folder = tmp_path_factory.mktemp("dense")
    train_dense(settings({"width": 6}, epochs=6), data, 0, folder, folder / "checkpoint", log=lambda line: None)
    return folder


def told(**changes):
    keys = ("device", "threads", "deterministic", "channels_last", "validation")
    network = {**NETWORK, "width": 6}
    return {
        "seed": 7,
        "network": network,
        "training": {key: TRAINING[key] for key in keys},
        "connectivity": LINE | changes,
    }


def line(data, first, second, **changes):
    return pd.DataFrame(connect(told(**changes), data, first, second, log=lambda text: None)[0])


def permuted(arrays):
    """Return the same network with the channels of every hidden layer in another order."""
    found = {name: array.copy() for name, array in arrays.items()}
    for number in (1, 2, 3, 4):
        order = np.roll(np.arange(len(arrays[f"conv{number}.weight"])), 2)
        for name in found:
            if name.startswith((f"conv{number}.", f"bn{number}.")) and found[name].ndim:
                found[name] = found[name][order]
        after = f"conv{number + 1}.weight" if number < 4 else "fc1.weight"
        weight = found[after]
        by_channel = weight.reshape(len(weight), len(order), -1)
        found[after] = by_channel[:, order].reshape(weight.shape)
    order = np.roll(np.arange(len(arrays["fc1.weight"])), 2)
    found["fc1.weight"], found["fc1.bias"] = found["fc1.weight"][order], found["fc1.bias"][order]
    found["logits.weight"] = found["logits.weight"][:, order]
    return found


def test_a_network_and_itself_have_no_barrier(data, trained):
    found = line(data, trained / "weights.safetensors", trained / "weights.safetensors")
    assert found["recalibrated"].tolist() == ["no"] * 7 + ["yes"] * 7
    assert found["alpha"].tolist() == np.linspace(0, 1, 7).tolist() * 2
    for _, one in found.groupby("recalibrated"):
        for split in ("train_error", "test_error"):
            assert barrier_over_mean(one["alpha"], one[split]) == barrier_over_line(one["alpha"], one[split]) == 0
    plain = found[found["recalibrated"] == "no"]
    assert set(plain["test_error"]) == {1 - read_json(trained / "metrics.json")["test_accuracy"]}


def test_a_network_and_its_permuted_copy_have_one(data, trained, tmp_path):
    arrays, about = load_tensors(trained / "weights.safetensors")
    save_tensors(tmp_path / "permuted.safetensors", permuted(arrays), about)
    found = line(data, trained / "weights.safetensors", tmp_path / "permuted.safetensors")
    plain = found[found["recalibrated"] == "no"]
    errors = plain["test_error"].to_numpy()
    # The same function at both ends, and another one between them.
    assert errors[0] == errors[-1] == 1 - read_json(trained / "metrics.json")["test_accuracy"]
    assert barrier_over_mean(plain["alpha"], errors) > 0.1
    assert barrier_over_line(plain["alpha"], errors) == pytest.approx(barrier_over_mean(plain["alpha"], errors))
    anew = found[found["recalibrated"] == "yes"]
    assert barrier_over_mean(anew["alpha"], anew["test_error"]) > 0.02


def test_points_of_a_line_are_mixtures(trained):
    first, _ = load_tensors(trained / "weights.safetensors")
    second, _ = load_tensors(trained / "initial.safetensors")
    turn = lambda: tensors_in_turn(trained / "initial.safetensors")  # noqa: E731
    count = "bn1.num_batches_tracked"
    for alpha, end in ((0.0, first), (1.0, second)):
        assert same_bytes(mixed(first, turn(), alpha), end | {n: first[n] for n in first if n.endswith("tracked")})
    middle = mixed(first, turn(), 0.25)
    np.testing.assert_allclose(
        middle["conv1.weight"], 0.75 * first["conv1.weight"] + 0.25 * second["conv1.weight"], rtol=1e-6, atol=1e-8
    )
    assert middle["conv1.weight"].dtype == np.float32
    assert middle[count] == first[count]


def test_statistics_are_those_of_a_pass_in_train_mode(trained):
    network = build_network({**NETWORK, "width": 6}, SHAPE, 3, seed=0)
    load_arrays(network, load_tensors(trained / "weights.safetensors")[0], "weights")
    before = network_arrays(network)
    images = torch.randint(0, 256, (23, *SHAPE), dtype=torch.uint8)
    by_hand = copy.deepcopy(network)
    for module in by_hand.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    by_hand.train()
    with torch.no_grad():
        for batch in images.tensor_split(3):
            by_hand(batch.float() / 255)
    network.eval()
    assert recalibrate(network, images, lambda batch: batch.float() / 255, contextless, 10) == 4
    after, expected = network_arrays(network), network_arrays(by_hand)
    assert same_bytes(after, expected)
    assert {name for name in before if not np.array_equal(before[name], after[name])} == {
        f"bn{number}.{what}"
        for number in (1, 2, 3, 4)
        for what in ("running_mean", "running_var", "num_batches_tracked")
    }
    assert not any(module.training for module in network.modules())
    assert {module.momentum for module in batch_norms(network)} == {0.1}
    # The mean of the first layer's input, by hand.
    with torch.no_grad():
        outputs = [network.conv1(batch.float() / 255) for batch in images.tensor_split(3)]
    means = torch.stack([output.mean(dim=(0, 2, 3)) for output in outputs]).mean(0)
    np.testing.assert_allclose(after["bn1.running_mean"], means.numpy(), rtol=1e-5)


def contextless():
    import contextlib

    return contextlib.nullcontext()


def test_nothing_is_recalibrated_without_batch_normalisation():
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    assert recalibrate(network, torch.zeros(4, 1, 8, 8, dtype=torch.uint8), None, None, 2) == 0


def test_barriers_by_hand():
    alphas, errors = [0, 0.25, 0.5, 0.75, 1], [0.10, 0.20, 0.40, 0.30, 0.30]
    assert barrier_over_mean(alphas, errors) == pytest.approx(0.40 - 0.20)
    # Over the line at 0.5: 0.40 - 0.20; at 0.25: 0.20 - 0.15; at 0.75: 0.30 - 0.25.
    assert barrier_over_line(alphas, errors) == pytest.approx(0.20)
    # The worse end is no barrier over the line, but half of the difference over the mean.
    falling = [0.4, 0.3, 0.2, 0.1, 0.0]
    assert barrier_over_mean(alphas, falling) == pytest.approx(0.2)
    assert barrier_over_line(alphas, falling) == pytest.approx(0, abs=1e-12)
    order = [3, 0, 4, 2, 1]
    assert barrier_over_mean([alphas[i] for i in order], [errors[i] for i in order]) == pytest.approx(0.2)
    with pytest.raises(ValueError, match="both its ends"):
        barrier_over_line([0.1, 1], [0, 0])
    ends = dict(zip(ENDS, (0, "dense", 0, 0, "imp", 1), strict=True))
    table = pd.DataFrame(
        [ends | {"alpha": a, "train_error": 0.0, "test_error": e, "recalibrated": "no"} for a, e in zip(alphas, errors)]  # noqa: B905
    )
    found = barriers(table).set_index("split")
    assert found.loc["test", "over_mean"] == pytest.approx(0.2)
    assert found.loc["train", ["over_mean", "over_line"]].tolist() == [0, 0]


def test_networks_of_other_sizes_have_no_line(data, trained, tmp_path):
    other = build_network({**NETWORK, "width": 5}, SHAPE, 3, seed=0)
    save_tensors(tmp_path / "other.safetensors", network_arrays(other), {})
    with pytest.raises(PrunesimError, match=r"have no line between them: bn1\.bias has not the same shape"):
        line(data, trained / "weights.safetensors", tmp_path / "other.safetensors")


def test_parts_of_the_training_images_are_as_large_as_asked_for(data, trained):
    pair = trained / "weights.safetensors", trained / "initial.safetensors"
    one, again, other = (line(data, *pair, points=2, train_images=n) for n in (30, 30, 7))
    assert one.equals(again)
    assert set((one["train_error"] * 30).round(9) % 1) == {0.0}
    assert set((other["train_error"] * 7).round(9) % 1) == {0.0}
    # No more than there are that were learned from.
    learned, _ = validation_split(np.load(data / "train_labels.npy"), TRAINING["validation"], 7)
    everything = line(data, *pair, points=2, train_images=10**6)["train_error"] * len(learned)
    np.testing.assert_allclose(everything, everything.round(), atol=1e-9)


def test_the_command(data, trained, tmp_path):
    weights = [str(trained / "initial.safetensors"), str(trained / "weights.safetensors")]
    call = ["connect", "--settings", json.dumps(told(points=3)), "--dataset", str(data), "--weights", *weights]
    call += ["--start", "0", "dense", "0", "--replicate", "0", "--method", "imp", "--round", "2"]
    assert main([*call, "--output", str(tmp_path / "line.csv")]) == 0
    rows = read_rows(tmp_path / "line.csv", CONNECTIVITY)
    assert [row["alpha"] for row in rows] == ["0.0", "0.5", "1.0"] * 2
    assert {tuple(row[key] for key in ENDS) for row in rows} == {("0", "dense", "0", "0", "imp", "2")}


def test_lines_of_a_study():
    names = list(paths.connections(["dense", "rounds", "replicates"], 2, ["imp"], {"imp": 2}))
    assert names == [
        *(f"dense/rep{r}/imp/round0{k}" for r in (0, 1) for k in (1, 2)),
        # The first round and the dense network are connected already.
        *(f"rounds/rep{r}/imp/round02" for r in (0, 1)),
        "replicates/rep1/dense/rep0",
        "replicates/rep1/imp/round02/rep0",
    ]
    only = paths.connections(["rounds"], 1, ["imp"], {"imp": 2})
    assert only["rounds/rep0/imp/round01"] == ((0, "dense", 0, "rep0/dense"), (0, "imp", 1, "rep0/imp/round01"))
    assert paths.connections([], 3, ["imp"], {"imp": 3}) == {}
    own = {"outside": {"replicates": 2, "rounds": 1, "dense": "outside", "exclude": []}}
    assert paths.connections(["dense", "replicates"], 0, [], {}, own) == {
        **{
            f"dense/rep{r}/outside/round01": (
                (r, "outside", 0, f"rep{r}/outside/round00"),
                (r, "outside", 1, f"rep{r}/outside/round01"),
            )
            for r in (0, 1)
        },
        **{
            f"replicates/rep1/outside/round0{k}/rep0": tuple(
                (r, "outside", k, f"rep{r}/outside/round0{k}") for r in (0, 1)
            )
            for k in (1, 0)
        },
    }
    shared = {"outside": {"replicates": 1, "rounds": 1, "dense": "dense", "exclude": []}}
    (pair,) = paths.connections(["dense"], 1, [], {}, shared).values()
    assert pair[0] == (0, "dense", 0, "rep0/dense")


def test_children_are_the_dense_network_and_the_one_of_another_order():
    methods = {"imp": {"control": None}, "sibling": {"control": "data_order"}}
    plan = {"replicates": 2, "methods": methods, "rounds": {"imp": 2, "sibling": 1}}
    assert paths.connections(["children"], **plan) == {
        f"children/rep{r}/sibling/round01": (
            (r, "dense", 0, f"rep{r}/dense"),
            (r, "sibling", 1, f"rep{r}/sibling/round01"),
        )
        for r in range(2)
    }
    # A line of two sorts has the name of the first.
    both = paths.connections(["dense", "children"], **plan)
    assert both == paths.connections(["dense"], **plan)
