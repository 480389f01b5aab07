"""What dumping costs beside the forward pass, how its memory grows, and what sampling positions does to the measures.

    python benchmarks/dumps.py [--quick] [--output docs/performance.md]

The bare passes run the same images through the same network in batches of the same size: those that are dumped once,
and all test images once more for the answers, as the dump does. Both take turns, on one thread. Times are of the
processor.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from similarity import machine, publish
from training import MEAN, STD, made, ours, settings, tensors, unpack

from prunesim.activations.dump import dump_activations
from prunesim.networks.batches import DUMPING, EVALUATION
from prunesim.networks.describe import outputs_of
from prunesim.networks.state import load_arrays, network_arrays
from prunesim.pruning.criteria import prune
from prunesim.pruning.masks import apply_mask
from prunesim.similarity import compare_pairs
from prunesim.storage.arrays import save_array, save_tensors
from prunesim.storage.files import sha256_file, write_json
from prunesim.training.device import make_exact

NETWORKS = ("lenet5", "vgg_svhn", "resnet20")
SHAPE, KINDS = (1, 28, 28), ("relu", "output")
MEASURES = ("cca_mean", "svcca", "pwcca", "cka_linear", "nbs", "procrustes_distance")
POSITIONS = (1, 2, 4, 8, 16, 32, 64)


def stored(folder, images, labels):
    """Write images and labels as a converted data set."""
    folder.mkdir(parents=True)
    save_array(folder / "test_images.npy", images)
    save_array(folder / "test_labels.npy", labels)
    about = {"classes": [str(digit) for digit in range(10)], "shape": [*images.shape[1:]]}
    about |= {"mean": [MEAN], "std": [STD], "sha256": {path.name: sha256_file(path) for path in folder.glob("*.npy")}}
    write_json(folder / "dataset.json", about)
    return folder


def told(name, images, megabytes, layers):
    """Return what the job is told that dumps."""
    network = {"name": name, "width": 0, "arguments": {}, "layers": None, "width_factor": 1.0}
    training = settings() | {"device": "cpu", "threads": 1, "deterministic": True}
    chosen = {"images": images, "megabytes": megabytes}
    return {"seed": 0, "network": network, "training": training, "activations": chosen, "layers": layers}


def compared(network, name):
    """Return the names of the activations and of the answers, in the order of the forward pass."""
    return [layer["name"] for layer in outputs_of(network, SHAPE, name) if layer["kind"] in KINDS]


def bare(network, images, sizes):
    """Run all images once in batches of each size."""
    network.eval()
    with torch.no_grad():
        for size in sizes:
            for batch in images.split(size):
                network((batch / 255 - MEAN) / STD)


def cpu_seconds(function):
    start = time.process_time()
    function()
    return time.process_time() - start


def cost_row(folder, name, data, count, turns):
    """Return a row of the table: seconds of the dump and of the bare passes, and their ratio."""
    network = made(name)
    save_tensors(folder / "network.safetensors", network_arrays(network), {})
    images, labels = tensors(data, count)
    dataset = stored(folder / name, images.permute(0, 2, 3, 1).numpy(), labels.numpy())
    job, output = told(name, count, 100.0, compared(network, name)), folder / f"output {name}"

    def dump():
        dump_activations(job, dataset, folder / "network.safetensors", output, log=lambda line: None)

    def passes():
        bare(network, images, (DUMPING, EVALUATION))

    # The first turn only warms up.
    pairs = [(cpu_seconds(dump), cpu_seconds(passes)) for _ in range(turns + 1)][1:]
    written = sum(path.stat().st_size for path in output.iterdir()) / 1e6
    middle = [statistics.median(column) for column in zip(*pairs, strict=True)]
    ratio = statistics.median(ours / other for ours, other in pairs)
    return [name, f"{len(job['layers'])}", f"{written:.0f}", *(f"{x:.2f}" for x in middle), f"**{ratio:.2f}**"]


def peak(folder, count):
    """Return the peak of the memory of a process that dumps so many images, in MB."""
    code = "import json, sys, resource; from prunesim.activations.dump import dump_activations; "
    code += "job, *places = json.loads(sys.argv[1]); dump_activations(job, *places, log=lambda line: None); "
    code += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)"
    network = made("vgg_svhn")
    save_tensors(folder / "network.safetensors", network_arrays(network), {})
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 28, 28, 1), dtype=np.uint8)
    dataset = stored(folder / f"{count}", images, rng.integers(0, 10, count))
    job = told("vgg_svhn", count, 100.0, compared(network, "vgg_svhn"))
    arguments = json.dumps([job, str(dataset), str(folder / "network.safetensors"), str(folder / "output")])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, arguments], env=environment, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def sampled(folder, data, test, count, images):
    """Return, for each number of positions an image, the largest megabytes of a network and the error of each measure.

    A VGG is trained, a second one is what pruning half of each layer leaves of it, without retraining. The error is the
    mean, over the hidden layers with more positions, of the distance from the value of all positions.
    """
    dense = made("vgg_svhn")
    ours(dense, data, count, settings(epochs=2))
    arrays = network_arrays(dense)
    pruned = made("vgg_svhn")
    weights = {name: array for name, array in arrays.items() if array.ndim > 1}
    whole = {name: np.ones(array.shape, dtype=np.uint8) for name, array in weights.items()}
    mask = prune(weights, whole, fraction=0.5, scope="layer", criterion="magnitude", seed=0)
    load_arrays(pruned, apply_mask(arrays, mask), "vgg_svhn")
    pixels, labels = tensors(test, images)
    dataset = stored(folder / "sampled", pixels.permute(0, 2, 3, 1).numpy(), labels.numpy())
    layers = [name for name in compared(dense, "vgg_svhn") if name.startswith("relu")]
    dumped = []
    for number, network in enumerate((dense, pruned)):
        save_tensors(folder / f"{number}.safetensors", network_arrays(network), {})
        output = folder / f"all {number}"
        whole = told("vgg_svhn", images, 1e6, layers)
        dump_activations(whole, dataset, folder / f"{number}.safetensors", output, log=lambda line: None)
        dumped.append({name: np.load(output / f"{name}.npy") for name in layers})
    return [errors_of(dumped, images, positions) for positions in POSITIONS]


def errors_of(dumped, images, positions, draws=3):
    """Return a row of the table of `sampled`."""
    errors, used, megabytes = {measure: [] for measure in MEASURES}, 0, 0.0
    for name, whole in dumped[0].items():
        there = len(whole) // images
        if there <= positions:
            continue
        used += 1
        megabytes += images * positions * whole.shape[1] * 4 / 1e6
        exact = values([layer[name] for layer in dumped], there)
        for draw in range(draws):
            rng = np.random.default_rng(draw)
            chosen = rng.random((images, there)).argpartition(positions, axis=1)[:, :positions]
            rows = (np.arange(images)[:, None] * there + chosen).ravel()
            found = values([layer[name][rows] for layer in dumped], positions)
            for measure in MEASURES:
                if None not in (found[measure], exact[measure]):
                    errors[measure].append(abs(found[measure] - exact[measure]))
    means = [f"{statistics.mean(found):.4f}" if found else "" for found in errors.values()]
    return [f"{positions}", f"{used}", f"{megabytes:.1f}", *means]


def values(layers, rows_per_image):
    rows = compare_pairs(layers, [(0, 1)], MEASURES, rows_per_image=rows_per_image, blocks=0, draws=0)
    return {row["measure"]: row["value"] for row in rows}


def table(heads, rows):
    return [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}", *(f"| {' | '.join(row)} |" for row in rows), ""]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few images, only to see that it runs")
    parser.add_argument("--output", help="Markdown file to write the tables to")
    arguments = parser.parse_args()
    make_exact(1, True, "float32")
    quick = arguments.quick
    count, turns = (300, 1) if quick else (1000, 5)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        data, test = unpack(folder)
        costs = [cost_row(folder, name, test, count, turns) for name in NETWORKS]
        counts = (250, 500) if quick else (500, 2000, 8000)
        peaks = [[f"{number:,}", f"{peak(folder / 'peaks', number):.0f}"] for number in counts]
        trained, images = (500, 100) if quick else (10000, 500)
        errors = sampled(folder, data, test, trained, images)
    lines = [
        "## Dumps",
        "",
        *machine(),
        f"Dumping the activations and the answers of {count:,} test images of Fashion-MNIST on one thread of PyTorch "
        f"{torch.__version__.partition('+')[0]}, reading, sampling, writing and hashing included, at most 100 MB a "
        "network; and the bare forward passes over the same images, one for the activations and one for the answers. "
        f"Processor seconds, medians of {turns} turns; the ratio is the median of ratios within a turn (goal: at most "
        "1.3).",
        "",
        *table(["network", "layers", "MB written", "dump, s", "bare passes, s", "dump / bare"], costs),
        "Peak of the memory of a process that dumps the VGG, PyTorch included (100 MB a network written each time):",
        "",
        *table(["images", "MB"], peaks),
        f"What sampling positions does: a VGG trained on {trained:,} images, against what pruning half of each layer "
        f"leaves of it, {images:,} images. Mean over the hidden layers that have more positions, and over 3 draws, of "
        "the distance from the value at all positions.",
        "",
        *table(["positions an image", "layers", "MB of them", *MEASURES], errors),
    ]
    publish(lines, arguments.output, "dumps")


if __name__ == "__main__":
    main()
