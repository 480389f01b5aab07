"""Reading the log of a run: jobs, retries, groups, copied logs, and what config it was given."""

import time
from pathlib import Path

import pytest

from prunesim.forecast.jobs import Job
from prunesim.progress.failures import failure
from prunesim.progress.left import left_by_forecast, left_by_pace, rates
from prunesim.progress.run_log import read_run, study_runs
from prunesim.progress.trainings import progress

HEAD = """Config file config.yaml is extended by additional config specified via the command line.

SNAKEMAKE
=========
  Date: 2026-11-28 01:04:41
  Host: here
  Command: snakemake --cores 4 --configfile a.yaml b c.yaml --config study=mine training={{epochs: 8}} rounds=6 -- x
  Snakefile: {root}/Snakefile
  Working directory: {root}
  Config file(s): [PosixPath('{root}/a.yaml'), PosixPath("b 'c'.yaml"), PosixPath('{root}/config.yaml')]

Provided cores: 4 (use --cores to define parallelism)
Job stats:
job          count
---------  -------
default          1
prune            3
retrain          2
total            6

Select jobs to execute...
"""


def started(jobid, rule, name, at="10:00:00"):
    return f"""[Sat Nov 28 {at} 2026]
localrule {rule}:
    input: a, b
    output: results/mine/x/{name}.csv, results/mine/provenance/networks/{name}.json
    log: results/mine/logs/networks/{name}.log
    jobid: {jobid}
    reason: Missing output files: results/mine/x/{name}.csv
    resources: tmpdir=/tmp
"""


def finished(jobid, rule, done, at):
    return f"[Sat Nov 28 {at} 2026]\nFinished jobid: {jobid} (Rule: {rule})\n{done} of 6 steps (9%) done\n"


def error(jobid, rule, name, at):
    return f"""[Sat Nov 28 {at} 2026]
Error in rule {rule}:
    message: None
    jobid: {jobid}
    output: results/mine/x/{name}.csv, results/mine/provenance/networks/{name}.json
    log: results/mine/logs/networks/{name}.log (check log file(s) for error details)
    shell:
        python -m prunesim {rule}
        (command exited with non-zero exit code)
Logfile results/mine/logs/networks/{name}.log:
================================
Finished jobid: 99 (Rule: prune)
localrule retrain:
    output: nothing
    jobid: 98
5 of 6 steps (83%) done
================================
"""


@pytest.fixture
def log(tmp_path):
    """Return a function that writes a log and returns its run."""

    def write(*parts):
        path = tmp_path / ".snakemake/log/2026-11-28T100000.123456.snakemake.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEAD.format(root=tmp_path) + "".join(parts))
        return read_run(path)

    return write


def test_jobs_that_run_are_done_and_failed(log):
    run = log(
        *(started(1, "prune", "a"), started(2, "prune", "b"), finished(1, "prune", 1, "10:00:30")),
        *(started(3, "retrain", "c", "10:00:31"), error(2, "prune", "b", "10:01:00")),
    )
    assert run.due == {"default": 1, "prune": 3, "retrain": 2}
    assert (run.cores, run.steps, run.ended, run.stopping) == (4, (1, 6), False, False)
    assert [job.name("mine") for job in run.running()] == ["networks/c"]
    assert [(job.jobid, job.log) for job in run.failed()] == [("2", "results/mine/logs/networks/b.log")]
    assert [(job.jobid, job.ended - job.started) for job in run.done()] == [("1", 30)]
    assert run.left() == {"prune": 2, "retrain": 2}
    assert time.strftime("%H:%M", time.localtime(run.began)) == "10:00"


def test_a_job_that_is_tried_again_has_not_failed(log):
    run = log(started(2, "prune", "b"), error(2, "prune", "b", "10:00:05"), started(2, "prune", "b", "10:01:00"))
    assert run.failed() == []
    assert [job.jobid for job in run.running()] == ["2"]
    run = log(started(2, "prune", "b"), error(2, "prune", "b", "10:00:05"), finished(2, "prune", 1, "10:02:00"))
    assert run.failed() == []
    assert run.left()["prune"] == 2


def test_groups_of_a_cluster_profile(log):
    grouped = "".join(f"    {line}\n" for line in started(7, "prune", "g").splitlines())
    run = log("[Sat Nov 28 10:00:00 2026] group job g (jobs in lexicogr. order):\n\n", grouped)
    assert [(job.jobid, job.name("mine")) for job in run.running()] == [("7", "networks/g")]
    run = log(
        "[Sat Nov 28 10:00:00 2026] group job g (jobs in lexicogr. order):\n\n",
        grouped,
        "[Sat Nov 28 10:00:09 2026]\n    message: None\n    jobs:\n        rule prune:\n            jobid: 7\n"
        "            output: results/mine/provenance/networks/g.json\n            log: g.log (check log file(s) for "
        "error details)\n",
        "Shutting down, this might take some time.\nExiting because a job execution failed.\n",
    )
    assert [job.jobid for job in run.failed()] == ["7"]
    assert run.ended


def test_config_of_a_run(log, tmp_path):
    files, settings, root = log().config()
    assert files == [tmp_path / "a.yaml", tmp_path / "b 'c'.yaml"]
    assert settings == ["study=mine", "training={epochs: 8}", "rounds=6"]
    assert root == tmp_path


def test_runs_of_other_studies_and_locked_ones_are_left_out(log, tmp_path):
    log()
    folder = tmp_path / ".snakemake/log"
    assert [run.cores for run in study_runs(tmp_path, "mine")] == [4]
    assert list(study_runs(tmp_path, "other")) == []
    assert list(study_runs(tmp_path / "nowhere", "mine")) == []
    text = HEAD.format(root=tmp_path).partition("Provided")[0]
    (folder / "2026-11-28T110000.123456.snakemake.log").write_text(f"{text}LockException:\nError: Directory\n")
    assert len(list(study_runs(tmp_path, "mine"))) == 1
    # What a job makes tells before what the config says.
    renamed = HEAD.format(root=tmp_path).replace("study=mine ", "")
    (folder / "2026-11-28T120000.123456.snakemake.log").write_text(renamed + started(1, "prune", "a"))
    assert len(list(study_runs(tmp_path, "mine"))) == 2
    (tmp_path / "config.yaml").write_text("study: third  # a comment\n")
    (folder / "2026-11-28T130000.123456.snakemake.log").write_text(renamed)
    assert len(list(study_runs(tmp_path, "third"))) == 1
    assert next(study_runs(tmp_path, "third")).path.name.startswith("2026-11-28T13")


def test_time_left(log):
    run = log(
        *(started(1, "prune", "a"), finished(1, "prune", 1, "10:00:20"), started(3, "retrain", "a2", "10:00:20")),
    )
    now = run.jobs["3"].started + 5
    names = ("a", "b", "c")
    study = [Job("prune", f"networks/{name}", [], 10.0) for name in names]
    study += [Job("retrain", f"networks/{name}2", [f"networks/{name}"], 100.0) for name in names]
    # Pruning took twice as long as forecast, and so will training; two prunings and two trainings are left, of which
    # one has run for five seconds and the last waits for its pruning.
    assert rates(run, {"prune": 10.0, "retrain": 100.0}) == ({"prune": 2.0}, 2.0)
    forecast, measured = left_by_forecast(run, "mine", study, {"networks/a"}, now)
    assert (forecast, measured) == (10 + 100, 20 + 200)
    # A study of fewer jobs than the run does has another config.
    assert left_by_forecast(run, "mine", study[:1], set(), now) == (None, None)
    # Without a forecast: two prunings of 20 s, two jobs like the mean of all, less five seconds, on four cores.
    assert left_by_pace(run, now) == (4 * 20 - 5) / 4
    assert left_by_pace(log(), now) is None


@pytest.mark.parametrize(
    ("text", "sentence", "advice"),
    [
        ("epoch 1\nprunesim train: It broke.\n", "prunesim train: It broke.", "Put right what it says"),
        ("prunesim: warning: x\nprunesim prune: No.\n\n", "prunesim prune: No.", "Put right"),
        (
            "Traceback (most recent call last):\n  File x\nmy.Error: a\nline two\n",
            "my.Error: a",
            "the.log has the lines",
        ),
        ("epoch 3/8  rate 1\n", "It ended without a word of its own, after: epoch 3/8  rate 1", "probably killed"),
        (None, "It ended without a word of its own.", "probably killed"),
    ],
)
def test_why_a_job_failed(tmp_path, text, sentence, advice):
    log = tmp_path / "the.log"
    if text is not None:
        log.write_text(text)
    found, what = failure(log, "the.log")
    assert found == sentence
    assert advice in what


def test_progress_of_a_training(tmp_path):
    log = tmp_path / "round01.log"
    lines = [
        f"epoch {k}/20  rate 0.1  train loss 0.{k}000  validation loss 0.3 accuracy 0.{k}1  4 images/s"
        for k in range(1, 4)
    ]
    log.write_text("\n".join(["100 training images", *lines]))
    assert progress(log) == {"epoch": 3, "epochs": 20, "train_loss": 0.3, "accuracy": 0.31, "of": "validation"}
    log.write_text("\n".join([*lines, "test loss 0.2 accuracy 0.9123 on 10 images\n"]))
    assert progress(log) | {"accuracy": 0.9123, "of": "test"} == progress(log)
    assert progress(Path(tmp_path / "none.log")) == {}
