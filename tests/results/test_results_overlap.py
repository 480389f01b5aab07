"""The tables that figures on request are drawn from: overlap of masks, and training curves."""

import numpy as np
import pytest

from prunesim.results.overlap import overlap_table, overlaps
from prunesim.results.training import training_table
from prunesim.storage.arrays import save_tensors
from prunesim.storage.columns import OVERLAP, TRAINING
from prunesim.storage.csvfiles import write_rows
from prunesim.storage.histories import HISTORY

PLAN = {"replicates": 2, "methods": ["imp", "random"], "rounds": {"imp": 2, "random": 1}}


def masks(*rows):
    return {f"conv{number}.weight": np.array(row, np.uint8) for number, row in enumerate(rows, start=1)}


def test_overlap_by_hand():
    first, second = masks([1, 1, 0, 0], [1, 1, 1, 1]), masks([1, 0, 1, 0], [1, 1, 0, 0])
    one, two, every = overlaps(first, second)
    assert (one["layer"], one["weights"], one["density_a"], one["density_b"]) == ("conv1", 4, 0.5, 0.5)
    # One of three that either keeps; by chance 1/4 of the weights are kept by both, and 3/4 by either.
    assert (one["iou"], one["chance"]) == pytest.approx((1 / 3, 1 / 3))
    assert (two["iou"], two["chance"]) == pytest.approx((0.5, 0.5))
    assert (every["layer"], every["iou"]) == ("all", pytest.approx(3 / 7))
    assert every["chance"] == pytest.approx((1 + 2) / (3 + 4))


def test_random_masks_overlap_as_chance_says():
    rng = np.random.default_rng(0)
    first, second = ({"linear.weight": rng.random(200_000) < density} for density in (0.3, 0.6))
    (row, _) = overlaps(first, second)
    assert row["iou"] == pytest.approx(row["chance"], abs=0.005)
    assert row["chance"] == pytest.approx(0.18 / 0.72, abs=0.005)


def test_masks_without_weights_have_no_overlap():
    (row, _) = overlaps(masks([0, 0]), masks([0, 0]))
    assert row["iou"] is None
    assert row["chance"] is None


def test_the_pairs_of_a_study_share_a_method_or_a_replicate(tmp_path):
    for replicate in range(2):
        for method, rounds in PLAN["rounds"].items():
            for round_ in range(1, rounds + 1):
                folder = tmp_path / f"networks/rep{replicate}/{method}/round{round_:02d}"
                folder.mkdir(parents=True)
                save_tensors(folder / "mask.safetensors", masks([1, replicate]), {})
    columns, rows = overlap_table(tmp_path, PLAN)
    assert columns == OVERLAP
    assert all(set(row) == set(OVERLAP) for row in rows)
    pairs = [
        (row["round"], row["replicate_a"], row["method_a"], row["replicate_b"], row["method_b"])
        for row in rows
        if row["layer"] == "all"
    ]
    assert sorted(pairs) == [
        (1, 0, "imp", 0, "random"),
        (1, 0, "imp", 1, "imp"),
        (1, 0, "random", 1, "random"),
        (1, 1, "imp", 1, "random"),
        (2, 0, "imp", 1, "imp"),
    ]


def test_training_curves_are_the_histories(tmp_path):
    plan = {"replicates": 1, "methods": ["imp"], "rounds": {"imp": 1}}
    for folder, epochs in (("dense", 2), ("imp/round01", 1)):
        history = [dict.fromkeys(HISTORY, "") | {"epoch": k, "train_loss": 1 / k} for k in range(1, epochs + 1)]
        write_rows(tmp_path / f"networks/rep0/{folder}/history.csv", HISTORY, history)
    columns, rows = training_table(tmp_path, plan)
    assert columns == TRAINING
    assert [(row["method"], row["round"], row["epoch"], row["train_loss"]) for row in rows] == [
        ("dense", 0, "1", "1.0"),
        ("dense", 0, "2", "0.5"),
        ("imp", 1, "1", "1.0"),
    ]
