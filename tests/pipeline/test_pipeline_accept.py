"""`prunesim accept`: results stay where an edit of the code cannot have changed them, and their provenance says so."""

import csv
import json
import os
import subprocess
import sys

import pytest
from pipeline.pipeline_runs import DATASET, NOTHING_TO_DO, STUDY, due, run, snakemake

pytestmark = pytest.mark.slow


def accept(clone, *words):
    """Call the program of the clone itself."""
    environment = os.environ | {"PYTHONPATH": str(clone / "src")}
    command = [sys.executable, "-m", "prunesim", "accept", *words]
    return subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=False)


def edit(clone, module):
    with open(clone / "src" / "prunesim" / f"{module}.py", "a") as source:
        source.write("\n_ADDED = 1\n")


def test_accepted_results_are_not_made_again_and_say_why(clone):
    edit(clone, "training/loop")
    edit(clone, "similarity/linear")
    assert due(clone)["retrain"] == 4
    before = (clone / STUDY / "tables" / "similarity.csv").read_bytes()
    done = accept(clone, STUDY, "--why", "only a constant that nothing uses")
    assert done.returncode == 0, done.stderr
    assert "artifacts accepted (" in done.stdout
    assert due(clone) == {"provenance_table": 1}
    run(clone)
    assert (clone / STUDY / "tables" / "similarity.csv").read_bytes() == before
    with open(clone / STUDY / "tables" / "provenance.csv", newline="") as file:
        accepted = {row["artifact"]: row["accepted"] for row in csv.DictReader(file)}
    assert accepted["networks/rep0/dense/weights.safetensors"].endswith(": only a constant that nothing uses")
    assert accepted["comparisons/rounds/rep0/imp/round01/relu1.csv"] != ""
    assert accepted["tables/networks.csv"] == ""
    assert accepted[f"../{DATASET.removeprefix('results/')}/train_images.npy"] == ""
    again = accept(clone, STUDY, "--why", "twice")
    assert again.stdout == f"{STUDY}: made by the present code, nothing to accept\n"
    status, printed = snakemake(clone, "--dry-run")
    assert status == 0
    assert NOTHING_TO_DO in printed
    # An edit after that is a new one.
    edit(clone, "training/loop")
    assert due(clone)["train_dense"] == 2


def test_a_changed_setting_is_not_accepted_with_the_code(clone):
    edit(clone, "training/loop")
    assert accept(clone, STUDY, "--why", "none").returncode == 0
    assert due(clone, config=["training: {epochs: 3}"])["train_dense"] == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["results/none", "--why", "x"], "results/none holds no networks; give the folder of a study"),
        ([STUDY, "--why", " "], "--why is empty; say why"),
    ],
)
def test_what_cannot_be_accepted_is_said(clone, words, message):
    edit(clone, "training/loop")
    done = accept(clone, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert not (clone / STUDY / "provenance" / "accepted.json").exists()


def test_a_study_without_records_of_snakemake_is_refused(clone):
    for path in (clone / ".snakemake" / "metadata").iterdir():
        path.unlink() if path.is_file() else subprocess.run(["rm", "-r", path], check=True)
    done = accept(clone, STUDY, "--why", "x")
    assert done.returncode == 2
    assert "Snakemake has no records" in done.stderr


def test_what_was_accepted_is_kept_as_json(clone):
    edit(clone, "figures/style")
    accept(clone, STUDY, "--why", "layout of the file")
    (entry,) = json.loads((clone / STUDY / "provenance" / "accepted.json").read_text())["acceptances"]
    assert entry["why"] == "layout of the file"
    assert f"{STUDY}/figures/accuracy.svg" in entry["artifacts"]
    assert all("figures" in artifact for artifact in entry["artifacts"])
