"""The same config gives the same bytes, however many cores there are and whatever was killed on the way."""

import shutil
import subprocess
import sys
import time

import pytest
from pipeline.pipeline_runs import STUDY, TINY, assert_same_files, due, job_stats, kill, run, snakemake, start

from prunesim.study.forking import SWITCH

pytestmark = pytest.mark.slow


def test_one_core_another_folder_and_a_python_for_each_job_give_the_same_bytes(finished, tmp_path, monkeypatch):
    monkeypatch.setenv(SWITCH, "0")
    status, printed = snakemake(
        finished,
        "--cores",
        "1",
        "--directory",
        tmp_path / "else where",
        "--snakefile",
        finished / "Snakefile",
        base=finished / TINY,
    )
    assert status == 0, printed
    assert_same_files(tmp_path / "else where", finished)
    shutil.rmtree(tmp_path)


def kill_in_training(folder, network, checkpoint, attempts=5):
    """Start Snakemake and kill it with all its jobs while a network is between two epochs."""
    for _ in range(attempts):
        with open(folder / "killed.log", "w") as output:
            process = start(folder, "--cores", "2", output=output)
            try:
                while process.poll() is None and not checkpoint.exists():
                    time.sleep(0.001)
                assert process.poll() is None, (folder / "killed.log").read_text()
            finally:
                kill(process)
        if not (network / "metrics.json").exists():
            return
        # Too late: it had just finished.
        shutil.rmtree(network)
        checkpoint.unlink(missing_ok=True)
    raise AssertionError(f"{network} was always faster")


def test_killed_study_goes_on_to_the_same_bytes(clone, finished):
    study = clone / STUDY
    # The second replicate is computed again, and all that depends on it.
    for folder in ("networks/rep1", "activations/rep1", "comparisons", "tables", "figures"):
        shutil.rmtree(study / folder)
    shutil.rmtree(study / "checkpoints", ignore_errors=True)
    checkpoint = study / "checkpoints/rep1/imp01.safetensors"
    kill_in_training(clone, study / "networks/rep1/imp/round01", checkpoint)
    assert checkpoint.exists()
    assert not (study / "networks/rep1/imp/round01/weights.safetensors").exists()
    assert (study / "networks/rep1/dense/weights.safetensors").exists()
    assert not (study / "tables/similarity.csv").exists()

    # Snakemake cannot know that nobody else is at work any more, and says what to do.
    status, printed = snakemake(clone, "--cores", "2")
    assert status == 1
    assert "--unlock" in printed
    run(clone, "--unlock")
    ran = job_stats(run(clone))
    # What was finished before the kill is not made again.
    assert "fetch" not in ran
    assert "train_dense" not in ran
    assert ran["retrain"] == 2
    assert "going on from" in (study / "logs/networks/rep1/imp/round01.log").read_text()
    assert due(clone) == {}
    assert list(clone.rglob("results/**/.*.tmp")) == []
    assert_same_files(clone, finished)
    verified = subprocess.run(
        [sys.executable, "-m", "prunesim", "verify", STUDY],
        cwd=clone,
        env={"PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
