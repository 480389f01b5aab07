"""Training of a network, against the common way of doing it and against a bare loop.

    python benchmarks/training.py [--quick] [--output docs/performance.md]

The common way is torchvision's data set, its transforms of PIL images and a DataLoader; the bare loop has images and
labels as tensors in memory and nothing but PyTorch's own optimizer. All ways take turns on the same images of
Fashion-MNIST, with the same network, optimizer, batches and augmentation, so that a busy machine slows all alike.
"""

import argparse
import gzip
import statistics
import tempfile
import time
from pathlib import Path

import torch
from similarity import machine, publish
from torch.nn import functional
from torch.utils.data import DataLoader, Subset
from torchvision import datasets, transforms

from prunesim.networks.build import build_network
from prunesim.study.seeds import derive_seed
from prunesim.training.data import normaliser
from prunesim.training.device import autocast, make_exact
from prunesim.training.loop import evaluate, train

ORIGINALS = Path("/usr/share/datasets/fashion-mnist")  # Debian's package dataset-fashion-mnist
SHAPE, CLASSES, MEAN, STD, PADDING = (1, 28, 28), 10, 0.286, 0.353, 4
GOALS = {"lenet5": 5, "vgg_svhn": 1.2}  # how many times faster than the common way is asked for, in float32
DEVICE = torch.device("cpu")


def settings(**changes):
    """Return the section ``training`` of a config."""
    return {
        "epochs": 1,
        "batch_size": 100,
        "optimizer": "sgd",
        "learning_rate": 0.02,
        "momentum": 0.9,
        "weight_decay": 5e-4,
        "schedule": "constant",
        "milestones": [],
        "gamma": 0.1,
        "clip_norm": None,
        "augmentation": "crop_flip",
        "crop_padding": PADDING,
        "flip": True,
        "precision": "float32",
        "channels_last": False,
    } | changes


def made(name, seed=0):
    arguments = {"name": name, "width": 0, "arguments": {}, "layers": None, "width_factor": 1.0}
    return build_network(arguments, SHAPE, CLASSES, seed=seed)


def unpack(folder):
    """Write the original files as torchvision reads them, and return its data set of training and test images."""
    raw = Path(folder) / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for path in ORIGINALS.glob("*.gz"):
        (raw / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    return tuple(datasets.FashionMNIST(folder, train=train) for train in (True, False))


def tensors(data, count):
    return data.data[:count, None].contiguous(), data.targets[:count]


def ours(network, data, count, training, seed=0):
    """Train by the pipeline's own loop, on images that are held as bytes; return the seconds."""
    images, labels = tensors(data, count)
    start = time.perf_counter()
    if training["channels_last"]:
        network.to(memory_format=torch.channels_last)
    train(
        *(network, images, labels, (images[:0], labels[:0]), training),
        normalise=normaliser([MEAN], [STD], training, DEVICE),
        autocast=autocast(DEVICE, training["precision"]),
        seed_of=lambda role, epoch: derive_seed(seed, role, epoch),
        log=lambda line: None,
    )
    return time.perf_counter() - start


def optimizer_of(network, training):
    keys = {"lr": "learning_rate", "momentum": "momentum", "weight_decay": "weight_decay"}
    return torch.optim.SGD(network.parameters(), **{name: training[key] for name, key in keys.items()})


def step(network, optimizer, images, labels):
    loss = functional.cross_entropy(network(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def common(network, data, count, training, workers=0, seed=0):
    """Train from a DataLoader over images that are transformed one by one; return the seconds."""
    data.transform = transforms.Compose(
        [
            transforms.RandomCrop(28, padding=PADDING),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize((MEAN,), (STD,)),
        ]
    )
    torch.manual_seed(seed)
    loader = DataLoader(
        Subset(data, range(count)),
        batch_size=training["batch_size"],
        shuffle=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    optimizer = optimizer_of(network, training)
    network.train()
    start = time.perf_counter()
    for _ in range(training["epochs"]):
        for images, labels in loader:
            step(network, optimizer, images, labels)
    return time.perf_counter() - start


def bare(network, data, count, training, seed=0):
    """Train on tensors that are normalised already, without augmentation; return the seconds."""
    images, labels = tensors(data, count)
    images = (images / 255 - MEAN) / STD
    generator = torch.Generator().manual_seed(seed)
    optimizer = optimizer_of(network, training)
    network.train()
    start = time.perf_counter()
    for _ in range(training["epochs"]):
        for chosen in torch.randperm(count, generator=generator).split(training["batch_size"]):
            step(network, optimizer, images[chosen], labels[chosen])
    return time.perf_counter() - start


def speeds(name, data, count, turns):
    """Return a row of the table: images a second of each way, and the ratios within turns."""
    ways = {
        "ours": lambda: ours(made(name), data, count, settings()),
        "common, 0": lambda: common(made(name), data, count, settings()),
        "common, 2": lambda: common(made(name), data, count, settings(), workers=2),
        "plain": lambda: ours(made(name), data, count, settings(augmentation="none")),
        "bare": lambda: bare(made(name), data, count, settings()),
        # Of fewer images: a processor without such arithmetic takes ten times as long.
        "bf16": lambda: 10 * ours(made(name), data, count // 10, settings(precision="bfloat16", channels_last=True)),
    }
    times = [{way: seconds() for way, seconds in ways.items()} for _ in range(turns + 1)][1:]
    middle = {way: count / statistics.median(turn[way] for turn in times) for way in ways}

    def ratio(slower, faster):
        return statistics.median(turn[slower] / turn[faster] for turn in times)

    return [
        *(name, *(f"{middle[way]:,.0f}" for way in ("ours", "common, 0", "common, 2", "plain", "bare", "bf16"))),
        *(f"**{ratio(f'common, {workers}', 'ours'):.2f}** (goal: at least {GOALS[name]})" for workers in (0, 2)),
        f"{ratio('common, 0', 'bf16'):.2f}",
        f"**{ratio('plain', 'bare'):.2f}** (goal: at most 1.1)",
    ]


def accuracies(data, test, count, epochs, seeds):
    """Return the test accuracies of LeNet-5, by way of training, one a seed."""
    images, labels = tensors(test, len(test))
    found = {"ours": [], "common": []}
    training = settings(epochs=epochs)
    for seed in range(seeds):
        for way, trained in (("ours", ours), ("common", common)):
            network = made("lenet5", seed)
            trained(network, data, count, training, seed=seed)
            exact = autocast(DEVICE, "float32")
            found[way].append(evaluate(network, images, labels, normaliser([MEAN], [STD], training, DEVICE), exact)[1])
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few images, only to see that it runs")
    parser.add_argument("--output", help="Markdown file to write the tables to")
    arguments = parser.parse_args()
    make_exact(1, True, "float32")
    counts = {"lenet5": 1000, "vgg_svhn": 200} if arguments.quick else {"lenet5": 20000, "vgg_svhn": 2000}
    turns = 1 if arguments.quick else 3
    with tempfile.TemporaryDirectory() as folder:
        data, test = unpack(folder)
        rows = [speeds(name, data, count, turns) for name, count in counts.items()]
        count, epochs = (1000, 1) if arguments.quick else (20000, 3)
        found = accuracies(data, test, count, epochs, seeds=3)
    heads = ["network", "ours", "common, 0 workers", "common, 2 workers", "ours, no augmentation", "bare loop"]
    heads += ["ours, bfloat16, channels last", "ours / common, 0", "ours / common, 2", "bfloat16 / common, 0"]
    heads += ["bare loop / ours"]
    words = {way: ", ".join(f"{100 * one:.2f}" for one in several) for way, several in found.items()}
    lines = [
        "## Training",
        "",
        *machine(),
        "Images of Fashion-MNIST a second, one epoch, batches of 100, SGD with momentum, crop and flip, float32, "
        f"PyTorch {torch.__version__.partition('+')[0]} on one thread (a DataLoader's workers are processes of their "
        "own). The common way is torchvision's data set, its transforms of PIL images, and a DataLoader. The bare loop "
        "has tensors in memory and no augmentation, and is held against ours without. Medians of "
        f"{turns} turns, ratios within a turn.",
        "",
        f"| {' | '.join(heads)} |",
        f"|{'---|' * len(heads)}",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        f"Test accuracy of LeNet-5 after {epochs} epochs of {count:,} images, three seeds: ours {words['ours']} %, the "
        f"common way {words['common']} %.",
        "",
    ]
    publish(lines, arguments.output, "training")


if __name__ == "__main__":
    main()
