"""Every command in the documentation is run here, or stands in a list that says which suite runs it, or on which day.

Those of ``snakemake`` would take minutes or days at their size: their options are read as Snakemake reads them, and the
config that they name is checked as the workflow checks it. tests/pipeline runs the same rules on a study of seconds.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from docs.docs_commands import DAY, REPOSITORY, commands, listed, pages
from pipeline.pipeline_runs import STUDY, TINY, copy_source
from snakemake.cli import parse_args

from prunesim.cli import main
from prunesim.resolution.overlays import read_config

pytestmark = pytest.mark.slow

PAGES = [page for page in pages() if commands(page)]
# Files that a reader has written, as the pages describe them.
WRITTEN = ("my-study.yaml", "mine.yaml", "my.yaml", "a.yaml", "b.yaml", "experiments/ticket.yaml")
# Verbs that ask the config, which is by default that of the study for which the tiny one stands.
OF_A_CONFIG = ("archive", "report", "status")


@pytest.fixture(scope="module")
def clone(finished, tmp_path_factory):
    """Return a clone that holds the tiny study, with what a reader has made beside it."""
    clone = copy_source(REPOSITORY, tmp_path_factory.mktemp("docs") / "clone")
    for part in ("experiments", "examples"):
        shutil.copytree(REPOSITORY / part, clone / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("Makefile", "requirements.txt", "requirements-dev.txt", "constraints.txt"):
        shutil.copyfile(REPOSITORY / file, clone / file)
    shutil.copytree(finished / "results", clone / "results")
    shutil.copytree(finished / ".snakemake", clone / ".snakemake")
    shutil.copytree(clone / STUDY, clone / "results/other")
    shutil.copytree(clone / STUDY, clone / "elsewhere" / STUDY)
    shutil.copytree(clone / STUDY, clone.parent / "first" / STUDY)
    for file in WRITTEN:
        shutil.copyfile(clone / TINY, clone / file)
    (clone / "mycluster").mkdir()
    (clone / "mycluster/profile.yaml").write_text("jobs: 10\n")
    (clone / "folder").mkdir()
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c", "A", "B", "folder/a", "folder/b"):
        np.save(clone / f"{name}.npy", rng.standard_normal((60, 4, 3, 3) if name in "AB" else (60, 5)))
    binaries = clone / ".venv/bin"
    binaries.mkdir(parents=True)
    for name in ("installed", "installed-dev", "bin/python"):
        (clone / ".venv" / name).touch()
    (binaries / "prunesim").write_text(f'#!/bin/sh\nPYTHONPATH="{clone}/src" exec {sys.executable} -m prunesim "$@"\n')
    (binaries / "prunesim").chmod(0o755)
    return clone


@pytest.mark.parametrize("page", PAGES)
def test_commands_of_a_page(clone, page, monkeypatch, capsys):
    """In their order: one may use what another has made."""
    monkeypatch.chdir(clone)
    monkeypatch.setenv("PYTHONPATH", str(clone / "src"))
    done = clone.parent / "done"
    for command in commands(page):
        program, *words = command.words
        if command.text in listed() or shlex.join(words) in (done.read_text() if done.exists() else "").splitlines():
            continue
        assert program in RUN, f"{page}: nothing runs {command.text}; see docs/commands.md"
        RUN[program](words, clone)
        assert "Traceback" not in capsys.readouterr().err


def run_prunesim(words, clone):
    own = ["--configfile", TINY] if words[0] in OF_A_CONFIG and "--configfile" not in words else []
    assert main([*words, *own]) == 0, words


def run_make(words, clone):
    """All that make would do; tests/setup and tests/archive hold what that is."""
    done = subprocess.run(["make", "-n", *words], cwd=clone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def run_snakemake(words, clone):
    _, arguments = parse_args(words)
    for file in arguments.configfile or []:
        assert Path(file).exists(), file
    for folder in arguments.profile or []:
        assert (Path(folder) / "profile.yaml").exists(), folder
    config = read_config(clone, arguments.configfile or [], arguments.config or [], network=False)
    rules = re.findall(r"^rule (\w+):", "".join(path.read_text() for path in clone.rglob("*.smk")), re.MULTILINE)
    for target in arguments.targets:
        assert target in rules or target.startswith((STUDY, f"results/{config['study']}/")), target


def run_rm(words, clone):
    """The file stays: another page asks for it, and pages come in any order."""
    for word in words:
        assert (clone / word).is_file(), word


RUN = {"prunesim": run_prunesim, "make": run_make, "snakemake": run_snakemake, "rm": run_rm}


def test_the_list_has_what_no_test_runs_and_nothing_else():
    shown = {command.text for page in PAGES for command in commands(page)}
    assert set(listed()) <= shown
    for command, holder in listed().items():
        files = re.findall(r"`((?:tests|benchmarks|\.ci)/[^`]+)`", holder)
        assert files or DAY.search(holder), f"{command}: neither a suite nor a day"
        for file in files:
            assert os.path.exists(REPOSITORY / file), file


def test_what_a_page_shows_is_found():
    assert {"README.md", "docs/tutorial.md", "docs/results/widths.md", "docs/running.md"} <= set(PAGES)
    texts = [command.text for command in commands("docs/own-code.md")]
    assert "prunesim compare folder/ --figure pairs.svg" in texts
    (folders,) = (command for command in commands("docs/own-code.md") if "$A" in command.text)
    assert folders.words[2:4] == ["results/tiny/activations/rep0/dense", "results/tiny/activations/rep0/imp/round02"]
    assert "prunesim status results/digits" in [command.text for command in commands("docs/running.md")]
