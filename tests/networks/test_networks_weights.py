"""Weights as users have them: pruned rightly, or named in a sentence before anything is trained."""

import numpy as np
import pytest
import torch
from networks_models import CLASSES, SHAPE, Auxiliary, Forward, Tokens, on_vectors
from torch import nn
from torch.nn.utils import parametrizations, prune

from prunesim.errors import PrunesimError
from prunesim.networks.build import _try_out
from prunesim.networks.describe import _description, trace
from prunesim.networks.state import load_arrays, network_arrays
from prunesim.networks.weights import weight_kinds, weight_tensors
from prunesim.pruning.criteria import prune as prune_weights
from prunesim.pruning.criteria import select_tensors
from prunesim.pruning.masks import apply_mask
from prunesim.resolution.layers import with_exclusions

PRUNING = {"criterion": "magnitude", "fraction": 0.5, "scope": "global", "types": ["conv", "linear"], "exclude": []}


def described(network):
    return {weight["layer"]: weight for weight in _description(network, SHAPE, "own")["weights"]}


def config(**method):
    return {"network": {"name": "own"}, "methods": {"imp": {**PRUNING, **method}}, "chains": {}}


def tied():
    network = on_vectors(nn.ReLU(), nn.Linear(12, 12), nn.ReLU(), nn.Linear(12, 12))
    network[5].weight = network[3].weight
    return network


def test_tied_weights_are_one_weight():
    network = tied()
    assert weight_kinds(network) == {"1.weight": "linear", "3.weight": "linear", "6.weight": "linear"}
    _, uses = trace(network, SHAPE)
    assert uses == {"1.weight": 1, "3.weight": 2, "6.weight": 1}
    assert described(network)["3"]["macs"] == 2 * 144


def test_tied_weights_are_pruned_together():
    network = tied()
    arrays = network_arrays(network)
    names = select_tensors(weight_kinds(network), ["conv", "linear"], [])
    assert names == ["1.weight", "3.weight", "6.weight"]
    whole = {name: np.ones(arrays[name].shape, np.uint8) for name in names}
    mask = prune_weights(arrays, whole, fraction=0.5, scope="global", criterion="magnitude", seed=0)
    load_arrays(network, apply_mask(arrays, mask), "file")
    assert network[5].weight is network[3].weight
    saved = network_arrays(network)
    assert np.array_equal(saved["5.weight"], saved["3.weight"])
    assert np.array_equal(saved["5.weight"] != 0, mask["3.weight"] == 1)


def weight_norm():
    return on_vectors(parametrizations.weight_norm(nn.Linear(12, 12)))


def old_weight_norm():
    return on_vectors(torch.nn.utils.weight_norm(nn.Linear(12, 12)))


def spectral_norm():
    return on_vectors(parametrizations.spectral_norm(nn.Linear(12, 12)))


def pruned():
    network = on_vectors(nn.Linear(12, 12))
    prune.l1_unstructured(network[2], "weight", amount=0.5)
    return network


def frozen():
    network = on_vectors(nn.Linear(12, 12))
    network[2].weight.requires_grad_(False)
    return network


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (weight_norm, r"computed by a parametrization \(WeightNorm\)"),
        (old_weight_norm, r"no parameter but computed"),
        (spectral_norm, r"computed by a parametrization \(SpectralNorm\)"),
        (pruned, r"under torch.nn.utils.prune"),
        (frozen, r"frozen \(requires_grad is false\)"),
    ],
)
def test_weights_that_cannot_be_pruned_are_named_unless_they_are_excluded(make, reason):
    network = make()
    _try_out(network, SHAPE, CLASSES, "own")
    found = _description(network, SHAPE, "own")
    assert "2.weight" not in weight_kinds(network)
    with pytest.raises(
        PrunesimError, match=rf"^methods.imp: layer '2' of network own cannot be pruned: its .*{reason}"
    ):
        with_exclusions(config(exclude=["3"]), found)
    done = with_exclusions(config(exclude=["2", "3"]), found)
    assert done["methods"]["imp"]["exclude"] == ["3"]


def test_the_weights_of_attention_are_pruned():
    weights = described(Tokens())
    assert set(weights) == {"patch", "attention.in_proj", "attention.out_proj", "along", "head"}
    # 5 tokens of width 8, three projections.
    assert (weights["attention.in_proj"]["weights"], weights["attention.in_proj"]["macs"]) == (192, 5 * 192)
    assert weights["attention.out_proj"]["macs"] == 5 * 64
    assert weights["along"]["macs"] == 5 * 8 * 6 * 3
    assert not any(weight["why"] for weight in weights.values())


@pytest.mark.parametrize("sizes", [{"kdim": 8, "vdim": 8}, {"kdim": 4, "vdim": 6}])
def test_attention_between_two_inputs(sizes):
    def forward(m, x):
        x = m.patch(x).flatten(2).transpose(1, 2)
        keys, values = x[..., : sizes["kdim"]], x[..., : sizes["vdim"]]
        return m.head(m.att(x, keys, values)[0].mean(1))

    network = Forward(
        forward, patch=nn.Conv2d(3, 8, 4, stride=4), att=nn.MultiheadAttention(8, 2, batch_first=True, **sizes)
    )
    network.head = nn.Linear(8, CLASSES)
    weights = described(network)
    expected = {"att.in_proj": 192} if sizes["kdim"] == 8 else {"att.q_proj": 64, "att.k_proj": 32, "att.v_proj": 48}
    assert {name: weights[name]["weights"] for name in weights if "proj" in name} == {**expected, "att.out_proj": 64}
    assert all(weight["macs"] == 4 * weight["weights"] for name, weight in weights.items() if "proj" in name)


def test_transposed_grouped_and_shared_convolutions():
    network = nn.Sequential(
        nn.Conv2d(3, 4, 2, stride=2),
        nn.ConvTranspose2d(4, 6, 2, stride=2, groups=2),
        nn.Conv2d(6, 4, 3, padding=1, groups=2),
        nn.Flatten(),
        nn.Linear(256, CLASSES),
    )
    weights = described(network)
    # A transposed convolution multiplies each weight once for each position of its input.
    assert [weights[name]["macs"] for name in ("0", "1", "2")] == [16 * 48, 16 * 4 * 3 * 4, 64 * 4 * 3 * 9]


def test_lazy_weights_are_made_by_the_first_pass():
    network = nn.Sequential(nn.LazyConv2d(4, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(CLASSES))
    _try_out(network, SHAPE, CLASSES, "own")
    assert {name: tensor.shape for name, tensor, *_ in weight_tensors(network)} == {
        "0.weight": (4, 3, 3, 3),
        "3.weight": (CLASSES, 144),
    }


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int16, torch.int64, torch.float16, torch.float64])
def test_buffers_of_any_kind_are_kept(dtype):
    network = on_vectors()
    network.register_buffer("own", torch.tensor([[0, 1], [1, 0]]).to(dtype))
    _try_out(network, SHAPE, CLASSES, "own")
    arrays = network_arrays(network)
    network.own.zero_()
    load_arrays(network, arrays, "file")
    assert network.own.dtype == dtype
    assert network.own.tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("buffer", "what"),
    [(torch.zeros(2, dtype=torch.complex64), "complex64"), (torch.zeros(2, dtype=torch.bfloat16), "bfloat16")],
)
def test_buffers_that_no_file_can_hold_are_refused(buffer, what):
    network = on_vectors()
    network.register_buffer("own", buffer)
    with pytest.raises(PrunesimError, match=rf"own: own is of type torch.{what}, which cannot be saved"):
        _try_out(network, SHAPE, CLASSES, "own")


@pytest.mark.parametrize("kind", ["tuple", "dict"])
def test_auxiliary_classifiers_are_not_pruned(kind):
    network = Auxiliary(kind)
    _, uses = trace(network, SHAPE)
    assert set(uses) == {"body.weight", "fc.weight"}
    found = _description(network, SHAPE, "own")
    assert {weight["layer"]: weight["used"] for weight in found["weights"]} == {"body": True, "aux": False, "fc": True}
    assert found["output_layer"] == "fc"
    assert with_exclusions(config(exclude=["logits"]), found)["methods"]["imp"]["exclude"] == ["fc"]


def test_weights_used_in_a_way_of_their_own_are_still_weights():
    network = Forward(
        lambda m, x: m.out(x.flatten(1) @ m.lin.weight.t()), lin=nn.Linear(192, 4), out=nn.Linear(4, CLASSES)
    )
    weights = described(network)
    assert (weights["lin"]["used"], weights["lin"]["macs"]) == (True, 0)
    assert set(trace(network, SHAPE)[1]) == {"lin.weight", "out.weight"}


def test_exclusions_follow_the_names_of_the_network():
    found = _description(on_vectors(nn.ReLU(), nn.Linear(12, 12)), SHAPE, "own")
    assert with_exclusions(config(exclude=["logits"]), found)["methods"]["imp"]["exclude"] == ["4"]
    assert with_exclusions(config(exclude=["1", "3"]), found)["methods"]["imp"]["exclude"] == ["1", "3"]
    with pytest.raises(PrunesimError, match=r"^methods.imp.exclude: 'fc' matches no layer .* it has 1, 3, 4"):
        with_exclusions(config(exclude=["fc"]), found)
    with pytest.raises(PrunesimError, match=r"^methods.imp.exclude leaves no layer"):
        with_exclusions(config(exclude=["*"]), found)
    with pytest.raises(PrunesimError, match=r"^methods.imp: types \['conv'\] .* leave nothing of network own to prune"):
        with_exclusions(config(types=["conv"]), found)


def test_a_network_without_weights_to_prune_is_refused():
    network = Forward(lambda m, x: m.rnn(x.flatten(1, 2))[0][:, -1], rnn=nn.GRU(8, CLASSES, batch_first=True))
    with pytest.raises(PrunesimError, match=r"^network.name: own has no weights of convolutional or linear layers"):
        with_exclusions(config(), _description(network, SHAPE, "own"))
