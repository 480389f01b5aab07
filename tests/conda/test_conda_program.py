"""The conda of these tests by itself: what Snakemake can ask for, and how it refuses."""

import json
import subprocess

import pytest
import yaml


@pytest.fixture
def call(conda, tmp_path):
    """Return a function that calls conda and returns its exit status, output and errors."""

    def run(*arguments):
        done = subprocess.run(
            [conda / "bin/conda", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout, done.stderr

    return run


def describe(tmp_path, *dependencies, channels=("conda-forge", "nodefaults")):
    """Write the description of an environment."""
    file = tmp_path / "description.yaml"
    file.write_text(yaml.safe_dump({"channels": [*channels], "dependencies": [*dependencies]}))
    return file


def packages(prefix):
    """Return the conda packages of an environment."""
    return {json.loads(file.read_text())["name"] for file in (prefix / "conda-meta").glob("*.json")}


def test_a_list_of_packages_makes_the_same_environment(call, tmp_path):
    prefix, other, pins = tmp_path / "prefix", tmp_path / "other", tmp_path / "pins.txt"
    status, _, errors = call("env", "create", "--file", describe(tmp_path, "python", "pip"), "--prefix", prefix)
    assert (status, errors) == (0, "")
    status, listed, _ = call("list", "--explicit", "--prefix", prefix)
    assert (status, listed.splitlines()[1]) == (0, "@EXPLICIT")
    pins.write_text(listed)
    status, _, errors = call("create", "--quiet", "--yes", "--no-default-packages", "--file", pins, "--prefix", other)
    assert (status, errors) == (0, "")
    assert packages(other) == packages(prefix) == {"python", "pip"}

    pins.write_text(listed.replace("pip-", "pip-0."))
    status, _, errors = call("create", "--yes", "--file", pins, "--prefix", tmp_path / "third")
    assert status == 1
    assert "HTTP 404 NOT FOUND" in errors


@pytest.mark.parametrize("line", ["numpy", "numpy==0.0.1", "nothing-of-this-name==1.0", "numpy>=99"])
def test_only_what_is_installed_here_can_be_installed(call, tmp_path, line):
    file, prefix = describe(tmp_path, "python", "pip", {"pip": [line]}), tmp_path / "prefix"
    status, _, errors = call("env", "create", "--file", file, "--prefix", prefix)
    if line == "numpy":
        assert (status, errors) == (0, "")
    else:
        assert status == 1
        assert f"No matching distribution found for {line}" in errors
        assert "CondaEnvException: Pip failed" in errors


def test_what_was_installed_is_all_that_there_is(call, tmp_path):
    file, prefix = describe(tmp_path, "python", "pip", {"pip": ["pandas"]}), tmp_path / "prefix"
    assert call("env", "create", "--file", file, "--prefix", prefix)[0] == 0

    def importing(module):
        command = [prefix / "bin" / "python", "-c", f"import {module}; print({module}.__file__)"]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    # pandas needs numpy; it can do without scipy.
    for module in ("pandas", "numpy"):
        assert importing(module).stdout.startswith(str(prefix))
    for module in ("scipy", "pytest", "prunesim"):
        assert f"No module named '{module}'" in importing(module).stderr


def test_pip_is_that_of_the_environment(call, tmp_path):
    file = describe(tmp_path, "python", {"pip": ["numpy"]})
    status, _, errors = call("env", "create", "--file", file, "--prefix", tmp_path / "prefix")
    assert status == 1
    assert "No module named pip" in errors


def test_unknown_channels_and_packages_are_refused(call, tmp_path):
    file = describe(tmp_path, "python", channels=["bioconda"])
    status, _, errors = call("env", "create", "--file", file, "--prefix", tmp_path / "prefix")
    assert status == 1
    assert "HTTP 404 NOT FOUND for channel bioconda" in errors
    file = describe(tmp_path, "python", "samtools")
    status, _, errors = call("env", "create", "--file", file, "--prefix", tmp_path / "prefix")
    assert status == 1
    assert "No candidates were found for samtools" in errors


def test_what_snakemake_does_not_ask_is_not_answered(call):
    status, _, errors = call("install", "numpy")
    assert status == 2
    assert "invalid choice: 'install'" in errors
