"""Clones of this repository to run Snakemake in, and what Snakemake says."""

import compileall
import contextlib
import csv
import functools
import json
import os
import py_compile
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from prunesim.audit.diff import artifacts, diff_studies

REPOSITORY = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "config.yaml", "workflow", "profiles", "envs", "src", "tests/pipeline/tiny.yaml")
TINY = "tests/pipeline/tiny.yaml"
STUDY = "results/tiny"
DATASET = "results/datasets/digits-train200-test100-seed0"
NOTHING_TO_DO = "Nothing to be done"
# What tells how long something took, or how it went.
VARYING = ("metrics.json", "networks.csv")
UNLIKE = (".log", "provenance.csv", "provenance.json")

# Networks that are looked at once more: all correlations, with fewer weights, on worse images, on scenes with concepts,
# on lines.
LOOKS = """
rounds: 1
comparison: {families: [functional], spectra: true}
connectivity: {pairs: [dense], points: 3}
robustness: {shares: [1, 0.5], corruptions: [shift, noise], severities: [0, 3]}
concepts: {source: scenes, count: 40, multiple: 1, draws: 2, quantile: 0.05, threshold: 0.06}
"""


def copy_source(source, target):
    """Copy what git holds of the pipeline, as a fresh clone has it: all files new.

    What Python compiled of them comes with them where it knows its source by its bytes, see `compile_sources`.
    """
    for part in PARTS:
        (target / part).parent.mkdir(parents=True, exist_ok=True)
        if (source / part).is_dir():
            ignore = shutil.ignore_patterns("*.egg-info")
            shutil.copytree(source / part, target / part, ignore=ignore, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(source / part, target / part)
    return target


def compile_sources():
    """Compile the package so that every copy of it is compiled."""
    mode = py_compile.PycInvalidationMode.CHECKED_HASH
    assert compileall.compile_dir(REPOSITORY / "src", quiet=2, invalidation_mode=mode)


def copy_all(source, target):
    """Copy a folder with everything in it, times included."""
    subprocess.run(["cp", "-a", source, target], check=True)
    return target


def command(folder, *arguments, config=(), targets=(), base=TINY):
    """Return the words and environment of a run of Snakemake in `folder`; `config` are overlays on the tiny study."""
    overlays = [] if base is None else [base]
    for number, text in enumerate(config):
        # Workers that test the same study at the same time have overlays of their own.
        overlays.append(folder / f"overlay{number}{os.environ.get('PYTEST_XDIST_WORKER', '')}.yaml")
        overlays[-1].write_text(text)
    words = [Path(sys.executable).parent / "snakemake", *arguments]
    words += ["--configfile", *overlays] if overlays else []
    words += ["--", *targets] if targets else []
    return [str(word) for word in words], clean_environment()


def clean_environment():
    """Return the environment without what may make the pipeline work here and nowhere else."""
    unwanted = ("PYTHON", "OMP_", "MPL", "SNAKEMAKE")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(unwanted)}
    return environment | {"PATH": os.defpath}


def start(folder, *arguments, output=subprocess.PIPE, **options):
    """Start Snakemake in `folder`, see `command`."""
    words, environment = command(folder, *arguments, **options)
    return subprocess.Popen(
        words, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


@functools.cache
def warm():
    """Return the process that forks Snakemakes, see `warm_snakemake`; it ends with the tests, as its input does."""
    return subprocess.Popen(
        [sys.executable, Path(__file__).with_name("warm_snakemake.py")],
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,  # what it has answered is never hidden from `select`
        start_new_session=True,
    )


def snakemake(folder, *arguments, **options):
    """Run Snakemake and return its exit status and all that it printed."""
    words, environment = command(folder, *arguments, **options)
    forking = warm()
    with tempfile.NamedTemporaryFile() as output:
        request = {"folder": str(folder), "words": words, "environment": environment, "output": output.name}
        forking.stdin.write(json.dumps(request).encode() + b"\n")
        child = int(forking.stdout.readline())
        try:
            if not select.select([forking.stdout], [], [], 600)[0]:
                raise subprocess.TimeoutExpired(words, 600, Path(output.name).read_text())
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            forking.stdout.readline()
            raise
        return int(forking.stdout.readline()), Path(output.name).read_text()


def kill(process):
    """Kill Snakemake and all its jobs, as a power cut would."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def run(folder, *arguments, **options):
    """Run Snakemake and return what it printed; it must succeed."""
    status, printed = snakemake(folder, "--cores", "2", *arguments, **options)
    assert status == 0, printed
    return printed


def due(folder, **options):
    """Return how many jobs of each rule a run would run now; the rule that only asks for the results is left out."""
    status, printed = snakemake(folder, "--dry-run", "--quiet", "rules", **options)
    assert status == 0, printed
    if NOTHING_TO_DO in printed:
        assert "Job stats:" not in printed, printed
        return {}
    return job_stats(printed)


def job_stats(printed):
    """Return the table "Job stats" as a dict from rule to count."""
    _, _, table = printed.partition("Job stats:\n")
    counts = Counter()
    for line in table.splitlines():
        if match := re.fullmatch(r"([a-z_]+) +([0-9]+)", line):
            rule, count = match.groups()
            if rule == "total":
                assert sum(counts.values()) == int(count), printed
                counts.pop("default", None)
                return dict(counts)
            counts[rule] = int(count)
    raise AssertionError(f"no job stats in: {printed}")


def contents(folder, *names):
    """Return the bytes of all files below some folders of `folder`, by path."""
    files = [path for name in names for path in sorted((folder / name).rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def study_files(folder):
    """Return the bytes of all that must not vary, and the rest less its timings."""
    files = {
        path: data
        for path, data in contents(folder, "results").items()
        if not path.endswith(UNLIKE) and "/provenance/" not in path
    }
    fixed = {path: data for path, data in files.items() if not path.endswith(VARYING)}
    rest = {path: without_seconds(path, data.decode()) for path, data in files.items() if path.endswith(VARYING)}
    return fixed, rest


def without_seconds(path, text):
    """Return a table or a JSON file less what varies."""
    if path.endswith(".csv"):
        return [
            {key: cell for key, cell in row.items() if key != "seconds"} for row in csv.DictReader(text.splitlines())
        ]
    return {key: value for key, value in json.loads(text).items() if key not in ("seconds", "checksum")}


def assert_same_files(folder, expected):
    """Compare all that two runs made, of what must not vary."""
    fixed, rest = study_files(folder)
    expected_fixed, expected_rest = study_files(expected)
    assert fixed.keys() == expected_fixed.keys()
    assert [path for path in fixed if fixed[path] != expected_fixed[path]] == []
    assert rest == expected_rest
    kinds = {path.rsplit(".", 1)[-1] for path in fixed}
    assert kinds == {"safetensors", "npy", "csv", "json", "svg", "png", "html"}
    # What a user would call says the same.
    differences, counts = diff_studies(folder / STUDY, expected / STUDY)
    assert differences == []
    assert counts == {"compared": len(list(artifacts(expected / STUDY))), "left_out": 0}
