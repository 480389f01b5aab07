"""How fast the similarity engine is: against the textbook route and one matrix product, as data grow, against peers.

    python benchmarks/similarity.py [--quick] [--output docs/performance.md]

All numbers of a table come from one run on the same data with the same threads; each is the median of repetitions that
take turns, so that a busy machine slows all alike. `--quick` shrinks the data to see that everything runs.
"""

import argparse
import importlib
import itertools
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from prunesim.similarity import compare_pairs
from prunesim.similarity.threads import blas_threads
from prunesim.storage.files import write_text

MEASURES = ("svcca", "cca_mean", "pwcca", "cka_linear", "nbs")
ROWS_PER_IMAGE = 20


def layers(folder, count, samples, width):
    """Write rectified mixtures of common sources, one file a network, and return the paths."""
    rng = np.random.default_rng(0)
    sources = rng.standard_normal((samples, 40), dtype=np.float32)
    paths = []
    for i in range(count):
        layer = sources @ rng.standard_normal((40, width), dtype=np.float32) / 6
        layer += 0.7 * rng.standard_normal((samples, width), dtype=np.float32)
        paths.append(Path(folder) / f"{samples}x{width}-{i:02d}.npy")
        np.save(paths[-1], np.maximum(layer, 0))
    return paths


def mapped(paths):
    return [np.load(path, mmap_mode="r") for path in paths]


def seconds(function, *arguments):
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def textbook(x, y):
    """Return the five measures of a pair by explicit bases, each from its paper: centre, SVD, SVD of the product."""
    x, y = (np.asarray(z, dtype=np.float64) for z in (x, y))
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    bases = [np.linalg.svd(z, full_matrices=False) for z in (x, y)]
    (u, s, _), (v, t, _) = bases
    cuts = [int((np.cumsum(w**2) < 0.99 * (w**2).sum()).sum()) + 1 for w in (s, t)]
    left, rho, _ = np.linalg.svd(u.T @ v)
    alpha = np.abs((u @ left).T @ x).sum(axis=1)
    cross = x.T @ y
    return {
        "cca_mean": rho.mean(),
        "svcca": np.linalg.svd(u[:, : cuts[0]].T @ v[:, : cuts[1]], compute_uv=False).mean(),
        "pwcca": (alpha * rho).sum() / alpha.sum(),
        "cka_linear": (cross**2).sum() / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)),
        "nbs": np.linalg.svd(cross, compute_uv=False).sum() / np.sqrt((x**2).sum() * (y**2).sum()),
    }


def all_pairs(folder, quick):
    """Return the lines of the main comparison."""
    count, samples, width = (21, 4000, 32) if quick else (21, 200_000, 64)
    repetitions = 3
    paths = layers(folder, count, samples, width)
    pairs = list(itertools.combinations(range(count), 2))
    options = {"rows_per_image": ROWS_PER_IMAGE, "blocks": 20}

    def engine(draws, blocks=20):
        return compare_pairs(mapped(paths), pairs, MEASURES, draws=draws, **(options | {"blocks": blocks}))

    stacked = np.concatenate(mapped(paths), axis=1)
    times = {name: [] for name in ("product", "engine", "without intervals", "one draw", "textbook")}
    engine(0)
    for repetition in range(repetitions):
        times["product"].append(seconds(lambda: stacked.T @ stacked))
        times["engine"].append(seconds(engine, 0))
        times["without intervals"].append(seconds(engine, 0, 0))
        times["one draw"].append(seconds(engine, 1))
        first, second = mapped([paths[repetition], paths[-1 - repetition]])
        times["textbook"].append(seconds(textbook, first, second) * len(pairs))
    median = {name: statistics.median(values) for name, values in times.items()}
    product, engine_time = median["product"], median["engine"]
    ratio = {
        name: statistics.median(value / one for value, one in zip(times[name], times["product"], strict=True))
        for name in times
    }
    draw = statistics.median(
        (one - none) / product
        for one, none, product in zip(times["one draw"], times["engine"], times["product"], strict=True)
    )
    speed, speed_alone = (
        statistics.median(slow / fast for slow, fast in zip(times["textbook"], times[name], strict=True))
        for name in ("engine", "without intervals")
    )

    checked = {(row["a"], row["b"], row["measure"]): row["value"] for row in engine(0)}
    worst = 0.0
    for a, b in (pairs[0], pairs[len(pairs) // 2], pairs[-1]):
        for name, value in textbook(*mapped([paths[a], paths[b]])).items():
            worst = max(worst, abs(checked[a, b, name] - value))
    # Many at once are read together. Only once: it takes as long as all the rest.
    many = 8 if quick else 50
    before = seconds(lambda: stacked.T @ stacked)
    taken = seconds(engine, many)
    each = (taken - engine_time) / many / statistics.mean([before, seconds(lambda: stacked.T @ stacked)])
    for path in paths:
        path.unlink()
    megabytes = stacked.nbytes / 1e6
    return [
        "### All pairs of 21 networks",
        "",
        f"{count} networks of {width} channels, {samples:,} samples ({megabytes:,.0f} MB of float32 in files, warm "
        f"cache), {len(pairs)} pairs, {', '.join(MEASURES)}. Medians of {repetitions} turns; ratios are medians of "
        "ratios within a turn. The textbook route is timed on one pair a turn and multiplied by the number of pairs.",
        "",
        "| what | seconds | in matrix products |",
        "|---|---|---|",
        f"| one float32 product X'X of the stacked matrix, in memory | {product:.2f} | 1 |",
        f"| engine: values and 95 % intervals, from files | {engine_time:.2f} | **{ratio['engine']:.2f}** "
        "(goal: at most 1.4) |",
        f"| engine: values alone | {median['without intervals']:.2f} | {ratio['without intervals']:.2f} |",
        f"| each null draw more | {draw * product:.2f} | **{draw:.2f}** (goal: at most 1) |",
        f"| each of {many} null draws | {(taken - engine_time) / many:.2f} | **{each:.2f}** (goal: at most 1) |",
        f"| textbook route, pair by pair, values alone | {median['textbook']:.0f} | {ratio['textbook']:.0f} |",
        "",
        f"The engine with intervals is **{speed:.0f} times** faster than the textbook route without them (goal: at "
        f"least 170), and {speed_alone:.0f} times when both compute values alone. "
        f"Largest difference of a value from the textbook route: {worst:.1e}.",
        "",
    ]


def measured(folder, count, samples, width):
    """Return (seconds, peak megabytes of working memory) of all pairs with intervals, in a process of its own."""
    paths = layers(folder, count, samples, width)
    code = (
        "import sys, time, tracemalloc; from benchmark_similarity import one; "
        f"print(*one({[str(path) for path in paths]!r}))"
    ).replace("benchmark_similarity", Path(__file__).stem)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    for path in paths:
        path.unlink()
    return [float(part) for part in done.stdout.split()]


def one(paths):
    """Return seconds and the peak of allocated megabytes (files mapped from the cache are not counted)."""
    import tracemalloc

    pairs = list(itertools.combinations(range(len(paths)), 2))
    samples, width = mapped(paths)[0].shape
    arguments = {"rows_per_image": 1 if samples < width else ROWS_PER_IMAGE, "draws": 0}
    compare_pairs(mapped(paths), pairs[:1], MEASURES, **arguments)
    time_taken = min(seconds(lambda: compare_pairs(mapped(paths), pairs, MEASURES, **arguments)) for _ in range(2))
    tracemalloc.start()
    compare_pairs(mapped(paths), pairs, MEASURES, **arguments)
    return time_taken, tracemalloc.get_traced_memory()[1] / 1e6


def growth(folder, quick):
    """Return the lines on samples, channels and networks."""
    scale = 20 if quick else 1
    lines = [
        "### Growth",
        "",
        "All pairs, values and intervals, from files, in a process each; peak of allocated memory.",
        "",
    ]
    sizes = [n // scale for n in (10_000, 30_000, 100_000, 300_000, 1_000_000)]
    rows = 2000 if quick else 20_000
    widths, counts = ((16, 64), (2, 4)) if quick else ((16, 64, 256, 512, 1024), (2, 4, 8, 16, 32, 64))
    tables = {
        "samples (11 networks of 64 channels)": [(11, n, 64) for n in sizes],
        f"channels (2 networks, {rows:,} samples)": [(2, rows, width) for width in widths],
        f"networks (64 channels, {rows:,} samples)": [(count, rows, 64) for count in counts],
    }
    # More neurons than samples: products of samples, n x n, take the place of those of neurons.
    tables["flattened neurons (2 networks; cka_linear and nbs have values)"] = [
        (2, *((200, 512) if quick else (500, 4096)))
    ]
    for title, cases in tables.items():
        name = title.split()[0]
        lines += [f"| {title} | seconds | MB |", "|---|---|---|"]
        for count, samples, width in cases:
            taken, peak = measured(folder, count, samples, width)
            label = {"samples": samples, "channels": width, "networks": count, "flattened": width}[name]
            goal = " (goal: at most 2.5 s and 600 MB)" if width == 1024 else ""
            on = f" on {samples:,} images" if name == "flattened" else ""
            lines.append(f"| {label:,}{on} | {taken:.2f} | {peak:,.0f}{goal} |")
            print(lines[-1], file=sys.stderr)
        lines.append("")
    return lines


def peers(quick):
    """Return the lines on other packages, one pair of layers each, the value and the time."""
    samples, width = (200, 16) if quick else (2000, 64)
    with tempfile.TemporaryDirectory() as folder:
        x, y = (np.array(z) for z in mapped(layers(folder, 2, samples, width)))

    def ours(measure):
        return lambda: compare_pairs([x, y], [(0, 1)], [measure], blocks=0, draws=0)[0]["value"]

    def ckatorch(x=x, y=y):
        torch, core = importlib.import_module("torch"), importlib.import_module("ckatorch.core")
        return float(core.cka_base(torch.from_numpy(x), torch.from_numpy(y), kernel="linear", method="fro_norm"))

    def rsatoolbox(x=x, y=y):
        rsa, rdm = importlib.import_module("rsatoolbox"), importlib.import_module("rsatoolbox.rdm")
        rdms = [rdm.calc_rdm(rsa.data.Dataset(z.astype(float)), method="euclidean") for z in (x, y)]
        return float(rdm.compare(*rdms, method="cosine_cov")[0, 0])

    rows = [
        ("cka_linear", "ckatorch", ckatorch, samples),
        ("cka_linear", "rsatoolbox, whitened cosine of RDMs", rsatoolbox, samples),
        *(
            (name, "textbook route", lambda name=name: textbook(x, y)[name], samples)
            for name in ("cca_mean", "svcca", "pwcca", "nbs")
        ),
    ]
    lines = [
        "### Peers",
        "",
        f"One pair, {samples:,} samples of {width} channels, one measure, arrays in memory, best of 5. Packages that "
        "form matrices of samples x samples cannot do many more.",
        "",
        "| measure | other | its value | its ms | prunesim | ms | times faster |",
        "|---|---|---|---|---|---|---|",
    ]
    for measure, name, other, _ in rows:
        mine = ours(measure)
        try:
            theirs, own = other(), mine()
        except Exception as error:  # a peer that is missing or broken is reported, not hidden
            lines.append(f"| {measure} | {name} | {type(error).__name__}: {str(error)[:60]} | | {mine():.6f} | | |")
            continue
        slow, fast = (min(seconds(function) for _ in range(5)) * 1e3 for function in (other, mine))
        lines.append(f"| {measure} | {name} | {theirs:.6f} | {slow:.1f} | {own:.6f} | {fast:.1f} | {slow / fast:.1f} |")
    return [*lines, ""]


def changed_copies(samples=2000, width=64):
    """Return a layer and {what was done: changed copy of it}."""
    rng = np.random.default_rng(1)
    sources = rng.standard_normal((samples, 20))
    mixing = rng.standard_normal((20, width)) / 4

    def layer(sources):
        return np.maximum(sources @ mixing + 0.3 * noise, 0)

    noise = rng.standard_normal((samples, width))
    x = layer(sources)
    rotation = np.linalg.qr(rng.standard_normal((width, width)))[0]
    mean = x.mean(axis=0)
    scores, strengths, directions = np.linalg.svd(x - mean, full_matrices=False)
    weak = scores.copy()
    weak[:, 20:] = np.linalg.qr(rng.standard_normal((samples, width - 20)))[0]
    strong = scores.copy()
    strong[:, :2] = np.linalg.qr(rng.standard_normal((samples, 2)))[0]
    half = sources.copy()
    half[:, 10:] = rng.standard_normal((samples, 10))
    return x, {
        "rotated": x @ rotation,
        "invertible\nmap": (x - mean) @ directions.T * np.geomspace(0.05, 1, width) @ rotation,
        "weak directions\nnoise": weak * strengths @ directions + mean,
        "2 strongest\nnoise": strong * strengths @ directions + mean,
        "half of the\nsources other": layer(half),
        "unrelated": layer(rng.standard_normal(sources.shape)),
    }


def figure(path):
    """Draw the values of all measures on the changed copies."""
    matplotlib = importlib.import_module("matplotlib")
    matplotlib.use("Agg")
    plt = importlib.import_module("matplotlib.pyplot")
    x, copies = changed_copies()
    pairs = [(0, i + 1) for i in range(len(copies))]
    rows = compare_pairs([x, *copies.values()], pairs, "all", blocks=0, draws=0)
    names = list(dict.fromkeys(row["measure"] for row in rows))
    values = np.array([row["value"] for row in rows]).reshape(len(copies), len(names)).T
    figure, axes = plt.subplots(figsize=(8.5, 6), layout="constrained")
    shown = np.where(np.array(names)[:, None] == "procrustes_distance", 1 - values / 2, values)
    axes.imshow(shown, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    for i, j in np.ndindex(values.shape):
        axes.text(
            j, i, f"{values[i, j]:.2f}", ha="center", va="center", color="black" if shown[i, j] > 0.5 else "white"
        )
    axes.set_xticks(range(len(copies)), copies)
    axes.set_yticks(range(len(names)), names)
    axes.set_title("A layer of 64 channels compared with changed copies of itself, 2,000 samples", fontsize=11)
    figure.savefig(path, dpi=150)


def machine():
    """Return the lines on machine and versions."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return [
        f"{model}, {os.cpu_count()} cores, {blas_threads()} BLAS threads, {blas['name']} {blas['version']}, "
        f"Python {platform.python_version()}, NumPy {np.__version__}, {platform.system()}. "
        f"Load at the start {load:.1f}.",
        "",
    ]


def publish(lines, path, name):
    """Print the lines and, where a file is given, put them into it between the markers of a benchmark."""
    print("\n".join(lines))
    if not path:
        return
    start, end = f"<!-- {name} benchmark -->", f"<!-- end of {name} benchmark -->"
    section = "\n".join([start, *lines, end])
    path = Path(path)
    text = path.read_text(encoding="utf-8") if path.exists() else f"# Performance\n\n{start}\n{end}\n"
    before, rest = text.split(start, 1) if start in text else (text + "\n", end + "\n")
    write_text(path, before + section + rest.split(end, 1)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small data, only to see that it runs")
    parser.add_argument("--output", help="Markdown file to write the tables to")
    parser.add_argument(
        "--parts", nargs="+", choices=["pairs", "growth", "peers"], default=["pairs", "growth", "peers"]
    )
    parser.add_argument("--figure", help="PNG file for the figure of docs/similarity.md; nothing else is then done")
    parser.add_argument("--folder", help="where to put some GB of files for the time of the run")
    arguments = parser.parse_args()
    if arguments.figure:
        figure(arguments.figure)
        return
    lines = ["## Similarity engine", "", *machine()]
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        if "pairs" in arguments.parts:
            lines += all_pairs(folder, arguments.quick)
            print("\n".join(lines), file=sys.stderr)
        if "growth" in arguments.parts:
            lines += growth(folder, arguments.quick)
        if "peers" in arguments.parts:
            lines += peers(arguments.quick)
    publish(lines, arguments.output, "similarity")


if __name__ == "__main__":
    main()
