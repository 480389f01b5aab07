"""Which axis of an output holds the neurons."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from networks_models import CLASSES, SHAPE, Forward, Tokens, twins
from torch import nn
from torch.nn import functional

from prunesim.errors import PrunesimError
from prunesim.networks import layouts, tracing
from prunesim.networks.describe import outputs_of
from prunesim.networks.spec import dumped_layers
from prunesim.similarity import compare


def found(network):
    return {output["name"]: output for output in outputs_of(network, SHAPE)}


def samples(network, images, name):
    """Return an output as it is dumped: images x positions x neurons."""
    axes = found(network)[name]["axes"]
    kept = {}
    tracing.run(network, images, lambda output, kind, tensor, layout: kept.update({output: tensor.clone()}))
    return layouts.as_samples(kept[name].numpy(), axes)


def test_a_network_on_channels_last_is_its_twin_on_channels_first():
    first, last = twins()
    images = torch.randn(40, *SHAPE, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(first(images), last(images), atol=1e-6)
    for name in ("stem", "tanh", "mix", "act", "head"):
        one, other = (samples(network, images, name) for network in (first, last))
        assert one.shape == other.shape
        assert np.allclose(one, other, atol=1e-6)
        pair = (array.reshape(-1, array.shape[2]) for array in (one, other))
        values = compare(*pair, measures=["cka_linear"])["measures"]
        assert abs(values["cka_linear"]["value"] - 1) < 1e-6
    assert found(first)["mix"]["layout"] == "N x C x H x W"
    assert found(last)["mix"]["layout"] == "N x H x W x C"


def test_tokens():
    outputs = found(Tokens())
    shown = {name: (outputs[name]["raw"], outputs[name]["layout"], outputs[name]["shape"]) for name in outputs}
    assert shown == {
        "patch": ([8, 2, 2], "N x C x H x W", [8, 2, 2]),
        "cat": ([5, 8], "N x T x C", [8, 5]),
        "attention": ([5, 8], "N x T x C", [8, 5]),
        "add": ([5, 8], "N x T x C", [8, 5]),
        "norm": ([5, 8], "N x T x C", [8, 5]),
        "along": ([6, 5], "N x C x T", [6, 5]),
        "gelu": ([6, 5], "N x C x T", [6, 5]),
        "head": ([CLASSES], "N x C", [CLASSES]),
    }


# Operations that move axes about, with what they need: each turns images into another order of the same numbers.
MOVES = {
    "last": lambda x: x.movedim(1, -1),
    "transposed": lambda x: x.transpose(1, -1),
    "joined": lambda x: x.flatten(2) if x.dim() > 3 else x,
    "split": lambda x: x.unflatten(-1, (2, -1)) if x.shape[-1] % 2 == 0 and x.dim() < 6 else x,
    "added": lambda x: x.unsqueeze(1),
    "removed": lambda x: x.squeeze(1),
    "swapped": lambda x: x.permute(0, *reversed(range(1, x.dim()))),
    "viewed": lambda x: x.contiguous().view(len(x), *x.shape[1:-1], x.shape[-1]),
    "halved": lambda x: x[:, :, : max(1, x.shape[2] // 2)] if x.dim() > 2 else x,
    "doubled": lambda x: torch.cat([x, x], -1),
    "rolled": lambda x: torch.roll(x, 1, -1),
    "scaled": lambda x: 2 * x - x,
}


@given(st.lists(st.sampled_from(list(MOVES)), max_size=7))
def test_what_is_called_a_neuron_is_one(moves):
    """Images whose numbers say which channel they belong to, moved about: each neuron must hold one number only."""
    images = torch.arange(4.0).reshape(1, 4, 1, 1) + torch.zeros(2, 4, 6, 8)
    seen = []

    def forward(module, x):
        for move in moves:
            x = MOVES[move](x)
        return module.act(x)

    network = Forward(forward, act=nn.ReLU(), unused=nn.Linear(1, 1))
    tracing.run(
        network, images, lambda name, kind, tensor, layout: seen.append((tensor.clone(), layouts.roles(layout, 2)))
    )
    tensor, axes = seen[-1]
    # None where it cannot be told; such an output is named and refused.
    assume(axes is not None)
    assert tensor.numel() == np.prod([length for _, length in axes])
    arranged = layouts.as_samples(tensor, axes)
    assert arranged.shape[0] == 2
    if not any(label == "C" and length != 4 for label, length in axes):
        assert torch.equal(arranged, arranged[:1, :1].expand_as(arranged))
        assert sorted(set(arranged[0, 0].tolist())) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("forward", "modules", "layout"),
    [
        # Rows of pixels; the linear layer mixes positions and channels stay what they are.
        (lambda m, x: m.lin(x.flatten(2)).mean(1), {"lin": nn.Linear(64, 5)}, None),
        (lambda m, x: m.lin(x.flatten(2).transpose(1, 2)).mean(1), {"lin": nn.Linear(3, 5)}, "N x T x C"),
        (lambda m, x: m.lin(x.flatten(1)), {"lin": nn.Linear(192, 5)}, "N x C"),
        (lambda m, x: m.lin(x.permute(2, 3, 0, 1)).mean((0, 1)), {"lin": nn.Linear(3, 5)}, "H x W x N x C"),
        (lambda m, x: m.lin(x.transpose(1, 3)).mean((1, 2)), {"lin": nn.Linear(3, 5)}, "N x H x W x C"),
    ],
)
def test_linear_layers(forward, modules, layout):
    outputs = found(Forward(forward, **modules))
    assert outputs["lin"]["layout"] == layout
    assert (outputs["lin"]["shape"] is None) == (layout is None)


def test_what_cannot_be_told_is_refused_until_it_is_said():
    network = Forward(lambda m, x: m.out(m.act(m.mix(x.flatten(2))).flatten(1)), mix=nn.Linear(64, 5))
    network.act, network.out = nn.ReLU(), nn.Linear(15, CLASSES)
    outputs = outputs_of(network, SHAPE)
    with pytest.raises(PrunesimError) as caught:
        dumped_layers(outputs, ["relu", "linear"], {}, "own")
    lines = str(caught.value).splitlines()
    assert lines[0] == (
        "network.layouts: which axis of layer 'mix' of network own (N x 3 x 5) holds the neurons cannot be told; "
        "set network.layouts: {mix: channels_first} or channels_last, or choose others in activations.layers."
    )
    assert len(lines) == 2
    layers = dumped_layers(outputs, ["relu", "linear"], {"mix": "channels_last", "a*": "channels_first"}, "own")
    assert {layer["name"]: (layer["shape"], layer["layout"]) for layer in layers} == {
        "mix": ([5, 3], "N x T x C"),
        "act": ([3, 5], "N x C x T"),
        "out": ([CLASSES], "N x C"),
    }
    images = torch.randn(4, *SHAPE)
    mixed = network.mix(images.flatten(2)).detach()
    axes = {layer["name"]: layer["axes"] for layer in layers}
    assert torch.equal(layouts.as_samples(mixed, axes["mix"]), mixed)
    assert torch.equal(layouts.as_samples(mixed, axes["act"]), mixed.transpose(1, 2))


def test_recurrent_networks_have_their_units_last():
    network = Forward(lambda m, x: m.out(m.rnn(x.flatten(1, 2))[0][:, -1]), rnn=nn.GRU(8, 5, batch_first=True))
    network.out = nn.Linear(5, CLASSES)
    assert found(network)["rnn"]["layout"] == "N x T x C"


def test_shuffled_and_unfolded_channels():
    network = Forward(lambda m, x: m.out(m.up(m.conv(x)).mean((2, 3))), conv=nn.Conv2d(3, 8, 1))
    network.up, network.out = nn.PixelShuffle(2), nn.Linear(2, CLASSES)
    assert found(network)["up"]["shape"] == [2, 16, 16]
    network = Forward(lambda m, x: m.out(m.cut(x).mean(2)), cut=nn.Unfold(2, stride=2), out=nn.Linear(12, CLASSES))
    assert found(network)["cut"]["shape"] == [12, 16]


def test_attention_written_by_hand():
    def forward(m, x):
        x = x.flatten(2).transpose(1, 2)
        q, k, v = m.qkv(x).reshape(len(x), -1, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
        x = ((q @ k.transpose(-2, -1)).softmax(-1) @ v).transpose(1, 2).reshape(len(x), -1, 8)
        y = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return m.out(m.proj(x + y).mean(1))

    network = Forward(forward, qkv=nn.Linear(3, 24), proj=nn.Linear(8, 5), out=nn.Linear(5, CLASSES))
    outputs = found(network)
    assert outputs["add"]["shape"] == [8, 64]
    assert outputs["proj"]["layout"] == "N x T x C"
