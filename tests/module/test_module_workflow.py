"""prunesim as a module of another workflow: the Snakefile of docs/module.md, run."""

import csv
import re
import shutil

import pytest
import yaml
from pipeline.pipeline_runs import REPOSITORY, copy_source, job_stats, snakemake

pytestmark = pytest.mark.slow

PAGE = (REPOSITORY / "docs/module.md").read_text()
SMALL = {"dataset": {"subset": {"train": 200, "test": 100}}, "network": {"width": 4}}


def block(language):
    """Return the only block of a language in the page."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


@pytest.fixture(scope="module")
def outer(tmp_path_factory):
    """Return a workflow that uses a clone of prunesim as its module."""
    folder = tmp_path_factory.mktemp("outer workflow")
    copy_source(REPOSITORY, folder / "prunesim")
    (folder / "Snakefile").write_text(block("python"))
    config = yaml.safe_load(block("yaml"))
    (folder / "config.yaml").write_text(yaml.safe_dump({"prunesim": config["prunesim"] | SMALL}))
    return folder


def test_another_workflow_goes_on_from_the_tables_of_a_study(outer):
    status, printed = snakemake(outer, "--cores", "2", base=None)
    assert status == 0, printed
    due = {"fetch": 1, "train_dense": 1, "prune": 1, "retrain": 1, "networks_table": 1}
    assert job_stats(printed) == {f"prunesim_{rule}": count for rule, count in due.items()} | {"best": 1}
    with open(outer / "results/inner/tables/networks.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    with open(outer / "best.csv", newline="") as file:
        (best,) = csv.DictReader(file)
    assert float(best["test_accuracy"]) == max(float(row["test_accuracy"]) for row in rows)
    assert best in rows
    # The settings are those of the outer config, and defaults where it has none.
    assert [(row["method"], row["epochs"]) for row in rows] == [("dense", "2"), ("imp", "2")]
    status, printed = snakemake(outer, "--cores", "2", base=None)
    assert (status, "Nothing to be done" in printed) == (0, True), printed


def test_a_mistake_in_the_outer_config_is_a_sentence(outer, tmp_path):
    shutil.copy(outer / "Snakefile", tmp_path)
    (tmp_path / "prunesim").symlink_to(outer / "prunesim")
    (tmp_path / "config.yaml").write_text("prunesim: {study: inner, trainin: {epochs: 1}}\n")
    status, printed = snakemake(tmp_path, "--dry-run", base=None)
    assert status == 1
    assert "did you mean training" in printed
    assert "Traceback" not in printed
