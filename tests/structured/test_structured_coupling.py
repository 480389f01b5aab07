"""Which filters go together, against what is written down by hand."""

import json

import numpy as np
import pytest
import torch
from structured_networks import CLASSES, NETWORKS, SHAPE, Grouped, chain
from torch import nn
from torch.nn import functional

from prunesim.errors import PrunesimError
from prunesim.networks.build import build_network
from prunesim.networks.coupling import coupling_of, find_coupling

ANSWERS = "they are the answers of the network"


def places(group):
    """Return where filters lie, {(tensor, axis): positions of each}, and their roles."""
    shaped = {(x["name"], x["axis"]): np.reshape(x["index"], (group["filters"], -1)).tolist() for x in group["tensors"]}
    return shaped, {x["name"]: x["role"] for x in group["tensors"] if x["axis"] == 0}


def by_name(coupling):
    return {group["name"]: group for group in coupling}


class Net(nn.Module):
    """A convolution, what happens to its output, and a linear layer."""

    def __init__(self, middle, width=6, head=6, **modules):
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, width, 3, padding=1), nn.Linear(head, CLASSES)
        for name, module in modules.items():
            self.add_module(name, module)
        self.middle = middle

    def forward(self, x):
        return self.head(self.middle(self, self.stem(x)))


def why(middle, **options):
    return by_name(find_coupling(Net(middle, **options), SHAPE))["stem"]["why"]


def pooled(x):
    return x.mean((2, 3))


def test_a_chain_by_hand():
    first, second, hidden, answers = find_coupling(chain(), SHAPE)
    alone = [[i] for i in range(6)]
    norm = {("1.weight", 0): alone, ("1.bias", 0): alone, ("1.running_mean", 0): alone, ("1.running_var", 0): alone}
    shaped, roles = places(first)
    assert shaped == {("0.weight", 0): alone, ("0.bias", 0): alone, **norm, ("4.weight", 1): alone}
    assert roles == {
        "0.weight": "filter",
        "0.bias": "bias",
        "1.weight": "scale",
        "1.bias": "shift",
        "1.running_mean": "statistics",
        "1.running_var": "statistics",
    }
    # The linear layer reads each filter at 16 places in a row.
    flat = [list(range(16 * i, 16 * i + 16)) for i in range(8)]
    assert places(second)[0][("7.weight", 1)] == flat
    assert [(x["name"], x["filters"], x["why"], x["keeps_zero"]) for x in (first, second, hidden, answers)] == [
        ("0", 6, None, True),
        ("4", 8, None, True),
        ("7", 5, None, False),  # a sigmoid makes 0.5 of 0
        ("9", CLASSES, ANSWERS, True),
    ]


def test_shortcuts_without_weights_tie_parts_of_a_stage():
    network = build_network({"name": "resnet20", "width": 0, "arguments": {}}, SHAPE, CLASSES, seed=0)
    groups = by_name(find_coupling(network, SHAPE))
    assert {name: group["filters"] for name, group in groups.items()} == {
        "conv1": 16,  # all 16 of stage 1, the first 16 of the 32 of stage 2 and of the 64 of stage 3
        "stage2_block1_conv2": 16,  # the others of stage 2, and as many of stage 3
        "stage3_block1_conv2": 32,
        **{f"stage{s}_block{b}_conv1": 16 * 2 ** (s - 1) for s in (1, 2, 3) for b in (1, 2, 3)},
        "logits": CLASSES,
    }
    made = {name: {x["name"] for x in group["tensors"] if x["role"] == "filter"} for name, group in groups.items()}
    third = {f"stage3_block{b}_conv2.weight" for b in (1, 2, 3)}
    second = {f"stage2_block{b}_conv2.weight" for b in (1, 2, 3)}
    first = {"conv1.weight"} | {f"stage1_block{b}_conv2.weight" for b in (1, 2, 3)}
    assert made["stage3_block1_conv2"] == third
    assert made["stage2_block1_conv2"] == second | third
    assert made["conv1"] == first | second | third
    where, _ = places(groups["stage2_block1_conv2"])
    assert where["stage3_block1_conv2.weight", 0] == [[i] for i in range(16, 32)]
    assert where["logits.weight", 1] == [[i] for i in range(16, 32)]


def test_projections_tie_a_whole_stage():
    network = build_network({"name": "resnet20_projection", "width": 0, "arguments": {}}, SHAPE, CLASSES, seed=0)
    groups = by_name(find_coupling(network, SHAPE))
    assert {x["name"] for x in groups["stage2_block1_conv2"]["tensors"] if x["role"] == "filter"} == {
        "stage2_block1_shortcut.weight",
        *(f"stage2_block{b}_conv2.weight" for b in (1, 2, 3)),
    }
    assert groups["stage2_block1_conv2"]["filters"] == 32


def test_concatenations_put_filters_side_by_side():
    groups = by_name(find_coupling(NETWORKS["dense"](), SHAPE))
    assert [(name, group["filters"]) for name, group in groups.items()] == [
        *(("stem", 4), ("convs.0", 3), ("convs.1", 5), ("head", CLASSES))
    ]
    where, _ = places(groups["convs.0"])
    assert where["norms.1.weight", 0] == where["convs.1.weight", 1] == [[4], [5], [6]]
    assert where["head.weight", 1] == [[16, 17, 18, 19], [20, 21, 22, 23], [24, 25, 26, 27]]
    assert places(groups["convs.1"])[0]["head.weight", 1][0] == [28, 29, 30, 31]


def test_depthwise_convolutions_and_gates_tie_what_they_take_and_make():
    groups = by_name(find_coupling(NETWORKS["depthwise"](), SHAPE))
    assert {name: group["filters"] for name, group in groups.items()} == {
        **{"stem": 4, "expand": 10, "squeeze": 3},
        "head": CLASSES,
    }
    tied = {x["name"] for x in groups["expand"]["tensors"] if x["role"] == "filter"}
    assert tied == {"expand.weight", "depth.weight", "excite.weight"}
    where, _ = places(groups["stem"])  # `twice` makes two filters of each of four
    assert where["twice.weight", 0] == where["head.weight", 1] == [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_groups_of_a_convolution_stay_as_wide_as_each_other():
    stem, made, _ = find_coupling(Grouped(), SHAPE)
    assert places(stem)[0][("stem.weight", 0)] == [[i, 4 + i] for i in range(4)]
    assert places(stem)[0][("grouped.weight", 1)] == [[i] for i in range(4)]
    assert places(made)[0][("grouped.weight", 0)] == [[i, 6 + i] for i in range(6)]
    assert places(made)[1]["act.weight"] == "slope"


@pytest.mark.parametrize(
    "flattened",
    [
        lambda self, x: x.view(x.size(0), -1),
        lambda self, x: x.flatten(1),
        lambda self, x: torch.reshape(x, (len(x), -1)),
        lambda self, x: x.unsqueeze(1).flatten(start_dim=1),
        lambda self, x: x.permute(0, 2, 3, 1).permute(0, 3, 1, 2).contiguous().view(x.shape[0], 384),
    ],
)
def test_ways_to_flatten(flattened):
    stem, _ = find_coupling(Net(flattened, head=384), SHAPE)
    assert stem["why"] is None
    assert places(stem)[0]["head.weight", 1] == np.arange(384).reshape(6, 64).tolist()


def test_functions_of_parameters_are_seen():
    groups = by_name(find_coupling(NETWORKS["functions"](), SHAPE))
    # A convolution that runs twice on its own output reads and makes the same filters, and those of the stem.
    where, _ = places(groups["stem"])
    assert set(where) >= {("stem.weight", 0), ("weight.weight", 0), ("weight.weight", 1), ("mix.weight", 1)}
    assert places(groups["mix"])[0]["head.weight", 1][1] == list(range(8, 16))
    assert groups["mix"]["filters"] == 7


def test_it_is_plain_data_and_the_same_without_numbers():
    settings = {"name": "resnet9", "width": 0, "arguments": {}}
    found = coupling_of(settings, (3, 32, 32), CLASSES)
    assert json.loads(json.dumps(found)) == found
    assert found == find_coupling(build_network(settings, (3, 32, 32), CLASSES, seed=3), (3, 32, 32))


def test_a_network_is_left_as_it_was():
    network = chain().train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    find_coupling(network, SHAPE)
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


# --- What is left alone ----------------------------------------------------------------------------------------------


def test_the_images_and_the_answers_are_left_alone():
    assert why(lambda self, x: pooled(functional.relu(x))) is None
    answers = by_name(find_coupling(Net(lambda self, x: pooled(x)), SHAPE))["head"]
    assert answers["why"] == ANSWERS
    # Added to the images themselves.
    network = Net(lambda self, x: pooled(self.a(x) + self.images), width=3, head=3, a=nn.Conv2d(3, 3, 1))
    network.register_forward_pre_hook(lambda module, inputs: setattr(module, "images", inputs[0]))
    groups = by_name(find_coupling(network, SHAPE))
    assert groups["a"]["why"] == "they are the channels of the images"
    assert groups["stem"]["why"] is None


@pytest.mark.parametrize(
    ("middle", "options", "reason"),
    [
        (lambda self, x: pooled(torch.softmax(x, 1)), {}, "softmax reads them, through which they are not followed"),
        (lambda self, x: pooled(self.norm(x)), {"norm": nn.GroupNorm(2, 6)}, "group_norm reads them"),
        (lambda self, x: x.mean(1).flatten(1), {"head": 64}, "mean takes all of them together"),
        (lambda self, x: x.mean().expand(2, 6), {}, "mean takes all of them together"),
        (lambda self, x: pooled(x[:, ::2]), {"head": 3}, "getitem takes some of them apart from the others"),
        (lambda self, x: pooled(x.chunk(2, 1)[1]), {"head": 3}, "chunk takes some of them apart"),
        (lambda self, x: pooled(x.flip(1)), {}, "flip puts them into another order"),
        (lambda self, x: pooled(x.reshape(2, 2, 3, 64).transpose(1, 2).reshape(2, 6, 8, 8)), {}, "over several axes"),
        (lambda self, x: pooled(x * self.norm.weight.reshape(1, 6, 1, 1)), {"norm": nn.BatchNorm2d(6)}, "mul brings"),
        (lambda self, x: pooled(x + torch.arange(6.0).reshape(6, 1, 1)), {}, "add brings them together with numbers"),
        (lambda self, x: pooled(self.along(x)), {"along": nn.Linear(8, 8)}, "linear reads along another axis"),
        (lambda self, x: pooled(torch.from_numpy(x.detach().numpy() * 2)), {}, "numpy reads them"),
        (lambda self, x: pooled(torch.cat([x, torch.ones(2, 6, 8, 8)], 2)), {}, "cat brings them together with"),
        (lambda self, x: pooled(x.roll(1, 1)), {}, "roll reads them"),
    ],
)
def test_what_is_not_followed_is_left_alone_with_a_reason(middle, options, reason):
    assert reason in why(middle, **options)


def test_computed_weights_are_left_alone():
    network = chain()
    nn.utils.parametrizations.weight_norm(network[4])
    first, second, *_ = find_coupling(network, SHAPE)
    assert (first["name"], second["name"]) == ("0", "7")
    assert first["why"] == "conv2d has a weight that is computed anew in every pass"


@pytest.mark.parametrize(
    ("middle", "options", "reason"),
    [
        (lambda self, x: pooled(self.up(x)), {"up": nn.ConvTranspose2d(6, 6, 2)}, r"transposed convolutions"),
        (
            lambda self, x: self.attention(*[x.flatten(2).transpose(1, 2)] * 3)[0].mean(1),
            {"attention": nn.MultiheadAttention(6, 2, batch_first=True)},
            "attention",
        ),
        (lambda self, x: (x.flatten(2) @ x.flatten(2).transpose(1, 2)).mean(2), {}, r"attention \(matmul\)"),
    ],
)
def test_networks_that_are_not_followed_at_all_are_refused(middle, options, reason):
    with pytest.raises(PrunesimError, match=rf"network.name: the filters of own cannot be pruned: it has {reason}"):
        find_coupling(Net(middle, **options), SHAPE, "own")
