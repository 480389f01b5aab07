"""A study of seconds, what of it must be the same bytes after any fault, and the ways to disturb it."""

import os
import re
import subprocess
import sys
import time

import psutil
from pipeline.pipeline_runs import REPOSITORY, copy_source, kill, snakemake, start

# Less than the tiny study, as it runs once a fault.
SMALL = "replicates: 1\nrounds: 1\ncomparison: {layers: [relu1, logits]}\nfigures: {measure: cka_linear}\n"
STUDY = "results/tiny"
DATASET = "results/datasets/digits-train200-test100-seed0"
# What prunesim says, or Snakemake before it starts a job.
SENTENCE = re.compile(r"^(?:prunesim [a-z]+: |Failed to create )(.+)$", re.MULTILINE)


def make_undisturbed(folder):
    """Run the study in a fresh clone, and note how many seconds it takes."""
    copy_source(REPOSITORY, folder)
    started = time.monotonic()
    status, printed = run_small(folder)
    assert status == 0, printed
    (folder / "seconds").write_text(str(time.monotonic() - started))


def run_small(folder, *arguments, targets=()):
    """Run Snakemake as a user would; return its exit status and what it printed."""
    unlock(folder)
    return snakemake(folder, "--cores", "2", *arguments, config=[SMALL], targets=targets)


def unlock(folder):
    """Remove the lock that a killed run left, as Snakemake asks for."""
    if any((folder / ".snakemake/locks").glob("*")):
        status, printed = snakemake(folder, "--unlock", config=[SMALL])
        assert status == 0, printed


def assert_undisturbed(folder, undisturbed):
    """Check that data set and study have the bytes of the undisturbed one, and no half-written files."""
    for path in (undisturbed / DATASET).iterdir():
        if path.name not in ("provenance.json", "fetch.log"):
            assert (folder / DATASET / path.name).read_bytes() == path.read_bytes(), path.name
    done = prunesim(folder, "diff", undisturbed / STUDY, STUDY)
    assert done.returncode == 0, done.stdout + done.stderr
    assert list((folder / "results").rglob(".*.tmp")) == []
    done = prunesim(folder, "verify", STUDY)
    assert done.returncode == 0, done.stdout + done.stderr


def prunesim(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "prunesim", *arguments],
        cwd=folder,
        env={"PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        check=False,
    )


def disturb(folder, victim, number, moment, rng):
    """Start the study, send a signal to the main process, one job or all of them after some seconds, and wait.

    Returns
    -------
    str or None
        What was hit; None if the study was over, which it must have ended well.
    """
    unlock(folder)
    with open(folder / "disturbed.log", "w") as output:
        process = start(folder, "--cores", "2", config=[SMALL], output=output)
    try:
        hit = _strike(process, victim, number, time.monotonic() + moment, rng)
        # Without waiting: the jobs of a killed main process go on while the next run begins.
        status = process.wait(timeout=600)
    except BaseException:
        kill(process)
        raise
    assert hit or status == 0, (folder / "disturbed.log").read_text()
    return hit


def _strike(process, victim, number, when, rng):
    while time.monotonic() < when and process.poll() is None:
        time.sleep(0.005)
    while process.poll() is None:
        jobs = [child for child in _descendants(process.pid) if "-m prunesim" in child[1]]
        if victim == "main":
            os.kill(process.pid, number)
            return "main process"
        if victim == "all":
            os.killpg(process.pid, number)
            return f"main process and {len(jobs)} jobs"
        if jobs:
            pid, words = jobs[rng.integers(len(jobs))]
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
            return re.search(r"-m (prunesim\S*( [a-z]+)?)", words).group(1)
        time.sleep(0.005)
    return None


def _descendants(pid):
    """Return process number and command line of everything that a process started, less the shells between."""
    found = []
    for child in psutil.Process(pid).children(recursive=True):
        try:
            found.append((child.pid, " ".join(child.cmdline())))
        except psutil.Error:
            continue
    return [entry for entry in found if not entry[1].startswith(("/bin/", "bash", "sh "))]


def truncate(data, rng):
    return data[: rng.integers(len(data))]


def flip(data, rng):
    damaged = bytearray(data)
    damaged[rng.integers(len(data))] ^= 1 << rng.integers(8)
    return bytes(damaged)


def zero(data, rng):
    """Overwrite a part with zeros, as a file system does that lost a block."""
    at = rng.integers(len(data))
    lost = data[at : at + 512]
    return data[:at] + bytes(len(lost)) + data[at + len(lost) :]


def empty(data, rng):
    return b""


DAMAGES = {"truncated": truncate, "one bit flipped": flip, "zeros in it": zero, "emptied": empty}
