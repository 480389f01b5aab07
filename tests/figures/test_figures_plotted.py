"""The table beside a figure: what is drawn is what it holds, and wide intervals do not hide a curve."""

import importlib

import numpy as np
import pandas as pd
import pytest
from figures import synthetic
from matplotlib.collections import PathCollection

from prunesim.figures import plotted, style
from prunesim.figures.catalogue import FIGURES, MORE, figures_of
from prunesim.results.reading import t_interval

NUMBERS = ("value", "low", "high", "estimate", "ci_low", "ci_high")


def shown(name, tables, **changes):
    settings = synthetic.SETTINGS | changes
    module = importlib.import_module(FIGURES[name]["module"])
    own = {table: tables[table] for table in FIGURES[name]["tables"]}
    return module, module.rows(own, settings), settings


def heights(figure):
    """Return all numbers along the axes that are drawn as lines and points."""
    found = []
    for axis in figure.axes:
        found += [value for line in axis.lines for value in np.ravel(line.get_ydata()).astype(float)]
        points = [drawn.get_offsets() for drawn in axis.collections if isinstance(drawn, PathCollection)]
        found += [value for many in points for value in np.asarray(many)[:, 1]]
    return found


@pytest.mark.parametrize("name", ["accuracy", "similarity", "density", "functional", "yardstick", "training"])
def test_what_is_drawn_is_in_the_table(name, tmp_path):
    module, found, settings = shown(name, synthetic.study(replicates=3, rounds=3, methods=("imp", "random")))
    plotted.write_plotted(found.rows, tmp_path / "table.csv")
    table = pd.read_csv(tmp_path / "table.csv")
    known = np.sort(table[[column for column in NUMBERS if column in table.columns]].to_numpy().ravel())
    known = known[np.isfinite(known)]
    with style.drawing(settings):
        drawn = [value for value in heights(module.draw(found, settings)) if np.isfinite(value)]
    assert len(drawn) > 10
    for value in drawn:
        assert np.isclose(known, value, rtol=1e-9, atol=1e-12).any(), value


def test_another_table_draws_another_figure():
    """The drawing knows nothing but the table."""
    module, found, settings = shown("accuracy", synthetic.study(rounds=2))
    with style.drawing(settings):
        figure = module.draw(found._replace(rows=found.rows.assign(value=42.0)), settings)
    line = next(line for line in figure.axes[0].lines if line.get_label() == "imp")
    assert set(line.get_ydata()) == {42.0}


@pytest.mark.parametrize(
    ("name", "table", "column"),
    [("accuracy", "networks", "test_accuracy"), ("similarity", "similarity", "value"), ("density", "layers", "density"),
     ("functional", "similarity", "value")],
)  # fmt: skip
def test_intervals_that_leave_the_axes_do_not_hide_the_curve(name, table, column):
    """Three replicates that differ have intervals of more than twice their range."""
    tables = synthetic.study(replicates=3, rounds=4)
    wide = tables[table]
    aside = wide.get("replicate", wide.get("replicate_b"))
    wide[column] = wide[column] * (1 - 0.12 * aside)
    module, found, settings = shown(name, tables)
    with style.drawing(settings):
        axis = module.draw(found, settings).axes[0]
    values = found.rows[found.rows["shown"].isin(["mean", "replicate"])]
    if "measure" in values.columns:
        values = plotted.pick(values, measure="agreement")
    low, high = sorted(axis.get_ylim())
    assert values["value"].between(low, high).all()
    assert values["low"].min() < low or values["high"].max() > high or name in ("similarity", "density")
    seen = values["value"].max() - values["value"].min()
    assert high - low < 2.5 * seen or name in ("similarity", "density")
    assert (found.rows["shown"] == "replicate").any()


def test_intervals_in_the_table_are_whole():
    tables = synthetic.study(replicates=3, rounds=2)
    _, found, _ = shown("accuracy", tables)
    networks = tables["networks"]
    for row in plotted.pick(found.rows, shown="mean").itertuples():
        values = 100 * networks.loc[networks["round"] == row.round, "test_accuracy"]
        assert (row.value, row.low, row.high) == pytest.approx(t_interval(values))
        assert row.n == 3


def test_overlap_of_masks_and_chance_stand_side_by_side():
    _, found, _ = shown("overlap", synthetic.study(replicates=3, rounds=2, methods=("imp", "random")))
    assert set(zip(found.rows["kind"], found.rows["pair"], strict=True)) == {
        ("replicates", "imp"), ("replicates", "random"), ("methods", "imp and random"),
    }  # fmt: skip
    chance = plotted.pick(found.rows, shown="chance", round=2)
    assert chance["value"].tolist() == pytest.approx([0.64 / 1.36] * 3)
    means = plotted.pick(found.rows, shown="mean")
    assert means.loc[means["kind"] == "replicates", "low"].isna().all()
    assert means.loc[means["kind"] == "methods", "low"].notna().all()


def test_a_spectrum_ends_where_a_replicate_does():
    tables = synthetic.study(replicates=3, rounds=5)
    module, found, settings = shown("spectra", tables)
    table = tables["spectra"]
    for round_, count in ((1, 32), (5, 29)):  # in the last round the replicates have 31, 30 and 29
        mean = plotted.pick(found.rows, shown="mean", layer="relu2", round=round_)
        assert mean["index"].tolist() == list(range(1, count + 1))
        assert set(mean["n"]) == {3}
        mine = table[(table["layer"] == "relu2") & (table["round"] == round_) & (table["index"] == 7)]
        assert mean["value"].iloc[6] == pytest.approx(mine["correlation"].mean())
    assert set(plotted.pick(found.rows, shown="null")["round"]) == {1, 5}
    figure = plotted.drawing_of(module.draw)(found, settings)
    panel = next(axis for axis in figure.axes if axis.get_title() == "relu2")
    means = [line for line in panel.lines if line.get_linestyle() == "-"]
    assert [len(line.get_xdata()) for line in means] == [32, 32, 32, 32, 29]


def test_the_legend_of_widths_is_below_all_panels():
    module, found, settings = shown("widths", synthetic.study(replicates=3, rounds=1))
    figure = plotted.drawing_of(module.draw)(found, settings)
    figure.draw_without_rendering()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["untrained", "trained", "by chance"]
    assert not [axis for axis in figure.axes if axis.get_legend()]
    assert legend.get_window_extent().y1 <= min(axis.get_tightbbox().y0 for axis in figure.axes)


def test_rank_agreement_is_one_for_measures_that_rank_alike():
    tables = synthetic.study(replicates=2, rounds=3)
    table = tables["similarity"]
    same = table[table["measure"] == "cca_mean"].assign(measure="svcca")
    turned = same.assign(measure="procrustes_distance", value=2 - 2 * same["value"])
    tables["similarity"] = pd.concat([table[table["measure"] != "cka_linear"], same, turned])
    _, found, _ = shown("measures", tables)
    for agreement in ("kendall", "spearman"):
        assert plotted.pick(found.rows, shown=agreement)["value"].tolist() == pytest.approx([1.0] * 3)
        assert plotted.pick(found.rows, shown=agreement)["n"].tolist() == [2] * 3


def test_further_figures_are_there_where_they_are_asked_for():
    tables = [*synthetic.study(rounds=1)]
    assert not {*MORE} & {*figures_of(tables, {})}
    assert {*figures_of(tables, {}, MORE)} == {*FIGURES} - {"residuals"}
    assert "overlap" not in figures_of(["similarity", "networks"], {}, MORE)


@pytest.mark.slow
@pytest.mark.parametrize("width", ["single", "double"])
def test_figures_fit_columns(width, tmp_path):
    tables = synthetic.study(replicates=2, rounds=2)
    for name in ("accuracy", "claims"):
        module, found, settings = shown(name, tables, width=width, dpi=100)
        files = tmp_path / "a.svg", tmp_path / "a.png"
        style.render(plotted.drawing_of(module.draw), found, settings, *files, name, pdf=tmp_path / "a.pdf")
        pixels = int.from_bytes(files[1].read_bytes()[16:20], "big")
        assert pixels == (350 if width == "single" and name == "accuracy" else 720)
    pdf = (tmp_path / "a.pdf").read_bytes()
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert b"CreationDate" not in pdf
