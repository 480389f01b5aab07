"""``prunesim status`` of studies that have not started, run, were halted, killed, failed, and have finished."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pipeline.pipeline_runs import REPOSITORY, STUDY, TINY, copy_all, copy_source, kill, run, snakemake, start

from prunesim.cli import main
from prunesim.errors import PrunesimError
from prunesim.progress.status import study_status

pytestmark = pytest.mark.slow

NETWORKS = f"{STUDY}/tables/networks.csv"
OWN = """
from torch import nn


class Own(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.layer, self.last = nn.Linear(64, 8), nn.Linear(8, classes)

    def forward(self, images):
        if self.training and len(images) > 10:
            raise RuntimeError("this network gives up")
        return self.last(self.layer(images.flatten(1)).relu())


def own(shape, classes):
    return Own(classes)
"""


def state(folder):
    """Return all files below a folder with their times, so that nothing can have been written."""
    every = [folder, *folder.rglob("*")]
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in every}


def status(clone, *words, code=0, capsys=None):
    """Return the JSON and the text of the verb, which must leave everything as it was."""
    before = state(clone)
    assert main(["status", str(clone / STUDY), "--json", *words]) == code
    found = json.loads(capsys.readouterr().out)
    assert main(["status", str(clone / STUDY), *words]) == code
    assert state(clone) == before
    return found, capsys.readouterr().out


def test_a_study_that_has_not_started(tmp_path, capsys):
    clone = copy_source(REPOSITORY, tmp_path / "clone")
    found, text = status(clone, "--configfile", str(clone / TINY), capsys=capsys)
    assert (found["state"], found["run"], found["recorded"]) == ("not started", None, 0)
    assert found["jobs"] > 30
    assert found["trainings"] == found["running"] == found["failed"] == []
    assert text.startswith(
        f"Study tiny: not started\n0 of the {found['jobs']} jobs of the study have left their results."
    )
    assert not (clone / "results").exists()
    assert not (clone / ".snakemake").exists()


def test_what_is_no_study_is_refused(tmp_path, capsys):
    clone = copy_source(REPOSITORY, tmp_path / "clone")
    with pytest.raises(PrunesimError, match="is no folder of a study; give results/<study>"):
        study_status(clone)
    with pytest.raises(PrunesimError, match=r"There is no .*results/other, and no run of it\. .*study 'digits'"):
        study_status(clone / "results" / "other")
    # A config that is given and is of another study is a mistake, and so is one with a mistake.
    with pytest.raises(PrunesimError, match="config is that of the study 'tiny'"):
        study_status(clone / "results" / "other", [clone / TINY])
    assert main(["status", str(clone / STUDY), "--config", "trainin=3"]) == 2
    assert "did you mean training" in capsys.readouterr().err


def test_a_finished_study(finished, capsys):
    found, text = status(finished, capsys=capsys)
    assert found["state"] == "finished"
    assert found["jobs"] == found["recorded"] == found["run"]["jobs"] - 1  # the rule that asks for all is no job
    assert found["run"]["done"] == found["run"]["jobs"]
    assert found["notes"] == found["failed"] == found["running"] == []
    trained = [(one["replicate"], one["method"], one["round"]) for one in found["trainings"]]
    assert trained == [(r, method, k) for r in (0, 1) for method, k in (("dense", 0), ("imp", 1), ("imp", 2))]
    for one in found["trainings"]:
        name = f"{one['method']}/round{one['round']:02d}" if one["round"] else "dense"
        metrics = json.loads((finished / STUDY / f"networks/rep{one['replicate']}/{name}/metrics.json").read_text())
        assert (one["of"], one["epoch"], one["epochs"]) == ("test", 2, 2)
        assert one["accuracy"] == round(metrics["test_accuracy"], 4)
    assert text.startswith("Study tiny: finished\nLast run of ")
    assert text.count("  rep") == 4
    assert main(["status", str(finished / STUDY), "--all"]) == 0
    assert capsys.readouterr().out.count("  rep") == 6


def test_a_run_that_is_halted_goes_on_and_is_killed(tmp_path, capsys):
    clone = copy_source(REPOSITORY, tmp_path / "a 'clone'")
    config = ["training: {epochs: 200}"]
    process = start(clone, "--cores", "1", targets=[NETWORKS], config=config, output=subprocess.DEVNULL)
    try:
        log = clone / STUDY / "logs/networks/rep0/dense.log"
        other = clone / STUDY / "logs/networks/rep1/dense.log"
        wait(process, lambda: any(path.is_file() and "epoch 3/" in path.read_text() for path in (log, other)))
        os.killpg(process.pid, signal.SIGSTOP)
        wait(process, lambda: halted(process.pid))
        found, text = status(clone, capsys=capsys)
        assert found["state"] == "halted"
        assert "halted by a signal" in text
        # Snakemake goes on, and its job does not.
        os.kill(process.pid, signal.SIGCONT)
        wait(process, lambda: not halted(process.pid))
        found, text = status(clone, capsys=capsys)
        running_is_told(found, text)
    finally:
        kill(process)
    found, text = status(clone, code=1, capsys=capsys)
    assert (found["state"], found["running"]) == ("killed", [])
    assert "Run the same command again" in text
    assert "--unlock" in text
    assert "Runs now" not in text


def wait(process, condition):
    until = time.monotonic() + 300
    while not condition():
        assert process.poll() is None, "Snakemake has ended"
        assert time.monotonic() < until, "it takes too long"
        time.sleep(0.05)


def halted(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def running_is_told(found, text):
    """Check what is said of a run whose first dense training is on its way."""
    assert found["state"] == "running"
    # fetch, two dense networks, two rounds of each, the table and the rule that only asks.
    due = 1 + 2 + 2 * 2 * 2 + 1
    assert (found["run"]["done"], found["run"]["jobs"]) == (1, due)
    assert (found["run"]["cores"], found["run"]["stopping"]) == (1, False)
    (job,) = found["running"]
    assert job["rule"] == "train_dense"
    assert job["job"] in ("networks/rep0/dense", "networks/rep1/dense")
    (training,) = found["trainings"]
    assert training["log"] == job["log"]
    assert training["epochs"] == 200
    assert 3 <= training["epoch"] < 200
    assert (training["of"], 0 <= training["accuracy"] <= 1) == ("validation", True)
    assert 0 < found["left"]["forecast"] < 3600
    assert 0 < found["left"]["measured"] < 36000
    assert f"1 of {due} jobs done." in text
    assert f"epoch {training['epoch']} of 200: train loss" in text
    assert "Time left: about" in text
    assert found["notes"] == []
    # The config is that of the run, with its overlays, though none is given here.
    assert found["jobs"] > due


def test_a_job_that_fails(tmp_path, capsys):
    clone = copy_source(REPOSITORY, tmp_path / "clone")
    (clone / "own.py").write_text(OWN)
    config = ["network: {name: 'own.py:own'}\ncomparison: {layers: [layer]}\nactivations: {layers: [linear]}"]
    status_, printed = snakemake(clone, "--cores", "1", targets=[NETWORKS], config=config)
    assert status_ == 1, printed
    found, text = status(clone, code=1, capsys=capsys)
    assert found["state"] == "failed"
    (job,) = found["failed"]
    assert job["rule"] == "train_dense"
    said = "prunesim train: network.name: own.py:own failed while it was trained: RuntimeError: this network gives up"
    assert job["sentence"].startswith(said)
    assert job["advice"].startswith("Put right what it says and run again")
    assert (found["run"]["done"], found["running"]) == (1, [])
    # To count the jobs of a network of one's own it would have to be run.
    assert found["jobs"] is None
    assert "prunesim plan" in found["notes"][0]
    assert f"Failed: train_dense {job['job'].removeprefix('networks/')}, log {job['log']}\n  {said}" in text


def test_a_sentence_of_a_job_is_repeated_until_a_run_goes_well(finished, tmp_path, capsys):
    clone = copy_all(finished, tmp_path / "clone")
    weights = f"{STUDY}/networks/rep0/imp/round02/weights.safetensors"
    activations = f"{STUDY}/activations/rep0/imp/round02/activations.json"
    (clone / weights).write_bytes((clone / weights).read_bytes()[:1000])
    assert snakemake(clone, "--cores", "1", targets=[activations])[0] == 1
    found, text = status(clone, code=1, capsys=capsys)
    (job,) = found["failed"]
    assert job["job"] == "activations/rep0/imp/round02"
    assert job["sentence"].startswith(f"prunesim dump: {weights} is not a readable safetensors file")
    assert "Put right what it says and run again" in text
    # A run that finds the folder locked is none of the study.
    (clone / weights).unlink()
    (clone / ".snakemake/locks").mkdir(exist_ok=True)
    for kind in ("input", "output"):
        (clone / f".snakemake/locks/0.{kind}.lock").write_text(f"{activations}\n{weights}\n")
    status_, printed = snakemake(clone, "--cores", "1", targets=[activations])
    assert (status_, "LockException" in printed) == (1, True)
    assert study_status(clone / STUDY)["failed"]
    for kind in ("input", "output"):
        (clone / f".snakemake/locks/0.{kind}.lock").unlink()
    run(clone, targets=[activations])
    found = study_status(clone / STUDY)
    assert (found["state"], found["recorded"], found["failed"]) == ("finished", found["jobs"], [])
    # What the new files reach is made again; after that nothing is left to do, which is a run too.
    run(clone)
    run(clone)
    found = study_status(clone / STUDY)
    assert (found["state"], found["run"]["jobs"], found["failed"]) == ("finished", 0, [])


def test_neither_torch_nor_what_takes_long_is_loaded(finished):
    code = (
        "import sys; from prunesim.cli import main; main(sys.argv[1:]);"
        "print([name for name in ('torch', 'pandas', 'matplotlib', 'sklearn', 'snakemake') if name in sys.modules])"
    )
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "src")}
    call = [sys.executable, "-c", code, "status", str(finished / STUDY)]
    printed = subprocess.run(call, env=environment, capture_output=True, text=True, check=True).stdout
    assert printed.splitlines()[-1] == "[]"
