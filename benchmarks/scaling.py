"""The prices of the cost model of `prunesim plan` (src/prunesim/forecast/costs.py), measured on this machine.

    OMP_NUM_THREADS=1 python benchmarks/scaling.py

Prints each measurement beside the model's value, and at the end the prices, to be copied into costs.py. Every number is
the best of several, in seconds of CPU time on one thread, which other work on the machine disturbs least; only what
waits for the disk is in seconds of the clock. It takes about five minutes.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from prunesim.forecast import costs
from prunesim.forecast.profile import network_profile
from prunesim.serving.start import MAXIMA, start
from prunesim.storage.arrays import save_array, save_tensors
from prunesim.storage.files import sha256_file, write_json

ROOT = Path(__file__).resolve().parents[1]
REPEATS = 3
# Jobs in a row where the clock is too coarse for one.
TURNS = 5
MEASURES = ["cca_mean", "svcca", "cka_linear"]


def cpu_time():
    """Return the CPU time of this process and of those that it waited for."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def best(function, repeats=REPEATS, clock=cpu_time):
    times = []
    for _ in range(repeats):
        start = clock()
        function()
        times.append(clock() - start)
    return min(times)


def fit(name, rows):
    """Print the measurements and return the prices that fit them best, relative errors counted."""
    features = list(rows[0][1])
    seconds = np.array([row[2] for row in rows])
    amounts = np.array([[row[1][feature] for feature in features] for row in rows], dtype=float)
    scale = amounts.max(axis=0)
    prices = nnls(amounts / scale / seconds[:, None], np.ones(len(rows)))[0] / scale
    print(f"\n{name}")
    for (label, *_), measured, model in zip(rows, seconds, amounts @ prices, strict=True):
        print(f"  {label:44} {measured:9.4f} s   model {model:9.4f} s   {model / measured:5.2f}")
    return dict(zip(features, prices.tolist(), strict=True))


def training():
    import torch

    from prunesim.networks.build import build_network
    from prunesim.training.data import normaliser
    from prunesim.training.device import make_exact
    from prunesim.training.loop import train

    make_exact(1, deterministic=True)
    settings = read_json_defaults()["training"] | {"epochs": 1}
    rows = []
    for name, width, shape, batch, images in (
        ("cnn", 4, (1, 8, 8), 50, 2000),
        ("cnn", 16, (1, 8, 8), 64, 1294),
        ("cnn", 64, (1, 8, 8), 64, 1294),
        ("cnn", 16, (3, 32, 32), 128, 1024),
        ("lenet5", 16, (1, 28, 28), 128, 2048),
        ("vgg", 16, (1, 28, 28), 128, 512),
        ("vgg", 32, (3, 32, 32), 128, 256),
        ("vgg", 64, (3, 32, 32), 128, 128),
        ("examples/resnet50.py:resnet50", 0, (3, 64, 64), 16, 16),
        ("examples/resnet50.py:resnet50", 0, (3, 224, 224), 8, 8),
    ):
        network_settings = {"name": name, "width": width, "arguments": {}, "layers": None}
        classes = 10 if ":" not in name else 1000
        profile = network_profile(network_settings, shape, classes)
        network = build_network(network_settings, shape, classes, seed=0)
        pixels = torch.randint(0, 256, (images, *shape), dtype=torch.uint8)
        labels = torch.arange(images) % classes
        told = settings | {"batch_size": batch}
        normalise = normaliser([0.5] * shape[0], [0.3] * shape[0], told, torch.device("cpu"))

        def one(network=network, pixels=pixels, labels=labels, told=told, normalise=normalise):
            empty = (pixels[:0], labels[:0])
            options = {"normalise": normalise, "autocast": torch.enable_grad, "seed_of": lambda role, epoch: 0}
            train(network, pixels, labels, empty, told, log=lambda line: None, **options)

        label = f"{name.rpartition(':')[2]} {width} {shape} batch {batch}, {images} images"
        rows.append((label, costs.training_work(profile, -(-images // batch), images, 0), best(one)))
    return fit("training, one epoch", rows)


def dumping(folder):
    from prunesim.activations.dump import dump_activations
    from prunesim.networks.build import build_network
    from prunesim.networks.state import network_arrays

    config = read_json_defaults()
    rows = []
    for name, width, shape, images, megabytes in (
        ("cnn", 16, (1, 8, 8), 1000, 100),
        ("cnn", 16, (3, 32, 32), 1000, 100),
        ("vgg", 16, (1, 28, 28), 1000, 100),
        ("vgg", 16, (1, 28, 28), 1000, 10),
        ("vgg", 64, (3, 32, 32), 250, 100),
        ("examples/resnet50.py:resnet50", 0, (3, 128, 128), 50, 100),
        ("examples/resnet50.py:resnet50", 0, (3, 224, 224), 25, 50),
    ):
        network_settings = {"name": name, "width": width, "arguments": {}, "layers": None}
        classes = 10 if ":" not in name else 1000
        data, output = folder / "data", folder / "activations"
        channels, height, sides = shape
        save_array(data / "test_images.npy", np.zeros((images, height, sides, channels), dtype=np.uint8))
        save_array(data / "test_labels.npy", np.zeros(images, dtype=np.int64))
        description = {"classes": ["x"] * classes, "shape": [height, sides, channels]}
        description |= {"mean": [0.5] * channels, "std": [0.3] * channels}
        description["sha256"] = {path.name: sha256_file(path) for path in data.glob("*.npy")}
        write_json(data / "dataset.json", description)
        save_tensors(folder / "w.safetensors", network_arrays(build_network(network_settings, shape, classes, 0)), {})
        profile = network_profile(network_settings, shape, classes)
        told = {
            "seed": 0,
            "network": network_settings,
            "training": config["training"],
            "activations": {"images": images, "megabytes": float(megabytes)},
            "layers": list(profile.layers),
        }

        def one(told=told, data=data, output=output):
            dump_activations(told, data, folder / "w.safetensors", output, log=lambda line: None)

        seconds = best(one, 2)
        written = sum(file.stat().st_size for file in output.iterdir())
        label = f"{name.rpartition(':')[2]} {width} {shape}, {images} images, {written / 1e6:.0f} MB"
        rows.append((label, costs.dumping_work(profile, images, written), seconds))
        for file in output.iterdir():
            file.unlink()
    return fit("dumping", rows)


def comparing(folder):
    from prunesim.similarity import compare_pairs

    rng = np.random.default_rng(0)

    def files(count, samples, width):
        sources = rng.standard_normal((samples, 40), dtype=np.float32)
        paths = []
        for i in range(count):
            layer = sources @ rng.standard_normal((40, width), dtype=np.float32) / 6
            layer += 0.7 * rng.standard_normal((samples, width), dtype=np.float32)
            paths.append(folder / f"layer{i}.npy")
            np.save(paths[-1], np.maximum(layer, 0))
        return [np.load(path, mmap_mode="r") for path in paths]

    rows = []
    for networks, images, per_image, width in (
        (2, 1000, 1, 16),
        (11, 1000, 1, 32),
        (11, 1000, 1, 64),
        (2, 1000, 40, 32),
        (6, 1000, 40, 64),
        (11, 1000, 20, 128),
        (2, 1000, 20, 256),
        (4, 1000, 20, 256),
        (2, 1000, 20, 512),
        (3, 1000, 5, 512),
        (2, 1000, 5, 1024),
    ):
        matrices = files(networks, images * per_image, width)
        pairs = [(i, networks - 1) for i in range(networks - 1)]
        samples = images * per_image

        def one(matrices=matrices, pairs=pairs, per_image=per_image):
            compare_pairs(matrices, pairs, MEASURES, rows_per_image=per_image, blocks=20, draws=5)

        work = costs.comparing_work([width] * networks, pairs, samples, 20, 5, MEASURES)
        label = f"{networks} networks, {samples} samples, {width} neurons"
        rows.append((label, work, best(one, 2 if width < 1000 else 1)))
    prices = fit(f"comparing by {', '.join(MEASURES)}", rows)

    # What each measure adds to what all need, at a width at which decompositions are most of it.
    matrices = files(2, 5000, 512)
    work = costs.comparing_work([512, 512], [(0, 1)], 5000, 20, 5, MEASURES)
    gathered = prices["product"] * work["product"]

    def seconds(measures):
        return best(lambda: compare_pairs(matrices, [(0, 1)], measures, rows_per_image=5), 2) - gathered

    together, shared = seconds(MEASURES), seconds(["cka_linear"])
    weights = {name: max(seconds([name]) - shared, 0) for name in costs.MEASURE_WEIGHTS}
    total = shared + sum(weights[name] for name in MEASURES)
    weights = {name: round(value / total, 3) for name, value in weights.items()} | {"shared": round(shared / total, 3)}
    print(f"\none by one {total:.2f} s, together {together:.2f} s")
    kernels = {}
    for name in costs.KERNEL_MEASURES:
        times = []
        for pairs in ([(0, 2)], [(0, 2), (1, 2)]):
            matrices = files(3, 2000, 64)
            times.append(
                best(lambda p=pairs, m=matrices, n=name: compare_pairs(m, p, [n], rows_per_image=1, draws=5), 2)
            )
        # One pair of two networks prepares 7 kernels and compares 6; the second pair adds 1 and 6.
        prepared = (times[0] - (times[1] - times[0])) / 6
        kernels[name] = {"prepared": prepared, "compared": (times[1] - times[0] - prepared) / 6}
    print(f"\nmeasures against {' + '.join(MEASURES)}: {weights}\nkernel measures: {kernels}")
    return prices, weights, kernels


def files(folder):
    """Return the prices of decoding, writing and reading."""
    from PIL import Image

    from prunesim.datasets.convert import convert_image, write_images
    from prunesim.datasets.image_folder import read_image
    from prunesim.datasets.source import array_split
    from prunesim.pruning.criteria import prune
    from prunesim.storage.files import atomic_path

    rng = np.random.default_rng(0)
    # A picture of the usual size for ImageNet, in pixels and bytes.
    coarse = Image.fromarray(rng.integers(0, 256, (47, 63, 3), dtype=np.uint8)).resize((500, 375))
    grain = rng.normal(0, 9, (375, 500, 3))
    picture = Image.fromarray(np.clip(np.asarray(coarse) + grain, 0, 255).astype(np.uint8))
    picture.save(folder / "photo.jpg", quality=90)
    print(f"photo.jpg: {(folder / 'photo.jpg').stat().st_size} bytes")

    def decode():
        for _ in range(20):
            convert_image(read_image(folder / "photo.jpg")[0], 3, (224, 224))

    def convert(count, side, channels):
        images = rng.integers(0, 256, (count, side, side, channels), dtype=np.uint8)
        split = array_split("train", images, np.zeros(count, dtype=np.int64))
        settings = {"channels": None, "resize": None}

        def write():
            write_images(folder / "images.npy", split, np.arange(count), settings)
            sha256_file(folder / "images.npy")

        return {"image": count, "byte": images.nbytes}, best(write)

    rows = [(f"{c} images of {s} x {s} x {k}", *convert(c, s, k)) for c, s, k in ((20_000, 28, 1), (500, 224, 3))]
    fetching = fit("fetching", rows)

    block = bytes(64 << 20)

    def write():
        with atomic_path(folder / "block") as path:
            path.write_bytes(block)

    weights = {"w": rng.standard_normal(5_000_000, dtype=np.float32)}
    mask = {"w": np.ones(5_000_000, dtype=np.uint8)}
    return {
        "fetching": fetching | {"file": best(decode) / 20},
        "write": (best(write, clock=time.perf_counter) + best(lambda: sha256_file(folder / "block"))) / len(block),
        "check": best(lambda: sha256_file(folder / "block")) / len(block),
        "weight": best(lambda: prune(weights, mask, fraction=0.2, scope="global", criterion="magnitude", seed=0)) / 5e6,
    }


def start_up(folder):
    """Run the tiny study of the tests, then each of its smallest jobs by itself: a Python each, and forked."""
    clone = folder / "study"
    clone.mkdir()
    for name in ("Snakefile", "config.yaml", "workflow", "profiles", "envs", "src", "tests"):
        (clone / name).symlink_to(ROOT / name)
    snakemake = [str(Path(sys.executable).parent / "snakemake"), "--configfile", "tests/pipeline/tiny.yaml"]
    subprocess.run([*snakemake, "--cores", "1"], cwd=clone, capture_output=True, check=True)
    return starts(clone, snakemake)


def starts(clone, snakemake):
    """Return the CPU seconds of the smallest job of each verb, forked or not, and those of a dry run."""
    dry = [*snakemake, "--dry-run", "--forceall", "--printshellcmds"]
    printed = subprocess.run(dry, cwd=clone, capture_output=True, text=True, check=True)
    lines = [line.partition("PYTHONPATH=")[1:] for line in (printed.stdout + printed.stderr).splitlines()]
    commands = {}
    for command in ("".join(line) for line in lines if " -m prunesim " in line[1]):
        commands.setdefault(command.partition("-m prunesim ")[2].split()[0], command)
    os.environ |= {"PRUNESIM_SRC": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def job(command):
        subprocess.run(command, shell=True, executable="/bin/bash", cwd=clone, check=True)

    plain = {verb: best(lambda c=command: job(c)) for verb, command in commands.items()}
    os.environ.update(dict.fromkeys(("GOTO_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    os.environ.update(dict.fromkeys(MAXIMA, "1"))
    start(ROOT / "src")
    (server,) = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()

    def jobs(command):
        for _ in range(TURNS):
            job(command)

    forked = {}
    for verb, command in commands.items():
        jobs(command)  # what they import, the server imports before the next one
        forked[verb] = best(lambda c=command: jobs(c), clock=lambda: served_time(server)) / TURNS
    listing = best(
        lambda: subprocess.run([*snakemake, "--dry-run", "--quiet"], cwd=clone, capture_output=True, check=True)
    )
    return {"plain": plain, "forked": forked, "snakemake": listing}


def served_time(server):
    """Return the CPU time of this process, of those that it waited for, and of the server of jobs with its children."""
    fields = Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()
    return cpu_time() + sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def read_json_defaults():
    from prunesim.resolution.overlays import read_config

    return read_config(ROOT, [], [])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=["start_up", "files", "training", "dumping", "comparing"])
    only = parser.parse_args().only
    os.chdir(ROOT)
    results = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in only:
            function = globals()[part]
            results[part] = function() if part == "training" else function(folder)
    print(f"\n{json.dumps(results, indent=1)}")


if __name__ == "__main__":
    main()
