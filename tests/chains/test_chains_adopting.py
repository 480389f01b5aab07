"""Chains that were pruned elsewhere: masks, fewer channels, counts, and what the config may say of them."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from core.core_study import CNN_LAYERS, NETWORK, settings
from torch import nn

from prunesim.activations.dump import dump_activations
from prunesim.errors import PrunesimError
from prunesim.networks.build import build_network
from prunesim.resolution.overlays import check_study
from prunesim.storage.arrays import load_array, load_tensors
from prunesim.storage.files import read_json
from prunesim.study import paths
from prunesim.study.chains import dense_replicates, given_networks
from prunesim.training.adopting import adopt

ROOT = Path(__file__).resolve().parents[2]


def built(width=4):
    return build_network({**NETWORK, "width": width}, (1, 8, 8), 3, seed=1)


def adopted(folder, dataset, state, round_=1, mask=None, exclude=()):
    torch.save(state, folder / "net.pth")
    if mask is not None:
        torch.save(mask, folder / "mask.pth")
        mask = folder / "mask.pth"
    told = {**settings({"width": 4}), "exclude": list(exclude)}
    adopt(told, dataset, 0, "foreign", round_, folder / "net.pth", mask, folder / "out", log=str)
    return read_json(folder / "out/metrics.json")


def without_channels(network, keep=3):
    """Cut the first convolution to its first channels, and the second to what is left of its inputs, by hand."""
    smaller = copy.deepcopy(network)
    state = smaller.state_dict()
    for name in ("conv1.weight", "conv1.bias", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"):
        state[name] = state[name][:keep].clone()
    state["conv2.weight"] = state["conv2.weight"][:, :keep].clone()
    return state


def test_zeros_are_masks(tmp_path, dataset):
    network = built()
    with torch.no_grad():
        network.conv2.weight[:2] = 0
    metrics = adopted(tmp_path, dataset, network.state_dict(), exclude=["logits"])
    mask, about = load_tensors(tmp_path / "out/mask.safetensors")
    assert "logits.weight" not in mask
    assert mask["conv2.weight"].sum() == mask["conv2.weight"].size // 2
    assert about["given"] == metrics["given"]
    counts = {layer["layer"]: (layer["weights"], layer["remaining_weights"]) for layer in metrics["layers"]}
    assert counts["conv2"] == (4 * 4 * 9, 2 * 4 * 9)
    assert counts["conv1"] == (4 * 9, 4 * 9)


def test_what_a_mask_file_prunes_is_exactly_zero(tmp_path, dataset):
    network = built()
    mask = {"conv2.weight_mask": (torch.rand(4, 4, 3, 3) < 0.5).bool()}
    metrics = adopted(tmp_path, dataset, network.state_dict(), mask=mask)
    weights, _ = load_tensors(tmp_path / "out/weights.safetensors")
    kept = mask["conv2.weight_mask"].numpy()
    assert np.array_equal(weights["conv2.weight"] != 0, kept)
    assert next(x for x in metrics["layers"] if x["layer"] == "conv2")["remaining_weights"] == kept.sum()


def test_masks_that_do_not_fit_are_refused(tmp_path, dataset):
    state = built().state_dict()
    for mask, sentence in (
        ({"conv9.weight": torch.ones(1)}, "conv9.weight"),
        ({"conv2": torch.ones(4, 4)}, "has shape"),
        ({"conv2": torch.full((4, 4, 3, 3), 0.5)}, "only 0 and 1"),
    ):
        with pytest.raises(PrunesimError, match=sentence):
            adopted(tmp_path, dataset, state, mask=mask)
    with pytest.raises(PrunesimError, match="exclude"):
        adopted(tmp_path, dataset, state, mask={"conv2": torch.zeros(4, 4, 3, 3)}, exclude=["conv2"])


def test_fewer_channels_run_as_the_network_that_was_cut(tmp_path, dataset):
    network = built().eval()
    state = without_channels(network)
    metrics = adopted(tmp_path, dataset, state)
    layers = {layer["layer"]: layer for layer in metrics["layers"]}
    # Shares of the weights of the full network.
    assert (layers["conv1"]["weights"], layers["conv1"]["remaining_weights"]) == (36, 27)
    assert (layers["conv2"]["weights"], layers["conv2"]["remaining_weights"]) == (144, 108)
    told = {**settings({"width": 4}), "activations": {"images": 20, "megabytes": 0.2}, "layers": CNN_LAYERS}
    dump_activations(told, dataset, tmp_path / "out/weights.safetensors", tmp_path / "narrow", str)
    # The same function: the full network with the last channel of conv1 unread.
    with torch.no_grad():
        network.conv2.weight[:, 3:] = 0
    (tmp_path / "full").mkdir()
    adopted(tmp_path / "full", dataset, network.state_dict())
    dump_activations(told, dataset, tmp_path / "full/out/weights.safetensors", tmp_path / "wide", str)
    assert load_array(tmp_path / "narrow/relu1.npy").shape[1] == 3
    np.testing.assert_allclose(
        load_array(tmp_path / "narrow/relu1.npy"), load_array(tmp_path / "wide/relu1.npy")[:, :3], atol=1e-6
    )
    for layer in CNN_LAYERS[1:]:
        wide = load_array(tmp_path / f"wide/{layer}.npy")
        np.testing.assert_allclose(load_array(tmp_path / f"narrow/{layer}.npy"), wide, atol=1e-5)


def test_networks_that_are_not_a_narrower_one_are_refused(tmp_path, dataset):
    wider = built(width=5).state_dict()
    with pytest.raises(PrunesimError, match="of another shape are"):
        adopted(tmp_path, dataset, wider)
    torn = without_channels(built())
    torn["conv2.weight"] = built().state_dict()["conv2.weight"]
    with pytest.raises(PrunesimError, match="does not run"):
        adopted(tmp_path, dataset, torn)
    with pytest.raises(PrunesimError, match="of another shape"):
        # A dense network is of full size.
        adopted(tmp_path, dataset, without_channels(built()), round_=0)


def test_depthwise_convolutions_are_narrowed():
    from prunesim.networks.narrowing import narrow

    def network(width):
        return nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1),
            nn.Conv2d(width, width, 3, padding=1, groups=width),
            nn.PReLU(width),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.LayerNorm(width),
            nn.Linear(width, 3),
        )

    small, big = network(5), network(8)
    arrays = {name: tensor.numpy() for name, tensor in small.state_dict().items()}
    narrow(big, arrays, (1, 8, 8), "x.pth")
    big.load_state_dict(small.state_dict())
    images = torch.rand(2, 1, 8, 8)
    assert torch.equal(small(images), big(images))


# --- The config


def study(**changes):
    return check_study({"network": {"name": "cnn"}, **changes}, ROOT)


def chain(replicates=1, rounds=2, dense="d.pth", **more):
    return {
        "networks": [
            {"dense": dense, "rounds": [f"{r}-{k}.pth" for k in range(rounds)], **more} for r in range(replicates)
        ]
    }


def test_a_study_of_chains_alone_follows_their_lists():
    config = study(methods={"imp": False}, chains={"foreign": chain(2, 3)})
    assert (config["replicates"], config["rounds"], dense_replicates(config)) == (2, 3, 0)
    assert [(one["replicate"], one["round"]) for one in given_networks(config)] == [
        (r, k) for r in range(2) for k in range(4)
    ]
    config = study(methods={"imp": False}, chains={"foreign": chain(2, 3, dense=None)})
    assert dense_replicates(config) == 2


SENTENCES = {
    "unequal rounds": (
        {"chains": {"a": {"networks": [*chain()["networks"], *chain(rounds=1)["networks"]]}}},
        "same number",
    ),
    "some dense": (
        {"chains": {"a": {"networks": [*chain()["networks"], *chain(dense=None)["networks"]]}}},
        "for each, or for none",
    ),
    "too few masks": ({"chains": {"a": chain(masks=["m.pth"])}}, "one mask a round"),
    "too many replicates": ({"replicates": 1, "chains": {"a": chain(2, dense=None)}}, "raise replicates"),
    "name of a method": ({"chains": {"imp": chain()}}, "name of a method"),
    "braces": ({"chains": {"a": chain(dense="{x}.pth")}}, "braces"),
    "excluded layer": ({"chains": {"a": {**chain(), "exclude": ["fc9"]}}}, "chains.a.exclude"),
    "too few weights": ({"network": {"name": "cnn", "weights": ["a.pth"]}}, "there are 3"),
    "late rewinding": (
        {"network": {"name": "cnn", "weights": "a.pth"}, "methods": {"imp": {"rewind": {"epoch": 1}}}},
        "weights_as trained skips",
    ),
    "weights for nobody": (
        {"network": {"name": "cnn", "weights": "a.pth"}, "methods": {"imp": False}, "chains": {"a": chain()}},
        "no method or chain starts",
    ),
    "no networks": ({"chains": {"a": {}}}, "chains.a has no networks"),
}


@pytest.mark.parametrize(("changes", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_what_does_not_agree_is_one_sentence(changes, sentence):
    with pytest.raises(PrunesimError) as refused:
        study(**changes)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_rewinding_to_the_given_weights_is_allowed():
    for rewind in ("init", {"epoch": 0}, "lr"):
        study(network={"name": "cnn", "weights": "a.pth"}, methods={"imp": {"rewind": rewind}})


def test_paths_of_chains():
    chains = {
        "own": {"replicates": 2, "rounds": 1, "dense": "own"},
        "shared": {"replicates": 1, "rounds": 2, "dense": "dense"},
    }
    folders = [folder for *_, folder in paths.networks(1, ["imp"], {"imp": 1}, chains)]
    assert folders == [
        "rep0/dense",
        "rep0/imp/round01",
        "rep0/own/round00",
        "rep0/own/round01",
        "rep1/own/round00",
        "rep1/own/round01",
        "rep0/shared/round01",
        "rep0/shared/round02",
    ]
    files = paths.comparisons(["replicates"], 1, ["imp"], {"imp": 1}, ["x"], chains)
    assert files == ["replicates/rep1/own/round00/x.csv", "replicates/rep1/own/round01/x.csv"]
    families = ["rounds", "layers", "replicates"]
    assert [f for *_, f in paths.dumped_networks(families, 1, ["imp"], {"imp": 1}, chains)] == folders
    assert paths.jobs(["rounds"], 1, {}, {}, ["x"], chains, given=True)[0] == "networks/given"
