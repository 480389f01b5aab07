"""What plan says of the classes before anything runs: files left out, and classes without validation images."""

import json

import numpy as np
import pytest
from forecast_study import ROOT, config
from PIL import Image

from prunesim.cli import main
from prunesim.datasets.convert import fetch
from prunesim.forecast.classes import class_counts, class_findings


@pytest.fixture
def pets(tmp_path):
    """Return the config of a folder of 4 training cats, 30 training dogs, and two files that are no images."""
    for split, counts in (("train", {"cat": 4, "dog": 30}), ("test", {"cat": 2, "dog": 2})):
        for name, count in counts.items():
            folder = tmp_path / "pets" / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                Image.fromarray(np.full((9, 8), number, np.uint8)).save(folder / f"{number}.png")
    for number in range(2):
        (tmp_path / f"pets/train/cat/{number}.heic").write_bytes(b"x")
        (tmp_path / f"pets/train/cat/{number}.png").rename(tmp_path / f"pets/train/cat/{number + 5}.png")
    return f"dataset={{name: pets, source: image_folder, path: '{tmp_path / 'pets'}'}}"


def told(tmp_path, *assignments):
    """Return what is found of the classes of a config."""
    study = config(*assignments)
    counted = class_counts(study["dataset"], tmp_path / "results")
    return list(class_findings({**counted, "train": sum(counted["class_counts"].values())}, study))


def test_a_folder_is_spoken_of_before_and_after_it_is_read(pets, tmp_path):
    study = config(pets)
    before = told(tmp_path, pets)
    assert before == [
        f"{tmp_path / 'pets'}: 2 files left out, not being named like an image that can be read: train/cat (2 .heic).",
        "1 of 2 classes (cat) has no validation image: with training.validation 0.1 none is held out of 4, so "
        "validation loss and accuracy are of the other classes alone.",
    ]
    fetch(study["dataset"], tmp_path / "results/datasets/pets", log=lambda line: None)
    assert told(tmp_path, pets) == before
    assert class_counts(study["dataset"], tmp_path / "results") == class_counts(study["dataset"], tmp_path / "nowhere")
    assert len(told(tmp_path, pets, "training={validation: 0.2}")) == 1


def test_a_subset_is_counted_as_it_is_chosen(pets, tmp_path):
    subset = pets.replace("path:", "subset: {train: 9}, path:")
    study = config(subset)
    counted = class_counts(study["dataset"], tmp_path / "results")["class_counts"]
    description = fetch(study["dataset"], tmp_path / "out", log=lambda line: None)
    assert list(counted.values()) == description["class_counts"]["train"] == [4, 5]
    assert "all 2 classes" in told(tmp_path, subset)[-1].lower()


def test_plan_prints_it(pets, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert main(["plan", "--json", "--config", pets]) == 0
    result = json.loads(capsys.readouterr().out)
    said = [found["text"] for found in result["findings"] if found["level"] == "slows"]
    assert set(told(tmp_path, pets)) <= set(said)
    assert result["dataset"]["left_out"] == {"train/cat": {".heic": 2}}
    # Numbers that are given may be those of another folder.
    assert main(["plan", "--json", "--images", "20", "--config", pets]) == 0
    assert "no validation image" not in capsys.readouterr().out


def test_plan_refuses_a_class_that_loses_half(pets, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    for number in range(2, 4):
        (tmp_path / f"pets/train/cat/{number}.heic").write_bytes(b"x")
        (tmp_path / f"pets/train/cat/{number}.png").rename(tmp_path / f"pets/train/cat/{number + 5}.png")
    assert main(["plan", "--config", pets]) == 2
    assert "has 4 images and 4 files that would be left out (4 .heic)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("assignment", "gaps"),
    [
        ("dataset={name: digits}", 0),
        ("dataset={name: cifar100}", 0),
        ("dataset={name: cifar100, subset: {train: 400}}", 1),
        ("dataset={name: gone, source: image_folder, path: nowhere}", 0),
    ],
)
def test_other_data_sets(tmp_path, assignment, gaps):
    assert len(told(tmp_path, assignment)) == gaps
