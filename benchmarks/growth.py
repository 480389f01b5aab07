"""How time and memory of each phase of a study grow with rounds, replicates and images.

    python benchmarks/growth.py [--quick] [--output docs/performance.md]

Small studies are run whole, by Snakemake, in fresh copies of this clone; seconds and memory are those that each job
left in its record. An exponent is the slope of a straight line through the logarithms: 1 is in proportion, 0 does not
grow.
"""

import argparse
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
from orchestration import clone, records, snakemake
from similarity import machine, publish

# Verbs of the phases, in the order of the pipeline.
PHASES = {
    "data set": ("fetch",),
    "training": ("train",),
    "pruning": ("prune",),
    "dumps": ("dump",),
    "comparisons": ("similarity", "answers"),
    "tables": ("table", "claims"),
    "figures": ("figure", "explore"),
}
DIGITS = "training: {epochs: 2}\nactivations: {images: 200}\n"
GARMENTS = (
    "dataset: {{name: fashion_mnist, path: /usr/share/datasets/fashion-mnist, subset: {{train: {0}, test: {1}}}}}\n"
    "network: {{name: lenet5}}\nreplicates: 2\nrounds: 2\ntraining: {{epochs: 1}}\nactivations: {{images: {1}, "
    "megabytes: 1000}}\n"
)
CASES = {
    "rounds": ("digits, 2 replicates", (5, 10, 20, 40), lambda n: f"{DIGITS}replicates: 2\nrounds: {n}\n"),
    "replicates": ("digits, 2 rounds", (1, 5, 10, 20), lambda n: f"{DIGITS}rounds: 2\nreplicates: {n}\n"),
    "images": (
        "LeNet-5 on Fashion-MNIST, 2 replicates, 2 rounds, a fifth as many test images, all of them dumped at all "
        "positions",
        (500, 5000, 50000),
        lambda n: GARMENTS.format(n, n // 5),
    ),
}
QUICK = {"rounds": (1, 2), "replicates": (1, 2), "images": (500, 1000)}


def phases(study):
    """Return the jobs, their seconds and their largest memory (MB) of each phase of a finished study."""
    found = defaultdict(list)
    names = {verb: phase for phase, verbs in PHASES.items() for verb in verbs}
    for record in records(study / "provenance", *(study.parent / "datasets").glob("*")):
        if record.get("verb") in names:
            found[names[record["verb"]]].append((record["seconds"], record["peak_megabytes"]))
    return {phase: (len(jobs), sum(s for s, _ in jobs), max(mb for _, mb in jobs)) for phase, jobs in found.items()}


def exponent(sizes, amounts):
    """Return the slope of the logarithms, None where an amount is too small to have one."""
    return np.polyfit(np.log(sizes), np.log(amounts), 1)[0] if min(amounts) > 0 else None


def measured(folder, what, sizes):
    """Return the lines of a table: a row a phase."""
    about, _, overlay = CASES[what]
    found, clocks = [], []
    for size in sizes:
        place = clone(folder / f"{what} {size}", f"study: grown\n{overlay(size)}")
        clocks.append(snakemake(place, "--quiet", "all")[1])
        found.append(phases(place / "results/grown"))
        print(what, size, f"{clocks[-1]:.0f} s", flush=True)
    heads = [f"phase, by {what}", *(f"{size:,}" for size in sizes), "exponent, seconds", "exponent, MB"]
    lines = [f"{what.capitalize()} ({about}):", "", f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for phase in PHASES:
        rows = [one[phase] for one in found]
        cells = [f"{jobs:,} jobs, {seconds:.1f} s, {most:.0f} MB" for jobs, seconds, most in rows]
        slopes = [exponent(sizes, [row[column] for row in rows]) for column in (1, 2)]
        lines.append(f"| {' | '.join([phase, *cells, *('' if x is None else f'{x:.2f}' for x in slopes)])} |")
    cells = [f"{clock:.0f} s" for clock in clocks]
    return [*lines, f"| {' | '.join(['clock, two cores', *cells, f'{exponent(sizes, clocks):.2f}', ''])} |", ""]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small numbers, only to see that it runs")
    parser.add_argument("--only", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--output", help="Markdown file to write the tables to")
    arguments = parser.parse_args()
    lines = [
        "## Growth",
        "",
        *machine(),
        "Whole studies with `snakemake --cores 2`. Jobs of a phase, the sum of their seconds, and the most memory that "
        "one of them took, PyTorch included where it is used. An exponent of 1 is growth in proportion.",
        "",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for what in arguments.only:
            lines += measured(Path(folder), what, QUICK[what] if arguments.quick else CASES[what][1])
    publish(lines, arguments.output, "growth")


if __name__ == "__main__":
    main()
