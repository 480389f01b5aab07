"""Every classifier of torchvision: what it consists of, without a number being computed."""

import functools

import pytest
import torch
from torchvision import models

from prunesim.errors import PrunesimError
from prunesim.networks.build import build_network
from prunesim.networks.describe import describe, outputs_of

pytestmark = pytest.mark.slow

NAMES = models.list_models(module=models)
# Products of queries, keys and values are in the published numbers but belong to no layer.
ATTENTION = dict.fromkeys(("maxvit", "swin", "vit"), 0.95)
# One output of each family, from its paper and from the code of torchvision: name, shape as made, meaning of its axes.
FIRST, LAST = "N x C x H x W", "N x H x W x C"
BY_HAND = {
    "alexnet": ("features.5", [192, 13, 13], FIRST),
    "convnext_tiny": ("features.1.0.block.4", [56, 56, 384], LAST),
    "densenet121": ("features.denseblock1.denselayer2.relu1", [96, 56, 56], FIRST),
    "efficientnet_b0": ("features.2.0.block.0.2", [96, 112, 112], FIRST),
    "efficientnet_v2_s": ("features.1.0.block.0.2", [24, 192, 192], FIRST),
    "googlenet": ("inception3a.cat", [256, 28, 28], FIRST),
    "inception_v3": ("Mixed_5b.cat", [256, 35, 35], FIRST),
    "maxvit_t": ("blocks.0.layers.0.layers.grid_attention.mlp_layer.2", [64, 49, 256], LAST),
    "mnasnet1_0": ("layers.8.0.layers.2", [48, 112, 112], FIRST),
    "mobilenet_v2": ("features.2.conv.0.2", [96, 112, 112], FIRST),
    "mobilenet_v3_large": ("features.2.block.0.2", [64, 112, 112], FIRST),
    "regnet_y_400mf": ("trunk_output.block1.block1-0.activation", [48, 56, 56], FIRST),
    "resnet50": ("layer1.0.relu-3", [256, 56, 56], FIRST),
    "resnext50_32x4d": ("layer1.0.relu", [128, 56, 56], FIRST),
    "shufflenet_v2_x1_0": ("stage2.0.branch2.7", [58, 28, 28], FIRST),
    "squeezenet1_1": ("features.3.cat", [128, 55, 55], FIRST),
    "swin_t": ("features.3.0.mlp.1", [28, 28, 768], LAST),
    "swin_v2_t": ("features.1.1.mlp.0", [64, 64, 384], LAST),
    "vgg11_bn": ("features.6", [128, 112, 112], FIRST),
    "vit_b_16": ("encoder.layers.encoder_layer_0.mlp.1", [197, 3072], "N x T x C"),
    "wide_resnet50_2": ("layer1.0.relu", [128, 56, 56], FIRST),
}


def published(name):
    """Return what torchvision says of a network: side of its images, parameters, billions of operations."""
    weights = models.get_model_weights(name).DEFAULT
    return weights.transforms().crop_size[0], weights.meta["num_params"], weights.meta["_ops"]


@functools.cache
def found(name):
    side, *_ = published(name)
    arguments = {"aux_logits": False} if name == "googlenet" else {"image_size": side} if name.startswith("vit") else {}
    return describe({"name": f"torchvision:{name}", "width": 16, "arguments": arguments}, (3, side, side), 1000)


@pytest.mark.parametrize("name", NAMES)
def test_size_and_work_are_as_published_and_every_axis_is_known(name):
    _, parameters, billions = published(name)
    network = found(name)
    assert network["parameters"] == parameters
    lowest = ATTENTION.get(name.split("_")[0], 1) if name != "vit_h_14" else 0.84  # of 1,370 tokens
    # Three decimals are published.
    assert lowest * (billions - 0.0006) <= network["macs"] / 1e9 <= billions + 0.0006
    assert [output["name"] for output in network["outputs"] if output["kind"] != "other" and not output["shape"]] == []
    names = [output["name"] for output in network["outputs"]]
    assert len(set(names)) == len(names)
    assert [weight["layer"] for weight in network["weights"] if weight["why"]] == []
    last = network["outputs"][-1]
    assert last["shape"] == [1000] or (name.startswith("squeezenet") and last["shape"][0] == 1000)


@pytest.mark.parametrize("name", BY_HAND)
def test_a_layer_of_each_family_is_what_its_paper_says(name):
    layer, raw, layout = BY_HAND[name]
    output = next(output for output in found(name)["outputs"] if output["name"] == layer)
    assert (output["raw"], output["layout"]) == (raw, layout)
    neurons = raw[0] if layout == FIRST else raw[-1]
    positions = torch.Size(raw).numel() // neurons
    assert output["shape"][0] == neurons
    assert torch.Size(output["shape"][1:]).numel() == positions


def test_families_are_complete():
    def family(name):
        return name.rstrip("0123456789").split("_")[0].rstrip("0123456789")

    assert {family(name) for name in NAMES} == {family(name) for name in BY_HAND}


@pytest.mark.parametrize(("name", "relus"), [("googlenet", 57), ("inception_v3", 94)])
def test_functional_activations_are_seen(name, relus):
    """One after each convolution with batch normalisation: F.relu, of which no module knows."""
    outputs = found(name)["outputs"]
    assert sum(output["kind"] == "relu" for output in outputs) == relus


@pytest.mark.parametrize(
    ("name", "layer", "shape"),
    [
        ("resnet18", "layer1", [64, 8, 8]),
        ("resnet50", "maxpool", [64, 8, 8]),
        ("densenet121", "features.pool0", [64, 8, 8]),
    ],
)
def test_small_images_keep_their_size_through_the_first_layers(name, layer, shape):
    settings = {"name": f"torchvision:{name}", "width": 16, "arguments": {}, "small_images": True}
    outputs = {output["name"]: output["shape"] for output in describe(settings, (3, 8, 8), 10)["outputs"]}
    assert outputs[layer] == shape
    network = build_network(settings, (3, 8, 8), 10, 0)
    again = build_network(settings, (3, 8, 8), 10, 0)
    assert all(torch.equal(one, other) for one, other in zip(network.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize("name", ["convnext_tiny", "vgg11", "googlenet", "vit_b_16", "shufflenet_v2_x0_5"])
def test_small_images_are_refused_where_they_make_no_sense(name):
    settings = {"name": f"torchvision:{name}", "width": 16, "arguments": {}, "small_images": True}
    with pytest.raises(PrunesimError, match=r"^network.small_images is for the ResNets and DenseNets of torchvision"):
        build_network(settings, (3, 32, 32), 10, 0)


@pytest.mark.parametrize(
    ("settings", "shape", "sentence"),
    [
        (
            {"name": "torchvision:resnet81"},
            (3, 32, 32),
            r"has no classifier 'resnet81'; did you mean torchvision:resnet18\?",
        ),
        (
            {"name": "torchvision:resnet18"},
            (1, 32, 32),
            r"cannot take images of 1 x 32 x 32: .*; set dataset.channels: 3\.$",
        ),
        (
            {"name": "torchvision:vit_b_16"},
            (3, 32, 32),
            r"cannot take images of 3 x 32 x 32: AssertionError: Wrong image height",
        ),
        (
            {"name": "torchvision:resnet18", "arguments": {"depth": 3}},
            (3, 32, 32),
            r"unexpected keyword argument 'depth'",
        ),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(settings, shape, sentence):
    with pytest.raises(PrunesimError, match=sentence) as caught:
        build_network({"width": 16, "arguments": {}, **settings}, shape, 10, 0)
    assert "\n" not in str(caught.value)


def test_what_is_seen_without_numbers_is_what_is_seen_with_them():
    settings = {"name": "torchvision:resnet18", "width": 16, "arguments": {}}
    network = build_network(settings, (3, 32, 32), 10, 0)
    assert outputs_of(network, (3, 32, 32)) == describe(settings, (3, 32, 32), 10)["outputs"]
