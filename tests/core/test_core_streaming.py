"""Images that are read while they are used give what images in memory give, to the bit."""

import numpy as np
import pytest
import torch
from core_study import METHOD, NETWORK, settings, training

from prunesim.activations.dump import dump_activations
from prunesim.datasets import converted
from prunesim.datasets.converted import load_images, streams
from prunesim.storage.arrays import load_tensors, save_tensors
from prunesim.training import streaming
from prunesim.training.connecting import connect
from prunesim.training.run import train_dense, train_round
from prunesim.training.streaming import FileImages, batches, place_images

CPU = torch.device("cpu")


@pytest.fixture
def streamed(monkeypatch):
    monkeypatch.setattr(converted, "HELD", 0)


def quiet(line):
    """Take a line of a log."""


def made(folder, dataset):
    """Train a network and its pruned one, dump it, and draw the line between them; return all bytes."""
    told = settings(augmentation="crop_flip", validation=0.2)
    train_dense(told, dataset, 0, folder / "dense", folder / "checkpoint", log=quiet)
    weights, about = load_tensors(folder / "dense/weights.safetensors")
    pruning = {"criterion": "magnitude", "fraction": 0.5, "scope": "global", "types": ["conv"], "exclude": []}
    mask = {name: (np.abs(weights[name]) > np.median(np.abs(weights[name]))).astype("u1") for name in ["conv1.weight"]}
    save_tensors(folder / "mask.safetensors", mask, {**about, "settings": {**pruning, **METHOD}})
    start = folder / "dense/initial.safetensors"
    train_round(
        told, dataset, 0, "imp", 1, start, folder / "mask.safetensors", folder / "round01", folder / "checkpoint", quiet
    )
    asked = {
        "seed": 7,
        "network": NETWORK,
        "training": training(),
        "activations": {"images": 20, "megabytes": 1},
        "layers": ["relu1", "logits"],
    }
    dump_activations(asked, dataset, folder / "round01/weights.safetensors", folder / "activations", log=quiet)
    line = {"points": 3, "train_images": 30, "recalibration_images": 25}
    ends = (folder / "dense/weights.safetensors", folder / "round01/weights.safetensors")
    rows, _ = connect({**told, "connectivity": line}, dataset, *ends, log=quiet)
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.suffix in (".safetensors", ".npy")}
    return {path.relative_to(folder): data for path, data in files.items()}, rows


def test_every_byte_is_that_of_images_in_memory(dataset, tmp_path, monkeypatch):
    held = made(tmp_path / "held", dataset)
    monkeypatch.setattr(converted, "HELD", 0)
    read = []
    original = streaming._read
    monkeypatch.setattr(streaming, "_read", lambda file, rows: read.append(len(rows)) or original(file, rows))
    assert made(tmp_path / "streamed", dataset) == held
    assert len(held[0]) > 6
    assert read  # here; what is read ahead is read in other processes


def test_what_is_small_is_held_and_what_is_large_is_not(dataset, monkeypatch):
    images, _ = load_images(dataset, "train")
    assert torch.is_tensor(place_images(images, CPU))
    monkeypatch.setattr(converted, "HELD", images.nbytes)
    assert not streams(images.nbytes)
    monkeypatch.setattr(converted, "HELD", images.nbytes - 1)
    assert isinstance(place_images(images, CPU), FileImages)


@pytest.mark.usefixtures("streamed")
def test_it_is_indexed_as_a_tensor(dataset):
    images, _ = load_images(dataset, "train")
    rows = np.arange(3, len(images), 2)
    expected = torch.from_numpy(np.array(images[rows])).permute(0, 3, 1, 2)
    found = place_images(images, CPU, rows)
    assert len(found) == len(rows)
    for index in (slice(5, 9), slice(len(rows) - 2, len(rows) + 8), torch.tensor([7, 0, 7])):
        assert found[index].dtype == torch.uint8
        assert found[index].is_contiguous()
        assert torch.equal(found[index], expected[index])


@pytest.mark.usefixtures("streamed")
def test_batches_come_in_order_and_draw_nothing(dataset):
    images, _ = load_images(dataset, "train")
    found = place_images(images, CPU)
    parts = torch.randperm(len(found), generator=torch.Generator().manual_seed(1)).tensor_split(6)
    before = torch.random.get_rng_state()
    read = list(batches(found, parts))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert len(read) == 6
    assert all(torch.equal(batch, found[part]) for batch, part in zip(read, parts, strict=True))
