"""`prunesim verify` on answers, spectra, lines, robustness and concepts: every damage is found and named."""

import shutil

import numpy as np
import pytest
from pipeline.test_pipeline_verify import edit_array, edit_json, edit_text, truncate, verify

from prunesim.audit.verify import verify_study
from prunesim.storage.csvfiles import read_rows, write_rows

pytestmark = pytest.mark.slow

ANSWERS = "tiny/activations/rep0/imp/round01/predictions.npy"
LINE = "tiny/connectivity/dense/rep0/imp/round01.csv"
SPECTRUM = "tiny/spectra/rep1/imp/round01.csv"
STRAIN = "tiny/robustness/rep0/dense.csv"
UNITS = "tiny/concepts/rep1/imp/round01/units.csv"


@pytest.fixture
def results(looked, tmp_path):
    """Return a copy of the folder ``results`` that a test may damage."""
    shutil.copytree(looked / "results", tmp_path / "results")
    return tmp_path / "results"


def edit_rows(path, change):
    """Change the first row that a function takes, and says so by returning true."""
    rows = read_rows(path, header := path.read_text().splitlines()[0].split(","))
    assert any(change(row) for row in rows)
    write_rows(path, header, rows)


def setting(wanted=None, **values):
    """Return a change of the first row that has some values."""

    def change(row):
        fits = all(row[key] == value for key, value in (wanted or {}).items())
        if fits:
            row.update(values)
        return fits

    return change


def swap_answers(answers):
    """Let the network answer another class to the first image; all classes are there, and all numbers are finite."""
    answers[0] = np.roll(answers[0], 1)


def turn_detector(row):
    if row["detector"] == "yes":
        row["detector"] = "no"
        return True
    return False


DAMAGES = {
    "answers that are others": (
        lambda r: edit_array(r / ANSWERS, swap_answers),
        f"{ANSWERS} is not the file that was made",
    ),
    "answers that are not finite": (
        lambda r: edit_array(r / ANSWERS, lambda answers: answers.fill(np.nan)),
        "predictions.npy",
    ),
    "truncated answers": (lambda r: truncate(r / ANSWERS), f"{ANSWERS} is not a readable .npy file"),
    "missing answers": (lambda r: (r / ANSWERS).unlink(), f"{ANSWERS} does not exist"),
    "an accuracy of answers": (
        lambda r: edit_rows(r / "tiny/tables/answers.csv", setting(accuracy="0.125")),
        "tables/answers.csv: the accuracy of rep0/dense is 0.125, not ",
    ),
    "a correlation above 1": (
        lambda r: edit_rows(r / SPECTRUM, setting({"layer": "relu1", "index": "1"}, correlation="1.25")),
        f"{SPECTRUM}: each correlation of relu1 must be from 0 to 1, and none above the one before it",
    ),
    "correlations in another order": (
        lambda r: edit_rows(r / SPECTRUM, setting({"layer": "relu2", "index": "2"}, correlation="0.0")),
        f"{SPECTRUM}: each correlation of relu2 must be",
    ),
    "a correlation that is missing": (
        lambda r: edit_rows(r / SPECTRUM, setting({"layer": "relu1", "index": "2"}, index="7")),
        f"{SPECTRUM}: relu1 must have the correlations 1 to 4, in this order",
    ),
    "a layer of which nothing is said": (
        lambda r: edit_rows(r / SPECTRUM, setting({"layer": "relu1", "index": "1"}, index="")),
        f"{SPECTRUM}, line 2: a layer without correlations has one row, and a note",
    ),
    "a changed null": (
        lambda r: edit_rows(r / SPECTRUM, setting({"layer": "relu1", "index": "4"}, null="0.0")),
        f"{SPECTRUM} is not the file that was made",
    ),
    "an error at the end of a line": (
        lambda r: edit_rows(r / LINE, setting({"alpha": "1.0", "recalibrated": "no"}, test_error="0.015625")),
        f"{LINE}, line 4: the test error is 0.015625, not that of rep0/imp/round01",
    ),
    "an error in the middle of a line": (
        lambda r: edit_rows(r / LINE, setting({"alpha": "0.5"}, test_error="0.015625")),
        f"{LINE} is not the file that was made",
    ),
    "an error above 1": (
        lambda r: edit_rows(r / LINE, setting({"alpha": "0.5"}, train_error="1.5")),
        f"{LINE}, line 3: alpha and errors must be from 0 to 1",
    ),
    "a line with a missing column": (
        lambda r: edit_text(r / LINE, "alpha", "beta"),
        f"{LINE} must have the columns",
    ),
    "a table of lines": (
        lambda r: edit_rows(r / "tiny/tables/connectivity.csv", setting({"alpha": "0.5"}, test_error="0.015625")),
        "tables/connectivity.csv is not the file that was made",
    ),
    "an accuracy where nothing is changed": (
        lambda r: edit_rows(r / STRAIN, setting({"kind": "pruning", "severity": "1.0"}, accuracy="0.015625")),
        f"{STRAIN}, line 2: nothing is changed, but the accuracy is 0.015625, not that of rep0/dense",
    ),
    "an accuracy on images as they are": (
        lambda r: edit_rows(r / STRAIN, setting({"kind": "noise", "severity": "0"}, accuracy="0.015625")),
        f"{STRAIN}, line 4: nothing is changed",
    ),
    "an accuracy above 1": (
        lambda r: edit_rows(r / STRAIN, setting({"kind": "shift", "severity": "3"}, accuracy="1.5")),
        f"{STRAIN}, line 7: the accuracy is 1.5, not from 0 to 1",
    ),
    "an IoU above 1": (
        lambda r: edit_rows(r / UNITS, setting(iou="1.5")),
        f"{UNITS}, line 2: the IoU is 1.5, not from 0 to 1",
    ),
    "a concept of no overlap": (
        lambda r: edit_rows(r / UNITS, setting(concept="object: 3", iou="0.0")),
        f"{UNITS}, line 2: a unit has a concept where its IoU is above 0, and only there",
    ),
    "a unit that the table says another thing of": (
        lambda r: edit_rows(r / "tiny/tables/concepts.csv", setting(concept="object: 11")),
        "tables/concepts.csv, line 2: unit 0 of conv1 is not what its network's file says",
    ),
    "a detector that is none": (
        lambda r: edit_rows(r / "tiny/tables/concepts.csv", turn_detector),
        "tables/concepts.csv: a unit with an IoU of",
    ),
    "a number of detectors": (
        lambda r: edit_rows(r / "tiny/tables/concept_layers.csv", setting(detectors="99")),
        "tables/concept_layers.csv, line 2: conv1 of rep0/dense has 99 detectors of",
    ),
    "changed images with concepts": (
        lambda r: edit_array(r / "tiny/concepts/images.npy", lambda images: images.fill(7)),
        "tiny/concepts/images.npy is not the file that was made",
    ),
    "changed masks": (
        lambda r: edit_array(r / "tiny/concepts/labels.npy", lambda labels: labels.fill(1)),
        "tiny/concepts/labels.npy is not the file that was made",
    ),
    "changed examples": (
        lambda r: edit_json(r / "tiny/concepts/rep0/dense/best.json", lambda about: about.update(units=[])),
        "tiny/concepts/rep0/dense/best.json is not the file that was made",
    ),
    "a changed sheet": (
        lambda r: edit_text(r / "tiny/figures/concept_sheet.svg", "</svg>", "<g/></svg>"),
        "tiny/figures/concept_sheet.svg is not the file that was made",
    ),
}


def test_a_sound_study_passes(looked):
    problems, counts = verify_study(looked / "results/tiny")
    assert problems == []
    assert {name: counts[name] for name in ("spectra", "lines", "networks under strain", "dissections")} == {
        "spectra": 2,
        "lines": 2,
        "networks under strain": 4,
        "dissections": 4,
    }


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_and_named(results, capsys, damage):
    make, sentence = DAMAGES[damage]
    make(results)
    status, problems, _ = verify(results, capsys)
    assert status == 1
    assert any(sentence in problem for problem in problems), problems
