"""A study with --use-conda: where its jobs ran, what they made, and that nothing runs twice."""

import csv
import os
import re
import sysconfig
from pathlib import Path

import pytest
from conda_runs import calls, description, jobs, prefixes, program_arguments, snakemake
from pipeline.pipeline_runs import NOTHING_TO_DO, REPOSITORY, STUDY, contents, job_stats

pytestmark = pytest.mark.slow

WITH_TORCH = {"fetch", "train_dense", "retrain", "dump"}
DRAWN = ("accuracy", "claims", "classes", "density", "functional", "layers", "round_pairs", "rounds", "similarity")
WITH_PANDAS = {"claims_table"} | {f"figure_{name}" for name in DRAWN}


def role(rule):
    """Return the environment that a rule should have: the smallest that will do."""
    return "torch" if rule in WITH_TORCH else "figures" if rule in WITH_PANDAS else "analysis"


def test_every_job_ran_in_the_environment_of_its_role(conda_study):
    made = jobs(conda_study)
    rules = {rule for rule, _ in made.values()}
    assert rules > WITH_TORCH | WITH_PANDAS | {"prune", "compare_rounds", "similarity_table"}
    environments = prefixes(conda_study)
    assert environments.keys() == {"analysis", "figures", "torch"}
    for name, prefix in environments.items():
        told = [command for command, (rule, _) in made.items() if role(rule) == name]
        assert {made[command][1] for command in told} == {description(name)}
        assert sorted(call["arguments"] for call in calls(prefix)) == sorted(map(program_arguments, told))


def test_jobs_import_from_the_package_and_their_environment_and_nothing_else(conda_study):
    package, here, standard = str(conda_study / "src"), str(conda_study), str(Path(os.__file__).parent)
    for prefix in prefixes(conda_study).values():
        site_packages = str(prefix / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages")
        for call in calls(prefix):
            path = [folder for folder in call["path"] if not folder.endswith((".zip", "/lib-dynload"))]
            assert path == [here, package, standard, site_packages]


def test_the_pythonpath_of_the_user_reaches_no_job(conda_study):
    reached = (conda_study / "PYTHONPATH" / "seen.log").read_text().splitlines()
    assert any("snakemake" in call for call in reached)
    assert [call for call in reached if "'-m', 'prunesim'" in call] == []


def study_files(folder):
    """Return what does not tell how a run went: the bytes of files, and the table of networks less its times."""
    files = contents(folder, "results")
    table = files.pop(f"{STUDY}/tables/networks.csv").decode().splitlines()
    times = (".log", "metrics.json", "provenance.csv", "provenance.json")
    fixed = {path: data for path, data in files.items() if not path.endswith(times) and "/provenance/" not in path}
    return fixed, [{key: cell for key, cell in row.items() if key != "seconds"} for row in csv.DictReader(table)]


def test_every_method_runs_with_conda(conda, conda_study, new_clone, all_methods):
    """In the environments that are there; no byte differs from a run without.

    Networks and their tables only: what is dumped and drawn of a network does not depend on how it was made.
    """
    overlay = REPOSITORY / "tests/methods/all.yaml"
    words = ("--use-conda", "--conda-prefix", conda_study / ".snakemake/conda", "--cores", "2")
    targets = [f"{STUDY}/tables/networks.csv", f"{STUDY}/tables/sparsity.csv"]
    status, printed = snakemake(new_clone, *words, conda=conda, overlays=[overlay], targets=targets)
    assert status == 0, printed
    assert "Creating conda environment" not in printed
    made, expected = (tensors(clone) for clone in (new_clone, all_methods))
    assert made == expected
    assert len(made) > 60


def tensors(clone):
    return {path: data for path, data in contents(clone, f"{STUDY}/networks").items() if path.endswith(".safetensors")}


def test_conda_changes_no_byte(conda_study, finished):
    (files, networks), (expected_files, expected_networks) = study_files(conda_study), study_files(finished)
    assert files.keys() == expected_files.keys()
    assert [path for path in files if files[path] != expected_files[path]] == []
    assert networks == expected_networks
    kinds = {path.rsplit(".", 1)[-1] for path in files}
    assert kinds == {"safetensors", "npy", "csv", "json", "svg", "png", "html"}


def assert_nothing_is_due(folder, *arguments, **options):
    status, printed = snakemake(folder, "--cores", "2", *arguments, **options)
    assert status == 0, printed
    assert NOTHING_TO_DO in printed


def test_a_second_run_runs_nothing_nor_does_one_without_conda(conda_study, conda):
    # One after the other: they lock the same folder.
    assert_nothing_is_due(conda_study, "--use-conda", conda=conda)
    assert_nothing_is_due(conda_study)


def test_in_another_place_nothing_runs_again(conda_clone, conda):
    assert_nothing_is_due(conda_clone, "--use-conda", "--dry-run", conda=conda)


def test_another_pin_runs_the_jobs_of_its_environment(conda_clone):
    file = conda_clone / "envs" / "figures.yaml"
    file.write_text(re.sub("- seaborn==.*", "- seaborn==0.0.1", file.read_text()))
    status, printed = snakemake(conda_clone, "--dry-run")
    assert status == 0, printed
    assert job_stats(printed).keys() >= WITH_PANDAS
    assert not job_stats(printed).keys() & (WITH_TORCH | {"prune"})
