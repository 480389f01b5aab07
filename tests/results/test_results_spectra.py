"""Spectra of the networks of a study: the measure that they are behind, and what cannot be computed."""

import hashlib
import shutil

import numpy as np
import pytest
from pipeline.pipeline_runs import STUDY

from prunesim.audit.spectrum_checks import check_spectrum
from prunesim.cli import main
from prunesim.results.spectra import spectra_rows
from prunesim.storage.columns import SIMILARITY, SPECTRA
from prunesim.storage.csvfiles import read_rows, write_rows
from prunesim.storage.files import read_json, write_json

pytestmark = pytest.mark.slow

LAYERS = ["relu1", "relu2", "logits"]
SETTINGS = {"seed": 7, "null_draws": 2}


@pytest.fixture
def study(finished, tmp_path):
    """Return a folder with the activations and comparisons of the tiny study, and the spectra of one round."""
    for folder in ("activations", "comparisons/rounds"):
        shutil.copytree(finished / STUDY / folder, tmp_path / folder)
    rows = spectra_rows(tmp_path / "activations", 1, "imp", 2, LAYERS, SETTINGS)
    write_rows(tmp_path / "spectra/rep1/imp/round02.csv", SPECTRA, rows)
    return tmp_path


def test_the_means_are_those_of_the_comparisons(study):
    rows = read_rows(study / "spectra/rep1/imp/round02.csv", SPECTRA)
    for layer in LAYERS:
        mine = [row for row in rows if row["layer"] == layer]
        compared = read_rows(study / f"comparisons/rounds/rep1/imp/round02/{layer}.csv", SIMILARITY)
        (row,) = (row for row in compared if row["measure"] == "cca_mean" and row["round_a"] == "0")
        assert np.mean([float(one["correlation"]) for one in mine]) == pytest.approx(float(row["value"]), abs=1e-9)
        # The images of the later network are exchanged, in the same orders.
        assert np.mean([float(one["null"]) for one in mine]) == pytest.approx(float(row["null"]), abs=1e-9)
        for key in ("n_images", "n_samples", "rank_a", "rank_b"):
            assert {one[key] for one in mine} == {row[key]}


def test_verify_holds_them_against_the_comparisons(study):
    path = study / "spectra/rep1/imp/round02.csv"
    assert check_spectrum(study, path) == []
    rows = read_rows(path, SPECTRA)
    rows[-1]["correlation"] = "0.0"
    write_rows(path, SPECTRA, rows)
    (problem,) = check_spectrum(study, path)
    assert "the mean of logits is" in problem
    assert "but cca_mean is" in problem


def test_a_layer_without_correlations_has_one_row_that_says_why(study):
    for index in (study / "activations/rep1/imp/round02", study / "activations/rep1/dense"):
        silence(index)
    path = study / "silent.csv"
    words = ["--activations", study / "activations", "--replicate", 1, "--method", "imp", "--round", 2]
    words += ["--settings", '{"seed": 7, "null_draws": 2}', "--layer", *LAYERS, "--output", path]
    assert main(["spectrum", *map(str, words), "--record", str(path), str(study / "record.json")]) == 0
    first, *others = read_rows(path, SPECTRA)
    assert (first["layer"], first["index"], first["correlation"], first["null"]) == ("relu1", "", "", "")
    assert "has no variance" in first["note"]
    assert others[0]["layer"] == "relu2"


def silence(folder):
    """Write a layer that is 0 everywhere, with the checksum that goes with it."""
    path, index = folder / "relu1.npy", folder / "activations.json"
    np.save(path, np.zeros_like(np.load(path)))
    about = read_json(index)
    about["layers"]["relu1"]["sha256"]["relu1.npy"] = hashlib.sha256(path.read_bytes()).hexdigest()
    write_json(index, about)
