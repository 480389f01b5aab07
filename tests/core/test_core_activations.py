"""What is dumped of the hidden layers: values, positions, images, files."""

import json
import shutil

import numpy as np
import pytest
import torch
from core_study import CNN_LAYERS, NETWORK, TRAINING, everything_below, training, write_dataset
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from torch.nn import functional

from prunesim.activations import dump as module
from prunesim.activations import sampling
from prunesim.activations.dump import dump_activations
from prunesim.activations.sampling import choose_images, choose_positions, position_cap
from prunesim.cli import main
from prunesim.datasets.converted import load_images
from prunesim.errors import PrunesimError
from prunesim.networks import batches
from prunesim.networks.build import build_network
from prunesim.networks.describe import trace
from prunesim.networks.state import load_arrays, network_arrays
from prunesim.networks.weights import weight_kinds
from prunesim.storage.arrays import load_array, load_tensors, save_array, save_tensors
from prunesim.storage.files import read_json, sha256_file

SHAPE = (2, 10, 8)
SHAPES = {
    "relu1": (3, 10, 8),
    "relu2": (3, 10, 8),
    "pool1": (3, 5, 4),
    "relu3": (6, 5, 4),
    "relu4": (6, 5, 4),
    "pool2": (6, 2, 2),
    "fc1": (6,),
    "relu5": (6,),
    "logits": (3,),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("data"), test=41, shape=(10, 8, 2))


def save_network(path, settings=NETWORK, seed=3):
    """Write a network whose batch-norm statistics differ from what a batch has."""
    network = build_network(settings, SHAPE, 3, seed)
    torch.manual_seed(seed)
    for name, buffer in network.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.copy_(torch.rand(buffer.shape) + 0.1)
    save_tensors(path, network_arrays(network), {})
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return save_network(tmp_path_factory.mktemp("network") / "weights.safetensors")


def told(images=20, megabytes=100, layers=CNN_LAYERS, network=NETWORK, **changes):
    return {
        "seed": 7,
        "network": network,
        "training": training(**changes),
        "activations": {"images": images, "megabytes": megabytes},
        "layers": layers,
    }


def dump(settings, data, weights, output):
    dump_activations(settings, data, weights, output, log=lambda line: None)
    return output


def explicit_forward(data, weights):
    """All outputs of the network for all test images, written out with functions that work on copies."""
    arrays = {name: torch.from_numpy(array) for name, array in load_tensors(weights)[0].items()}
    images, _ = load_images(data, "test")
    about = read_json(data / "dataset.json")
    scaled = (images / 255 - np.array(about["mean"])) / np.array(about["std"])
    x = torch.from_numpy(scaled.transpose(0, 3, 1, 2)).float()
    outputs = {}

    def block(x, number):
        x = functional.conv2d(x, arrays[f"conv{number}.weight"], arrays[f"conv{number}.bias"], padding=1)
        mean, var = arrays[f"bn{number}.running_mean"], arrays[f"bn{number}.running_var"]
        scale = arrays[f"bn{number}.weight"] / (var + 1e-5).sqrt()
        x = (x - mean[:, None, None]) * scale[:, None, None] + arrays[f"bn{number}.bias"][:, None, None]
        outputs[f"relu{number}"] = functional.relu(x)
        return outputs[f"relu{number}"]

    def pool(x, number):
        outputs[f"pool{number}"] = functional.max_pool2d(x, 2)
        return outputs[f"pool{number}"]

    x = pool(block(block(x, 1), 2), 1)
    x = pool(block(block(x, 3), 4), 2)
    outputs["fc1"] = functional.linear(x.flatten(1), arrays["fc1.weight"], arrays["fc1.bias"])
    outputs["relu5"] = functional.relu(outputs["fc1"])
    outputs["logits"] = functional.linear(outputs["relu5"], arrays["logits.weight"], arrays["logits.bias"])
    return {name: output.numpy() for name, output in outputs.items()}


# values


@pytest.mark.parametrize("channels_last", [False, True])
def test_values_are_those_of_an_explicit_forward_pass(data, weights, tmp_path, channels_last):
    settings = told(images=41, channels_last=channels_last)
    dump(settings, data, weights, tmp_path)
    expected = explicit_forward(data, weights)
    assert list(expected) == CNN_LAYERS
    assert (expected["fc1"] < 0).any()  # an in-place ReLU would have made these zero
    for name, maps in expected.items():
        maps = maps.reshape(*maps.shape[:2], -1).transpose(0, 2, 1)
        found, pooled = load_array(tmp_path / f"{name}.npy"), load_array(tmp_path / f"{name}.pooled.npy")
        assert found.dtype == pooled.dtype == np.float32
        assert found.flags.c_contiguous
        np.testing.assert_allclose(found, maps.reshape(-1, maps.shape[2]), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(pooled, maps.mean(1), rtol=1e-4, atol=1e-5)


def test_files_and_index(data, weights, tmp_path):
    dump(told(megabytes=0.02), data, weights, tmp_path / "out")
    names = sorted(
        [
            "activations.json",
            "predictions.npy",
            *(f"{n}.npy" for n in CNN_LAYERS),
            *(f"{n}.pooled.npy" for n in CNN_LAYERS),
        ]
    )
    assert everything_below(tmp_path / "out") == names
    index = read_json(tmp_path / "out" / "activations.json")
    assert index["images"] == choose_images(41, 20, 7).tolist()
    assert list(index["layers"]) == CNN_LAYERS
    # All 41 test images, whichever are dumped.
    logits = load_array(tmp_path / "out" / "predictions.npy")
    np.testing.assert_allclose(logits, explicit_forward(data, weights)["logits"], rtol=1e-4, atol=1e-5)
    sha256 = sha256_file(tmp_path / "out" / "predictions.npy")
    assert index["predictions"] == {"images": 41, "classes": 3, "sha256": sha256}
    for name, entry in index["layers"].items():
        assert tuple(entry["shape"]) == SHAPES[name]
        assert entry["positions"] == min(index["positions_cap"], int(np.prod(SHAPES[name][1:])))
        shape = (20 * entry["positions"], SHAPES[name][0])
        assert load_array(tmp_path / "out" / f"{name}.npy").shape == shape
        assert load_array(tmp_path / "out" / f"{name}.pooled.npy").shape == (20, SHAPES[name][0])
        assert entry["sha256"] == {
            file: sha256_file(tmp_path / "out" / file) for file in (f"{name}.npy", f"{name}.pooled.npy")
        }


def test_sampled_rows_are_rows_of_the_whole(data, weights, tmp_path):
    dump(told(), data, weights, tmp_path / "whole")
    dump(told(megabytes=0.02), data, weights, tmp_path / "sampled")
    cap = read_json(tmp_path / "sampled" / "activations.json")["positions_cap"]
    assert 1 < cap < 20
    for number, (name, shape) in enumerate(SHAPES.items()):
        whole = load_array(tmp_path / "whole" / f"{name}.npy").reshape(20, -1, shape[0])
        sampled = load_array(tmp_path / "sampled" / f"{name}.npy").reshape(20, -1, shape[0])
        seed = module.derive_seed(7, "positions", name)
        positions = choose_positions({"shape": shape}, 20, cap, seed)
        for image in range(20):
            np.testing.assert_array_equal(sampled[image], whole[image, positions[image]])
        for folder in ("whole", "sampled"):
            pooled = load_array(tmp_path / folder / f"{name}.pooled.npy")
            np.testing.assert_allclose(pooled, whole.mean(1, dtype=np.float64), rtol=1e-6, atol=1e-7)
        assert number >= 6 or sampled.shape[1] < whole.shape[1] or sampled.shape[1] <= 4


def test_dumping_twice_gives_the_same_bytes(data, weights, tmp_path):
    for name in ("a", "b"):
        torch.manual_seed(len(name))
        dump(told(megabytes=0.02), data, weights, tmp_path / name)
        torch.rand(3)
    dump(told(megabytes=0.02), data, weights, tmp_path / "a")
    for name in everything_below(tmp_path / "a"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_size_of_the_batches_does_not_matter(data, weights, tmp_path, monkeypatch):
    dump(told(megabytes=0.02), data, weights, tmp_path / "one")
    for size in (1, 7, 20):
        monkeypatch.setattr(batches, "DUMPING", size)
        dump(told(megabytes=0.02), data, weights, tmp_path / "other")
        for name in CNN_LAYERS:
            for file in (f"{name}.npy", f"{name}.pooled.npy"):
                one, other = (load_array(tmp_path / folder / file) for folder in ("one", "other"))
                np.testing.assert_allclose(other, one, rtol=1e-6, atol=1e-6)


def test_batches_are_bounded_by_bytes_and_never_empty():
    small, layers = (1, 28, 28), [(64, 28, 28), (10,)]
    assert (batches.evaluation_batch(small, layers), batches.dumping_batch(small, layers)) == (500, 250)
    # Images and networks of the experiments: as many at a time as ever.
    wide = [(64, 32, 32), (64, 32, 32), (128, 16, 16), (256, 8, 8), (512,)]
    assert (batches.evaluation_batch((3, 32, 32), wide), batches.dumping_batch((3, 32, 32), wide)) == (500, 250)
    for side in (500, 2000, 4000):
        image, layers = (3, side, side), [(16, side, side), (16, side // 2, side // 2)]
        evaluated, dumped = batches.evaluation_batch(image, layers), batches.dumping_batch(image, layers)
        assert 1 <= dumped <= evaluated < 500
        assert evaluated * batches.evaluation_bytes(image, layers) <= max(
            batches.BATCH_BYTES, batches.evaluation_bytes(image, layers)
        )
        assert dumped * batches.dumping_bytes(image, layers) <= max(
            batches.BATCH_BYTES, batches.dumping_bytes(image, layers)
        )
    assert batches.evaluation_batch((3, 10**5, 10**5), [(1,)]) == 1


def test_training_images_and_settings_do_not_matter(data, weights, tmp_path):
    other = shutil.copytree(data, tmp_path / "data")
    save_array(other / "train_images.npy", np.zeros((70, 10, 8, 2), np.uint8))
    dump(told(), data, weights, tmp_path / "a")
    dump(told(augmentation="crop_flip", epochs=9, batch_size=3), other, weights, tmp_path / "b")
    for name in everything_below(tmp_path / "a"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_eval_mode_without_gradients(data, weights, tmp_path, monkeypatch):
    seen, original = [], module.build_network

    def spy(*arguments, **options):
        network = original(*arguments, **options)
        note = lambda *_: seen.append((network.training, network.bn1.training, torch.is_grad_enabled()))  # noqa: E731
        network.register_forward_pre_hook(note)
        return network

    monkeypatch.setattr(module, "build_network", spy)
    before = weights.read_bytes()
    dump(told(), data, weights, tmp_path)
    assert seen
    assert set(seen) == {(False, False, False)}
    assert weights.read_bytes() == before


# networks of the user's own

OWN = """
import torch
from torch import nn
from torch.nn import functional


class Own(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)
        self.act = nn.LeakyReLU(0.1, inplace=True)
        self.drop = nn.Dropout(0.5)
        self.out = nn.Linear(2, classes)

    def forward(self, x):
        x = self.act(self.conv(x))
        x = self.act(self.conv(x) - 1)
        x.mul_(2)  # changes what the module before it returned
        return self.out(self.drop(x.mean((2, 3))))


def own(shape, classes):
    return Own(classes)
"""


def test_repeated_and_overwritten_outputs(data, tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    network = {**NETWORK, "name": f"{tmp_path / 'own.py'}:own"}
    weights = save_network(tmp_path / "w.safetensors", network)
    out = dump(told(images=41, network=network, layers=["act", "act-2", "out"]), data, weights, tmp_path / "out")
    arrays = {name: torch.from_numpy(array) for name, array in load_tensors(weights)[0].items()}
    images, _ = load_images(data, "test")
    about = read_json(data / "dataset.json")
    scaled = (images / 255 - np.array(about["mean"])) / np.array(about["std"])
    x = torch.from_numpy(scaled.transpose(0, 3, 1, 2)).float()

    def act(x):
        x = functional.conv2d(x, arrays["conv.weight"], arrays["conv.bias"], padding=1)
        return x

    first = functional.leaky_relu(act(x), 0.1)
    second = functional.leaky_relu(act(first) - 1, 0.1)
    for name, maps in (("act", first), ("act-2", second)):
        expected = maps.flatten(2).numpy().transpose(0, 2, 1).reshape(-1, 2)
        np.testing.assert_allclose(load_array(out / f"{name}.npy"), expected, rtol=1e-4, atol=1e-5)
    logits = functional.linear((2 * second).mean((2, 3)), arrays["out.weight"], arrays["out.bias"])
    np.testing.assert_allclose(load_array(out / "out.npy"), logits.numpy(), rtol=1e-4, atol=1e-5)


# images


def test_the_images_are_a_seeded_set():
    chosen = choose_images(1000, 100, 7)
    np.testing.assert_array_equal(chosen, choose_images(1000, 100, 7))
    assert len(set(chosen.tolist())) == 100
    assert (np.diff(chosen) > 0).all()
    assert chosen.min() >= 0
    assert chosen.max() < 1000
    assert chosen.tolist() != choose_images(1000, 100, 8).tolist()
    assert set(chosen) < set(choose_images(1000, 200, 7))
    assert choose_images(10, 1000, 7).tolist() == list(range(10))


# positions


@hypothesis_settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 20), st.integers(1, 40), st.integers(0, 99))
def test_positions_are_within_bounds_unique_and_seeded(height, width, images, cap, seed):
    layer = {"shape": [3, height, width]}
    positions = choose_positions(layer, images, cap, seed)
    assert positions.shape == (images, min(cap, height * width))
    assert positions.min() >= 0
    assert positions.max() < height * width
    assert (np.diff(positions, axis=1) > 0).all()
    np.testing.assert_array_equal(positions, choose_positions(layer, images, cap, seed))


def test_positions_are_spread_evenly_over_the_map():
    positions = choose_positions({"shape": [1, 5, 6]}, 5000, 7, 1)
    counts = np.bincount(positions.ravel(), minlength=30)
    expected = 5000 * 7 / 30
    assert (np.abs(counts - expected) < 5 * expected**0.5).all()
    assert len({tuple(row) for row in positions.tolist()}) > 4000
    assert not np.array_equal(positions, choose_positions({"shape": [1, 5, 6]}, 5000, 7, 2))


def test_positions_do_not_depend_on_how_many_are_drawn_at_once(monkeypatch):
    whole = choose_positions({"shape": [3, 9, 8]}, 50, 11, 4)
    for most in (1, 72 * 7, 72 * 50):
        monkeypatch.setattr(sampling, "KEYS_AT_ONCE", most)
        np.testing.assert_array_equal(choose_positions({"shape": [3, 9, 8]}, 50, 11, 4), whole)


def test_a_layer_of_units_has_one_position():
    assert choose_positions({"shape": [9]}, 4, 3, 0).tolist() == [[0]] * 4


def test_positions_are_the_same_for_two_networks(data, weights, tmp_path, monkeypatch):
    drawn, original = [], module.choose_positions

    def spy(layer, *arguments):
        drawn.append((layer["name"], original(layer, *arguments)))
        return drawn[-1][1]

    monkeypatch.setattr(module, "choose_positions", spy)
    dump(told(megabytes=0.02), data, weights, tmp_path / "a")
    dump(told(megabytes=0.02), data, save_network(tmp_path / "other", seed=4), tmp_path / "b")
    first, second = drawn[: len(CNN_LAYERS)], drawn[len(CNN_LAYERS) :]
    assert [name for name, _ in first] == [name for name, _ in second] == CNN_LAYERS
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(first, second, strict=True))
    assert not np.array_equal(first[0][1], first[1][1])  # but layers of one size have their own
    files = [read_json(tmp_path / name / "activations.json") for name in "ab"]
    assert files[0]["images"] == files[1]["images"]
    assert (tmp_path / "a/relu1.npy").read_bytes() != (tmp_path / "b/relu1.npy").read_bytes()


# size


LAYERS = st.lists(
    st.tuples(st.integers(1, 64), st.integers(1, 20), st.integers(1, 20)) | st.tuples(st.integers(1, 64)), min_size=1
)


@hypothesis_settings(max_examples=60, deadline=None)
@given(LAYERS, st.integers(1, 1000), st.floats(1e-3, 50))
def test_the_cap_is_the_largest_that_keeps_the_bound(shapes, images, megabytes):
    layers = [{"shape": shape} for shape in shapes]
    cap = position_cap(layers, images, megabytes)

    def size(cap):
        return sum(4 * images * shape[0] * min(int(np.prod(shape[1:])), cap) for shape in shapes)

    most = max(int(np.prod(shape[1:])) for shape in shapes)
    assert 1 <= cap <= most
    assert cap == 1 or size(cap) <= megabytes * 1e6
    assert cap == most or size(cap + 1) > megabytes * 1e6


@pytest.mark.parametrize("megabytes", [0.01, 0.03, 0.06])
def test_files_keep_the_bound(data, weights, tmp_path, megabytes):
    dump(told(images=41, megabytes=megabytes), data, weights, tmp_path)
    sampled = [path for path in tmp_path.glob("*.npy") if ".pooled" not in path.name]
    size = sum(load_array(path).nbytes for path in sampled)
    assert 0.5 * megabytes * 1e6 < size <= megabytes * 1e6


# refusals


def refused(tmp_path, settings, data, weights, pattern):
    with pytest.raises(PrunesimError, match=pattern):
        dump(settings, data, weights, tmp_path / "out")
    assert not (tmp_path / "out").exists() or everything_below(tmp_path / "out") == []


@pytest.mark.parametrize("layers", [[*CNN_LAYERS, "more"], CNN_LAYERS[::-1], [], ["relu9", *CNN_LAYERS[1:]]])
def test_other_layers_are_refused(data, weights, tmp_path, layers):
    refused(tmp_path, told(layers=layers), data, weights, r"^network.layers: .*prunesim layers")


def test_other_weights_are_refused(data, weights, tmp_path):
    arrays, _ = load_tensors(weights)
    path = tmp_path / "w.safetensors"
    save_tensors(path, {name: array for name, array in arrays.items() if name != "fc1.bias"}, {})
    refused(tmp_path, told(), data, path, f"^{path} has no tensor 'fc1.bias'")
    path.write_bytes(path.read_bytes()[:-1])
    refused(tmp_path, told(), data, path, f"^{path} is not a readable safetensors file")


def test_activations_that_are_not_finite_are_refused_and_leave_nothing(data, weights, tmp_path, monkeypatch):
    arrays, _ = load_tensors(weights)
    path = tmp_path / "w.safetensors"
    save_tensors(path, arrays | {"fc1.bias": np.full(6, np.nan, np.float32)}, {})
    monkeypatch.setattr(batches, "DUMPING", 6)
    refused(tmp_path, told(), data, path, f"{path}: the activations of layer 'fc1' are not all finite")


def test_an_interrupted_dump_leaves_old_files_alone(data, weights, tmp_path, monkeypatch):
    out = dump(told(), data, weights, tmp_path / "out")
    before = {name: (out / name).read_bytes() for name in everything_below(out)}
    monkeypatch.setattr(batches, "DUMPING", 6)
    calls, original = [], module.np.isfinite

    def stop(maps):
        calls.append(1)
        if len(calls) > 12:
            raise KeyboardInterrupt
        return original(maps)

    monkeypatch.setattr(module.np, "isfinite", stop)
    with pytest.raises(KeyboardInterrupt):
        dump(told(images=30), data, weights, out)
    assert {name: (out / name).read_bytes() for name in everything_below(out)} == before


def test_the_command(data, weights, tmp_path, capsys):
    dump(told(), data, weights, tmp_path / "function")
    keys = ("device", "threads", "deterministic", "channels_last")
    settings = told() | {"training": {key: TRAINING[key] for key in keys}}
    settings["network"] = {key: value for key, value in NETWORK.items() if key != "layers"}
    call = ["dump", "--settings", json.dumps(settings), "--dataset", str(data), "--weights", str(weights)]
    assert main([*call, "--output", str(tmp_path / "command")]) == 0
    assert capsys.readouterr().out.startswith("20 of 41 test images, 9 layers, at most 80 positions")
    for name in everything_below(tmp_path / "function"):
        assert (tmp_path / "command" / name).read_bytes() == (tmp_path / "function" / name).read_bytes()
    wrong = json.dumps(settings | {"layers": ["relu9"]})
    assert main(["dump", "--settings", wrong, *call[3:], "--output", str(tmp_path / "no")]) == 2
    assert "prunesim dump: network.layers: " in capsys.readouterr().err


def test_the_shapes_here_are_those_of_the_network():
    layers, _ = trace(build_network(NETWORK, SHAPE, 3, 0), SHAPE)
    assert {layer["name"]: tuple(layer["shape"]) for layer in layers} == SHAPES
    network = build_network(NETWORK, SHAPE, 3, 0)
    load_arrays(network, network_arrays(network), "")
    assert len(weight_kinds(network)) == 6
