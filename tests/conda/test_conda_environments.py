"""What the environments hold, and what is said when they cannot be made."""

import ast
import re
import subprocess
import sys
from importlib import metadata

import pytest
import yaml
from conda_runs import ENVIRONMENTS, description, prefixes, snakemake
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pipeline.pipeline_runs import REPOSITORY

from prunesim.datasets.readers import READERS
from prunesim.figures.catalogue import FIGURES
from prunesim.study.closure import source_files

pytestmark = pytest.mark.slow

SOURCES = REPOSITORY / "src"
# What the verbs load by a computed name.
LOADED = {"fetch": READERS.values(), "figure": [about["module"] for about in FIGURES.values()]}


def rules():
    """Return the text of every rule, by the file and the place in it."""
    texts = [file.read_text() for file in sorted((REPOSITORY / "workflow" / "rules").glob("*.smk"))]
    return [rule for text in texts for rule in re.split(r"^ *rule\b", text, flags=re.MULTILINE)[1:]]


def verbs():
    """Return the verbs of the command line that the rules call, by environment."""
    found = {name: set() for name in ENVIRONMENTS}
    for rule in rules():
        if "shell:" in rule:
            (environment,) = re.findall(r'conda:\n *"\.\./\.\./envs/([a-z]+)\.yaml"', rule)
            (verb,) = re.findall(r'prunesim\(\s*"([a-z-]+) ', rule)
            found[environment].add(verb)
    return found


def imported(verb):
    """Return the distributions that the sources of a verb import."""
    modules = [f"prunesim.commands.{verb}", *LOADED.get(verb, [])]
    owners, names = metadata.packages_distributions(), set()
    for file in {file for module in modules for file in source_files(module, SOURCES)}:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add(node.module.split(".")[0])
    return {canonicalize_name(owners[name][0]) for name in names - sys.stdlib_module_names - {"prunesim"}}


def create(conda, prefix, text):
    """Make an environment, and return it."""
    file = prefix.with_suffix(".yaml")
    file.write_text(text)
    command = [conda / "bin" / "conda", "env", "create", "--file", file, "--prefix", prefix]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return prefix


def create_environments(clone, conda):
    """Let Snakemake make what environments of a clone are missing, and return what it printed."""
    status, printed = snakemake(clone, "--use-conda", "--cores", "2", "--conda-create-envs-only", conda=conda)
    assert status == 0, printed
    return printed


def distributions(prefix):
    """Return what is installed in an environment."""
    (site_packages,) = prefix.glob("lib/python*/site-packages")
    return {canonicalize_name(item.name): item for item in metadata.distributions(path=[str(site_packages)])}


def test_every_rule_that_computes_has_an_environment():
    computing = [rule for rule in rules() if "shell:" in rule]
    assert len(computing) >= 12
    assert sum(rule.count("conda:") for rule in rules()) == len(computing)
    assert not any(re.search(r"\b(script|run|notebook|wrapper):", rule) for rule in rules())


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_holds_what_its_rules_import_and_no_more(conda, conda_study, tmp_path, name):
    pins = [Requirement(line) for line in yaml.safe_load(description(name))["dependencies"][-1]["pip"]]
    pinned = {canonicalize_name(pin.name): pin for pin in pins}
    directly = set().union(*map(imported, verbs()[name]))
    assert directly <= pinned.keys()

    held = distributions(prefixes(conda_study)[name])
    alone = {"channels": ["conda-forge"], "dependencies": ["python", "pip", {"pip": sorted(directly)}]}
    assert held.keys() == distributions(create(conda, tmp_path / "alone", yaml.safe_dump(alone))).keys()
    assert pinned.keys() <= held.keys()
    # What has no pin here has one in PyTorch.
    needs = [Requirement(line) for name in ("torch", "cuda-toolkit") if name in held for line in held[name].requires]
    exact = {canonicalize_name(need.name) for need in needs if str(need.specifier).startswith("==")}
    assert held.keys() - pinned.keys() - exact == set()


def test_an_environment_without_pytorch_cannot_import_it(conda_study):
    def importing(name, module):
        python = prefixes(conda_study)[name] / "bin" / "python"
        return subprocess.run([python, "-c", f"import {module}"], capture_output=True, text=True, check=False)

    assert importing("analysis", "numpy").returncode == 0
    assert importing("torch", "safetensors").returncode == 0
    for name, module in (("analysis", "torch"), ("analysis", "pandas"), ("figures", "torch"), ("torch", "pandas")):
        assert f"ModuleNotFoundError: No module named '{module}'" in importing(name, module).stderr


UNKNOWN = {
    "of pip": ("numpy==", "0.0.1", "No matching distribution found for numpy==0.0.1", "Pip failed"),
    "of conda": ("python=", "3.999", "No candidates were found for python 3.999", "LibMambaUnsatisfiableError"),
}


@pytest.mark.parametrize(("pin", "version", "sentence", "conda_says"), UNKNOWN.values(), ids=UNKNOWN)
def test_a_pin_that_does_not_exist_is_named_and_nothing_runs(new_clone, conda, pin, version, sentence, conda_says):
    file = new_clone / "envs" / "analysis.yaml"
    file.write_text(re.sub(f"- {pin}.*", f"- {pin}{version}", file.read_text()))
    status, printed = snakemake(new_clone, "--use-conda", "--cores", "2", conda=conda)
    assert status == 1
    assert "Could not create conda environment" in printed
    assert sentence in printed
    assert conda_says in printed
    assert not (new_clone / "results").exists()
    # What was begun is gone.
    left = [path for path in (new_clone / ".snakemake" / "conda").iterdir() if path.is_dir()]
    assert all(path.with_suffix(".env_setup_done").exists() for path in left)
    assert len(left) < len(ENVIRONMENTS)


def test_a_half_made_environment_is_made_again(new_clone, conda):
    create_environments(new_clone, conda)
    half = prefixes(new_clone)["analysis"]
    half.with_suffix(".env_setup_done").unlink()
    (half / "pyvenv.cfg").unlink()
    assert create_environments(new_clone, conda).count("Removing incomplete Conda environment") == 1
    assert prefixes(new_clone).keys() == set(ENVIRONMENTS)
    assert (half / "pyvenv.cfg").exists()


def test_without_conda_snakemake_says_so(new_clone):
    status, printed = snakemake(new_clone, "--use-conda", "--cores", "2")
    assert status == 1
    assert "Error running conda info. Is conda installed and accessible?" in printed
    assert not (new_clone / "results").exists()
