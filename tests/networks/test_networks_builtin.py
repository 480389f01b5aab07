"""Built-in networks as they were published: sizes, shapes, sums, initial weights, other widths."""

import weakref

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from prunesim.errors import PrunesimError
from prunesim.forecast.profile import built_in_profile, traced_profile
from prunesim.networks.build import build_network
from prunesim.networks.builtin import INITIAL_WEIGHTS, NETWORKS, PUBLISHED_WIDTHS, built_in_layers, layer_shapes
from prunesim.networks.modules import Graph, Shortcut
from prunesim.networks.spec import weight_layers

CIFAR, MNIST = (3, 32, 32), (1, 28, 28)
RESIDUAL = ("resnet9", "resnet20", "resnet20_projection")


def settings(name, **more):
    return {"name": name, "width": 16, "arguments": {}, "layers": None, **more}


def built(name, shape=CIFAR, seed=0, **more):
    return build_network(settings(name, **more), shape, 10, seed)


def weights(network, *kinds):
    return sum(module.weight.numel() for module in network.modules() if isinstance(module, kinds))


# --- Published or computed sizes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shape", "conv", "linear", "parameters"),
    [
        ("lenet_300_100", MNIST, 0, 266_200, 266_610),
        ("conv2", CIFAR, 38_592, 4_300_992 - 38_592, 4_301_642),
        ("conv4", CIFAR, 259_776, 2_425_024 - 259_776, 2_425_930),
        ("conv6", CIFAR, 1_144_512, 2_261_184 - 1_144_512, 2_262_602),
        ("nin", CIFAR, 965_568, 0, 966_986),
        ("resnet9", CIFAR, 6_563_520, 5_120, None),
        ("resnet20", CIFAR, None, 640, 269_722),
        ("resnet20_projection", CIFAR, None, 640, 272_474),
        ("vgg_svhn", CIFAR, 581_472, 2_560, 586_154),
        ("lenet5", MNIST, 2_550, 41_640, 44_426),
    ],
)
def test_sizes(name, shape, conv, linear, parameters):
    network = built(name, shape)
    if conv is not None:
        assert weights(network, nn.Conv2d) == conv
    assert weights(network, nn.Linear) == linear
    if parameters is not None:
        assert sum(parameter.numel() for parameter in network.parameters()) == parameters


def test_the_stack_of_morcos_et_al():
    convs = [module for module in built("strided_stack").modules() if isinstance(module, nn.Conv2d)]
    assert [module.out_channels for module in convs] == [64, 64, 128, 128, 128, 256, 256, 256, 512, 512, 512]
    assert [module.stride[0] for module in convs] == [1, 1, 2, 1, 1, 2, 1, 1, 2, 1, 1]


def test_the_resnet9_of_the_paper_has_379_million_multiplications():
    assert round(built_in_profile(settings("resnet9"), CIFAR, 10).macs / 1e6) == 379


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("factor", [1, 0.3])
def test_what_is_known_without_pytorch_is_what_a_pass_finds(name, factor):
    shape = MNIST if name.startswith("lenet") else CIFAR
    told = settings(name, width_factor=factor)
    known, found = built_in_profile(told, shape, 10), traced_profile(told, shape, 10)
    assert known.layers == found.layers
    assert known.weights == found.weights
    assert (known.parameters, known.state, known.macs) == (found.parameters, found.state, found.macs)


# --- What they compute ----------------------------------------------------------------------------------------------


def test_a_residual_network_against_its_formula():
    """He et al. (2016), equation 1, with option A, written out."""
    network = built("resnet20", width_factor=0.25).eval()
    at = network.get_submodule
    images = torch.randn(3, *CIFAR, generator=torch.Generator().manual_seed(1))
    x = functional.relu(at("bn1")(at("conv1")(images)))
    for stage in (1, 2, 3):
        for block in (1, 2, 3):
            name = f"stage{stage}_block{block}"
            inner = functional.relu(at(f"{name}_bn1")(at(f"{name}_conv1")(x)))
            inner = at(f"{name}_bn2")(at(f"{name}_conv2")(inner))
            if inner.shape != x.shape:
                x = torch.cat([x[:, :, ::2, ::2], torch.zeros_like(x)[:, :, ::2, ::2]], 1)
            x = functional.relu(inner + x)
    with torch.no_grad():
        torch.testing.assert_close(network(images), at("logits")(x.mean((2, 3))))


def test_resnet9_against_its_formula():
    network = built("resnet9", width_factor=1 / 16).eval()

    def conv(name, x):
        return functional.relu(network.get_submodule(f"{name}_bn")(network.get_submodule(f"{name}_conv")(x)))

    images = torch.randn(3, *CIFAR, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        x = conv("prep", images)
        for name in ("layer1", "layer2", "layer3"):
            x = functional.max_pool2d(conv(name, x), 2)
            if name != "layer2":
                x = x + conv(f"{name}_res2", conv(f"{name}_res1", x))
        answers = network.get_submodule("logits")(functional.max_pool2d(x, 4).flatten(1)) * 0.125
        torch.testing.assert_close(network(images), answers)


def test_a_shortcut_without_weights():
    x = torch.arange(2 * 3 * 5 * 4.0).reshape(2, 3, 5, 4)
    out = Shortcut(7, 2)(x)
    assert out.shape == (2, 7, 3, 2)
    assert torch.equal(out[:, :3], x[:, :, ::2, ::2])
    assert not out[:, 3:].any()


def test_a_graph_keeps_an_output_only_as_long_as_it_is_needed():
    alive = []

    class Probe(nn.Module):
        def forward(self, *inputs):
            alive.append(sum(reference() is not None for reference in seen))
            output = inputs[0] + 1
            seen.append(weakref.ref(output))
            return output

    seen = []
    graph = Graph({name: Probe() for name in "abcd"}, [("",), ("a",), ("b",), ("c", "a")])
    graph(torch.zeros(1))
    # d takes c and a; b is gone by then.
    assert alive == [0, 1, 2, 2]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_weight_is_trained(name):
    shape = MNIST if name.startswith("lenet") else CIFAR
    network = built(name, shape, width_factor=0.2)
    functional.cross_entropy(network(torch.randn(4, *shape)), torch.arange(4)).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert network(torch.randn(2, *shape)).shape == (2, 10)


# --- Initial weights -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", INITIAL_WEIGHTS)
def test_initial_weights_are_those_that_were_published(name):
    network = built(name, MNIST if name.startswith("lenet") else CIFAR)
    for layer in weight_layers(settings(name)):
        module = network.get_submodule(layer)
        fan_in = module.weight[0].numel()
        fan_out = module.weight.numel() // module.weight.shape[1]
        spread = {"glorot": (2 / (fan_in + fan_out)) ** 0.5, "he": (2 / fan_in) ** 0.5}.get(INITIAL_WEIGHTS[name], 0.05)
        # The standard deviation of n normal numbers has a relative error of 1 / sqrt(2 n).
        count = module.weight.numel()
        assert module.weight.std().item() == pytest.approx(spread, rel=5 / np.sqrt(2 * count))
        assert module.bias is None or not module.bias.any()


def test_initial_weights_follow_the_seed():
    first, again, other = (built("conv2", seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])


# --- Other widths ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_a_width_factor_scales_every_hidden_layer_and_no_other(name):
    once, twice = (built_in_layers(settings(name, width_factor=factor), 10) for factor in (1, 2))
    assert [layer.name for layer in once] == [layer.name for layer in twice]
    for one, two in zip(once, twice, strict=True):
        if one.width:
            assert two.width == (one.width if one.name == "logits" else 2 * one.width)


def test_no_layer_vanishes_at_a_small_width():
    for name in NETWORKS:
        assert all(layer.width != 0 for layer in built_in_layers(settings(name, width_factor=1e-3), 10))


def test_width_is_that_of_networks_without_a_published_one():
    for name in NETWORKS:
        layers = [built_in_layers(settings(name) | {"width": width}, 10) for width in (4, 8)]
        assert (layers[0] == layers[1]) == (name in PUBLISHED_WIDTHS)


@pytest.mark.parametrize(("name", "layer"), [("resnet9", "layer3_pool"), ("conv6", "pool3")])
def test_small_images_are_refused(name, layer):
    with pytest.raises(PrunesimError, match=f"6 x 6 are too small .*{layer!r}"):
        layer_shapes(built_in_layers(settings(name), 10), (3, 6, 6))


@pytest.mark.parametrize("name", RESIDUAL)
def test_names_of_layers_differ(name):
    names = [layer.name for layer in built_in_layers(settings(name), 10)]
    assert len(set(names)) == len(names)
