"""What a GPU must do and how fast it does it; `make gpu-check` runs it.

    python benchmarks/gpu.py --output gpu.md

Needs Python with torch (2.11 or newer), numpy, scipy and safetensors, and no network: the images are made up. First it
trains on the GPU for real and checks determinism, precisions, resuming, and accuracy against the CPU; then it measures
epochs of two networks against the same steps in a bare loop, and against what the card reaches in products of matrices.
Without a GPU it says so and claims nothing.
"""

import argparse
import csv
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from prunesim.networks.build import build_network
from prunesim.pruning.criteria import prune
from prunesim.pruning.masks import check_mask
from prunesim.storage.arrays import load_tensors, save_array, save_tensors
from prunesim.storage.files import read_json, sha256_file, write_json, write_text
from prunesim.training.run import train_dense, train_round

TRAINING = {
    "epochs": 4,
    "batch_size": 32,
    "optimizer": "sgd",
    "learning_rate": 0.05,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "schedule": "one_cycle",
    "milestones": [],
    "gamma": 0.1,
    "clip_norm": None,
    "augmentation": "crop_flip",
    "crop_padding": 4,
    "flip": True,
    "validation": 0.1,
    "precision": "float32",
    "channels_last": False,
    "device": "cuda",
    "threads": 1,
    "deterministic": True,
}
METHOD = {"rewind": "lr", "fine_tune_learning_rate": 0.003, "fine_tune_epochs": None}
PRECISIONS = ("float32", "tf32", "bfloat16")
# Accuracies of two trainings that differ in rounding alone; the classes of the images overlap.
NOISE = 0.03
SHAPE = (32, 32, 3)
SPEED = {"vgg": {"width": 64}, "resnet9": {}}


def told(network, **changes):
    """Return what a job of training is told."""
    network = {"name": "vgg", "width": 16, "arguments": {}, "layers": None, "width_factor": 1.0} | network
    return {"seed": 0, "network": network, "training": TRAINING | changes, "method": METHOD}


def write_images(folder, train, test, classes=10):
    """Write made-up images: a pattern a class under noise, so that a network learns most of them and not all."""
    rng = np.random.default_rng(0)
    patterns, sha256 = np.kron(rng.normal(0, 12, (classes, 4, 4, 3)), np.ones((8, 8, 1))), {}
    for split, count in (("train", train), ("test", test)):
        labels = np.arange(count, dtype=np.int64) % classes
        images = np.empty((count, *SHAPE), np.uint8)
        for start in range(0, count, 1000):
            some = patterns[labels[start : start + 1000]]
            images[start : start + 1000] = (128 + some + rng.normal(0, 60, some.shape)).clip(0, 255)
        for name, array in (("images", images), ("labels", labels)):
            save_array(folder / f"{split}_{name}.npy", array)
            sha256[f"{split}_{name}.npy"] = sha256_file(folder / f"{split}_{name}.npy")
    about = {"name": "patterns", "classes": [str(x) for x in range(classes)], "shape": list(SHAPE)}
    write_json(folder / "dataset.json", about | {"mean": [0.5] * 3, "std": [0.25] * 3, "sha256": sha256})
    return folder


def dense(settings, images, folder, log=lambda line: None):
    """Train a dense network and return its weights and its test accuracy."""
    train_dense(settings, images, 0, folder, folder.parent / f"{folder.name} checkpoint", log=log)
    return load_tensors(folder / "weights.safetensors")[0], read_json(folder / "metrics.json")["test_accuracy"]


def same(first, second):
    """Return whether two networks have the same bytes."""
    return all(first[name].tobytes() == second[name].tobytes() for name in first)


def the_same_bytes_twice(images, folder, device):
    first, second = (dense(told({}, device=device), images, folder / name)[0] for name in ("one", "two"))
    return same(first, second), "two trainings of one config have the same bytes"


def the_same_bytes_after_a_kill(images, folder, device):
    def stop(line):
        if line.startswith("epoch 2/"):
            raise KeyboardInterrupt

    whole, _ = dense(told({}, device=device), images, folder / "whole")
    try:
        dense(told({}, device=device), images, folder / "cut", log=stop)
    except KeyboardInterrupt:
        lines = []
        resumed, _ = dense(told({}, device=device), images, folder / "cut", log=lines.append)
        went_on = any(line.startswith("going on from") for line in lines)
        return went_on and same(whole, resumed), "a training that is stopped goes on to the same bytes"
    return False, "the training was not stopped"


def the_accuracy_of_the_cpu(images, folder, device):
    _, there = dense(told({}, device=device), images, folder / "there")
    _, here = dense(told({}, device="cpu"), images, folder / "here")
    good = abs(there - here) < NOISE and here > 0.2
    return good, f"accuracy {there:.4f} on the device, {here:.4f} on the CPU"


def precisions(images, folder, device):
    names = [name for name in PRECISIONS if name != "tf32" or device != "cpu"]
    made = {name: dense(told({}, device=device, precision=name), images, folder / name) for name in names}
    differ = all(not same(made["float32"][0], weights) for name, (weights, _) in made.items() if name != "float32")
    close = all(abs(accuracy - made["float32"][1]) < NOISE for _, accuracy in made.values())
    accuracies = ", ".join(f"{name} {accuracy:.4f}" for name, (_, accuracy) in made.items())
    return differ and close, f"accuracies by precision: {accuracies}; the weights differ, as they should"


def pruned_weights_stay_zero(images, folder, device):
    settings = told({}, device=device)
    weights, _ = dense(settings, images, folder / "dense")
    about = load_tensors(folder / "dense/weights.safetensors")[1]
    ones = {name: np.ones(weights[name].shape, np.uint8) for name in about["kinds"]}
    mask = prune(weights, ones, fraction=0.9, scope="global", criterion="magnitude", seed=0)
    check_mask(mask, weights, "mask")
    save_tensors(folder / "mask.safetensors", mask, {"settings": {}})
    files = (folder / "dense/weights.safetensors", folder / "mask.safetensors", folder / "round", folder / "checkpoint")
    train_round(settings, images, 0, "imp", 1, *files, log=lambda line: None)
    after = load_tensors(folder / "round/weights.safetensors")[0]
    left = sum(int((after[name][kept == 0] != 0).sum()) for name, kept in mask.items())
    moved = all((after[name][kept == 1] != weights[name][kept == 1]).any() for name, kept in mask.items())
    return left == 0 and moved, "what is pruned stays 0 through a training, and the rest is trained"


CHECKS = (
    the_same_bytes_twice,
    the_same_bytes_after_a_kill,
    the_accuracy_of_the_cpu,
    precisions,
    pruned_weights_stay_zero,
)


def wait(device):
    if device != "cpu":
        torch.cuda.synchronize()


def pipeline_speed(images, folder, settings):
    """Return the images a second of the fastest epoch of a training by the pipeline."""
    lines = []
    dense(settings, images, folder, log=lines.append)
    speeds = [int(line.split()[-2]) for line in lines if line.endswith(" images/s")]
    with open(folder / "history.csv", newline="") as file:
        steps = int(next(csv.DictReader(file))["steps"])
    return max(speeds), steps


def bare_speed(settings, count, steps, device):
    """Return the images a second of the same steps in a loop of nothing but PyTorch, on images that are there."""
    training, precision = settings["training"], settings["training"]["precision"]
    network = build_network(settings["network"], (3, 32, 32), 10, seed=0).to(device)
    layout = torch.channels_last if training["channels_last"] else torch.contiguous_format
    network = network.to(memory_format=layout)
    size = -(-count // steps)
    images = torch.randn(size, 3, 32, 32, device=device).contiguous(memory_format=layout)
    labels = torch.randint(10, (size,), device=device)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    torch.backends.cuda.matmul.fp32_precision = "tf32" if precision == "tf32" else "ieee"
    torch.backends.cudnn.conv.fp32_precision = "tf32" if precision == "tf32" else "ieee"
    times = []
    for _ in range(3):
        wait(device)
        start = time.perf_counter()
        for _ in range(steps):
            with torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16"):
                output = network(images)
            loss = functional.cross_entropy(output.float(), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        wait(device)
        times.append(time.perf_counter() - start)
    return size * steps / min(times)


def throughput(device, precision, size):
    """Return what products of square matrices reach, in 10^12 operations a second."""
    torch.backends.cuda.matmul.fp32_precision = "tf32" if precision == "tf32" else "ieee"
    kind = torch.bfloat16 if precision == "bfloat16" else torch.float32
    a, b = (torch.randn(size, size, device=device, dtype=kind) for _ in range(2))
    times = []
    for _ in range(5):
        wait(device)
        start = time.perf_counter()
        a @ b
        wait(device)
        times.append(time.perf_counter() - start)
    return 2 * size**3 / min(times) / 1e12


def speed_rows(images, folder, device, batch, networks, size):
    """Return the table of speeds: a row a network and precision."""
    rows = []
    count = round(0.9 * len(np.load(images / "train_labels.npy", mmap_mode="r")))
    for precision in PRECISIONS if device != "cpu" else ("float32", "bfloat16"):
        reached = throughput(device, precision, size)
        for name, more in networks.items():
            changes = {"deterministic": False, "augmentation": "none", "channels_last": precision != "float32"}
            settings = told({"name": name, **more}, device=device, precision=precision, batch_size=batch, **changes)
            ours, steps = pipeline_speed(images, folder / f"{name} {precision}", settings)
            bare = bare_speed(settings, count, steps, device)
            macs = read_json(folder / f"{name} {precision}/metrics.json")["macs"]
            used = 6 * macs * ours / 1e12  # forward, and twice that backward; two operations a multiply-add
            numbers = f"{ours:,.0f}", f"{bare:,.0f}", f"**{bare / ours:.2f}**", f"{used:.2f}", f"{reached:.1f}"
            rows.append([name, precision, str(batch), *numbers])
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", help="cuda, or cpu to see that the program runs; the GPU by default")
    parser.add_argument("--quick", action="store_true", help="few images and narrow networks")
    parser.add_argument("--output", help="Markdown file to write the report to")
    arguments = parser.parse_args()
    device = arguments.device or ("cuda" if torch.cuda.is_available() else None)
    if device is None:
        print("No GPU that PyTorch can use is here: nothing was checked, and nothing is claimed.")
        return 0
    name = torch.cuda.get_device_name() if device != "cpu" else "the CPU, which checks the program and no GPU"
    lines = [f"{name}, PyTorch {torch.__version__}, CUDA {torch.version.cuda}.", ""]
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        few = (1000, 500) if arguments.quick else (5000, 2000)
        images = write_images(folder / "few", *few)
        for check in CHECKS:
            good, sentence = check(images, folder / check.__name__, device)
            failed += [] if good else [check.__name__]
            lines.append(f"- {'passed' if good else 'FAILED'}: {sentence}")
            print(lines[-1], flush=True)
        many = write_images(folder / "many", *((1000, 100) if arguments.quick else (50000, 1000)))
        networks = {"vgg": {"width": 8}} if arguments.quick else SPEED
        batch, size = (128, 512) if arguments.quick else (512, 8192)
        rows = speed_rows(many, folder / "speed", device, batch, networks, size)
    lines += [
        "",
        "Images a second of the fastest epoch, of the pipeline (shuffled batches, normalised on the device, losses "
        "kept) and of a bare loop over one batch that is there; what the network needs of 10^12 operations a second, "
        "and what the device reaches in products of matrices.",
        "",
        "| network | precision | batch | pipeline | bare loop | bare / pipeline | used | products |",
        "|---|---|---|---|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]
    print("\n".join(lines[len(CHECKS) + 2 :]))
    if arguments.output:
        write_text(arguments.output, "\n".join(lines))
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
