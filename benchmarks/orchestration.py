"""What running many small jobs costs: a study with forked jobs and with a Python for each, and asking what is to do.

    python benchmarks/orchestration.py

Every run is a study of its own in a fresh copy of this clone, from nothing to the last table and figure: once with a
Python for each job, and then some times with forked jobs. What the trainings take is from their records; with nothing
else to do, both cores would be busy for half of their sum. Asking is `snakemake -n` where every file is there; the
files are empty, since Snakemake looks at names and times. A bare workflow of as many jobs, two rules with a file each
and without parameters or input functions, tells what Snakemake itself takes.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from similarity import machine, publish

from prunesim.audit.diff import diff_studies
from prunesim.study.config import load_yaml
from prunesim.study.forking import SWITCH

ROOT = Path(__file__).resolve().parents[1]
CORES = 2
PARTS = ("Snakefile", "config.yaml", "workflow", "profiles", "envs", "src")
WAYS = {"a Python for each job": "0", "forked jobs": "1"}
QUICK = "replicates: 1\nrounds: 1\ntraining: {epochs: 1}\n"
# Studies of about so many jobs.
GROWN = {2000: "replicates: 6\nrounds: 31\n", 10000: "replicates: 18\nrounds: 55\n"}

BARE = """
rule all:
    input: [f"b/{{i}}" for i in range({half})]
rule a:
    output: "a/{{i}}"
    shell: "touch {{output}}"
rule b:
    input: "a/{{i}}"
    output: "b/{{i}}"
    shell: "touch {{output}}"
"""


def clone(folder, overlay):
    """Copy what a study needs into a new folder."""
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copyfile
        folder.mkdir(parents=True, exist_ok=True)
        copy(ROOT / part, folder / part)
    (folder / "overlay.yaml").write_text(overlay)
    return folder


def snakemake(folder, *words, **environment):
    """Run Snakemake and return what it printed, the seconds of the clock, and those of the processors."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [Path(sys.executable).with_name("snakemake"), "--cores", str(CORES), *words, "--configfile", "overlay.yaml"],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return done.stdout, seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def records(*folders):
    """Yield what the JSON files below some folders of a study hold: the records of its jobs, and few others."""
    for folder in folders:
        for path in folder.rglob("*.json"):
            yield json.loads(path.read_text(encoding="utf-8"))


def trainings(study):
    """Return how many seconds the trainings of a finished study took, one after the other."""
    return sum(record["seconds"] for record in records(study / "provenance/networks") if record["verb"] == "train")


def study_rows(folder, overlay, turns):
    """Return a row for each way to run a study, and the number of artifacts that are the same both ways."""
    rows, studies, plain = [], [], None
    name = load_yaml(ROOT / "config.yaml")["study"]
    for (way, switch), count in zip(WAYS.items(), (1, turns), strict=True):
        measured = []
        for turn in range(count):
            place = clone(folder / f"{switch} {turn}", overlay)
            clock, processors = snakemake(place, "--quiet", "all", **{SWITCH: switch})[1:]
            studies.append(place / "results" / name)
            measured.append((clock, processors, trainings(studies[-1]) / CORES))
            print(way, *(f"{seconds:.1f} s" for seconds in measured[-1]), flush=True)
        clock, processors, least = (statistics.median(column) for column in zip(*measured, strict=True))
        plain = plain or clock
        rows.append([way, f"{clock:.1f}", f"{processors:.1f}", f"{least:.1f}", f"**{plain / clock:.2f}**"])
    differences, counts = diff_studies(studies[0], studies[-1])
    if differences:
        raise SystemExit(f"the two ways differ: {differences[:5]}")
    return rows, counts["compared"]


def asking(place, files):
    """Return how long `snakemake -n` takes where all files are there and nothing is to do."""
    for name in files:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).touch()
        os.utime(place / name, (1, 1))
    printed, seconds, _ = snakemake(place, "--dry-run")
    assert "Nothing to be done" in printed, printed
    print("asking", len(files), f"{seconds:.1f} s", flush=True)
    return seconds


def asking_row(folder, jobs, overlay):
    """Return jobs, files, and how long asking takes: of a study, and of a bare workflow of as many jobs."""
    place = clone(folder / "study", overlay)
    files = [line.split("\t")[0] for line in snakemake(place, "--summary")[0].splitlines()[1:]]
    bare = folder / "bare"
    bare.mkdir()
    (bare / "Snakefile").write_text(BARE.format(half=jobs // 2))
    (bare / "overlay.yaml").write_text("{}")
    names = [f"{rule}/{number}" for rule in "ab" for number in range(jobs // 2)]
    found = asking(place, files), asking(bare, names)
    return [f"{jobs:,}", f"{len(files):,}", *(f"{seconds:.1f}" for seconds in found)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tiny study, only to see that it runs")
    parser.add_argument("--output", help="Markdown file to write the tables to")
    parser.add_argument("--turns", type=int, default=3, help="how often forked jobs run the study (default: 3)")
    arguments = parser.parse_args()
    lines = ["## Many small jobs", "", *machine()]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        rows, same = study_rows(folder / "study", QUICK if arguments.quick else "{}", arguments.turns)
        lines += [
            f"The {'tiny' if arguments.quick else 'default'} study from nothing to its last figure with `snakemake "
            f"--cores {CORES}`: a Python for each job once, forked jobs {arguments.turns} times (medians). Both ways "
            f"make the same {same:,} artifacts to the byte. Processor time is of Snakemake and all its jobs; the "
            f"trainings alone would keep {CORES} cores busy for as long as the column says.",
            "",
            "| jobs | clock, s | processors, s | trainings alone, s | times as fast |",
            "|---|---|---|---|---|",
            *(f"| {' | '.join(row)} |" for row in rows),
            "",
            "`snakemake -n` where all files are there and nothing is to do:",
            "",
            "| jobs asked for | files | s | a bare workflow of as many jobs, s |",
            "|---|---|---|---|",
        ]
        for jobs, overlay in {60: QUICK}.items() if arguments.quick else GROWN.items():
            lines.append(f"| {' | '.join(asking_row(folder / str(jobs), jobs, overlay))} |")
    lines.append("")
    publish(lines, arguments.output, "orchestration")


if __name__ == "__main__":
    main()
