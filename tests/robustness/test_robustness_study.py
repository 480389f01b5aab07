"""Robustness in the pipeline: the table is that of the verb, and only what depends on a change runs again."""

import csv
import shutil

import pytest
from pipeline.pipeline_runs import LOOKS, REPOSITORY, STUDY, copy_all, due

from prunesim.cli import main
from prunesim.datasets.corruptions import CORRUPTIONS, MOST_SEVERE
from prunesim.figures.robustness import PANELS
from prunesim.study.config import load_yaml
from prunesim.study.looks import CORRUPTIONS as IN_ORDER
from prunesim.study.looks import robustness_of

pytestmark = pytest.mark.slow

SCHEMA = load_yaml(REPOSITORY / "workflow/schemas/config.schema.yaml")["properties"]["robustness"]["properties"]


def test_the_table_is_that_of_the_verb(looked, tmp_path):
    output = tmp_path / "robustness.csv"
    options = ["--densities", "1,0.5", "--severities", "0,3", "--output", str(output)]
    assert main(["robustness", str(looked / STUDY), *options]) == 0
    found = []
    for path in (output, looked / STUDY / "tables/robustness.csv"):
        with open(path, newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["kind"] in ("pruning", "noise", "shift")]
        found.append(
            {(r["replicate"], r["method"], r["round"], r["kind"], float(r["severity"])): r["accuracy"] for r in rows}
        )
    assert found[0] == found[1]
    assert len(found[1]) == 4 * (2 + 2 * 2)


AGAIN = {"degrade": 4, "robustness_table": 1, "figure_robustness": 1, "provenance_table": 1}
CHANGES = {
    "one more corruption": ("robustness: {corruptions: [shift, noise, blur]}", AGAIN),
    "one more share": ("robustness: {shares: [1, 0.5, 0.2]}", AGAIN),
    "another order": ("robustness: {corruptions: [noise, shift], shares: [0.5, 1]}", {}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_only_what_depends_on_a_change_runs_again(looked, tmp_path, change):
    overlay, expected = CHANGES[change]
    clone = copy_all(looked, tmp_path / "clone")
    assert due(clone, config=[LOOKS, overlay]) == expected
    shutil.rmtree(clone)


def test_kinds_and_severities_are_the_same_everywhere():
    assert SCHEMA["corruptions"]["items"]["enum"] == list(IN_ORDER) == list(CORRUPTIONS)
    assert list(PANELS) == ["pruning", *IN_ORDER]
    assert SCHEMA["severities"]["default"] == list(range(MOST_SEVERE + 1))


def test_what_a_job_is_told_does_not_depend_on_how_it_is_written():
    prunes = {"types": ["linear", "conv"], "exclude": ["logits"]}
    config = {
        "robustness": {"shares": [0.5, 1.0], "corruptions": ["shift", "noise"], "severities": [3, 0]},
        "methods": {"a": prunes, "b": {"types": ["conv", "linear"], "exclude": ["logits"]}},
        "chains": {"c": {"exclude": []}},
    }
    assert robustness_of(config) == {
        "shares": [1.0, 0.5],
        "corruptions": ["noise", "shift"],
        "severities": [0, 3],
        "pruned": [{"types": ["conv", "linear"], "exclude": ["logits"]}, {"types": ["conv", "linear"], "exclude": []}],
    }
    config["robustness"]["corruptions"] = []
    assert robustness_of(config)["severities"] == []
