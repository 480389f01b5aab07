"""The figure of claims: verdicts in words and shapes, bounds, sides, and many methods."""

from itertools import pairwise

import numpy as np
import pytest
from figures import synthetic

from prunesim.figures import claims, plotted, style
from prunesim.results.reading import COLUMNS

SETTINGS = {"context": "paper", "dpi": 60}


def drawn(table):
    with style.drawing(SETTINGS):
        figure = plotted.figure_of(claims, {"claims": table}, SETTINGS)
        figure.draw_without_rendering()
    return figure


def marks(axis):
    return [line for line in axis.lines if line.get_marker() not in ("None", None, "")]


@pytest.fixture(scope="module")
def figure():
    return drawn(synthetic.claims(("imp", "random")))


def test_the_table_has_what_the_figure_reads():
    assert list(synthetic.claims().columns) == COLUMNS["claims"]


def test_a_panel_a_claim_and_a_row_a_method(figure):
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert [title.split("\n")[0] for title in titles[:3]] == [
        "Accuracy is kept to the last round",
        "Layers inside drift with each round",
        "Every layer is more alike than shuffled images",
    ]
    assert len(titles) == 4
    assert "\n" in titles[3]
    assert max(len(line) for title in titles for line in title.split("\n")) <= claims.TITLE_LETTERS
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["imp", "random"]
    assert "Nothing to compute from: The gap of layers inside grows with sparsity." in figure.get_suptitle()


def test_marks_stand_at_the_estimates_and_say_the_verdict_by_shape_and_fill(figure):
    kept = figure.axes[0]
    assert [line.get_xdata()[0] for line in marks(kept)] == pytest.approx([0.01, 0.01])
    shapes = [marks(axis)[0].get_marker() for axis in figure.axes]
    assert shapes == ["o", "o", "D", "X"]
    hollow = [marks(axis)[0].get_markerfacecolor() == "white" for axis in figure.axes]
    assert hollow == [False, True, True, False]
    words = [axis.texts[0].get_text() for axis in figure.axes]
    assert words == ["supported", "supported, alone", "inconclusive", "contradicted"]
    assert len({line.get_ydata()[0] for line in marks(kept)}) == 2
    assert [tuple(segment[:, 0]) for segment in kept.collections[0].get_segments()] == [pytest.approx((0.005, 0.015))]


def test_the_side_of_the_claim_is_shaded_up_to_the_bound(figure):
    kept, drift = figure.axes[:2]
    for axis, bound, below in ((kept, -0.01, False), (drift, 0.0, True)):
        shade = axis.patches[0].get_window_extent().transformed(axis.transData.inverted())
        assert (shade.x1 if below else shade.x0) == pytest.approx(bound, abs=1e-9)
        assert axis.lines[0].get_xdata()[0] == bound
        low, high = axis.get_xlim()
        assert low < bound < high


def test_without_intervals_one_replicate_is_said():
    table = synthetic.claims().assign(ci_low=np.nan, ci_high=np.nan, replicates=1.0, p_holm=np.nan)
    table = table.assign(verdict="inconclusive", verdict_holm="inconclusive")
    figure = drawn(table)
    assert style.ONE_REPLICATE in figure.get_suptitle()
    assert figure.axes[0].texts[0].get_text() == "one replicate"


def test_nothing_to_draw_is_said():
    figure = drawn(synthetic.claims().assign(estimate=np.nan))
    assert "has no estimate of any claim" in figure.axes[0].texts[0].get_text().replace("\n", " ")


def test_rows_of_many_methods_do_not_overlap():
    methods = [f"method_with_a_long_name_{index}" for index in range(12)]
    figure = drawn(synthetic.claims(methods))
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == 12
    for one, other in pairwise(boxes):
        assert not one.overlaps(other)
    labels = [text.get_window_extent() for text in figure.axes[0].get_yticklabels()]
    assert min(box.x0 for box in labels) >= 0
    assert max(box.x1 for box in boxes) <= figure.bbox.width
