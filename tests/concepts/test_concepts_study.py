"""Concepts in the pipeline: the tables are those of the verbs, and only what depends on a change runs again."""

import shutil

import numpy as np
import pytest
from pipeline.pipeline_runs import LOOKS, STUDY, copy_all, due, snakemake

import prunesim
from prunesim.cli import main
from prunesim.datasets.annotated import load_annotated
from prunesim.datasets.concept_folder import read_annotated
from prunesim.datasets.concept_listing import check_folder, concepts_line
from prunesim.errors import PrunesimError
from prunesim.results.concept_examples import load_examples, save_examples
from prunesim.storage.columns import CONCEPT_LAYERS, CONCEPT_UNITS, CONCEPTS
from prunesim.storage.csvfiles import read_rows

pytestmark = pytest.mark.slow

OPTIONS = ["--draws", "2", "--quantile", "0.05", "--threshold", "0.06", "--seed", "7"]


@pytest.fixture(scope="module")
def scenes(looked, tmp_path_factory):
    """Return the scenes of the study, made by the verb of a user."""
    folder = tmp_path_factory.mktemp("scenes") / "made"
    options = ["--count", "40", "--multiple", "1", "--seed", "7", "--output", str(folder)]
    assert main(["scenes", "--study", str(looked / STUDY), *options]) == 0
    return folder


def test_the_images_are_those_of_the_verb(looked, scenes, tmp_path):
    made, read = load_annotated(looked / STUDY / "concepts"), read_annotated(scenes, tmp_path)
    assert made.concepts == read.concepts
    np.testing.assert_array_equal(made.images, read.images)
    np.testing.assert_array_equal(made.labels, read.labels)


def test_the_tables_are_those_of_the_verb_to_the_byte(looked, scenes, tmp_path, capsys):
    output = tmp_path / "concepts.csv"
    assert main(["concepts", str(looked / STUDY), "--images", str(scenes), "--output", str(output), *OPTIONS]) == 0
    tables = looked / STUDY / "tables"
    by_key = [
        {tuple(row[key] for key in CONCEPTS[:5]): row for row in read_rows(path, CONCEPTS)}
        for path in (output, tables / "concepts.csv")
    ]
    assert by_key[0] == by_key[1]
    layers = [
        {tuple(row[key] for key in ("replicate", "method", "round", "layer")): row for row in read_rows(path, columns)}
        for path, columns in (
            (tmp_path / "concepts-layers.csv", CONCEPT_LAYERS),
            (tables / "concept_layers.csv", CONCEPT_LAYERS),
        )
    ]
    assert layers[0] == layers[1]
    assert any(int(row["detectors"]) > 0 for row in layers[1].values())


def test_tables_follow_from_the_files_of_the_networks(looked):
    """Counted again without a function of the package."""
    folder = looked / STUDY
    layers = read_rows(folder / "tables/concept_layers.csv", CONCEPT_LAYERS)
    study = prunesim.open_study(folder)
    assert len(layers) == 4 * 4
    density = study.networks.set_index(["replicate", "method", "round"])["density"]
    for row in layers:
        name = "dense" if row["method"] == "dense" else f"imp/round0{row['round']}"
        units = read_rows(folder / f"concepts/rep{row['replicate']}/{name}/units.csv", CONCEPT_UNITS)
        units = [one for one in units if one["layer"] == row["layer"]]
        counts = []
        for draw in "012":
            found = [one["concept"] for one in units if one["draw"] == draw and float(one["iou"]) > 0.06]
            counts.append((len(found), len(set(found))))
        assert (int(row["detectors"]), int(row["concepts"])) == counts[0]
        chance = [(one + two) / 2 for one, two in zip(*counts[1:], strict=True)]
        assert [float(row["chance_detectors"]), float(row["chance_concepts"])] == chance
        assert float(row["density"]) == density[int(row["replicate"]), row["method"], int(row["round"])]
        assert int(row["units"]) == len(units) / 3


def test_the_sheet_holds_the_best_unit_of_each_concept(looked):
    folder = looked / STUDY / "concepts/rep0"
    units = [row for row in read_rows(folder / "dense/units.csv", CONCEPT_UNITS) if row["draw"] == "0"]
    best = {}
    for row in units:
        best[row["concept"]] = max(best.get(row["concept"], 0), float(row["iou"]))
    best.pop("", None)
    rows = load_examples(folder / "dense", 0)
    assert [row["iou"] for row in rows] == sorted(best.values(), reverse=True)[:12]
    assert all(row["images"].shape == (6, 8, 8, 1) and row["on"].any() for row in rows)
    assert [row["iou"] for row in load_examples(folder / "dense", 0.06)] == [x["iou"] for x in rows if x["iou"] > 0.06]
    assert load_examples(folder / "imp/round01", 0) == []


def test_examples_that_are_damaged_are_refused(tmp_path):
    row = {"layer": "conv1", "unit": 3, "concept": "a: b", "iou": 0.5}
    arrays = {"images": np.ones((2, 4, 4, 1), np.uint8), "on": np.ones((2, 3, 3)), "mask": np.zeros((2, 3, 3))}
    save_examples(tmp_path, [row | arrays], ((4, 4, 1), (3, 3)))
    (found,) = load_examples(tmp_path, 0.4)
    assert {key: found[key] for key in row} == row
    assert found["on"].all()
    assert not found["mask"].any()
    (tmp_path / "best_masks.npy").write_bytes(b"x")
    with pytest.raises(PrunesimError, match=r"best_masks\.npy"):
        load_examples(tmp_path, 0.4)


TABLES = {"concept_tables": 2, "figure_concepts": 1, "concept_sheet": 1, "provenance_table": 1}
NETWORKS = {"dissect": 4} | TABLES
CHANGES = {
    "threshold": ("concepts: {threshold: 0.05}", TABLES),
    "quantile": ("concepts: {quantile: 0.06}", NETWORKS),
    "scenes": ("concepts: {count: 41}", {"annotate": 1} | NETWORKS),
}


@pytest.mark.parametrize("change", CHANGES)
def test_only_what_depends_on_a_change_runs_again(looked, tmp_path, change):
    overlay, expected = CHANGES[change]
    clone = copy_all(looked, tmp_path / "clone")
    assert due(clone, config=[LOOKS, overlay]) == expected
    shutil.rmtree(clone)


def test_a_finished_study_has_nothing_to_do(looked, tmp_path):
    clone = copy_all(looked, tmp_path / "clone")
    assert due(clone, config=[LOOKS]) == {}
    shutil.rmtree(clone)


def test_bad_input_is_refused_before_anything_runs(looked, tmp_path):
    clone = copy_all(looked, tmp_path / "clone")
    overlay = "concepts: {source: folder, path: nowhere}\nstudy: other"
    status, printed = snakemake(clone, "--dry-run", config=[overlay])
    assert status != 0
    assert "nowhere/concepts.json does not exist." in printed
    shutil.rmtree(clone)


def test_a_folder_is_known_by_names_and_sizes(scenes, tmp_path):
    folder = copy_all(scenes, tmp_path / "scenes")
    line = concepts_line(folder, None)
    assert line.startswith("240 files of concepts")
    assert concepts_line(copy_all(scenes, tmp_path / "moved"), ["{}", line]) == line
    mask = folder / "masks/side/0003.png"
    mask.write_bytes(mask.read_bytes() + b"x")
    assert concepts_line(folder, [line]) != line
    shutil.rmtree(folder)
    assert concepts_line(folder, ["{}", f"'{line}'"]) == line
    with pytest.raises(PrunesimError, match=r"concepts.json does not exist"):
        concepts_line(folder, None)
    with pytest.raises(PrunesimError, match=r"concepts.json does not exist"):
        check_folder(folder, tmp_path / "not there")
    check_folder(folder, tmp_path)
