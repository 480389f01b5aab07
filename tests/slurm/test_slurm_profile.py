"""What jobs ask a cluster for, and in how many submissions. Nothing here needs a cluster."""

import re
from collections import Counter

import pytest
import yaml
from pipeline.pipeline_runs import REPOSITORY, copy_source, job_stats, snakemake

pytestmark = pytest.mark.slow

SLURM, DEFAULT = (
    yaml.safe_load((REPOSITORY / f"profiles/{name}/profile.yaml").read_text()) for name in ("slurm", "default")
)
# Rules that run where Snakemake runs: a download, and what takes a second and reads tables.
LOCAL_RULES = ("fetch$", ".*_table$", "figure_", "explorer$", "default$")


@pytest.fixture(scope="module")
def source(made_once):
    """Return a clone in which nothing has run."""
    return made_once("source", lambda folder: copy_source(REPOSITORY, folder))


def dry_run(folder, *arguments, **options):
    status, printed = snakemake(folder, "--profile", "profiles/slurm", "--dry-run", *arguments, **options)
    assert status == 0, printed
    return printed


def requests(printed):
    """Return what the jobs of each rule ask for, of those that ask for anything."""
    blocks = re.findall(r"^ *rule (\w+):\n.*?^ *resources: (.*?)$", printed, re.M | re.S)
    asked = {rule: dict(pair.split("=", 1) for pair in resources.split(", ")) for rule, resources in blocks}
    return {rule: resources for rule, resources in asked.items() if "mem_mb" in resources}


def with_gpu(**asked):
    return {rule for rule, resources in asked.items() if int(resources.get("gpu", 0))}


def test_a_rule_is_either_local_or_says_what_it_needs():
    # A dry run does not tell which rules are local.
    text = "".join(path.read_text() for path in sorted((REPOSITORY / "workflow/rules").glob("*.smk")))
    rules = dict(re.findall(r"^ *rule ?(\w*):\n(.*?)(?=^ *rule\b|\Z)", text, re.M | re.S))
    assert len(rules) > 12
    asking = {rule for rule, body in rules.items() if re.search("^ *resources:", body, re.M)}
    local = {rule for rule, body in rules.items() if re.search("^ *localrule:", body, re.M)}
    assert asking | local == rules.keys()
    # The conversion of a data set is local if it downloads.
    assert asking & local == {"fetch"}


def test_what_a_job_may_use_doubles_with_the_attempt(source):
    everything = {"config": ["methods: {imp: {rewind: {epoch: 1}}}"]}
    first, second = (requests(dry_run(source, "--attempt", attempt, **everything)) for attempt in ("1", "2"))
    assert len(first) == 10
    for rule, resources in first.items():
        for resource in ("mem_mb", "runtime"):
            assert int(second[rule][resource]) == 2 * int(resources[resource]), rule
    assert with_gpu(**first) == set()


def test_only_a_config_that_insists_on_a_gpu_asks_for_one(source):
    rewinding = "methods: {imp: {rewind: {epoch: 1}}}"
    for device, rules in {"cuda": {"train_dense", "rewind_point", "retrain", "dump"}, "cpu": set()}.items():
        printed = dry_run(source, config=[rewinding, f"training: {{device: {device}}}"])
        assert with_gpu(**requests(printed)) == rules


def submissions(printed):
    """Return the names of the groups and of the single rules that are submitted, one a submission."""
    single = [rule for rule in re.findall(r"^rule (\w+):", printed, re.M) if not re.match("|".join(LOCAL_RULES), rule)]
    return re.findall(r"Group job (\S+)", printed) + single


def test_the_default_study_is_three_submissions_a_network(source):
    printed = dry_run(source, base=None)
    jobs = job_stats(printed)
    assert jobs["dump"] == 33
    assert sum(jobs.values()) > 300
    # All but the first network have something to be compared with.
    kinds = Counter(name.split("_")[0] for name in submissions(printed))
    assert kinds == {"train": 33, "dump": 33, "compare": 32}


def test_another_layer_is_one_submission_a_network(finished):
    printed = dry_run(finished, config=["comparison: {layers: [relu1, relu2, relu3, relu4, logits]}"])
    assert sorted(submissions(printed)) == [
        "compare_0_imp/round01",
        "compare_0_imp/round02",
        "compare_1_dense",
        "compare_1_imp/round01",
        "compare_1_imp/round02",
    ]


def test_the_two_profiles_do_not_contradict_each_other():
    # The default profile would win.
    assert {key for key in SLURM.keys() & DEFAULT.keys() if SLURM[key] != DEFAULT[key]} == set()


def test_the_profile_groups_rules_that_exist(source):
    status, printed = snakemake(source, "--list-rules")
    assert status == 0, printed
    assert SLURM["groups"].keys() <= set(printed.split())
