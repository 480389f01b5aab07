"""Classes that have no image on one side of the split are said."""

import numpy as np
import pytest
from core_study import settings, write_dataset

from prunesim.training.data import validation_split
from prunesim.training.run import train_dense
from prunesim.training.validation import held_out_count, validation_gaps

COUNTS = {"cat": 4, "dog": 40, "emu": 6}


@pytest.mark.parametrize("share", [0.05, 0.1, 0.25, 0.5, 0.9])
def test_the_forecast_counts_as_the_split_does(share):
    labels = np.repeat(np.arange(3), list(COUNTS.values()))
    _, held_out = validation_split(labels, share, 1)
    assert np.bincount(labels[held_out], minlength=3).tolist() == [held_out_count(n, share) for n in COUNTS.values()]


@pytest.mark.parametrize(
    ("counts", "share", "words"),
    [
        (COUNTS, 0.2, []),
        (COUNTS, 0.1, ["1 of 3 classes (cat) has no validation image: with training.validation 0.1 none", "out of 4"]),
        (COUNTS, 0.05, ["2 of 3 classes (cat, emu) have no validation image", "of the other classes alone"]),
        (COUNTS, 0.001, ["all 3 classes have no validation image", "loss and accuracy do not exist"]),
        ({"cat": 1, "dog": 9}, 0.6, ["1 of 2 classes (cat) has no image left to train with", "lower it"]),
        ({str(n): 1 for n in range(9)} | {"x": 99}, 0.1, ["9 of 10 classes (0, 1, 2, 3, 4, ...) have"]),
        ({}, 0.1, []),
    ],
)
def test_gaps_are_said(counts, share, words):
    found = list(validation_gaps(counts, share))
    assert len(found) == (1 if words else 0)
    for text in words:
        assert text in found[0]


@pytest.mark.parametrize(("replicate", "said"), [(0, 1), (1, 0)])
def test_the_first_training_of_a_study_says_so(tmp_path, capfd, monkeypatch, replicate, said):
    reading, writing = tmp_path / "terminal", tmp_path / "out"
    with open(reading, "wb") as terminal:
        monkeypatch.setenv("PRUNESIM_TERMINAL", str(terminal.fileno()))
        told = settings(validation=0.01, epochs=1)
        train_dense(told, write_dataset(tmp_path / "data"), replicate, writing, tmp_path / "checkpoint")
    sentence = f"prunesim: warning: {tmp_path / 'data'}: all 3 classes have no validation image"
    assert reading.read_text().count(sentence) == said
    assert capfd.readouterr().err.count(sentence) == said
