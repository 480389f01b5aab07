"""Make two chains of checkpoints as other code would: by torch.nn.utils.prune, and by Torch-Pruning.

python examples/foreign_chain/make.py examples/foreign_chain            # unstructured
python examples/foreign_chain/make.py examples/foreign_chain channels   # needs: pip install torch-pruning
"""

import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import prune

from prunesim.datasets import digits
from prunesim.networks.build import build_network


def training_images():
    """Return the training images of the study, normalised as it does, so that its test images are new to the chain."""
    split = digits.read({}, None, {}, print).splits["train"]
    images = torch.stack([torch.from_numpy(split.image(index)) for index in range(len(split.labels))])
    pixels = images.permute(0, 3, 1, 2) / 255
    return (pixels - pixels.mean()) / pixels.std(), torch.from_numpy(split.labels)


def train(network, epochs):
    images, labels = training_images()
    optimizer = torch.optim.Adam(network.parameters(), 0.002)
    network.train()
    for _ in range(epochs):
        for chosen in torch.randperm(len(images)).split(64):
            optimizer.zero_grad()
            functional.cross_entropy(network(images[chosen]), labels[chosen]).backward()
            optimizer.step()
    return network.eval()


def unstructured(network, folder, rounds):
    """Remove half of the remaining weights a round, all layers but the last together."""
    layers = [(m, "weight") for n, m in network.named_modules() if isinstance(m, nn.Conv2d) or n == "fc1"]
    for number in range(1, rounds + 1):
        prune.global_unstructured(layers, prune.L1Unstructured, amount=0.5)
        # With weight_orig and weight_mask, as they are.
        torch.save({"state_dict": train(network, 2).state_dict()}, folder / f"round{number}.pth")


def channels(network, folder, rounds):
    """Remove a fifth of the channels of each layer a round, by Torch-Pruning: the tensors become smaller."""
    import torch_pruning

    images = torch.zeros(1, 1, 8, 8)
    last = list(network.modules())[-1]
    importance = torch_pruning.importance.GroupMagnitudeImportance(p=2)
    for number in range(1, rounds + 1):
        pruner = torch_pruning.pruner.BasePruner(network, images, importance, pruning_ratio=0.2, ignored_layers=[last])
        pruner.step()
        # The state dict: a pickled module could run code when it is opened, and is refused.
        torch.save(train(network, 2).state_dict(), folder / f"round{number}.pth")


def main(folder, how="unstructured", replicates=2, rounds=2):
    for replicate in range(replicates):
        place = Path(folder) / how / f"seed{replicate}"
        place.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(replicate)
        network = build_network({"name": "cnn", "width": 16}, (1, 8, 8), 10, seed=replicate)
        torch.save(train(network, 6).state_dict(), place / "dense.pth")
        {"unstructured": unstructured, "channels": channels}[how](network, place, rounds)
    print(f"{replicates} chains in {Path(folder) / how}")


if __name__ == "__main__":
    main(*sys.argv[1:])
