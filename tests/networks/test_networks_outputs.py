"""Every output has a name that stays, and a kind."""

import inspect

import pytest
import torch
from networks_models import CLASSES, SHAPE, Forward, on_vectors
from torch import nn
from torch.nn import functional
from torch.nn.modules import activation

from prunesim.networks import tracing
from prunesim.networks.build import _try_out
from prunesim.networks.describe import outputs_of, trace
from prunesim.networks.kinds import module_kind
from prunesim.networks.spec import activation_layers, chosen, compared_layers


def names(network):
    return [(output["name"], output["kind"]) for output in outputs_of(network, SHAPE)]


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x):
        y = functional.relu(self.bn(self.conv(x)), inplace=True)
        return torch.relu(x + y).clamp(max=6)


def residual():
    network = nn.Sequential()
    network.add_module("layer1", nn.Sequential(Residual(3), Residual(3)))
    network.add_module("pool", nn.AdaptiveAvgPool2d(1))
    network.add_module("flatten", nn.Flatten())
    network.add_module("fc", nn.Linear(3, CLASSES))
    return network


def test_modules_blocks_additions_and_functions_have_names():
    block = ["conv", "bn", "relu", "add", "relu-2"]
    kinds = ["conv", "norm", "relu", "add", "relu"]
    expected = []
    for number in (0, 1):
        expected += [(f"layer1.{number}.{name}", kind) for name, kind in zip(block, kinds, strict=True)]
        expected.append((f"layer1.{number}", "block"))
    expected += [("layer1", "block"), ("pool", "pool"), ("flatten", "other"), ("fc", "linear")]
    assert names(residual()) == expected
    assert names(residual()) == expected


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["block"], ["layer1.0", "layer1.1", "layer1"]),
        (["add", "fc"], ["layer1.0.add", "layer1.1.add", "fc"]),
        (["layer*.relu"], ["layer1.0.relu", "layer1.1.relu"]),
        (["layer?", "norm"], ["layer1.0.bn", "layer1.1.bn", "layer1"]),
        (["conv"], ["layer1.0.conv", "layer1.1.conv"]),
    ],
)
def test_kinds_names_and_patterns_choose_outputs(words, found):
    outputs = names(residual())
    assert chosen(outputs, words) == found
    network = {"name": "own.py:f", "layers": [{"name": name, "kind": kind} for name, kind in outputs]}
    assert compared_layers(network, words) == found
    assert activation_layers(network) == outputs


def test_all_is_all_and_relu_takes_the_last_layer_too():
    outputs = names(residual())
    network = {"name": "own.py:f", "layers": [{"name": name, "kind": kind} for name, kind in outputs]}
    assert compared_layers(network, "all") == [name for name, _ in outputs]
    relus = [name for name, kind in outputs if kind == "relu"]
    assert len(relus) == 4
    assert compared_layers(network, "relu") == [*relus, "fc"]


ACTIVATIONS = [
    kind
    for kind in vars(activation).values()
    # Softmax and its like make distributions; attention is a block.
    if inspect.isclass(kind) and kind.__module__ == activation.__name__ and "Softmax" not in kind.__name__
    if kind.__name__ not in ("Softmin", "MultiheadAttention")
]


@pytest.mark.parametrize("kind", ACTIVATIONS, ids=lambda kind: kind.__name__)
def test_every_activation_module_of_torch_counts_as_one(kind):
    required = {"Threshold": (0.1, 0.0)}.get(kind.__name__, ())
    network = on_vectors(kind(*required), width=12)
    if kind.__name__ == "GLU":
        network[3] = nn.Linear(6, CLASSES)
    assert module_kind(network[2]) == "relu"
    assert names(network)[1:] == [("1", "linear"), ("2", "relu"), ("3", "linear")]


def test_activations_are_many():
    assert len(ACTIVATIONS) > 20


@pytest.mark.parametrize(
    "function",
    [functional.relu, torch.relu, torch.tanh, functional.gelu, functional.silu, torch.sigmoid, functional.softplus],
)
def test_functions_and_methods_are_activations(function):
    network = Forward(
        lambda m, x: m.out(function(m.lin(x.flatten(1)))), lin=nn.Linear(192, 4), out=nn.Linear(4, CLASSES)
    )
    assert [kind for _, kind in names(network)] == ["linear", "relu", "linear"]


def test_operators_in_place_and_methods():
    def forward(m, x):
        x = m.lin(x.flatten(1))
        y = x.relu_()
        y += 1
        y = torch.add(y, x)
        return m.out(y.sigmoid())

    network = Forward(forward, lin=nn.Linear(192, 4), out=nn.Linear(4, CLASSES))
    assert names(network) == [
        ("lin", "linear"),
        ("relu", "relu"),
        ("add", "add"),
        ("add-2", "add"),
        ("sigmoid", "relu"),
        ("out", "linear"),
    ]


def test_what_an_operation_in_place_overwrites_is_noted_before():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(144, CLASSES))
    kept = {}
    images = torch.randn(5, *SHAPE)
    tracing.run(network, images, lambda name, kind, tensor, layout: kept.update({name: tensor.clone()}))
    assert (kept["0"] < 0).any()
    assert torch.equal(kept["1"], kept["0"].clamp(min=0))


@pytest.mark.parametrize(
    ("name", "safe"),
    [("first layer", "first_layer"), ("a/b", "a_b"), ("größe", "gr__e"), ("x.pooled", "x_pooled"), ("{a}", "_a_")],
)
def test_names_are_made_fit_for_files(name, safe):
    network = Forward(lambda m, x: m.out(m._modules[name.replace(".", "")](x.flatten(1))), out=nn.Linear(4, CLASSES))
    network.add_module(name.replace(".", ""), nn.Linear(192, 4))
    assert tracing.safe_name(name) == safe
    if "." not in name:
        assert names(network)[0] == (safe, "linear")


def test_names_that_are_the_same_in_a_file_are_numbered():
    network = on_vectors()
    network.add_module("a b", nn.Linear(CLASSES, CLASSES))
    network.add_module("a_b", nn.Linear(CLASSES, CLASSES))
    assert [name for name, _ in names(network)][-2:] == ["a_b", "a_b-2"]


def test_modules_that_answer_more_than_one_tensor():
    pool = nn.MaxPool2d(2, return_indices=True)
    network = Forward(lambda m, x: m.out(m.pool(x)[0].flatten(1)), pool=pool, out=nn.Linear(48, CLASSES))
    assert names(network) == [("pool", "pool"), ("out", "linear")]
    layers, _ = trace(network, SHAPE)
    assert layers[0] == {"name": "pool", "kind": "pool", "shape": [3, 4, 4]}
    unpool = Forward(lambda m, x: m.out(m.un(*m.pool(x)).flatten(1)), pool=pool, un=nn.MaxUnpool2d(2))
    unpool.out = nn.Linear(192, CLASSES)
    _try_out(unpool, SHAPE, CLASSES, "unpool")


def test_checkpointed_and_compiled_parts_are_seen():
    from torch.utils.checkpoint import checkpoint

    network = Forward(lambda m, x: m.out(checkpoint(m.lin, x.flatten(1), use_reentrant=False)), lin=nn.Linear(192, 4))
    network.out = nn.Linear(4, CLASSES)
    assert names(network) == [("lin", "linear"), ("out", "linear")]


def test_hooks_of_the_user_stay():
    network = on_vectors()
    calls = []
    network[1].register_forward_hook(lambda *values: calls.append(1))
    names(network)
    assert calls == [1]
    assert len(network[1]._forward_hooks) == 1
    assert not network[1]._forward_pre_hooks
