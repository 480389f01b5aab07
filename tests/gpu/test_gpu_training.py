"""Precision and determinism of a training, as far as a CPU can show them, and shapes and devices without data."""

import numpy as np
import pytest
import torch
from core.core_study import NETWORK, same_bytes, settings, training, write_dataset
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional

from prunesim.activations.dump import dump_activations
from prunesim.errors import PrunesimError
from prunesim.networks.build import build_network
from prunesim.networks.builtin import NETWORKS
from prunesim.networks.describe import trace
from prunesim.networks.spec import activation_layers
from prunesim.storage.arrays import load_tensors
from prunesim.training.data import crop_and_flip, normaliser
from prunesim.training.optimizer import initial_state, step
from prunesim.training.run import train_dense

SHAPE = (1, 8, 8)
SCATTERING = """
import torch

class Scatter(torch.nn.Module):
    def forward(self, x):
        return x.clone().put_(torch.tensor([0]), torch.zeros(1), accumulate=False)

def network(shape, classes):
    pixels = shape[0] * shape[1] * shape[2]
    return torch.nn.Sequential(torch.nn.Flatten(), Scatter(), torch.nn.Linear(pixels, 4), torch.nn.ReLU(),
                               torch.nn.Linear(4, classes))
"""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("stripes"))


@pytest.fixture
def forward_types():
    """Return a list that collects (module, mode, type) of the output of every convolution and linear layer."""
    seen = []

    def note(module, inputs, output):
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            seen.append((type(module).__name__, module.training, output.dtype))

    handle = torch.nn.modules.module.register_module_forward_hook(note)
    yield seen
    handle.remove()


def dense(folder, dataset, told):
    train_dense(told, dataset, 0, folder, folder / "checkpoint", log=lambda line: None)
    return load_tensors(folder / "weights.safetensors")[0]


@pytest.mark.parametrize(("precision", "expected"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_the_precision_is_that_of_the_forward_pass(dataset, tmp_path, forward_types, precision, expected):
    weights = dense(tmp_path, dataset, settings(precision=precision, epochs=1))
    # Building the network runs nothing, and `trace` runs one blank image in eval mode, outside of autocast.
    assert {entry for entry in forward_types if entry[1]} == {("Conv2d", True, expected), ("Linear", True, expected)}
    assert {kind for _, mode, kind in forward_types[6:] if not mode} == {expected}
    assert {array.dtype.name for array in weights.values()} <= {"float32", "int64"}


def test_bfloat16_gives_the_same_bytes_twice(dataset, tmp_path):
    told = settings(precision="bfloat16", epochs=2, augmentation="crop_flip", clip_norm=1.0)
    first, second = (dense(tmp_path / name, dataset, told) for name in ("first", "second"))
    assert same_bytes(first, second)
    exact = dense(tmp_path / "exact", dataset, {**told, "training": {**told["training"], "precision": "float32"}})
    assert not same_bytes(first, exact)


def test_activations_are_dumped_in_float32_whatever_the_training_was(dataset, tmp_path, forward_types):
    told = settings(precision="bfloat16", epochs=1)
    dense(tmp_path / "dense", dataset, told)
    forward_types.clear()
    layers = [name for name, _ in activation_layers(NETWORK)]
    told |= {"layers": layers, "activations": {"images": 20, "megabytes": 1.0}}
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    dump_activations(told, dataset, tmp_path / "dense" / "weights.safetensors", tmp_path / "out", log=lambda line: None)
    # Last come the answers to all images, as the network gave them when it was evaluated.
    kinds = [kind for *_, kind in forward_types]
    activations, answers = kinds[: kinds.index(torch.bfloat16)], kinds[kinds.index(torch.bfloat16) :]
    assert {*activations} == {torch.float32}
    assert {*answers} == {torch.bfloat16}
    assert len(activations) > len(answers)
    assert torch.backends.cuda.matmul.fp32_precision == "ieee"
    assert np.load(tmp_path / "out" / "logits.npy").dtype == np.float32


def test_deterministic_refuses_an_operation_that_is_not(dataset, tmp_path):
    (tmp_path / "own.py").write_text(SCATTERING)
    own = {"name": f"{tmp_path}/own.py:network"}
    with pytest.raises(PrunesimError, match=r"^network.name: .*own.py:network .*: put_ does not have a deterministic "):
        dense(tmp_path / "refused", dataset, settings(network=own, epochs=1))
    assert not (tmp_path / "refused" / "weights.safetensors").exists()
    assert dense(tmp_path / "free", dataset, settings(network=own, epochs=1, deterministic=False))


@pytest.mark.parametrize(
    ("name", "shape"),
    [("cnn", (3, 31, 17)), ("lenet5", (1, 28, 28)), *((name, (3, 32, 32)) for name in NETWORKS if name != "lenet5")],
)
def test_shapes_without_data_are_those_of_a_real_pass(name, shape):
    told = {**NETWORK, "name": name}
    real = trace(build_network(told, shape, 10, seed=0), shape)
    with torch.device("meta"):
        assert trace(build_network(told, shape, 10, seed=0), shape) == real


def test_a_training_step_on_the_meta_device_reaches_every_parameter():
    with torch.device("meta"):
        network = build_network(NETWORK, SHAPE, 3, seed=0)
    images, labels = torch.zeros(16, *SHAPE, dtype=torch.uint8), torch.zeros(16, dtype=torch.int64)
    network.train()
    output = network(normaliser([0.1], [0.2], training(), torch.device("meta"))(images.to("meta")))
    functional.cross_entropy(output.float(), labels.to("meta")).backward()
    parameters = list(network.parameters())
    assert {parameter.grad.device.type for parameter in parameters} == {"meta"}
    assert [parameter.grad.shape for parameter in parameters] == [parameter.shape for parameter in parameters]
    step(parameters, initial_state(parameters, training()), 0.1, training())


@pytest.mark.parametrize("channels_last", [False, True])
def test_no_tensor_is_left_on_the_cpu(channels_last):
    """Fake tensors say they are on a GPU and refuse to meet one of the CPU, as on a GPU (autograd needs a real one)."""
    told = training(channels_last=channels_last)
    cuda = torch.device("cuda")
    with FakeTensorMode(), torch.no_grad():
        with cuda:
            network = build_network(NETWORK, SHAPE, 3, seed=0).train()
        images = torch.zeros(40, *SHAPE, dtype=torch.uint8, device=cuda)
        labels = torch.zeros(40, dtype=torch.int64, device=cuda)
        chosen = torch.randperm(40)[:16]
        batch = crop_and_flip(images[chosen.to(cuda)], 1, True, torch.Generator())
        output = network(normaliser([0.1], [0.2], told, cuda)(batch))
        loss = functional.cross_entropy(output.float(), labels[chosen.to(cuda)])
        parameters = list(network.parameters())
        for parameter in parameters:
            parameter.grad = torch.ones_like(parameter)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        step(parameters, initial_state(parameters, told), 0.1, told)
        assert {tensor.device.type for tensor in (batch, output, loss, *parameters)} == {"cuda"}
        with pytest.raises(RuntimeError, match="cpu"):
            network(normaliser([0.1], [0.2], told, cuda)(batch).cpu())
