"""Studies on a Slurm cluster end with the bytes of a local run, whatever becomes of their jobs on the way."""

import json
from collections import Counter

import pytest
from pipeline.pipeline_runs import REPOSITORY, STUDY, assert_same_files, contents, copy_source, due, run
from slurm_runs import cluster, halt_in_training, slurm_command, start_again, submissions, submit, succeed, trainings

pytestmark = pytest.mark.slow

NETWORKS = f"{STUDY}/networks"
# What is dumped and compared of a network does not depend on how it was made.
METHODS = {
    "config": [(REPOSITORY / "tests/methods/all.yaml").read_text()],
    "targets": [f"{STUDY}/tables/networks.csv", f"{STUDY}/tables/sparsity.csv"],
}
# All methods in a few submissions, since each waits to be asked after; the study before keeps to the profile's groups.
MADE = ("rewind_point", "score", "coupling", "sparsify", "reinitialise", "prune", "retrain")
TOGETHER = ("--groups", *(f"{rule}=methods" for rule in MADE), "--group-components", "methods=8")
# One after the other, and so with one core and the memory of one.
TOGETHER += ("--set-resources", *(f"{rule}:group_slot=1" for rule in MADE))
TRAININGS = {
    "config": ["training: {epochs: 60}", "replicates: 3"],
    "targets": [f"{NETWORKS}/rep{replicate}/dense/weights.safetensors" for replicate in range(3)],
}
# The first gets what the rules say, the second less memory than it needs, and the third a minute.
LIMITS = (
    "train_dense:mem_mb=400 * 10 ** (attempt - 1) if wildcards.rep == '1' else 4000",
    "train_dense:runtime=attempt if wildcards.rep == '2' else 10",
)


def work(folder):
    """Let the cluster do a study in peace and, at the same time, trainings that go wrong."""
    study, wrong = (copy_source(REPOSITORY, folder / name) for name in ("it's a clone & more", "wrong"))
    going_wrong = submit(wrong, "--set-resources", *LIMITS, **TRAININGS)
    going_well = submit(study)
    # Nothing will wake the last.
    halt_in_training(going_wrong, wrong, 0, 2)
    slurm_command("scancel", trainings(wrong, 0)[0]["JobID"])
    succeed(going_well, study)
    succeed(going_wrong, wrong)
    methods = copy_source(REPOSITORY, folder / "methods")
    succeed(submit(methods, *TOGETHER, **METHODS), methods)
    (folder / "study.json").write_text(json.dumps(submissions(study)))
    (folder / "methods.json").write_text(json.dumps(submissions(methods)))
    (folder / "wrong.json").write_text(json.dumps([trainings(wrong, replicate) for replicate in range(3)]))


@pytest.fixture(scope="module")
def worked(slurm, made_once):
    """Return a function that gives one of the two folders and what was submitted from it."""
    folder = made_once("slurm work", work)
    names = {"study": "it's a clone & more", "wrong": "wrong", "methods": "methods"}
    return lambda name: (folder / names[name], json.loads((folder / f"{name}.json").read_text()))


@pytest.fixture(scope="module")
def expected(made_once):
    """Return the weights of trainings that nothing happened to."""
    return weights(made_once("in peace", lambda folder: run(copy_source(REPOSITORY, folder), **TRAININGS)))


def weights(folder):
    return {path: data for path, data in contents(folder, NETWORKS).items() if path.endswith(".safetensors")}


def log(folder, replicate):
    return (folder / STUDY / f"logs/networks/rep{replicate}/dense.log").read_text()


def slurm_log(folder, job):
    (path,) = (folder / ".snakemake/slurm_logs").rglob(f"{job['JobID']}.log")
    return path.read_text()


def test_a_study_ends_with_the_bytes_of_a_local_run(worked, finished):
    folder, jobs = worked("study")
    assert {job["State"] for job in jobs} == {"COMPLETED"}
    assert_same_files(folder, finished)
    assert due(folder) == {}


def test_every_method_ends_with_the_bytes_of_a_local_run(worked, all_methods):
    folder, jobs = worked("methods")
    assert {job["State"] for job in jobs} == {"COMPLETED"}
    assert weights(folder) == weights(all_methods)
    assert due(folder, **METHODS) == {}


def test_a_network_is_trained_dumped_and_compared_by_one_submission_each(worked):
    _, jobs = worked("study")
    kinds = Counter(job["Comment"].removeprefix("rule_").split("_")[0] for job in jobs)
    # Two dense networks and four rounds; the first network has nothing to be compared with.
    assert kinds == {"train": 2 + 4, "dump": 2 + 4, "compare": 1 + 4}
    (compared,) = (job for job in jobs if job["Comment"].startswith("rule_compare_1_imp/round02"))
    # Eight comparisons, one after the other.
    assert (compared["NumCPUs"], compared["MinMemory"], compared["TimeLimit"]) == ("1", "1500M", "16:00")
    assert {job["tres-per-job"] for job in jobs} == {"N/A"}


def test_a_cancelled_training_goes_on_from_its_last_epoch(worked, expected):
    folder, (jobs, _, _) = worked("wrong")
    assert [job["State"] for job in jobs] == ["CANCELLED", "COMPLETED"]
    assert "going on from" in log(folder, 0)
    assert weights(folder) == expected


def test_a_training_without_enough_memory_gets_more(worked, expected):
    folder, (_, jobs, _) = worked("wrong")
    assert [(job["State"], job["MinMemory"]) for job in jobs] == [("FAILED", "400M"), ("COMPLETED", "4000M")]
    assert "exceeded memory limit" in slurm_log(folder, jobs[0])
    assert weights(folder) == expected


def test_a_training_without_enough_time_gets_more_and_goes_on(worked, expected):
    folder, (_, _, jobs) = worked("wrong")
    assert [(job["State"], job["TimeLimit"]) for job in jobs] == [("TIMEOUT", "1:00"), ("COMPLETED", "2:00")]
    assert "going on from" in log(folder, 2)
    assert weights(folder) == expected


@pytest.mark.usefixtures("slurm")
def test_what_a_lost_node_was_doing_is_done_again(expected, tmp_path):
    lost = {}
    for name, options in {"by Slurm": (), "by Snakemake": ("--slurm-no-requeue",)}.items():
        folder = copy_source(REPOSITORY, tmp_path / name)
        process = submit(folder, *options, config=TRAININGS["config"], targets=TRAININGS["targets"][:1])
        halt_in_training(process, folder, 0)
        lost[name] = process, folder
    node = slurm_command("sinfo", "--noheader", "--format=%n").strip()
    cluster("crash")
    slurm_command("scontrol", "update", f"nodename={node}", "state=down", "reason=crash")
    cluster("start")
    (requeued,) = submissions(tmp_path / "by Slurm")
    start_again(requeued)
    states = {}
    for name, (process, folder) in lost.items():
        succeed(process, folder)
        states[name] = [(job["State"], job["RestartCnt"]) for job in submissions(folder)]
        assert "going on from" in log(folder, 0)
        assert weights(folder).items() <= expected.items()
    assert states == {"by Slurm": [("COMPLETED", "1")], "by Snakemake": [("NODE_FAIL", "0"), ("COMPLETED", "0")]}
