"""Sizes of data sets and networks, and the cost model, against what the pipeline itself says."""

import json
from math import prod

import numpy as np
import pytest
import torch
from forecast_study import DIGITS, MACHINE, ROOT, config, jobs
from PIL import Image

from prunesim.datasets.convert import fetch
from prunesim.datasets.known import KNOWN
from prunesim.errors import PrunesimError
from prunesim.forecast import costs
from prunesim.forecast.images import PUBLISHED, image_sizes
from prunesim.forecast.profile import built_in_profile, network_profile, traced_profile
from prunesim.networks import batches
from prunesim.networks.build import build_network
from prunesim.networks.describe import trace
from prunesim.networks.state import network_arrays
from prunesim.similarity import MEASURES, pairs

pytestmark = pytest.mark.slow


def dataset(**changes):
    return {"name": "digits", "source": None, "path": None, "resize": None, "channels": None, "subset": None} | changes


# --- Data sets


def test_the_published_sizes_are_of_the_known_data_sets():
    assert set(PUBLISHED) == set(KNOWN) - {"image_folder"}


def test_the_digits_are_as_large_as_said(tmp_path):
    found = fetch(dataset(), tmp_path / "datasets" / "digits", log=lambda line: None)
    said = image_sizes(dataset(), {}, tmp_path / "elsewhere")
    assert said == DIGITS
    read = image_sizes(dataset(), {}, tmp_path)
    assert read._replace(origin="") == said._replace(origin="")
    assert read.origin.endswith("digits/dataset.json")
    assert found["counts"] == {"train": said.train, "test": said.test}


def test_settings_change_the_size(tmp_path):
    told = dataset(name="cifar10", resize=[20, 24], channels=1, subset={"train": 500, "test": None, "seed": 0})
    assert image_sizes(told, {}, tmp_path)[:4] == (500, 10_000, (1, 20, 24), 10)
    assert image_sizes(told, {"train": 7, "shape": (3, 5, 6)}, tmp_path)[:4] == (7, 10_000, (3, 5, 6), 10)


def test_a_folder_is_counted(tmp_path):
    for split, count in (("train", 3), ("test", 2)):
        for name in ("cat", "dog"):
            (tmp_path / "animals" / split / name).mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (9, 5)).save(tmp_path / "animals" / split / name / f"{number}.png")
    told = dataset(name="animals", source="image_folder", path=str(tmp_path / "animals"))
    assert image_sizes(told, {}, tmp_path)[:4] == (6, 4, (3, 5, 9), 2)
    assert image_sizes(told | {"resize": [8, 8], "channels": 1}, {}, tmp_path)[:4] == (6, 4, (1, 8, 8), 2)


def test_a_folder_that_is_not_there_needs_numbers(tmp_path):
    told = dataset(name="animals", source="image_folder", path=str(tmp_path / "animals"), resize=[8, 8])
    with pytest.raises(PrunesimError) as refused:
        image_sizes(told, {"train": 10, "classes": 2}, tmp_path)
    assert "animals does not say how large the data set is; give --test-images N --shape C H W, or" in str(
        refused.value
    )
    assert image_sizes(told | {"channels": 3}, {"train": 10, "test": 5, "classes": 2}, tmp_path).shape == (3, 8, 8)


# --- Networks


@pytest.mark.parametrize(
    ("name", "width", "shape", "classes"),
    [
        ("cnn", 16, (1, 8, 8), 10),
        ("cnn", 3, (3, 21, 14), 7),
        ("vgg", 4, (3, 32, 32), 100),
        ("lenet5", 1, (1, 28, 28), 10),
    ],
)
def test_profiles_without_pytorch_are_those_of_pytorch(name, width, shape, classes):
    told = {"name": name, "width": width, "arguments": {}, "layers": None}
    profile = built_in_profile(told, shape, classes)
    assert profile == traced_profile(told, shape, classes)
    network = build_network(told, shape, classes, seed=0)
    layers, _ = trace(network, shape)
    assert profile.layers == {layer["name"]: tuple(layer["shape"]) for layer in layers}
    assert profile.parameters == sum(parameter.numel() for parameter in network.parameters())
    assert profile.state == sum(array.size for array in network_arrays(network).values())


def test_multiply_adds_by_hand():
    profile = built_in_profile({"name": "lenet5", "width": 1}, (1, 28, 28), 10)
    by_hand = 25 * 6 * 24 * 24 + 6 * 25 * 16 * 8 * 8 + 256 * 120 + 120 * 84 + 84 * 10
    assert profile.macs == by_hand
    assert profile.weights["conv2"] == ("conv", 6 * 25 * 16)


def test_a_network_of_ones_own_costs_no_memory_and_repeats_its_modules(tmp_path):
    (tmp_path / "own.py").write_text(
        "from torch import nn\n"
        "class Twice(nn.Module):\n"
        "    def __init__(self, pixels, classes):\n"
        "        super().__init__()\n"
        "        self.flatten, self.wide = nn.Flatten(), nn.Linear(pixels, 1_000_000)\n"
        "        self.relu, self.narrow = nn.ReLU(inplace=True), nn.Linear(1_000_000, classes)\n"
        "    def forward(self, x):\n"
        "        return self.narrow(self.relu(self.relu(self.wide(self.flatten(x)))))\n"
        "def twice(shape, classes):\n"
        "    return Twice(shape[0] * shape[1] * shape[2], classes)\n"
    )
    told = {"name": f"{tmp_path}/own.py:twice", "arguments": {}}
    # 3 TB of weights: only shapes.
    profile = network_profile(told, (3, 500, 500), 10)
    assert profile.macs == 750_000 * 10**6 + 10**7
    assert list(profile.layers) == ["wide", "relu", "relu-2", "narrow"]
    assert (profile.modules, profile.elements, profile.kept) == (4, 3 * 10**6 + 10, 10**6 + 10)


def test_a_network_that_looks_at_its_numbers_runs_on_the_cpu(tmp_path):
    (tmp_path / "own.py").write_text(
        "from torch import nn\n"
        "class Looking(nn.Linear):\n"
        "    def forward(self, x):\n"
        "        return super().forward(x.flatten(1) if float(x.sum()) == 0 else x)\n"
        "def looking(shape, classes):\n"
        "    return Looking(shape[0] * shape[1] * shape[2], classes)\n"
    )
    assert network_profile({"name": f"{tmp_path}/own.py:looking", "arguments": {}}, (1, 4, 4), 3).macs == 48
    with pytest.raises(PrunesimError, match=r"has no function 'other'"):
        network_profile({"name": f"{tmp_path}/own.py:other", "arguments": {}}, (1, 4, 4), 3)


def test_the_list_of_the_config_chooses_layers(tmp_path):
    told = config(files=[ROOT / "examples" / "own_network" / "study.yaml"])
    told["network"] |= {
        "name": f"{ROOT}/examples/own_network/network.py:small",
        "layers": [{"name": "first", "output": "1"}],
    }
    assert network_profile(told["network"], (1, 8, 8), 10).layers == {"first": (8, 6, 6)}
    told["network"]["layers"] = [{"name": "9"}]
    with pytest.raises(
        PrunesimError, match=r"^network.layers: '9' is not a layer of network .*; it has 1, 3, 4, 6, and"
    ):
        network_profile(told["network"], (1, 8, 8), 10)


# --- Costs


def test_the_model_knows_all_there_is_to_know():
    assert {*costs.MEASURE_WEIGHTS, *costs.KERNEL_MEASURES} == set(MEASURES)
    assert {name for name, measure in MEASURES.items() if measure.kind == "kernel"} == set(costs.KERNEL_MEASURES)
    assert costs.MOMENTS_AT_ONCE == pairs.MEMORY_BYTES
    assert set(costs.GPU_TFLOPS) == {"float32", "tf32", "bfloat16"}
    assert all(value > 0 for prices in costs.PRICES.values() for value in prices.values())


def test_disk_is_what_the_formats_take():
    told = config("rounds=1", "replicates=1")
    by_name = {job.name: job for job in jobs(told)}
    network = build_network(told["network"], (1, 8, 8), 10, seed=0)
    state = sum(array.size for array in network_arrays(network).values())
    assert by_name["networks/rep0/dense"].writes["networks"] == 2 * 4 * state
    assert by_name["networks/rep0/imp/round01"].writes["networks"] == 4 * state
    layers, _ = trace(network, (1, 8, 8))
    numbers = sum(prod(layer["shape"]) + layer["shape"][0] for layer in layers)
    # And the answers, 10 classes.
    assert by_name["activations/rep0/dense"].writes["activations"] == 4 * 359 * (numbers + 10)
    assert by_name["fetch"].writes["data set"] == (1438 + 359) * (64 + 8)


def test_a_gpu_is_for_trainings_and_dumps():
    told = config("rounds=1", "training={precision: tf32}")
    slow, fast = (
        {job.name: job for job in jobs(told, machine=MACHINE._replace(gpus=1, tflops=tflops))}
        for tflops in (1e-6, 1e-5)
    )
    assert {job.rule for job in slow.values() if job.gpus} == {"train_dense", "retrain", "dump"}
    start = costs.START_UP["train"] + costs.SNAKEMAKE["job"]
    ratio = (slow["networks/rep0/dense"].seconds - start) / (fast["networks/rep0/dense"].seconds - start)
    assert ratio == pytest.approx(10, rel=0.01)
    assert all(job.gpus == 0 for job in jobs(config("training={device: cpu}"), machine=MACHINE._replace(gpus=1)))
    # A small network is launched, not computed.
    by_default = {job.name: job for job in jobs(told, machine=MACHINE._replace(gpus=1))}
    unlimited = {job.name: job for job in jobs(told, machine=MACHINE._replace(gpus=1, tflops=1e9))}
    assert by_default["networks/rep0/dense"].seconds == unlimited["networks/rep0/dense"].seconds > start + 0.5


def test_more_of_anything_takes_longer():
    def seconds(*assignments, images=DIGITS):
        return {job.name: job.seconds for job in jobs(config("rounds=2", *assignments), images)}

    few = seconds()
    assert seconds("training={epochs: 40}")["networks/rep0/dense"] > few["networks/rep0/dense"] + 1
    assert seconds(images=DIGITS._replace(train=14_380))["networks/rep0/dense"] > few["networks/rep0/dense"] + 5
    assert seconds("training={threads: 2}")["networks/rep0/dense"] < few["networks/rep0/dense"]
    name = "comparisons/rounds/rep0/imp/round02/relu4"
    for more in ("comparison={null_draws: 50}", "comparison={measures: [cca_mean, svcca, cka_linear, cka_rbf]}"):
        assert seconds(more)[name] > few[name]
    assert few[name] > few["comparisons/rounds/rep0/imp/round01/relu4"]


def test_memory_is_bounded_by_passes_over_the_pairs():
    one = costs.comparing_memory([2048] * 2, [(0, 1)], 20)
    assert costs.comparing_memory([2048] * 21, [(i, 20) for i in range(20)], 20) == one
    assert one > costs.MOMENTS_AT_ONCE
    assert costs.comparing_memory([64] * 2, [(0, 1)], 20) < 1.5e9


def test_the_data_set_is_copied_twice_while_it_is_loaded():
    profile = built_in_profile({"name": "cnn", "width": 4}, (1, 8, 8), 10)
    told = config()["training"]
    images = DIGITS._replace(train=10**8)
    host, gpu = costs.training_memory(profile, told, images, gpu=True)
    assert host["loading"] == pytest.approx(2 * 0.9 * 64 * 10**8, rel=0.01)
    assert max(host, key=host.get) == "loading"
    assert gpu["images"] == pytest.approx(64 * 10**8, rel=0.01)
    assert max(gpu, key=gpu.get) == "images"
    assert costs.training_memory(profile, told, images, gpu=False)[1] == {}


def test_a_data_set_that_is_read_from_its_file_is_not_held():
    profile = built_in_profile({"name": "cnn", "width": 4}, (1, 8, 8), 10)
    told = config()["training"]
    for gpu in (True, False):
        parts = costs.training_memory(profile, told, DIGITS._replace(train=10**9), gpu=gpu)
        assert sum(sum(part.values()) for part in parts) < 10**10


def test_a_batch_holds_no_more_images_than_there_are():
    told = config()["training"]
    large = DIGITS._replace(train=20, test=4, shape=(3, 2000, 2000))
    profile = built_in_profile({"name": "cnn", "width": 16}, large.shape, 10)
    few, many = (
        costs.training_memory(profile, told | {"batch_size": size}, large, gpu=False)[0] for size in (18, 10**6)
    )
    assert few == many
    # Four test images make a smaller batch than the training.
    assert "evaluation" not in few
    half = costs.training_memory(profile, told | {"precision": "bfloat16"}, large, gpu=True)[1]
    assert half["batch"] < costs.training_memory(profile, told, large, gpu=True)[1]["batch"] / 1.5
    dumps = [sum(costs.dumping_memory(profile, large, images, False)[0].values()) for images in (4, 100)]
    # The outputs of a batch are bounded; the images themselves are not.
    assert dumps[1] - dumps[0] < 96 * 12_000_000 + batches.BATCH_BYTES + 1e9


def test_the_forecast_and_the_jobs_take_the_same_batches(monkeypatch, tmp_path):
    """Whatever decides the batch is asked with the same shapes by both."""
    told = config("network={name: lenet5}")["network"]
    profile = built_in_profile(told, (1, 28, 28), 10)
    layers, _ = trace(build_network(told, (1, 28, 28), 10, seed=0), (1, 28, 28))
    shapes = [layer["shape"] for layer in layers]
    for most in (10**4, 10**5, 10**6, 10**9):
        monkeypatch.setattr(batches, "BATCH_BYTES", most)
        for decide in (batches.evaluation_batch, batches.dumping_batch):
            assert decide((1, 28, 28), shapes) == decide((1, 28, 28), profile.layers.values())


def test_numbers_are_plain():
    for job in jobs(config("rounds=1")):
        json.dumps(job._asdict(), allow_nan=False)
        assert not isinstance(job.seconds, torch.Tensor | np.generic)
