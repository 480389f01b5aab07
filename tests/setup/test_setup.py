"""What a newcomer meets first: the Makefile's refusals, and pins that agree wherever they are written."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]


def requirements(name):
    lines = (REPOSITORY / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith(("#", "-"))]


def package(requirement):
    return re.split(r"[\[=]", requirement)[0].lower()


@pytest.fixture
def make(tmp_path):
    """Return a function that runs make in a copy of the files that it reads."""
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt", "constraints.txt", "config.yaml"):
        shutil.copyfile(REPOSITORY / name, tmp_path / name)

    def run(*arguments):
        return subprocess.run(["make", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize("target", ["results", "test"])
def test_an_old_python_is_refused_in_a_sentence(make, tmp_path, target):
    old = tmp_path / "python3.9"
    old.write_text("#!/bin/sh\ncase $1 in -V) echo Python 3.9.2;; *) exit 1;; esac\n")
    old.chmod(0o755)
    done = make(target, f"PYTHON={old}")
    assert done.returncode != 0
    assert f"prunesim needs Python 3.11 or newer, but {old} is Python 3.9.2" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_a_full_disk_is_refused_in_a_sentence(make, tmp_path):
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").write_text("#!/bin/sh\necho must not be called; touch called\n")
    (tmp_path / ".venv/bin/python").chmod(0o755)
    done = make("results", "NEEDED_GB=1000000000")
    assert done.returncode != 0
    assert "but the installation needs 1000000000 GB; free some space and run again." in done.stderr
    assert not (tmp_path / "called").exists()


def test_nothing_is_installed_again_when_nothing_changed(make, tmp_path):
    (tmp_path / ".venv/bin").mkdir(parents=True)
    for name in (".venv/bin/python", ".venv/installed", ".venv/installed-dev"):
        (tmp_path / name).touch()
    assert "pip install" not in make("-n", "test").stdout
    (tmp_path / "requirements.txt").write_text("numpy\n")
    (tmp_path / ".venv/installed").unlink()
    assert "pip install" in make("-n", "test").stdout


@pytest.fixture
def runs(make, tmp_path):
    """Return a function that runs make with a stand-in for Snakemake, and what it and the program were called with."""
    binaries = tmp_path / ".venv/bin"
    binaries.mkdir(parents=True)
    note = f'echo "$*" >> {shlex.quote(str(tmp_path / "called"))}'
    ours = f'PYTHONPATH={shlex.quote(str(REPOSITORY / "src"))} exec {shlex.quote(sys.executable)} -m prunesim "$@"'
    (binaries / "python").write_text("#!/bin/sh\n")
    (binaries / "snakemake").write_text(f"#!/bin/sh\n{note}\n")
    (binaries / "prunesim").write_text(f"#!/bin/sh\ncase $1 in study) {ours};; *) {note};; esac\n")
    for file in binaries.iterdir():
        file.chmod(0o755)
    (tmp_path / ".venv/installed").touch()
    shutil.copytree(REPOSITORY / "workflow/schemas", tmp_path / "workflow/schemas")

    def run(*arguments):
        (tmp_path / "called").write_text("")
        return make(*arguments), (tmp_path / "called").read_text().splitlines()

    return run


@pytest.mark.parametrize(
    ("overlay", "study"),
    [
        ("rounds: 2\n", "digits"),
        ('study: "2020"\n', "2020"),
        ("study: '2020-01-01'  # the day\n", "2020-01-01"),
        ("{rounds: 2, study: flow}\n", "flow"),
        ("study:\n  folded\n", "folded"),
        ("training:\n  epochs: 3\nstudy : spaced\n", "spaced"),
    ],
)
def test_make_asks_the_program_for_the_name_of_the_study(runs, tmp_path, overlay, study):
    (tmp_path / "x.yaml").write_text(overlay)
    done, called = runs("results", "CONFIG=x.yaml", "CORES=1")
    assert done.returncode == 0, done.stderr
    assert called == [
        "--cores 1 --configfile x.yaml --quiet rules reason host",
        f"report results/{study} --configfile x.yaml",
        f"verify results/{study}",
    ]
    assert f"Running the study {study} of x.yaml" in done.stdout
    assert f"Report: results/{study}/report.html" in done.stdout
    _, called = runs("archive", "CONFIG=x.yaml", "CONTENTS=figures")
    assert called == [f"archive results/{study} --configfile x.yaml --contents figures --output {study}-figures.tar.gz"]


def test_on_a_terminal_make_leaves_the_printing_to_the_display(runs, tmp_path, monkeypatch):
    controlling, terminal = os.openpty()
    try:
        monkeypatch.setenv("TERM", "xterm")
        for display, words in ((None, ""), ("0", " --quiet rules reason host")):
            monkeypatch.setenv("PRUNESIM_DISPLAY", display) if display else monkeypatch.delenv(
                "PRUNESIM_DISPLAY", raising=False
            )
            (tmp_path / "called").write_text("")
            subprocess.run(["make", "results", "CORES=1"], cwd=tmp_path, stdout=terminal, stderr=terminal, check=True)
            assert (tmp_path / "called").read_text().splitlines()[0] == f"--cores 1 --configfile config.yaml{words}"
    finally:
        os.close(terminal)
        os.close(controlling)


def test_make_takes_several_overlays(runs, tmp_path):
    (tmp_path / "a.yaml").write_text("study: first\n")
    (tmp_path / "b.yaml").write_text("study: last\n")
    _, called = runs("results", "CONFIG=a.yaml b.yaml", "CORES=1")
    assert called[-1] == "verify results/last"


@pytest.mark.parametrize("target", ["results", "archive"])
def test_make_stops_at_a_config_without_a_usable_name(runs, tmp_path, target):
    (tmp_path / "x.yaml").write_text("study: no\n")
    done, called = runs(target, "CONFIG=x.yaml")
    assert done.returncode != 0
    assert "prunesim study: study is false; it must be a name of letters" in done.stderr
    assert called == []


def test_nothing_that_an_installation_leaves_is_taken_for_source():
    ignored = (REPOSITORY / ".gitignore").read_text().splitlines()
    assert {"/build/", "*.egg-info/", ".venv"} <= set(ignored)


def test_conda_environments_have_the_pins_of_the_requirements():
    pins = {package(line): line for name in ("requirements.txt", "constraints.txt") for line in requirements(name)}
    environments = {
        path.stem: yaml.safe_load(path.read_text()) for path in sorted((REPOSITORY / "envs").glob("*.yaml"))
    }
    assert list(environments) == ["analysis", "figures", "torch"]
    pythons = set()
    for name, environment in environments.items():
        assert environment.keys() == {"channels", "dependencies"}
        assert environment["channels"] == ["conda-forge", "nodefaults"]
        python, pip, section = environment["dependencies"]
        assert re.fullmatch(r"python=3\.\d+\.\d+", python), name
        assert re.fullmatch(r"pip=\d+(\.\d+)+", pip), name
        pythons.add((python, pip))
        assert section.keys() == {"pip"}
        for line in section["pip"]:
            requirement = line.partition(";")[0]
            assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.+]*", requirement), line
            assert requirement == pins[package(requirement)], name
        names = [package(line) for line in section["pip"]]
        assert len(set(names)) == len(names), name
        assert ("torch" in names) == (name == "torch")
    assert len(pythons) == 1


def test_every_requirement_is_pinned_once():
    names = []
    for file in ("requirements.txt", "requirements-dev.txt", "constraints.txt"):
        for line in requirements(file):
            assert re.fullmatch(r"[A-Za-z0-9._-]+(\[[a-z]+\])?==[0-9][A-Za-z0-9.+]*", line), line
            names.append(package(line))
    assert sorted(set(names)) == sorted(names)


def test_the_package_asks_for_what_the_requirements_install():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    asked = {*project["dependencies"], *project["optional-dependencies"]["pipeline"]}
    assert asked == {package(line) for line in requirements("requirements.txt")}


def test_a_wheel_is_complete(tmp_path):
    """Every module and the explorer's page are in it, and nothing else but what describes it."""
    clone = tmp_path / "clone"
    shutil.copytree(REPOSITORY / "src", clone / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(REPOSITORY / name, clone / name)
    build = [sys.executable, "-c", "from setuptools.build_meta import build_wheel; print(build_wheel('.'))"]
    done = subprocess.run(build, cwd=clone, capture_output=True, text=True, check=True)
    with zipfile.ZipFile(clone / done.stdout.splitlines()[-1]) as wheel:
        inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    ours = [path for path in (clone / "src").rglob("*") if path.is_file() and ".egg-info" not in str(path)]
    assert {path.suffix for path in ours} == {".py", ".js", ".css", ".html"}
    assert inside == {path.relative_to(clone / "src").as_posix() for path in ours}
