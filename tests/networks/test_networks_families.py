"""One small network of each family, trained, pruned, retrained, dumped and compared by the verbs."""

import json

import numpy as np
import pytest
from core.core_study import METHOD, PRUNING, training, write_dataset

from prunesim.cli import main
from prunesim.storage.arrays import load_tensors
from prunesim.storage.files import read_json

NETWORKS = """
from torchvision.models import GoogLeNet
from torchvision.models.convnext import CNBlockConfig, ConvNeXt
from torchvision.models.swin_transformer import SwinTransformer
from torchvision.models.vision_transformer import VisionTransformer


def swin(shape, classes):
    return SwinTransformer([2, 2], 8, [2, 1], [2, 2], [4, 4], num_classes=classes)


def convnext(shape, classes):
    return ConvNeXt([CNBlockConfig(8, 12, 2), CNBlockConfig(12, None, 1)], num_classes=classes)


def vit(shape, classes):
    return VisionTransformer(16, 4, 1, 2, 8, 12, num_classes=classes)


def googlenet(shape, classes):
    return GoogLeNet(num_classes=classes, aux_logits=False, init_weights=False)
"""
# Layers of each, with their neurons and positions an image of 16 x 16.
LAYERS = {
    "swin": {"features.1.0.mlp.1": (32, 64), "features.1.1.attn": (8, 64), "features.3": (16, 16), "head": (3, 1)},
    "convnext": {"features.1.0.add": (8, 16), "features.1.1.block.4": (32, 16), "features.3": (12, 4)},
    "vit": {"encoder.layers.encoder_layer_0.mlp.1": (12, 17), "encoder.ln": (8, 17), "heads.head": (3, 1)},
    "googlenet": {"conv1.relu": (64, 64), "inception3a.branch2.1.relu": (128, 4), "inception3b": (480, 4)},
}


@pytest.fixture(scope="module")
def stripes(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("stripes"), train=32, test=12, shape=(16, 16, 3))


@pytest.mark.slow
@pytest.mark.parametrize("family", LAYERS)
def test_a_network_of_the_family_goes_through_all_verbs(family, stripes, tmp_path):
    (tmp_path / "nets.py").write_text(NETWORKS)
    network = {"name": f"{tmp_path}/nets.py:{family}", "width": 16, "arguments": {}}
    told = {"seed": 3, "network": network, "training": training(epochs=1, learning_rate=0.01), "method": METHOD}

    def verb(name, settings, *words):
        assert main([name, "--settings", json.dumps(settings), *map(str, words)]) == 0

    def train(folder, *words):
        checkpoint = tmp_path / "checkpoint.safetensors"
        verb(
            "train",
            told,
            "--dataset",
            stripes,
            "--replicate",
            0,
            "--checkpoint",
            checkpoint,
            "--output",
            folder,
            *words,
        )

    dense, pruned = tmp_path / "dense", tmp_path / "round01"
    train(dense)
    mask = pruned / "mask.safetensors"
    weights = dense / "weights.safetensors"
    pruning = {"seed": 3, **PRUNING}
    verb("prune", pruning, "--weights", weights, "--replicate", 0, "--round", 1, "--output", mask)
    train(pruned, "--method", "imp", "--round", 1, "--start", weights, "--mask", mask)
    kept, _ = load_tensors(mask)
    after, _ = load_tensors(pruned / "weights.safetensors")
    count = sum(array.size for array in kept.values())
    assert sum(int(array.sum()) for array in kept.values()) == count - round(0.2 * count)
    assert not any(after[name][kept[name] == 0].any() for name in kept)
    assert all(layer["pruned"] for layer in read_json(pruned / "metrics.json")["layers"])
    assert all(layer["macs"] > 0 for layer in read_json(dense / "metrics.json")["layers"])

    dumped = {
        "seed": 3,
        "network": network,
        "training": {key: told["training"][key] for key in ("device", "threads", "deterministic", "channels_last")},
        "activations": {"images": 10, "megabytes": 100},
        "layers": list(LAYERS[family]),
    }
    for folder in (dense, pruned):
        verb("dump", dumped, "--dataset", stripes, "--weights", folder / "weights.safetensors", "--output", folder)
    for layer, (neurons, positions) in LAYERS[family].items():
        arrays = [np.load(folder / f"{layer}.npy") for folder in (dense, pruned)]
        assert [array.shape for array in arrays] == [(10 * positions, neurons)] * 2
        assert not np.array_equal(*arrays)
        pooled = np.load(dense / f"{layer}.pooled.npy")
        assert np.allclose(pooled, arrays[0].reshape(10, positions, neurons).mean(1), atol=1e-5)
        files = [str(folder / f"{layer}.pooled.npy") for folder in (dense, dense)]
        assert main(["compare", *files, "--measures", "cka_linear", "--json"]) == 0
