"""Snakemake with the conda of these tests, and what its jobs noted about themselves."""

import base64
import itertools
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from pipeline.pipeline_runs import REPOSITORY, TINY

ENVIRONMENTS = ("analysis", "figures", "torch")


def snakemake(folder, *arguments, conda=None, overlays=(), targets=(), **environment):
    """Run Snakemake on the tiny study and return its exit status and all that it printed.

    Parameters
    ----------
    folder : pathlib.Path
        The clone.
    conda : pathlib.Path, optional
        The installation that is found on PATH; without it there is none.
    overlays : iterable of path-like
        On the tiny study.
    targets : iterable of str
        What is asked for; everything without them.
    **environment : str
        Variables that the user has set.
    """
    # Nothing of the environment in which the tests run may be what makes the pipeline work.
    unwanted = ("PYTHON", "OMP_", "MPL", "SNAKEMAKE", "CONDA")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(unwanted)}
    path = os.defpath if conda is None else os.pathsep.join([str(conda / "bin"), os.defpath])
    command = [Path(sys.executable).parent / "snakemake", *arguments, "--configfile", TINY, *overlays, "--", *targets]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**kept, "PATH": path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=600,
    )
    return done.returncode, done.stdout


def description(environment):
    """Return the text of an environment's description."""
    return (REPOSITORY / "envs" / f"{environment}.yaml").read_text(encoding="utf-8")


def prefixes(clone):
    """Return the folders of the environments that Snakemake made in a clone from the descriptions, by name."""
    names = {description(name): name for name in ENVIRONMENTS}
    finished = (clone / ".snakemake" / "conda").glob("*.env_setup_done")
    made = {done.with_suffix(".yaml").read_text(encoding="utf-8"): done.with_suffix("") for done in finished}
    return {names[text]: prefix for text, prefix in made.items() if text in names}


def calls(prefix):
    """Return what the Python of an environment noted of the jobs that called it."""
    noted = [json.loads(line) for line in (prefix / "calls.jsonl").read_text(encoding="utf-8").splitlines()]
    return [call for call in noted if call["arguments"][:2] == ["-m", "prunesim"]]


def jobs(clone):
    """Return the shell command of every job of a clone, with the rule and the description of the environment."""
    found = {}
    for file in (clone / ".snakemake" / "metadata").rglob("*"):
        if file.is_file():
            record = json.loads(file.read_text(encoding="utf-8"))
            environment = base64.b64decode(record["conda_env"] or "").decode()
            found[record["shellcmd"]] = record["rule"], environment
    return found


def program_arguments(command):
    """Return what a rule's shell command gives to Python: all between that and where output goes."""
    _, _, words = command.partition(" python ")
    return list(itertools.takewhile(lambda word: not re.fullmatch(r"\d?>(&\d)?", word), shlex.split(words)))
