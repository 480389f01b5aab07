"""Weights of the user's own: what is read, and what is refused in one sentence before anything is trained."""

import zipfile

import numpy as np
import pytest
import torch
from core.core_study import NETWORK, settings
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import prune

from prunesim.errors import PrunesimError
from prunesim.networks.build import build_network
from prunesim.networks.given_weights import fit_given, read_given
from prunesim.networks.state import network_arrays
from prunesim.storage.arrays import load_tensors
from prunesim.storage.csvfiles import read_rows
from prunesim.storage.files import read_json
from prunesim.training.adopting import adopt, check_given
from prunesim.training.run import HISTORY, train_dense


def built(seed=1, width=3, classes=3):
    return build_network({**NETWORK, "width": width}, (1, 8, 8), classes, seed=seed)


def fitted(path, smaller=False):
    return fit_given(read_given(path), built(seed=2), path, smaller)


@pytest.fixture
def network():
    return built()


WRAPPED = {
    "bare": lambda state: state,
    "state_dict": lambda state: {"epoch": 3, "state_dict": state},
    "model beside its average": lambda state: {"model": state, "model_ema": {"x": torch.zeros(1)}},
    "an unknown key": lambda state: {"weights_of_mine": state, "epoch": 1},
    "DataParallel": lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
    "compiled in DataParallel": lambda state: {f"module._orig_mod.{name}": tensor for name, tensor in state.items()},
    "an old checkpoint": lambda state: {n: t for n, t in state.items() if not n.endswith("num_batches_tracked")},
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
def test_what_training_scripts_save_is_read(network, tmp_path, wrap):
    torch.save(wrap(network.state_dict()), tmp_path / "net.pth")
    arrays, masks = fitted(tmp_path / "net.pth")
    expected = network_arrays(network)
    assert masks == {}
    assert arrays.keys() == expected.keys()
    assert all(np.array_equal(arrays[name], expected[name]) for name in expected)


def test_safetensors_in_half_precision(network, tmp_path):
    save_file(
        {name: t.half() if t.is_floating_point() else t for name, t in network.state_dict().items()},
        tmp_path / "a.safetensors",
    )
    arrays, _ = fitted(tmp_path / "a.safetensors")
    assert arrays["conv1.weight"].dtype == np.float32
    np.testing.assert_allclose(arrays["conv1.weight"], network.conv1.weight.detach().numpy(), atol=1e-3)


def test_masks_of_torch_prune_are_understood(network, tmp_path):
    prune.l1_unstructured(network.conv2, "weight", amount=0.5)
    prune.random_unstructured(network.fc1, "bias", amount=2)
    torch.save(network.state_dict(), tmp_path / "net.pth")
    arrays, masks = fitted(tmp_path / "net.pth")
    assert np.array_equal(masks["conv2.weight"], network.conv2.weight_mask.numpy())
    assert np.array_equal(arrays["conv2.weight"], network.conv2.weight.detach().numpy())
    assert (arrays["fc1.bias"] == 0).sum() == 2


def saved(path, change):
    state = built().state_dict()
    change(state)
    torch.save(state, path)


def rename(state):
    state["first.weight"] = state.pop("conv1.weight")


REFUSED = {
    "renamed": (rename, "it lacks conv1.weight; it has first.weight, which the network has not"),
    "another kernel": (
        lambda state: state.update({"conv1.weight": torch.zeros(3, 1, 5, 5)}),
        "of another shape is conv1.weight (3 x 1 x 5 x 5, the network has 3 x 1 x 3 x 3)",
    ),
    "another class count": (
        lambda state: state.update({"logits.weight": torch.zeros(1000, 6), "logits.bias": torch.zeros(1000)}),
        "was made for 1000 classes, but the data set has 3",
    ),
    "not finite": (lambda state: state["fc1.weight"].fill_(float("nan")), "fc1.weight is not all finite numbers"),
}


@pytest.mark.parametrize(("change", "sentence"), REFUSED.values(), ids=REFUSED)
def test_weights_of_another_network_are_one_sentence(tmp_path, dataset, change, sentence):
    path = tmp_path / "net.pth"
    saved(path, change)
    given = [{"replicate": 0, "method": "dense", "round": 0, "weights": str(path)}]
    with pytest.raises(PrunesimError) as refused:
        check_given({"network": NETWORK, "given": given, "exclude": {}}, dataset, tmp_path / "given.json")
    assert sentence in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "delete" not in str(refused.value)
    assert not (tmp_path / "given.json").exists()


def test_all_bad_files_are_named_at_once(tmp_path, dataset):
    given = [{"replicate": r, "method": "dense", "round": 0, "weights": f"{tmp_path}/{r}.pth"} for r in range(3)]
    saved(tmp_path / "1.pth", rename)
    saved(tmp_path / "2.pth", lambda state: None)
    with pytest.raises(PrunesimError) as refused:
        check_given({"network": NETWORK, "given": given, "exclude": {}}, dataset, tmp_path / "given.json")
    assert [line.split()[0] for line in str(refused.value).splitlines()] == [f"{tmp_path}/{r}.pth" for r in (0, 1)]


def test_whole_modules_scripts_and_other_files_are_refused_with_the_way_to_convert(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "module.pth")
    torch.jit.script(nn.Linear(2, 2)).save(tmp_path / "script.pt")
    # What torch.export.save writes; exporting itself would import the compiler.
    with zipfile.ZipFile(tmp_path / "program.pt2", "w") as archive:
        archive.writestr("program/archive_format", "pt2")
    (tmp_path / "text.pth").write_text("no weights")
    (tmp_path / "text.safetensors").write_text("no weights")
    torch.save({"epoch": 1}, tmp_path / "empty.pth")
    sentences = {
        "module.pth": "could run code",
        "script.pt": "TorchScript",
        "program.pt2": "torch.export",
        "text.pth": "damaged or something else|could run code",
        "text.safetensors": "not a readable safetensors file",
        "empty.pth": "no state dict",
        "missing.pth": "does not exist",
        "": "no regular file",
    }
    for name, sentence in sentences.items():
        with pytest.raises(PrunesimError, match=sentence):
            read_given(tmp_path / name)


def test_trained_weights_are_the_dense_network(network, tmp_path, dataset):
    torch.save(network.state_dict(), tmp_path / "net.pth")
    adopt(settings(), dataset, 0, "dense", 0, tmp_path / "net.pth", None, tmp_path / "dense", log=str)
    initial, _ = load_tensors(tmp_path / "dense/initial.safetensors")
    weights, about = load_tensors(tmp_path / "dense/weights.safetensors")
    expected = network_arrays(network)
    for arrays in (initial, weights):
        assert all(np.array_equal(arrays[name], expected[name]) for name in expected)
    metrics = read_json(tmp_path / "dense/metrics.json")
    assert (metrics["epochs"], metrics["seconds"], metrics["train_loss"]) == (0, 0, None)
    assert metrics["given"]["weights"]["file"] == str(tmp_path / "net.pth")
    assert read_rows(tmp_path / "dense/history.csv", HISTORY) == []
    assert about["kinds"]


def test_training_starts_from_given_weights(network, tmp_path, dataset):
    torch.save(network.state_dict(), tmp_path / "net.pth")
    train_dense(
        settings(epochs=1), dataset, 0, tmp_path / "dense", tmp_path / "c.safetensors", str, tmp_path / "net.pth"
    )
    initial, _ = load_tensors(tmp_path / "dense/initial.safetensors")
    weights, _ = load_tensors(tmp_path / "dense/weights.safetensors")
    assert np.array_equal(initial["conv1.weight"], network.conv1.weight.detach().numpy())
    assert not np.array_equal(initial["conv1.weight"], weights["conv1.weight"])
    assert read_json(tmp_path / "dense/metrics.json")["epochs"] == 1
