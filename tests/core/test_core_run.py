"""From files to files: the artifacts of a dense network, of rewind points and of rounds."""

import json

import numpy as np
import pytest
import torch
from core_study import CNN_LAYERS, NETWORK, PRUNING, everything_below, same_bytes, settings, training, write_dataset

from prunesim.cli import main
from prunesim.datasets.converted import load_images
from prunesim.errors import PrunesimError
from prunesim.networks.build import build_network
from prunesim.networks.state import load_arrays, network_arrays
from prunesim.pruning.masks import apply_mask
from prunesim.pruning.rewinding import first_step, rewind_file, round_training
from prunesim.storage.arrays import load_array, load_tensors, save_array, save_tensors
from prunesim.storage.csvfiles import read_rows
from prunesim.storage.files import read_json, sha256_file, write_json
from prunesim.study.seeds import derive_seed
from prunesim.training import loop, run
from prunesim.training.run import HISTORY, save_rewind_point, train_dense, train_round
from prunesim.training.schedule import learning_rates

STEPS = 4  # 64 training images in batches of 16


def quiet(line):
    """Take a line of a log."""


def dense(folder, dataset, told=None, replicate=0, log=quiet):
    train_dense(told or settings(), dataset, replicate, folder, folder.parent / "checkpoint", log=log)
    return load_tensors(folder / "weights.safetensors")[0]


@pytest.fixture(scope="module")
def trained(tmp_path_factory, dataset):
    """A dense network and the mask of round 1; nobody changes them."""
    folder = tmp_path_factory.mktemp("dense")
    dense(folder / "dense", dataset)
    told = json.dumps({"seed": 7, **PRUNING, "exclude": ["logits"]})
    call = ["prune", "--settings", told, "--weights", folder / "dense" / "weights.safetensors"]
    call += ["--replicate", 0, "--round", 1, "--output", folder / "mask.safetensors"]
    assert main([str(part) for part in call]) == 0
    return folder


def round_1(trained, folder, dataset, told, start=None, mask=None, log=quiet):
    start = start or trained / "dense" / (rewind_file(told["method"]["rewind"]) or "weights.safetensors")
    mask = mask or trained / "mask.safetensors"
    train_round(told, dataset, 0, "imp", 1, start, mask, folder, folder.parent / "checkpoint", log=log)
    return load_tensors(folder / "weights.safetensors")[0]


# the dense network


def test_the_artifacts_of_a_dense_network(trained, dataset):
    folder = trained / "dense"
    assert everything_below(folder) == ["history.csv", "initial.safetensors", "metrics.json", "weights.safetensors"]
    assert everything_below(trained) == [
        "dense",
        *(f"dense/{name}" for name in everything_below(folder)),
        "mask.safetensors",
    ]
    initial, metadata = load_tensors(folder / "initial.safetensors")
    expected = network_arrays(build_network(NETWORK, (1, 8, 8), 3, derive_seed(7, "init", 0)))
    assert same_bytes({name: initial[name] for name in expected}, expected)
    assert [layer["name"] for layer in metadata["layers"]] == CNN_LAYERS
    assert metadata["kinds"]["conv1.weight"] == "conv"
    weights, of_weights = load_tensors(folder / "weights.safetensors")
    assert of_weights == metadata
    assert weights.keys() == initial.keys()
    assert all((weights[name] != initial[name]).any() for name in weights)
    assert weights["bn1.num_batches_tracked"] == 3 * STEPS

    rows = read_rows(folder / "history.csv", HISTORY)
    assert [(row["epoch"], row["steps"]) for row in rows] == [("1", "4"), ("2", "8"), ("3", "12")]
    rates = learning_rates(training(), STEPS)
    assert [float(row["learning_rate"]) for row in rows] == [rates[3], rates[7], rates[11]]

    metrics = read_json(folder / "metrics.json")
    assert (metrics["replicate"], metrics["method"], metrics["round"], metrics["epochs"]) == (0, "dense", 0, 3)
    assert metrics["train_loss"] == float(rows[-1]["train_loss"])
    assert metrics["validation_accuracy"] == float(rows[-1]["validation_accuracy"])
    assert metrics["seconds"] > 0
    assert metrics["settings"] == settings()
    assert metrics["device"] == "cpu"
    assert metrics["dataset"] == read_json(dataset / "dataset.json")["sha256"]
    names = {"initial.safetensors", "weights.safetensors", "history.csv"}
    assert metrics["files"] == {name: sha256_file(folder / name) for name in names}


def test_the_accuracy_is_that_of_the_saved_network_on_the_test_images(trained, dataset):
    network = build_network(NETWORK, (1, 8, 8), 3, 0)
    load_arrays(network, load_tensors(trained / "dense" / "weights.safetensors")[0], "")
    images, labels = load_images(dataset, "test")
    about = read_json(dataset / "dataset.json")
    scaled = (images.transpose(0, 3, 1, 2) / 255 - about["mean"][0]) / about["std"][0]
    with torch.no_grad():
        output = network.eval()(torch.from_numpy(scaled).float())
    metrics = read_json(trained / "dense" / "metrics.json")
    assert metrics["test_images"] == 33
    assert metrics["test_accuracy"] == (output.argmax(1).numpy() == labels).sum() / 33
    loss = torch.nn.functional.cross_entropy(output, torch.from_numpy(labels)).item()
    assert metrics["test_loss"] == pytest.approx(loss, rel=1e-4)


def test_counts_by_hand(trained):
    layers = {layer["layer"]: layer for layer in read_json(trained / "dense" / "metrics.json")["layers"]}
    # Width 3 on 8 x 8: weights, and weights times positions.
    expected = {
        "conv1": (27, 27 * 64),
        "conv2": (81, 81 * 64),
        "conv3": (162, 162 * 16),
        "conv4": (324, 324 * 16),
        "fc1": (144, 144),
        "logits": (18, 18),
    }
    assert {name: (layer["weights"], layer["macs"]) for name, layer in layers.items()} == expected
    metrics = read_json(trained / "dense" / "metrics.json")
    assert metrics["macs"] == sum(macs for _, macs in expected.values())
    assert metrics["parameters"] == 756 + (18 + 36) + (6 + 3)
    assert not any(layer["pruned"] for layer in layers.values())


def test_the_same_settings_make_the_same_bytes(trained, dataset, tmp_path):
    torch.manual_seed(99)
    np.random.default_rng().random()
    dense(tmp_path / "again", dataset)
    for name in ("initial.safetensors", "weights.safetensors", "history.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (trained / "dense" / name).read_bytes()


def test_replicates_and_seeds_make_other_networks(trained, dataset, tmp_path):
    first = load_tensors(trained / "dense" / "initial.safetensors")[0]
    dense(tmp_path / "replicate", dataset, replicate=1)
    dense(tmp_path / "seed", dataset, {**settings(), "seed": 8})
    for folder in ("replicate", "seed"):
        other = load_tensors(tmp_path / folder / "initial.safetensors")[0]
        assert (other["conv1.weight"] != first["conv1.weight"]).all()


def test_test_images_are_used_once_at_the_end_and_unchanged(dataset, tmp_path, monkeypatch):
    read, evaluated = [], []
    original_load, original_evaluate = run.load_images, run.evaluate
    monkeypatch.setattr(run, "load_images", lambda folder, split: read.append(split) or original_load(folder, split))

    def spy(network, images, *others):
        evaluated.append(images.numpy().transpose(0, 2, 3, 1))
        return original_evaluate(network, images, *others)

    monkeypatch.setattr(run, "evaluate", spy)
    lines = []
    dense(tmp_path / "dense", dataset, settings(augmentation="crop_flip"), log=lines.append)
    assert read == ["train", "test"]
    assert len(evaluated) == 1
    np.testing.assert_array_equal(evaluated[0], load_images(dataset, "test")[0])
    assert lines[-1].startswith("test loss ")


def test_other_test_images_change_no_weights(trained, tmp_path):
    folder = write_dataset(tmp_path / "data")
    save_array(folder / "test_images.npy", np.zeros_like(load_array(folder / "test_images.npy")))
    about = read_json(folder / "dataset.json")
    about["sha256"]["test_images.npy"] = sha256_file(folder / "test_images.npy")
    write_json(folder / "dataset.json", about)
    dense(tmp_path / "dense", folder)
    for name in ("weights.safetensors", "history.csv"):
        assert (tmp_path / "dense" / name).read_bytes() == (trained / "dense" / name).read_bytes()


@pytest.mark.parametrize(
    "changes", [{"precision": "bfloat16"}, {"channels_last": True}, {"deterministic": False}, {"validation": 0.005}]
)
def test_options_run(trained, dataset, tmp_path, changes):
    weights = dense(tmp_path / "dense", dataset, settings(**changes, epochs=1))
    assert all(array.dtype == (np.int64 if "num_batches" in name else np.float32) for name, array in weights.items())
    assert all(np.isfinite(array).all() for array in weights.values())
    told = settings(**changes, epochs=1)
    pruned = round_1(trained, tmp_path / "round01", dataset, told)
    for name, kept in load_tensors(trained / "mask.safetensors")[0].items():
        assert not pruned[name][kept == 0].view(np.uint32).any()


def test_bfloat16_and_channels_last_differ_little(dataset, tmp_path):
    plain = dense(tmp_path / "plain", dataset, settings(epochs=1))
    other = dense(tmp_path / "other", dataset, settings(epochs=1, channels_last=True))
    for name, array in plain.items():
        np.testing.assert_allclose(other[name], array, rtol=1e-3, atol=1e-4)
    half = dense(tmp_path / "half", dataset, settings(epochs=1, precision="bfloat16"))
    assert not same_bytes(half, plain)


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_set(dataset, tmp_path, threads):
    torch.set_num_threads(3 - threads)
    dense(tmp_path / "dense", dataset, settings(threads=threads, epochs=1))
    assert torch.get_num_threads() == threads


def test_a_missing_device_is_one_sentence(dataset, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    call = ["train", "--settings", json.dumps(settings(device="cuda")), "--dataset", str(dataset), "--replicate", "0"]
    call += ["--checkpoint", str(tmp_path / "c"), "--output", str(tmp_path / "dense")]
    assert main(call) == 2
    assert capsys.readouterr().err.startswith("prunesim train: training.device is cuda, but this machine offers cpu")
    assert everything_below(tmp_path) == []


def test_a_network_that_diverges_leaves_no_weights(dataset, tmp_path):
    told = settings(learning_rate=1e30, schedule="constant")
    with pytest.raises(PrunesimError, match="in epoch 1"):
        dense(tmp_path / "dense", dataset, told)
    assert everything_below(tmp_path / "dense") == ["initial.safetensors"]


def test_a_test_loss_that_is_not_finite_leaves_no_weights(dataset, tmp_path):
    """One step, no validation images: only the test set sees what the step made."""
    told = settings(learning_rate=1e38, schedule="constant", epochs=1, batch_size=100, validation=0.001)
    with pytest.raises(
        PrunesimError, match=r"test loss of the trained network is (nan|inf); the last finite loss was "
    ):
        dense(tmp_path / "dense", dataset, told)
    assert everything_below(tmp_path / "dense") == ["initial.safetensors"]


# rewinding: settings


def test_rewind_files():
    names = {"lr": None, "none": None, "init": "initial.safetensors"}
    assert {rewind: rewind_file(rewind) for rewind in names} == names
    assert rewind_file({"epoch": 2}) == "rewind_epoch2.safetensors"
    assert rewind_file({"step": 500}) == "rewind_step500.safetensors"
    assert rewind_file({"step": 0}) == rewind_file({"epoch": 0}) == "initial.safetensors"
    assert [first_step(r, 4) for r in ("lr", "init", "none", {"epoch": 2}, {"step": 5})] == [0, 0, 0, 8, 5]


def test_the_training_of_a_round():
    told = training(schedule="one_cycle", epochs=9)
    method = {"rewind": "lr", "fine_tune_learning_rate": 0.5, "fine_tune_epochs": 2}
    for rewind in ("lr", "init", {"epoch": 1}):
        assert round_training(told, {**method, "rewind": rewind}) == told
    fine = round_training(told, {**method, "rewind": "none"})
    assert fine == {**told, "schedule": "constant", "learning_rate": 0.5, "epochs": 2}
    assert round_training(told, {**method, "rewind": "none", "fine_tune_epochs": None})["epochs"] == 9
    assert told == training(schedule="one_cycle", epochs=9)


# rewinding: weights


@pytest.mark.parametrize("augmentation", ["none", "crop_flip"])
@pytest.mark.parametrize("rewind", [{"epoch": 1}, {"step": 4}, {"step": 6}, {"step": 1}, {"step": 11}])
def test_the_rewind_point_is_a_state_of_the_dense_training(dataset, tmp_path, monkeypatch, rewind, augmentation):
    told = settings(augmentation=augmentation)
    states, step = [], loop.optimizer_step

    def spy(*arguments):
        step(*arguments)
        states.append(network_arrays(networks[-1]))

    networks, original = [], run.build_network
    monkeypatch.setattr(run, "build_network", lambda *a: networks.append(original(*a)) or networks[-1])
    monkeypatch.setattr(loop, "optimizer_step", spy)
    dense(tmp_path / "dense", dataset, told)
    expected = states[first_step(rewind, STEPS) - 1]
    assert len(states) == 3 * STEPS
    save_rewind_point(
        told, dataset, 0, rewind, tmp_path / "dense" / "initial.safetensors", tmp_path / "point", log=quiet
    )
    point, metadata = load_tensors(tmp_path / "point")
    assert same_bytes({name: point[name] for name in expected}, expected)
    assert metadata["kinds"]["conv1.weight"] == "conv"
    assert everything_below(tmp_path / "dense").count("metrics.json") == 1


def test_epoch_and_step_name_the_same_point(trained, dataset, tmp_path):
    for name, rewind in (("a", {"epoch": 2}), ("b", {"step": 8})):
        told = json.dumps({key: settings()[key] for key in ("seed", "network", "training")} | {"rewind": rewind})
        call = ["rewind", "--settings", told, "--dataset", dataset, "--replicate", 0, "--output", tmp_path / name]
        call += ["--initial", trained / "dense" / "initial.safetensors"]
        assert main([str(part) for part in call]) == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert everything_below(tmp_path) == ["a", "b"]


@pytest.mark.parametrize("rewind", [{"epoch": 3}, {"step": 12}, {"step": 99}])
def test_a_rewind_point_after_the_end_is_refused(trained, dataset, tmp_path, rewind):
    with pytest.raises(PrunesimError, match="is not before the end of the training, step 12"):
        save_rewind_point(
            settings(), dataset, 0, rewind, trained / "dense" / "initial.safetensors", tmp_path / "point", log=quiet
        )
    assert everything_below(tmp_path) == []


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("rewind", ["init", {"epoch": 1}, {"step": 6}, "lr", "none"])
def test_a_round_starts_at_its_rewind_point(trained, dataset, tmp_path, monkeypatch, rewind, optimizer):
    told = settings(method={"rewind": rewind, "fine_tune_epochs": 2}, optimizer=optimizer, learning_rate=0.01)
    start = trained / "dense" / (rewind_file(rewind) or "weights.safetensors")
    if isinstance(rewind, dict):
        start = tmp_path / "point.safetensors"
        initial = trained / "dense" / "initial.safetensors"
        save_rewind_point(settings(), dataset, 0, rewind, initial, start, log=quiet)
    mask, _ = load_tensors(trained / "mask.safetensors")
    expected = apply_mask(load_tensors(start)[0], mask)
    seen, rates, fresh, train, step = [], [], [], run.train, loop.optimizer_step

    def spy_train(network, *arguments, **options):
        network.register_forward_pre_hook(lambda *_: seen.append(network_arrays(network)) if not seen else None)
        return train(network, *arguments, **options)

    def spy_step(parameters, state, rate, _):
        if not rates:
            fresh.append(not any(tensor.any() for tensors in state.values() for tensor in tensors))
        rates.append(rate)
        return step(parameters, state, rate, _)

    monkeypatch.setattr(run, "train", spy_train)
    monkeypatch.setattr(loop, "optimizer_step", spy_step)
    weights = round_1(trained, tmp_path / "round01", dataset, told, start=start)

    assert same_bytes({name: seen[0][name] for name in expected}, expected)
    assert expected["bn1.num_batches_tracked"] == {"init": 0, "lr": 12, "none": 12}.get(
        str(rewind), 4 if rewind == {"epoch": 1} else 6
    )
    assert fresh == [True]
    if rewind == "none":
        assert rates == [0.003] * 2 * STEPS
    else:
        schedule = learning_rates(told["training"], STEPS)
        assert rates == schedule[first_step(rewind, STEPS) :]
    for name, kept in mask.items():
        assert not weights[name][kept == 0].view(np.uint32).any()
        assert weights[name][kept == 1].all()
    metrics = read_json(tmp_path / "round01" / "metrics.json")
    assert metrics["epochs"] == {"none": 2, "init": 3, "lr": 3}.get(str(rewind), len(rates) / STEPS)
    rows = read_rows(tmp_path / "round01" / "history.csv", HISTORY)
    assert float(rows[0]["learning_rate"]) == rates[min(STEPS, len(rates)) - 1 - first_step(rewind, STEPS) % STEPS]


def test_the_artifacts_of_a_round(trained, dataset, tmp_path):
    folder = tmp_path / "round01"
    weights = round_1(trained, folder, dataset, settings())
    assert everything_below(tmp_path) == [
        "round01",
        *(f"round01/{name}" for name in ("history.csv", "metrics.json", "weights.safetensors")),
    ]
    mask, _ = load_tensors(trained / "mask.safetensors")
    metrics = read_json(folder / "metrics.json")
    assert (metrics["method"], metrics["round"], metrics["epochs"]) == ("imp", 1, 3)
    layers = {layer["layer"]: layer for layer in metrics["layers"]}
    assert [name for name, layer in layers.items() if layer["pruned"]] == ["conv1", "conv2", "conv3", "conv4", "fc1"]
    uses = {"conv1": 64, "conv2": 64, "conv3": 16, "conv4": 16, "fc1": 1, "logits": 1}
    for name, layer in layers.items():
        kept = int(mask[f"{name}.weight"].sum()) if f"{name}.weight" in mask else 18
        assert layer["remaining_weights"] == kept
        assert layer["macs"] == kept * uses[name]
    removed = round(0.2 * 738)
    assert sum(layer["remaining_weights"] for layer in layers.values()) == 756 - removed
    assert metrics["parameters"] == 819
    assert metrics["nonzero_parameters"] == sum(
        np.count_nonzero(array) for name, array in weights.items() if "running" not in name and "batches" not in name
    )
    assert metrics["nonzero_parameters"] == 819 - removed
    assert metrics["files"] == {
        "mask.safetensors": sha256_file(trained / "mask.safetensors"),
        "weights.safetensors": sha256_file(folder / "weights.safetensors"),
        "history.csv": sha256_file(folder / "history.csv"),
    }


def test_rounds_see_the_images_in_other_orders(trained, dataset, tmp_path, monkeypatch):
    seeds, original = [], run.derive_seed
    monkeypatch.setattr(run, "derive_seed", lambda *a: seeds.append(a) or original(*a))
    round_1(trained, tmp_path / "round01", dataset, settings(epochs=2))
    assert {(7, "order", 0, 1, 0), (7, "order", 0, 1, 1), (7, "augment", 0, 1, 0), (7, "init", 0)} <= set(seeds)


# what does not fit


def refused(tmp_path, trained, dataset, pattern, **files):
    with pytest.raises(PrunesimError, match=pattern):
        round_1(trained, tmp_path / "round01", dataset, settings(epochs=1), **files)
    assert not (tmp_path / "round01").exists()


def test_masks_that_do_not_fit_are_refused(trained, dataset, tmp_path):
    good, _ = load_tensors(trained / "mask.safetensors")
    path = tmp_path / "bad.safetensors"
    for changed, pattern in [
        ({"conv9.weight": np.ones(1, np.uint8)}, "'conv9.weight'"),
        ({"fc1.weight": np.ones((24, 6), np.uint8)}, r"\(24, 6\)"),
        ({"fc1.weight": np.ones((6, 24), np.int64)}, "uint8"),
        ({"fc1.weight": np.full((6, 24), 255, np.uint8)}, "only 0 and 1"),
    ]:
        save_tensors(path, good | changed, {})
        refused(tmp_path, trained, dataset, f"^{path}: .*{pattern}", mask=path)
    path.write_bytes(path.read_bytes()[:100])
    refused(tmp_path, trained, dataset, f"^{path} is not a readable", mask=path)


def test_weights_of_another_network_are_refused(trained, dataset, tmp_path):
    weights, metadata = load_tensors(trained / "dense" / "weights.safetensors")
    path = tmp_path / "other.safetensors"
    save_tensors(path, {name: array for name, array in weights.items() if name != "bn1.running_mean"}, metadata)
    refused(tmp_path, trained, dataset, f"^{path} has no tensor 'bn1.running_mean'", start=path)
    save_tensors(path, weights | {"logits.bias": np.zeros(4, np.float32)}, metadata)
    refused(tmp_path, trained, dataset, f"^{path}: tensor 'logits.bias' has shape", start=path)


def test_a_round_needs_weights_and_a_mask(trained, dataset, tmp_path, capsys):
    call = ["train", "--settings", json.dumps(settings()), "--dataset", str(dataset), "--replicate", "0"]
    call += ["--method", "imp", "--round", "1", "--checkpoint", str(tmp_path / "c"), "--output", str(tmp_path / "o")]
    for more in ([], ["--start", "w"], ["--mask", "m"]):
        assert main(call + more) == 2
        assert "round 1 needs --start and --mask" in capsys.readouterr().err
    assert everything_below(tmp_path) == []


def test_the_command_trains_a_round(trained, dataset, tmp_path, capsys):
    round_1(trained, tmp_path / "function", dataset, settings(epochs=2))
    call = ["train", "--settings", json.dumps(settings(epochs=2)), "--dataset", dataset, "--replicate", 0]
    call += ["--method", "imp", "--round", 1, "--start", trained / "dense" / "weights.safetensors"]
    call += ["--mask", trained / "mask.safetensors", "--checkpoint", tmp_path / "c", "--output", tmp_path / "command"]
    assert main([str(part) for part in call]) == 0
    for name in ("weights.safetensors", "history.csv"):
        assert (tmp_path / "command" / name).read_bytes() == (tmp_path / "function" / name).read_bytes()
    lines = capsys.readouterr().out.splitlines()
    assert "64 training and 6 validation images of 8 x 8 x 1, 819 parameters, on cpu, 1 thread(s)" in lines[0]
    assert [line.split("  ")[0] for line in lines[1:3]] == ["epoch 1/2", "epoch 2/2"]
