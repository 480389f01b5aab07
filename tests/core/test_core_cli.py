"""The command line itself: its version, and an installation without the pipeline."""

import importlib.metadata
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from prunesim import cli
from prunesim.cli import PIPELINE, TOOLS, VERBS, main

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BARE = ("numpy", "numpy.libs", "scipy", "scipy.libs", "safetensors", "threadpoolctl.py")
# What each verb has to be given to get as far as it can.
ARGUMENTS = {
    "compare": ["--help"],
    "layers": ["cnn", "--shape", "1", "8", "8"],
    "plan": ["--directory", str(ROOT)],
    "study": ["--directory", str(ROOT)],
    "config-docs": ["--schema", str(ROOT / "workflow/schemas/config.schema.yaml")],
}


def test_a_machine_without_memory_is_said_in_a_sentence(monkeypatch, capsys):
    def run(arguments):
        raise MemoryError("Unable to allocate 2.00 TiB for an array")

    monkeypatch.setattr("prunesim.commands.verify.run", run)
    assert main(["verify", "results/none"]) == 2
    assert capsys.readouterr().err == (
        "prunesim verify: the memory of this machine is not enough (Unable to allocate 2.00 TiB for an array).\n"
    )


def test_whoever_reads_may_stop_reading():
    code = "import sys; from prunesim.cli import main; sys.exit(main(['config-docs']))"
    command = f'{sys.executable} -c "{code}" | head -n 1'
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("# ")
    assert done.stderr == ""


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """Return a function that runs a verb where nothing but the bare dependencies can be imported."""
    packages = tmp_path_factory.mktemp("bare")
    for name in BARE:
        found = [Path(folder) / name for folder in sys.path if (Path(folder) / name).exists()]
        if found:
            (packages / name).symlink_to(found[0])

    def run(*arguments):
        # -S: no site-packages.
        environment = {"PATH": os.defpath, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{packages}"}
        command = [sys.executable, "-S", "-m", "prunesim", *arguments]
        return subprocess.run(command, env=environment, cwd=packages, capture_output=True, text=True, check=False)

    return run


def test_the_bare_installation_is_bare(bare):
    assert bare("compare", "--help").returncode == 0
    assert {Path(name).stem.removesuffix(".libs") for name in BARE} >= set(PROJECT["dependencies"]) - {"numpy", "scipy"}


@pytest.mark.parametrize(
    ("verb", "missing"), [("plan", "yaml"), ("study", "yaml"), ("config-docs", "yaml"), ("layers", "torch")]
)
def test_a_bare_installation_names_the_extra(bare, verb, missing):
    done = bare(verb, *ARGUMENTS[verb])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"prunesim {verb}: {missing} is not installed, which this verb needs; "
        'pip install "prunesim[pipeline]" brings all that the pipeline needs.\n'
    )


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_ends_in_a_traceback_in_a_bare_installation(bare, verb):
    done = bare(verb, *ARGUMENTS.get(verb, ["--help"]))
    assert done.returncode in (0, 2)
    assert "Traceback" not in done.stderr
    assert (done.returncode == 2) == ("prunesim[pipeline]" in done.stderr)


def test_the_names_are_those_of_the_extra():
    distributions = importlib.metadata.packages_distributions()
    installed = {name: {found.lower() for found in distributions[name]} for name in PIPELINE}
    for name, found in installed.items():
        assert found & {package.lower() for package in PROJECT["optional-dependencies"]["pipeline"]}, name
    assert len(PIPELINE) == len(PROJECT["optional-dependencies"]["pipeline"])


@pytest.mark.parametrize("name", ["prunesim.no_such_module", "torch.no_such_part", "of_the_user"])
def test_other_modules_that_are_missing_are_not_hidden(monkeypatch, name):
    def broken(verb):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(cli.importlib, "import_module", broken)
    with pytest.raises(ModuleNotFoundError, match=name):
        main(["verify", "results/digits"])


def test_version(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"prunesim {PROJECT['version']}\n"


def test_the_version_of_an_installation_is_that_of_its_metadata(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(cli, "__file__", str(tmp_path / "lib" / "prunesim" / "cli.py"))
    monkeypatch.setattr(importlib.metadata, "version", lambda name: f"9.9 of {name}")
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == "prunesim 9.9 of prunesim\n"


@pytest.mark.parametrize(
    ("line", "name"), [("", "digits"), ("study: other\n", "other"), ('study: "2020"  # a year\n', "2020")]
)
def test_the_name_of_a_study(tmp_path, capsys, line, name):
    overlay = tmp_path / "x.yaml"
    overlay.write_text(f"{line}rounds: 3\n")
    assert main(["study", "--directory", str(ROOT), "--configfile", str(overlay)]) == 0
    assert capsys.readouterr().out == f"{name}\n"
    assert main(["study", "--directory", str(ROOT), "--configfile", str(overlay), "--config", "study=last"]) == 0
    assert capsys.readouterr().out == "last\n"
    assert "study" in TOOLS
