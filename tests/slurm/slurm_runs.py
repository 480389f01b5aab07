"""What the tests do to a Slurm cluster, and what they ask it."""

import contextlib
import os
import re
import signal
import subprocess
import time
from pathlib import Path

from pipeline.pipeline_runs import STUDY, start

CLUSTER = Path(__file__).with_name("cluster")
FIELDS = ("JobID", "State", "Comment", "RestartCnt", "MinMemory", "NumCPUs", "TimeLimit", "WorkDir", "tres-per-job")


def cluster(verb):
    """Start, stop or crash the cluster."""
    return slurm_command(CLUSTER, verb)


def slurm_command(*command):
    """Run a command of Slurm and return what it printed."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def start_again(job):
    """Start a job of a lost node, which Slurm does of its own accord only after two minutes."""
    # What it still has to tell the node about the lost job would end the new one.
    deadline = time.monotonic() + 60
    while any(int(count) for count in re.findall(r"^Agent (?:queue size|count): *(\d+)", slurm_command("sdiag"), re.M)):
        assert time.monotonic() < deadline, slurm_command("sdiag")
        time.sleep(0.05)
    slurm_command("scontrol", "update", f"jobid={job['JobID']}", "starttime=now")


def submissions(folder):
    """Return the jobs that were submitted from a folder, oldest first, each as a dict."""
    fields = ",".join(f"{field}:|" for field in FIELDS)
    lines = slurm_command("squeue", "--states=all", "--noheader", f"--Format={fields}").splitlines()
    jobs = [dict(zip(FIELDS, line.split("|"), strict=False)) for line in lines]
    return sorted((job for job in jobs if job["WorkDir"] == str(folder)), key=lambda job: int(job["JobID"]))


def trainings(folder, replicate):
    """Return the submissions of the dense training of a replicate."""
    return [job for job in submissions(folder) if job["Comment"] == f"rule_train_dense_wildcards_{replicate}"]


def submit(folder, *arguments, **options):
    """Start Snakemake with the profile; what it prints goes to a file."""
    # To ask again this soon is for tests.
    profile = ("--profile", "profiles/slurm", "--slurm-init-seconds-before-status-checks", "2")
    with open(folder / "printed.log", "w") as output:
        return start(folder, *profile, *arguments, output=output, **options)


def succeed(process, folder):
    """Wait for Snakemake, which must succeed."""
    assert process.wait(timeout=1200) == 0, (folder / "printed.log").read_text()


def halt_in_training(process, folder, *replicates):
    """Wait until each of some dense trainings has finished an epoch, and halt it there."""
    waiting = list(replicates)
    # All are watched at once: the cluster may start them in any order.
    while waiting:
        for replicate in list(waiting):
            checkpoint = folder / STUDY / f"checkpoints/rep{replicate}/dense.safetensors"
            if checkpoint.exists():
                os.kill(training_process(folder, replicate), signal.SIGSTOP)
                assert checkpoint.exists(), "the training was faster"
                waiting.remove(replicate)
        assert process.poll() is None, (folder / "printed.log").read_text()
        time.sleep(0.005)


def training_process(folder, replicate):
    """Return the number of the process that trains a replicate in a folder."""
    for entry in Path("/proc").glob("[0-9]*"):
        # Processes end while we look.
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().decode().split("\0")
            if words[1:4] != ["-m", "prunesim", "train"] or (entry / "cwd").resolve() != folder.resolve():
                continue
            if words[words.index("--replicate") + 1] == str(replicate):
                return int(entry.name)
    raise AssertionError(f"no process trains replicate {replicate} in {folder}")
