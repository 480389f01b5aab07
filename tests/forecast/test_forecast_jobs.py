"""The jobs of a forecast are those of Snakemake, and need each other as there."""

import os
import subprocess
import sys
from collections import Counter

import pytest
from forecast_study import MACHINE, config, jobs, linked
from pipeline.pipeline_runs import job_stats

from prunesim.forecast.costs import FORKED_START_UP, SNAKEMAKE, START_UP

pytestmark = pytest.mark.slow

CASES = {
    "default": [],
    "one replicate, all layers": ["replicates=1", "rounds=2", "comparison={layers: all}"],
    "only layers": ["rounds=3", "comparison={families: [layers]}"],
    "only replicates": ["rounds=3", "comparison={families: [replicates], layers: [relu1, logits]}"],
    "nothing to compare": ["replicates=1", "rounds=2", "comparison={families: [replicates]}"],
    "two methods, three rewind points": [
        "rounds=2",
        "methods={imp: {rewind: {epoch: 2}}, late: {rewind: {step: 5}}, same: {rewind: {epoch: 2}}, "
        "early: {rewind: init}}",
    ],
    "lines, no answers": [
        "rounds=2",
        "comparison={families: [rounds], layers: [logits]}",
        "connectivity={pairs: [dense, rounds, replicates]}",
    ],
    "fewer weights, worse images, concepts": [
        "rounds=2",
        "comparison={families: [rounds], layers: [logits]}",
        "robustness={shares: [1, 0.5], corruptions: [noise]}",
        "concepts={source: scenes}",
    ],
    "all canonical correlations, no rounds": [
        "rounds=3",
        "comparison={families: [replicates], layers: [relu1, logits], spectra: true}",
    ],
    "three widths": [
        "rounds=1",
        "replicates=2",
        "widths={factors: [0.5, 1, 2], replicates: 3, layers: [relu1, logits]}",
    ],
    "epoch 0 is init": ["rounds=1", "methods={imp: {rewind: {epoch: 0}}}"],
}


def snakemake_jobs(folder, assignments):
    """Return how many jobs of each rule a dry run lists for a study of which nothing is there."""
    linked(folder)
    unwanted = ("PYTHON", "SNAKEMAKE")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(unwanted)}
    command = [os.path.join(os.path.dirname(sys.executable), "snakemake"), "--dry-run", "--quiet", "rules"]
    command += ["--config", *assignments] if assignments else []
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return job_stats(done.stdout + done.stderr)


@pytest.mark.parametrize("assignments", CASES.values(), ids=CASES)
def test_the_jobs_are_those_of_a_dry_run(assignments, tmp_path):
    assert Counter(job.rule for job in jobs(config(*assignments))) == snakemake_jobs(tmp_path, assignments)


def test_every_job_comes_after_those_that_it_needs():
    told = config(*CASES["two methods, three rewind points"])
    seen = set()
    for job in jobs(told):
        assert set(job.needs) <= seen, job.name
        assert job.name not in seen
        seen.add(job.name)


@pytest.mark.parametrize(
    ("rewind", "start"),
    [
        ("lr", "imp/round01"),
        ("none", "imp/round01"),
        ("init", "dense"),
        ("{epoch: 0}", "dense"),
        ("{epoch: 2}", "rewind_epoch2"),
        ("{step: 7}", "rewind_step7"),
    ],
)
def test_a_round_needs_where_it_starts_and_its_mask(rewind, start):
    by_name = {job.name: job for job in jobs(config("rounds=2", f"methods={{imp: {{rewind: {rewind}}}}}"))}
    here = "networks/rep1"
    assert by_name[f"{here}/imp/round02"].needs == ["fetch", f"{here}/{start}", f"{here}/imp/prune02"]
    assert by_name[f"{here}/imp/prune02"].needs == [f"{here}/imp/round01", f"{here}/imp/prune01"]
    assert by_name[f"{here}/imp/prune01"].needs == [f"{here}/dense"]
    if start.startswith("rewind"):
        assert by_name[f"{here}/{start}"].rule == "rewind_point"


def test_comparisons_need_the_networks_that_they_compare():
    by_name = {job.name: job for job in jobs(config("rounds=2"))}
    chain = [f"activations/rep1/{folder}" for folder in ("dense", "imp/round01", "imp/round02")]
    assert by_name["comparisons/rounds/rep1/imp/round02/relu1"].needs == chain
    assert by_name["comparisons/layers/rep1/imp/round02"].needs == [chain[0], chain[2]]
    assert by_name["comparisons/replicates/rep2/dense/relu1"].needs == [f"activations/rep{r}/dense" for r in range(3)]
    last = "comparisons/replicates/rep1/imp/round02/relu1"
    assert by_name[last].needs == [f"activations/rep{r}/imp/round02" for r in range(2)]


def test_fine_tuning_trains_its_own_epochs():
    fine = "methods={imp: {rewind: none, fine_tune_epochs: 2}}"
    short, long = ({job.name: job for job in jobs(config("rounds=1", *more))} for more in ([fine], []))
    assert short["networks/rep0/dense"].seconds == long["networks/rep0/dense"].seconds
    round_ = "networks/rep0/imp/round01"
    start = START_UP["train"] + SNAKEMAKE["job"]
    assert short[round_].seconds - start == pytest.approx((long[round_].seconds - start) / 10, rel=0.2)
    late = "methods={imp: {rewind: {epoch: 15}}}"
    late = {job.name: job for job in jobs(config("rounds=1", late))}
    assert late["networks/rep0/imp/round01"].seconds < long["networks/rep0/imp/round01"].seconds


def test_forked_jobs_start_sooner_and_work_as_long():
    told = config("rounds=1")
    plain, forked = (jobs(told, machine=MACHINE._replace(forked=value)) for value in (False, True))
    saved = {a.name: a.seconds - b.seconds for a, b in zip(plain, forked, strict=True)}
    assert FORKED_START_UP.keys() == START_UP.keys()
    assert saved["networks/rep0/dense"] == pytest.approx(START_UP["train"] - FORKED_START_UP["train"])
    assert saved["activations/rep0/imp/round01"] == pytest.approx(START_UP["dump"] - FORKED_START_UP["dump"])
    assert min(saved.values()) >= 0
    assert [job._replace(seconds=0) for job in plain] == [job._replace(seconds=0) for job in forked]
