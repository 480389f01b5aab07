"""Networks: their sizes, layers, names and initial weights."""

import itertools
import json

import numpy as np
import pytest
import torch
import yaml
from core_study import CNN_LAYERS, same_bytes
from torch import nn

from prunesim.cli import main
from prunesim.errors import PrunesimError
from prunesim.networks.build import build_network
from prunesim.networks.builtin import NETWORKS, built_in_layers, layer_shapes
from prunesim.networks.describe import trace
from prunesim.networks.kinds import module_kind
from prunesim.networks.spec import activation_layers, compared_layers, weight_layers
from prunesim.networks.state import load_arrays, network_arrays
from prunesim.networks.weights import weight_kinds


def built_in(name, width=4):
    return {"name": name, "width": width, "arguments": {}, "layers": None}


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


# built-in networks


@pytest.mark.parametrize(
    ("name", "width", "shape", "parameters", "conv_weights"),
    [
        # The published VGG for SVHN and LeNet-5 for MNIST, from the authors' repository.
        ("vgg", 32, (3, 32, 32), 586_154, 581_472),
        ("lenet5", 16, (1, 28, 28), 44_426, 2_550),
        # By hand: one input channel makes 2 * 9 * 32 weights fewer.
        ("vgg", 32, (1, 32, 32), 586_154 - 576, 581_472 - 576),
        # 9 * (16 + 256 + 512 + 1024) weights; 96 biases, 192 of batch norm; 128 * 32 + 32 and 32 * 10 + 10.
        ("cnn", 16, (1, 8, 8), 9 * 1808 + 96 + 192 + 4128 + 330, 9 * 1808),
    ],
)
def test_parameters(name, width, shape, parameters, conv_weights):
    network = build_network(built_in(name, width), shape, 10, 0)
    assert count(network) == parameters
    convs = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert sum(module.weight.numel() for module in convs) == conv_weights


def test_the_vgg_of_the_paper_has_43_million_multiplications():
    network = build_network(built_in("vgg", 32), (3, 32, 32), 10, 0)
    _, uses = trace(network, (3, 32, 32))
    sizes = {name: parameter.numel() for name, parameter in network.named_parameters()}
    by_hand = 9 * (1024 * (3 * 32 + 32 * 32) + 256 * (32 * 64 + 64 * 64) + 64 * (64 * 128 + 128 * 128) + 16 * 128 * 256)
    assert sum(sizes[name] * times for name, times in uses.items()) == by_hand + 256 * 10
    assert round(by_hand / 1e6, 1) == 43.4


@pytest.mark.parametrize(
    ("name", "shape"),
    [("cnn", (1, 8, 8)), ("cnn", (3, 13, 10)), ("vgg", (3, 32, 32)), ("vgg", (1, 16, 28)), ("lenet5", (1, 28, 28))],
)
def test_the_layers_are_known_without_torch(name, shape):
    settings = built_in(name)
    network = build_network(settings, shape, 5, 0)
    layers, uses = trace(network, shape)
    assert [(layer["name"], layer["kind"]) for layer in layers] == activation_layers(settings)
    weights = {f"{layer}.weight": network.get_submodule(layer) for layer in weight_layers(settings)}
    assert list(weight_kinds(network)) == list(uses) == list(weights)
    assert layers[-1] == {"name": "logits", "kind": "linear", "shape": [5]}
    specs = built_in_layers(settings, 5)
    known = dict(zip([x.name for x in specs], layer_shapes(specs, shape), strict=True))
    for layer in layers:
        pooled_away = layer["name"] == "gap"
        assert tuple(layer["shape"]) == (known[layer["name"]][:1] if pooled_away else known[layer["name"]])
    for name, module in weights.items():
        positions = np.prod(known[name.removesuffix(".weight")][1:], dtype=int)
        assert uses[name] == positions
        assert weight_kinds(network)[name] == ("conv" if isinstance(module, nn.Conv2d) else "linear")


def test_trace_leaves_the_network_as_it_was():
    network = build_network(built_in("cnn"), (1, 8, 8), 3, 0)
    before = network_arrays(network)
    for training in (True, False):
        network.train(training)
        trace(network, (1, 8, 8))
        assert all(module.training == training for module in network.modules())
        assert not any(module._forward_hooks for module in network.modules())
    assert same_bytes(network_arrays(network), before)


@pytest.mark.parametrize(
    ("name", "shape", "layer"),
    [
        ("cnn", (1, 3, 8), "pool2"),
        ("cnn", (1, 1, 1), "pool1"),
        ("vgg", (3, 32, 15), "pool4"),
        ("lenet5", (1, 4, 28), "conv1"),
        ("lenet5", (1, 13, 13), "conv2"),
    ],
)
def test_small_images_are_refused(name, shape, layer):
    with pytest.raises(PrunesimError, match=f"{shape[1]} x {shape[2]} are too small .* {layer!r}; .*dataset.resize"):
        build_network(built_in(name), shape, 10, 0)


@pytest.mark.parametrize(("name", "side"), [("cnn", 4), ("vgg", 16), ("lenet5", 16)])
def test_the_smallest_images_run(name, side):
    network = build_network(built_in(name), (1, side, side), 3, 0)
    assert network(torch.zeros(2, 1, side, side)).shape == (2, 3)


def test_compared_layers():
    settings = built_in("cnn")
    assert compared_layers(settings, "all") == CNN_LAYERS
    assert compared_layers(settings, "relu") == ["relu1", "relu2", "relu3", "relu4", "relu5", "logits"]
    assert compared_layers(settings, ["logits", "pool1"]) == ["pool1", "logits"]
    own = {"name": "a.py:f", "layers": [{"name": "act-2", "kind": "relu"}, {"name": "out", "kind": "linear"}]}
    assert activation_layers(own) == [("act-2", "relu"), ("out", "linear")]
    assert compared_layers(own, "relu") == ["act-2", "out"]


# initial weights


def test_the_seed_makes_the_weights():
    arrays = [network_arrays(build_network(built_in("cnn"), (1, 8, 8), 3, seed)) for seed in (1, 1, 2)]
    assert same_bytes(arrays[0], arrays[1])
    for name in weight_kinds(build_network(built_in("cnn"), (1, 8, 8), 3, 1)):
        assert not np.array_equal(arrays[0][name], arrays[2][name])


def test_the_global_generator_is_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(4)
    torch.manual_seed(5)
    first = network_arrays(build_network(built_in("lenet5"), (1, 28, 28), 10, 3))
    assert torch.equal(torch.rand(4), expected)
    assert same_bytes(first, network_arrays(build_network(built_in("lenet5"), (1, 28, 28), 10, 3)))


# tensors


def test_arrays_are_copies():
    network = build_network(built_in("cnn"), (1, 8, 8), 3, 0)
    arrays = network_arrays(network)
    before = {name: array.copy() for name, array in arrays.items()}
    with torch.no_grad():
        for tensor in network.state_dict().values():
            tensor += 1
    assert same_bytes(arrays, before)
    load_arrays(network, arrays, "file")
    assert same_bytes(network_arrays(network), before)
    with torch.no_grad():
        for tensor in network.state_dict().values():
            tensor += 1
    assert same_bytes(arrays, before)


def test_arrays_hold_the_statistics_of_batch_norm():
    names = set(network_arrays(build_network(built_in("cnn"), (1, 8, 8), 3, 0)))
    assert {"bn1.running_mean", "bn1.running_var", "bn1.num_batches_tracked", "bn1.weight", "conv1.bias"} <= names


def test_channels_last_does_not_reach_the_files():
    network = build_network(built_in("cnn"), (3, 8, 8), 3, 0)
    plain = network_arrays(network)
    network.to(memory_format=torch.channels_last)
    assert not network.conv1.weight.is_contiguous()
    arrays = network_arrays(network)
    assert all(array.flags.c_contiguous for array in arrays.values())
    assert same_bytes(arrays, plain)


def test_tensors_that_do_not_fit_are_refused():
    network = build_network(built_in("cnn"), (1, 8, 8), 3, 0)
    arrays = network_arrays(network)
    before = {name: array.copy() for name, array in arrays.items()}

    def refuse(changed, pattern):
        with pytest.raises(PrunesimError, match=pattern):
            load_arrays(network, changed, "some/file.safetensors")
        assert same_bytes(network_arrays(network), before)

    refuse({k: v for k, v in arrays.items() if k != "bn2.running_var"}, r"^some/file.* no tensor 'bn2.running_var'")
    refuse(arrays | {"extra": np.zeros(1)}, r"^some/file.* a tensor 'extra' that the network does not have")
    refuse(
        arrays | {"fc1.bias": np.zeros(9, np.float32)},
        r"^some/file.*: tensor 'fc1.bias' has shape \(9,\), but the network needs \(8,\)",
    )


# networks of the user's own

OWN = """
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class Sizes:
    hidden: int = 6


class Twice(nn.Module):
    def __init__(self, channels, classes, hidden, dropout):
        super().__init__()
        self.conv = nn.Conv2d(channels, 4, 3, stride=2, padding=1, groups=1)
        self.same = nn.Conv2d(4, 4, 3, padding=1, groups=2)
        self.act = nn.ReLU(inplace=True)
        self.body = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, hidden), nn.GELU())
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(hidden, classes)

    def forward(self, x):
        x = self.act(self.conv(x))
        x = self.act(self.same(x))
        x = self.act(self.same(x))
        return self.out(self.dropout(self.body(x)))


def twice(shape, classes, hidden=Sizes().hidden, dropout=0.5):
    return Twice(shape[0], classes, hidden, dropout)


def lazy(shape, classes):
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(classes))


def wrong_return(shape, classes):
    return "no network"


def wrong_size(shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(shape[0] * shape[1] * shape[2], classes + 1))


def wrong_input(shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(1, classes))


def empty(shape, classes):
    return nn.Sequential(nn.Flatten(), nn.AdaptiveAvgPool1d(classes))


def no_answer(shape, classes):
    return nn.Flatten()


def three_dimensions(shape, classes):
    return nn.Sequential(nn.Flatten(2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(classes))


not_callable = 3
"""


@pytest.fixture
def own(tmp_path):
    """Return a function that makes the settings of a network of OWN."""
    path = tmp_path / "my.networks.py"
    path.write_text(OWN)

    def settings(function, **arguments):
        return {"name": f"{path}:{function}", "width": 16, "arguments": arguments, "layers": None}

    return settings


def test_own_network(own):
    network = build_network(own("twice", hidden=5), (3, 9, 8), 7, 1)
    assert network.out.weight.shape == (7, 5)
    assert network.training
    again = build_network(own("twice", hidden=5), (3, 9, 8), 7, 1)
    assert same_bytes(network_arrays(network), network_arrays(again))
    assert weight_kinds(network) == {
        "conv.weight": "conv",
        "same.weight": "conv",
        "body.2.weight": "linear",
        "out.weight": "linear",
    }


def test_repeated_modules_are_numbered_and_their_uses_added_up(own):
    layers, uses = trace(build_network(own("twice"), (3, 9, 8), 7, 1), (3, 9, 8))
    assert [(layer["name"], layer["kind"], layer["shape"]) for layer in layers] == [
        ("act", "relu", [4, 5, 4]),
        ("act-2", "relu", [4, 5, 4]),
        ("act-3", "relu", [4, 5, 4]),
        ("body.0", "pool", [4, 1, 1]),
        ("body.2", "linear", [6]),
        ("body.3", "relu", [6]),
        ("out", "linear", [7]),
    ]
    # Of the grouped convolution each weight is used once a position too; it runs twice.
    assert uses == {"conv.weight": 20, "same.weight": 40, "body.2.weight": 1, "out.weight": 1}


def test_lazy_modules_are_initialised_by_the_seed(own):
    arrays = [network_arrays(build_network(own("lazy"), (1, 8, 8), 3, seed)) for seed in (1, 1, 2)]
    assert arrays[0]["1.weight"].shape == (3, 64)
    assert same_bytes(arrays[0], arrays[1])
    assert not np.array_equal(arrays[0]["1.weight"], arrays[2]["1.weight"])


@pytest.mark.parametrize(
    ("function", "arguments", "pattern"),
    [
        ("nothing", {}, r"has no function 'nothing'; it has twice, lazy, wrong_return"),
        ("not_callable", {}, r"has no function 'not_callable'"),
        ("wrong_return", {}, r"returned no torch\.nn\.Module\.$"),
        ("twice", {"depth": 3}, r"could not be called .* unexpected keyword argument 'depth'\.$"),
        ("wrong_size", {}, r"1 x 3 classes, not \(1, 4\)"),
        ("wrong_input", {}, r"cannot take images of 1 x 8 x 8"),
        ("empty", {}, r"has no parameters to train"),
        ("no_answer", {}, r"1 x 3 classes, not \(1, 64\)"),
    ],
)
def test_own_networks_that_do_not_work_are_refused(own, function, arguments, pattern):
    with pytest.raises(PrunesimError, match=pattern) as caught:
        build_network(own(function, **arguments), (1, 8, 8), 3, 0)
    assert str(caught.value).startswith("network.name: ")
    assert "my.networks.py" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path):
    settings = {"name": f"{tmp_path}/none.py:f", "width": 1, "arguments": {}}
    with pytest.raises(PrunesimError, match=r"none\.py' does not exist; give path/to/file.py:function"):
        build_network(settings, (1, 8, 8), 3, 0)


def test_axes_whose_meaning_is_lost_are_neither_dumped_nor_guessed(own):
    network = build_network(own("three_dimensions"), (1, 8, 8), 3, 0)
    layers, _ = trace(network, (1, 8, 8))
    # Rows of pixels after nn.Flatten(2): channels and positions are still known.
    assert layers[0] == {"name": "1", "kind": "relu", "shape": [1, 64]}


def test_the_kinds_of_outputs():
    kinds = {
        nn.ReLU(): "relu",
        nn.GELU(): "relu",
        nn.Tanh(): "relu",
        nn.SELU(): "relu",
        nn.Softplus(): "relu",
        nn.MaxPool2d(2): "pool",
        nn.Linear(1, 1): "linear",
        nn.Conv2d(1, 1, 1): "conv",
        nn.ConvTranspose2d(1, 1, 1): "conv",
        nn.BatchNorm2d(1): "norm",
        nn.Flatten(): "other",
        nn.Softmax(1): "other",
        nn.Sequential(): "other",
        nn.Sequential(nn.ReLU()): "block",
    }
    assert [module_kind(module) for module in kinds] == list(kinds.values())


def test_the_command_prints_what_belongs_into_the_config(own, capsys):
    name = own("twice")["name"]
    assert (
        main(["layers", name, "--shape", "3", "9", "8", "--classes", "7", "--arguments", '{"hidden": 5}', "--yaml"])
        == 0
    )
    printed = capsys.readouterr().out
    layers, _ = trace(build_network(own("twice", hidden=5), (3, 9, 8), 7, 1), (3, 9, 8))
    assert yaml.safe_load(printed) == {"layers": json.loads(json.dumps(layers))}


SIDES = {"lenet5": ("28", "28")}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_command_knows_the_built_in_networks(name, capsys):
    assert main(["layers", name, "--shape", "1", *SIDES.get(name, ("32", "32")), "--width", "2", "--yaml"]) == 0
    layers = yaml.safe_load(capsys.readouterr().out)["layers"]
    assert [(layer["name"], layer["kind"]) for layer in layers] == activation_layers(built_in(name))
    assert not [a for a, b in itertools.combinations(layers, 2) if a["name"] == b["name"]]
