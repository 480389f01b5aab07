"""The table of sparse trainings and the figure of residuals."""

import re

import numpy as np
import pandas as pd
import pytest
from figures.test_figures_drawing import assert_legible, texts
from matplotlib.backends.backend_agg import FigureCanvasAgg

from prunesim.errors import PrunesimError
from prunesim.figures import plotted, residuals, style
from prunesim.results.reading import read_table, t_interval
from prunesim.results.sparsity import sparsity_table
from prunesim.results.tables import TABLES
from prunesim.storage.csvfiles import read_rows, write_rows
from prunesim.storage.histories import SPARSE_HISTORY
from prunesim.study.paths import sparse_networks

SETTINGS = {"context": "paper", "palette": "cividis", "dpi": 150}
METHODS = {
    "imp": {"sparsity": None, "control": None},
    "l1": {"sparsity": {"l1": 0.01, "admm": None}, "control": None},
    "l1_longer": {"sparsity": {"l1": 0.01, "admm": None}, "control": "extra_training"},
    "admm": {"sparsity": {"l1": None, "admm": {"rho": 1}}, "control": None},
}


# the table


def test_the_networks_that_are_trained_to_be_sparse():
    assert sparse_networks(2, METHODS, dict.fromkeys(METHODS, 2)) == [
        (0, "l1", 0, "rep0/l1/sparse"),
        (0, "admm", 1, "rep0/admm/sparse01"),
        (0, "admm", 2, "rep0/admm/sparse02"),
        (1, "l1", 0, "rep1/l1/sparse"),
        (1, "admm", 1, "rep1/admm/sparse01"),
        (1, "admm", 2, "rep1/admm/sparse02"),
    ]


def test_the_table_of_real_trainings(study, tmp_path):
    networks = tmp_path / "networks" / "rep0"
    study.sparse(networks / "l1" / "sparse", {"l1": 0.01})
    study.admm(networks / "admm" / "sparse01", iterations=2, epochs=2, tolerance=1e-6, density=0.5, round_=1)
    plan = {"replicates": 1, "methods": METHODS, "rounds": dict.fromkeys(METHODS, 1), "layers": [], "families": []}
    columns, rows = TABLES["sparsity"](tmp_path, plan)
    write_rows(tmp_path / "tables" / "sparsity.csv", columns, rows)
    rows = read_rows(tmp_path / "tables" / "sparsity.csv", columns)
    assert [(row["method"], row["round"], row["epoch"], row["iteration"]) for row in rows] == [
        *(("l1", "0", str(epoch), "") for epoch in (1, 2, 3)),
        *(("admm", "1", str(epoch), {2: "1", 4: "2"}.get(epoch, "")) for epoch in (1, 2, 3, 4)),
    ]
    for place, folder in (((0, 3), "l1/sparse"), ((3, 7), "admm/sparse01")):
        history = read_rows(networks / folder / "history.csv", SPARSE_HISTORY)
        for row, epoch in zip(rows[slice(*place)], history, strict=True):
            assert all(row[key] == epoch[key] for key in ("primal_residual", "dual_residual", "penalty", "zeros"))
    assert [bool(row["note"]) for row in rows] == [False] * 6 + [True]
    assert rows[-1]["note"].startswith("ADMM has not converged: after 2 iterations ")
    assert sparsity_table(tmp_path, {**plan, "methods": {"imp": METHODS["imp"]}}) == (columns, [])
    table = read_table(tmp_path / "tables", "sparsity")
    with style.drawing(SETTINGS):
        figure = plotted.figure_of(residuals, {"sparsity": table}, SETTINGS)
    primal, dual = figure.axes
    assert primal.lines[0].get_ydata().tolist() == [float(rows[k]["primal_residual"]) for k in (4, 6)]
    assert dual.lines[0].get_ydata().tolist() == [float(rows[k]["dual_residual"]) for k in (4, 6)]


def test_a_training_that_is_missing_is_named(tmp_path):
    plan = {"replicates": 1, "methods": METHODS, "rounds": dict.fromkeys(METHODS, 1)}
    with pytest.raises(PrunesimError, match=r"rep0/l1/sparse/history\.csv does not exist"):
        sparsity_table(tmp_path, plan)


# the figure


def synthetic(replicates=3, rounds=10, methods=("admm",), iterations=30, noted=0):
    rng = np.random.default_rng(0)
    rows = [
        {
            "replicate": replicate,
            "method": method,
            "round": round_,
            "iteration": float(iteration) if number % 2 else np.nan,
            "primal_residual": np.exp(-iteration / 9 + rng.normal(0, 0.1)) if number % 2 else np.nan,
            "dual_residual": 0.1 * round_ * np.exp(-iteration / 7 + rng.normal(0, 0.1)) if number % 2 else np.nan,
            "note": None,
        }
        for replicate in range(replicates)
        for method in methods
        for round_ in range(1, rounds + 1)
        for iteration in range(1, iterations + 1)
        for number in range(2)
    ]
    table = pd.DataFrame(rows)
    last = table.index[table["iteration"] == iterations][:noted]
    table["note"] = table["note"].astype(object)
    table.loc[last, "note"] = "ADMM has not converged: ..."
    return table


def draw(table, **changes):
    settings = SETTINGS | changes
    with style.drawing(settings):
        figure = plotted.figure_of(residuals, {"sparsity": table}, settings)
        FigureCanvasAgg(figure).draw()
    return figure


CASES = {
    "default": ({}, {}),
    "two methods": ({"methods": ("admm", "admm_by_layer"), "noted": 4}, {}),
    "six methods": ({"methods": [f"admm_{k}" for k in range(6)], "replicates": 2, "rounds": 2}, {}),
    "one replicate": ({"replicates": 1, "rounds": 3, "noted": 3}, {}),
    "one round": ({"rounds": 1}, {}),
    "one iteration": ({"iterations": 1}, {}),
    "many rounds": ({"rounds": 20, "replicates": 2}, {}),
    "poster": ({"noted": 1}, {"context": "poster", "palette": "mako"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_nothing_overlaps_or_is_cut(case):
    table, changes = CASES[case]
    assert_legible(draw(synthetic(**table), **changes))


def test_lines_are_means_over_replicates():
    table = synthetic(replicates=3, rounds=2)
    primal, dual = draw(table.sample(frac=1, random_state=1)).axes
    for axis, residual in ((primal, "primal_residual"), (dual, "dual_residual")):
        assert axis.get_yscale() == "log"
        for round_, line in enumerate(axis.lines, start=1):
            assert line.get_xdata().tolist() == list(range(1, 31))
            for iteration, value in zip(line.get_xdata(), line.get_ydata(), strict=True):
                mine = table[(table["round"] == round_) & (table["iteration"] == iteration)]
                assert value == pytest.approx(t_interval(mine[residual])[0])


def test_it_says_what_had_not_converged_and_what_is_one_replicate():
    words = " ".join(text.get_text() for text in texts(draw(synthetic(replicates=1, rounds=3, noted=2))))
    words = re.sub(r"\s+", " ", words)
    assert "2 of 3 trainings had not converged" in words
    assert style.ONE_REPLICATE in words
    words = " ".join(text.get_text() for text in texts(draw(synthetic(rounds=1))))
    assert "converged" not in words
    assert "Pruning round" not in words


def test_residuals_of_zero_have_no_place():
    table = synthetic(rounds=1)
    table.loc[table["iteration"] == 30, "dual_residual"] = 0.0
    primal, dual = draw(table).axes
    assert len(primal.lines[0].get_xdata()) == 30
    assert len(dual.lines[0].get_xdata()) == 29


def test_without_admm_there_is_a_sentence():
    table = synthetic(rounds=1).assign(iteration=np.nan, primal_residual=np.nan, dual_residual=np.nan)
    (text,) = texts(draw(table))
    assert text.get_text().replace("\n", " ") == "sparsity.csv has no residuals: no method is trained by ADMM."


def test_the_same_bytes_twice(tmp_path):
    table = synthetic(rounds=3, noted=1)
    for name in ("one", "two"):
        files = (tmp_path / f"{name}.svg", tmp_path / f"{name}.png")
        shown = residuals.rows({"sparsity": table}, SETTINGS)
        style.render(residuals.draw, shown, SETTINGS, *files, title="residuals")
    for suffix in ("svg", "png"):
        assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"two.{suffix}").read_bytes()
