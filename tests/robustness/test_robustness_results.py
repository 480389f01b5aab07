"""Accuracy of the networks of a study under further pruning and corruptions, and the figure of it."""

import csv

import numpy as np
import pandas as pd
import pytest
import torch
from pipeline.pipeline_runs import STUDY, contents

import prunesim
from prunesim.cli import main
from prunesim.datasets.corruptions import corrupt
from prunesim.errors import PrunesimError
from prunesim.figures import robustness as figure
from prunesim.figures import style
from prunesim.figures.plotted import figure_of
from prunesim.results import robustness
from prunesim.results.robustness import COLUMNS, pruned_tensors, robustness_rows
from prunesim.study.seeds import derive_seed
from prunesim.training.degrading import prune_further


@pytest.fixture(scope="module")
def study(finished):
    return prunesim.open_study(finished / STUDY)


@pytest.fixture(scope="module")
def rows(study):
    return robustness_rows(study, shares=[1, 0.5, 0.05], severities=[0, 4])


def of(rows, **keys):
    return [row for row in rows if all(row[key] == value for key, value in keys.items())]


def test_every_network_is_there_in_order(rows):
    networks = [(r, method, k) for r in (0, 1) for method, k in (("dense", 0), ("imp", 1), ("imp", 2))]
    kinds = [("pruning", 1), ("pruning", 0.5), ("pruning", 0.05)]
    kinds += [(kind, severity) for kind in ("noise", "blur", "contrast", "shift") for severity in (0, 4)]
    found = [tuple(row[key] for key in COLUMNS[:5]) for row in rows]
    assert found == [(*network, *kind) for network in networks for kind in kinds]


def test_where_nothing_is_changed_accuracy_is_that_of_the_study(study, rows):
    for row in [*of(rows, kind="pruning", severity=1), *of(rows, severity=0)]:
        which = {key: row[key] for key in COLUMNS[:3]}
        assert row["accuracy"] == study.metrics(**which)["test_accuracy"]
    network = study.network(method="imp", round=2)
    assert study.evaluator()(network, study.pixels()[0]) == study.accuracy(network)


def test_pruning_by_hand(study, rows):
    which = {"replicate": 1, "method": "imp", "round": 1}
    mask, network = study.mask(**which), study.network(**which)
    weights = dict(network.named_parameters())
    left = np.concatenate([weights[name].detach().numpy()[kept == 1] for name, kept in mask.items()])
    cutoff = np.sort(np.abs(left))[round(0.5 * left.size)]
    with torch.no_grad():
        for name in mask:
            weights[name][weights[name].abs() < cutoff] = 0
    kept = sum(int((weights[name] != 0).sum()) for name in mask)
    assert kept == left.size - round(0.5 * left.size)
    (row,) = of(rows, **which, kind="pruning", severity=0.5)
    assert row["accuracy"] == study.accuracy(network)


def test_corruption_by_hand(study, rows):
    pixels, labels = study.pixels()
    seed = derive_seed(study.metrics()["settings"]["seed"], "corruption", "noise")
    about = study.description()
    images = torch.from_numpy(corrupt(pixels, "noise", 4, seed).transpose(0, 3, 1, 2) / 255).float()
    mean, std = (torch.tensor(about[key]).view(1, -1, 1, 1) for key in ("mean", "std"))
    with torch.no_grad():
        answers = study.network()((images - mean) / std).argmax(1)
    (row,) = of(rows, replicate=0, method="dense", kind="noise", severity=4)
    assert row["accuracy"] == pytest.approx((answers.numpy() == labels).mean(), abs=0.011)


def test_only_weights_of_pruned_tensors_go_and_none_comes_back():
    arrays = {"a.weight": np.array([0, 1, -2, 3, 4], np.float32), "b.weight": np.array([0.1], np.float32)}
    mask = {"a.weight": np.array([0, 1, 1, 1, 1], np.uint8)}
    found = prune_further(arrays, mask, 0.5)
    assert found["a.weight"].tolist() == [0, 0, 0, 3, 4]
    assert found["b.weight"].tolist() == arrays["b.weight"].tolist()


def test_dense_networks_are_pruned_where_the_methods_prune(study):
    assert pruned_tensors(study) == sorted(study.mask(method="imp", round=2))


def test_the_seed_of_the_study_decides(study, rows):
    again = robustness_rows(study, shares=[], severities=[4], replicates=[1], methods=["imp"], rounds=[2])
    assert again == of(rows, replicate=1, method="imp", round=2, severity=4)


def test_the_verb_writes_table_and_figure_and_leaves_the_study_alone(finished, tmp_path, capsys):
    before = contents(finished, "results", ".snakemake")
    table, drawn = tmp_path / "robustness.csv", tmp_path / "figure.png"
    words = ["--replicate", "0", "--densities", "1,0.5", "--severities", "1..2", "--output", table, "--figure", drawn]
    assert main(["robustness", *map(str, [finished / STUDY, *words])]) == 0
    assert capsys.readouterr().out.startswith(f"{table}: 30 accuracies of 3 networks\n")
    with open(table, newline="") as file:
        reader = csv.DictReader(file)
        assert tuple(reader.fieldnames) == COLUMNS
        assert {row["severity"] for row in reader} == {"1.0", "0.5", "1", "2"}
    assert {path.name for path in tmp_path.iterdir()} == {"robustness.csv", "figure.png", "figure.svg"}
    assert contents(finished, "results", ".snakemake") == before


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--densities", "1,0"], "--densities has 0; shares of the remaining weights above 0, up to 1"),
        (["--severities", "1..6"], "--severities has 6; whole numbers from 0 to 5"),
        (["--densities", "none", "--severities", "none"], "Neither a share of weights nor a severity"),
        (["--replicate", "7"], "tiny has no replicate 7; it has 0, 1."),
        (["--method", "ipm"], "tiny has no method ipm; it has dense, imp."),
        (
            ["--method", "dense", "--round", "2"],
            "no network of method dense; round 2; dense networks are those of round 0",
        ),
        (["--figure", "a.pdf"], "--figure is a.pdf; a name that ends in .png or .svg"),
        (["--output", "a.txt"], "--output is a.txt; a name that ends in .csv"),
    ],
)
def test_refusals_are_one_sentence_and_write_nothing(finished, tmp_path, monkeypatch, capsys, words, sentence):
    monkeypatch.chdir(tmp_path)
    assert main(["robustness", str(finished / STUDY), "--output", "a.csv", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("prunesim robustness: ")
    assert sentence in line
    assert list(tmp_path.iterdir()) == []


def table(replicates=3, methods=("imp",), rounds=4):
    """Return a table of a study that was never run."""
    rng, rows = np.random.default_rng(0), []
    for replicate in range(replicates):
        for method, round_ in [("dense", 0), *((m, k) for m in methods for k in range(1, rounds + 1))]:
            for kind in figure.PANELS:
                for severity in (1.0, 0.5, 0.1) if kind == "pruning" else range(6):
                    lost = 1 - severity if kind == "pruning" else severity / 6
                    value = 0.98 - 0.7 * lost**2 - 0.01 * round_ + rng.normal(0, 0.003)
                    rows.append([replicate, method, round_, kind, severity, value])
    return pd.DataFrame(rows, columns=list(COLUMNS))


def drawn(frame):
    with style.drawing({"context": "paper", "dpi": 60}):
        result = figure_of(figure, {"robustness": frame}, {})
        result.draw_without_rendering()
    return result


def test_the_figure_has_a_panel_a_kind_and_a_line_a_network():
    result = drawn(table())
    panels = [axis for axis in result.axes if axis.axison]
    assert len(panels) == 5
    names = [line.get_label() for line in panels[0].get_lines()]
    assert names == ["dense", "imp, round 1", "imp, round 4"]
    frame = table()
    expected = frame[(frame["kind"] == "noise") & (frame["method"] == "imp") & (frame["round"] == 4)]
    line = panels[1].get_lines()[2]
    assert [round(place) for place in line.get_xdata()] == [0, 1, 2, 3, 4, 5]
    assert line.get_ydata() == pytest.approx(100 * expected.groupby("severity")["accuracy"].mean().to_numpy())


def test_the_figure_of_many_methods_and_of_one_replicate():
    result = drawn(table(methods=("imp", "random", "snip")))
    names = [text.get_text() for text in result.axes[-1].get_legend().get_texts()]
    assert names[:3] == ["dense", "imp, round 1", "imp, round 4"]
    assert len(names) == 7
    # Without a spare panel the names stand beside, or in the first one if there are few.
    four = table(methods=("imp", "random"))[lambda frame: frame["kind"] != "shift"]
    assert drawn(four[four["kind"] != "blur"]).legends
    result = drawn(table(replicates=1))
    assert result._suptitle.get_text() == style.ONE_REPLICATE
    some = table()[lambda frame: frame["kind"].isin(["pruning", "shift"])]
    assert len([axis for axis in drawn(some).axes if axis.axison]) == 2


def test_shares_and_severities_have_defaults_that_can_be(study):
    assert max(robustness.SHARES) == 1
    assert robustness.SEVERITIES == (0, 1, 2, 3, 4, 5)
    with pytest.raises(PrunesimError, match="has no round 3; it has 0, 1, 2"):
        robustness_rows(study, rounds=[3])
