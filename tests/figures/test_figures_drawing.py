"""What the figures show, and that nothing in them overlaps or is cut."""

import importlib
from itertools import combinations

import numpy as np
import pytest
from figures import synthetic
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.text import Text

from prunesim.errors import PrunesimError
from prunesim.figures import plotted, profiles, style
from prunesim.figures.catalogue import FIGURES
from prunesim.results.reading import t_interval

LUMINANCE = [0.2126, 0.7152, 0.0722]
VGG = [f"features.relu{block}_{index}" for block in (1, 2, 3) for index in (1, 2, 3)] + ["classifier"]


def draw(name, tables, **changes):
    settings = synthetic.SETTINGS | changes
    with style.drawing(settings):
        module = importlib.import_module(FIGURES[name]["module"])
        own = {key: settings[key] for key in FIGURES[name]["settings"]}
        figure = plotted.figure_of(module, {table: tables[table] for table in FIGURES[name]["tables"]}, own)
        FigureCanvasAgg(figure).draw()
    return figure


def texts(figure):
    """Return the texts that are seen; tick labels outside the limits and on hidden axes are artists too."""
    hidden = set()
    for axes in figure.axes:
        for axis, low, high in ((axes.xaxis, *axes.bbox.intervalx), (axes.yaxis, *axes.bbox.intervaly)):
            for label in axis.get_ticklabels():
                box = label.get_window_extent()
                middle = (box.x0 + box.x1) / 2 if axis is axes.xaxis else (box.y0 + box.y1) / 2
                if not axes.axison or not low - 1 <= middle <= high + 1:
                    hidden.add(label)
            if not axes.axison:
                hidden.add(axis.label)
    found = figure.findobj(lambda artist: isinstance(artist, Text) and artist.get_visible() and artist not in hidden)
    return [text for text in found if text.get_text().strip()]


def marked(axis):
    """Return the lines of the rounds."""
    return [line for line in axis.lines if line.get_marker() and line.get_marker() in style.MARKERS]


def assert_legible(figure):
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts(figure)]
    page = figure.bbox
    for words, box in boxes:
        assert box.x0 >= page.x0 - 1, words
        assert box.y0 >= page.y0 - 1, words
        assert box.x1 <= page.x1 + 1, words
        assert box.y1 <= page.y1 + 1, words
    for (one, first), (other, second) in combinations(boxes, 2):
        across = min(first.x1, second.x1) - max(first.x0, second.x0)
        along = min(first.y1, second.y1) - max(first.y0, second.y0)
        assert across <= 1 or along <= 1, f"{one!r} lies on {other!r}"


CASES = {
    "default": ({}, {}),
    "two methods": ({"methods": ("imp", "random")}, {}),
    "four methods": ({"methods": ("fine_tune", "imp", "lottery", "random"), "replicates": 2}, {}),
    "one replicate": ({"replicates": 1, "rounds": 3}, {}),
    "one round": ({"rounds": 1}, {}),
    "no round": ({"rounds": 0}, {}),
    "many rounds": ({"rounds": 20, "replicates": 2, "measures": ("cca_mean",)}, {}),
    "long names": ({"layers": VGG, "replicates": 2}, {"layers": VGG}),
    "poster": ({}, {"context": "poster", "palette": "mako"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("case", CASES)
def test_nothing_overlaps_or_is_cut(case, name):
    study, changes = CASES[case]
    assert_legible(draw(name, synthetic.study(**study), **changes))


def test_accuracy_shows_means_intervals_and_replicates():
    tables = synthetic.study(replicates=3, rounds=4)
    networks = tables["networks"]
    (axis,) = draw("accuracy", tables).axes
    line = next(line for line in axis.lines if line.get_label() == "imp")
    (band,) = (drawn.get_paths()[0].vertices for drawn in axis.collections if isinstance(drawn, PolyCollection))
    (points,) = (drawn.get_offsets() for drawn in axis.collections if isinstance(drawn, PathCollection))
    for round_ in range(5):
        values = 100 * networks.loc[networks["round"] == round_, "test_accuracy"]
        mean, low, high = t_interval(values)
        assert line.get_xdata()[round_] == pytest.approx(100 * 0.8**round_)
        assert line.get_ydata()[round_] == pytest.approx(mean)
        at = band[np.isclose(band[:, 0], 100 * 0.8**round_), 1]
        assert (at.min(), at.max()) == pytest.approx((low, high))
    assert len(points) == len(networks)
    assert sorted(points[:, 1]) == pytest.approx(sorted(100 * networks["test_accuracy"]))
    dense = next(line for line in axis.lines if line.get_label() == "dense")
    assert dense.get_ydata()[0] == pytest.approx(100 * networks.loc[networks["round"] == 0, "test_accuracy"].mean())
    left, right = axis.get_xlim()
    assert left > right


def test_similarity_shows_each_round_by_layer_in_network_order():
    tables = synthetic.study(replicates=3, rounds=4)
    table = tables["similarity"]
    tables["similarity"] = table.sample(frac=1, random_state=1)
    order = [*reversed(synthetic.LAYERS)]
    (axis,) = draw("similarity", tables, layers=order).axes
    assert [label.get_text() for label in axis.get_xticklabels()] == order
    lines = marked(axis)
    assert len(lines) == 4
    own = table[(table["family"] == "rounds") & (table["measure"] == "cca_mean") & (table["round_a"] == 0)]
    for round_, line in enumerate(lines, start=1):
        for layer, value in zip(order, line.get_ydata(), strict=True):
            rows = own[(own["round_b"] == round_) & (own["layer_b"] == layer)]
            assert len(rows) == 3
            assert value == pytest.approx(rows["value"].mean())
    assert len({line.get_marker() for line in lines}) == 4


def test_similarity_bands_are_intervals_of_first_and_last_round():
    tables = synthetic.study(replicates=3, rounds=5)
    table = tables["similarity"]
    (axis,) = draw("similarity", tables).axes
    bands = [band for band in axis.collections if band.get_alpha() == 0.2]
    assert len(bands) == 2
    for round_, band in zip((1, 5), bands, strict=True):
        rows = table[
            (table["family"] == "rounds")
            & (table["measure"] == "cca_mean")
            & (table["round_a"] == 0)
            & (table["round_b"] == round_)
            & (table["layer_b"] == "relu3")
        ]
        vertices = band.get_paths()[0].vertices
        at = vertices[vertices[:, 0] == 2, 1]
        assert (at.min(), at.max()) == pytest.approx(t_interval(rows["value"])[1:])


def test_similarity_shows_yardstick_and_null():
    tables = synthetic.study(replicates=3, rounds=2)
    table = tables["similarity"]
    figure = draw("similarity", tables)
    (axis,) = figure.axes
    rows = table[(table["family"] == "replicates") & (table["measure"] == "cca_mean") & (table["round_a"] == 0)]
    expected = rows.groupby("layer_a")["value"].mean()[synthetic.LAYERS]
    assert any(np.allclose(line.get_ydata(), expected) for line in axis.lines if line.get_color() == "black")
    null = [0.12] * 5 + [0.05]
    assert any(np.allclose(line.get_ydata(), null) for line in axis.lines)
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert named == ["1 (80 %)", "2 (64 %)", "two dense networks", "null (images shuffled)"]


def test_similarity_has_one_panel_a_method_and_does_not_mix_them():
    tables = synthetic.study(replicates=2, rounds=2, methods=("imp", "random"))
    table = tables["similarity"]
    table.loc[(table["method_b"] == "random") & (table["family"] == "rounds"), "value"] = 0.25
    figure = draw("similarity", tables)
    assert [axis.get_title() for axis in figure.axes] == ["imp", "random"]
    imp, random = (marked(axis) for axis in figure.axes)
    assert len(imp) == len(random) == 2
    assert all(np.min(line.get_ydata()) > 0.5 for line in imp)
    assert all(np.allclose(line.get_ydata(), 0.25) for line in random)


def test_legend_leaves_out_densities_on_which_methods_differ():
    tables = synthetic.study(replicates=2, rounds=1, methods=("imp", "random"))
    networks = tables["networks"]
    networks.loc[networks["method"] == "random", "density"] = 0.5
    assert draw("similarity", tables).legends[0].get_texts()[0].get_text() == "1"


def test_legend_of_many_rounds_names_first_and_last():
    figure = draw("similarity", synthetic.study(replicates=2, rounds=20, measures=("cca_mean",)))
    named = [text.get_text().split()[0] for text in figure.legends[0].get_texts()]
    assert named[0] == "1"
    assert "20" in named
    assert len(named) == 14


@pytest.mark.parametrize("palette", ["cividis", "viridis", "Blues", "mako", "rocket_r"])
@pytest.mark.parametrize("count", [2, 10])
def test_rounds_get_darker_in_greyscale_whatever_the_palette(palette, count):
    colours = np.array(style.round_colours(palette, count))[:, :3]
    light = colours @ LUMINANCE
    assert (np.diff(light) < 0).all()
    assert light[0] < 0.7
    assert light[-1] < 0.25


def test_one_round_takes_the_darkest_colour():
    assert style.round_colours("cividis", 1) == [style.round_colours("cividis", 5)[-1]]
    assert style.round_colours("cividis", 0) == []


def cells(axis):
    return (
        axis.collections[0].get_array().filled(np.nan).reshape(axis.collections[0].get_coordinates().shape[0] - 1, -1)
    )


def test_rounds_map_holds_means_over_replicates():
    tables = synthetic.study(replicates=3, rounds=4)
    table = tables["similarity"]
    axis = draw("rounds", tables).axes[0]
    rows = table[(table["family"] == "rounds") & (table["measure"] == "cca_mean") & (table["round_a"] == 0)]
    expected = rows.groupby(["layer_b", "round_b"])["value"].mean().unstack().loc[synthetic.LAYERS]
    np.testing.assert_allclose(cells(axis), expected)


def test_layers_map_has_dense_down_and_pruned_across():
    tables = synthetic.study(replicates=2, rounds=3)
    table = tables["similarity"]
    mine = (table["family"] == "layers") & (table["measure"] == "cca_mean")
    table.loc[mine & (table["layer_a"] == "relu1") & (table["layer_b"] == "relu2"), "value"] = 0.11
    axis = draw("layers", tables).axes[0]
    assert cells(axis)[0, 1] == pytest.approx(0.11)
    assert cells(axis)[1, 0] > 0.5
    assert axis.get_xlabel() == "Layer after round 3"
    expected = table[mine].groupby(["layer_a", "layer_b"])["value"].mean().unstack()
    np.testing.assert_allclose(cells(axis), expected.loc[synthetic.LAYERS, synthetic.LAYERS])


def test_round_pairs_hold_the_upper_triangle():
    tables = synthetic.study(replicates=2, rounds=3)
    table = tables["similarity"]
    figure = draw("round_pairs", tables)
    axis = figure.axes[synthetic.LAYERS.index("relu3")]
    assert axis.get_title() == "relu3"
    rows = table[(table["family"] == "rounds") & (table["measure"] == "cca_mean") & (table["layer_b"] == "relu3")]
    expected = rows.groupby(["round_a", "round_b"])["value"].mean().unstack()
    np.testing.assert_allclose(cells(axis), expected)
    assert np.isnan(cells(axis)[np.tril_indices(3, -1)]).all()


def test_density_shows_each_layer_in_the_order_of_the_table():
    tables = synthetic.study(replicates=2, rounds=3)
    table = tables["layers"]
    (axis,) = draw("density", tables).axes
    assert [label.get_text() for label in axis.get_xticklabels()] == list(synthetic.WEIGHTS)
    assert len(axis.lines) == 3
    for round_, line in enumerate(axis.lines, start=1):
        expected = table[table["round"] == round_].groupby("layer")["density"].mean()[list(synthetic.WEIGHTS)]
        np.testing.assert_allclose(line.get_ydata(), 100 * expected)
    assert axis.get_yscale() == "log"


def test_a_layer_without_weights_leaves_a_gap():
    tables = synthetic.study(replicates=2, rounds=2)
    table = tables["layers"]
    table.loc[(table["layer"] == "conv3") & (table["round"] == 2), "density"] = 0.0
    (axis,) = draw("density", tables).axes
    assert np.isnan(axis.lines[1].get_ydata()[2])
    assert np.isfinite(axis.lines[0].get_ydata()).all()


@pytest.mark.parametrize("name", ["accuracy", "similarity", "density"])
def test_one_replicate_has_no_band_and_says_so(name):
    figure = draw(name, synthetic.study(replicates=1, rounds=2))
    assert "One replicate, so no interval." in [text.get_text() for text in texts(figure)]
    bands = [band for band in figure.axes[0].collections if band.get_alpha() == 0.2]
    assert all(np.isnan(path.vertices).any() or not len(path.vertices) for band in bands for path in band.get_paths())
    more = draw(name, synthetic.study(replicates=2, rounds=2))
    assert not any("replicate," in text.get_text() for text in texts(more))


@pytest.mark.parametrize("name", FIGURES)
def test_empty_tables_give_a_sentence(name):
    tables = {table: frame.iloc[:0] for table, frame in synthetic.study(rounds=1).items()}
    figure = draw(name, tables)
    assert_legible(figure)
    (sentence,) = texts(figure)
    assert sentence.get_text().endswith(".")


@pytest.mark.parametrize("name", ["similarity", "rounds", "round_pairs", "layers"])
def test_values_that_are_all_missing_give_their_note(name):
    tables = synthetic.study(rounds=2)
    tables["similarity"]["value"] = np.nan
    tables["similarity"]["note"] = "fewer samples than neurons"
    (sentence,) = texts(draw(name, tables))
    assert "fewer samples than neurons" in " ".join(sentence.get_text().split())


@pytest.mark.parametrize("name", ["similarity", "rounds", "round_pairs", "layers"])
def test_single_missing_values_leave_the_others(name):
    tables = synthetic.study(replicates=2, rounds=4)
    table = tables["similarity"]
    gone = table["layer_b"] == "relu3"
    table.loc[gone & (table["round_b"] == 4), "value"] = np.nan
    table["null"] = np.nan
    figure = draw(name, tables)
    assert_legible(figure)
    if name == "similarity":
        last = marked(figure.axes[0])[-1]
        assert np.isnan(last.get_ydata()[2])
        assert np.isfinite(np.delete(last.get_ydata(), 2)).all()
        assert "null (images shuffled)" not in [text.get_text() for text in figure.legends[0].get_texts()]
    else:
        axis = figure.axes[2 if name == "round_pairs" else 0]
        hatched = [patch for patch in axis.patches if patch.get_hatch()]
        possible = np.triu(np.ones((4, 4), dtype=bool)) if name == "round_pairs" else np.ones(cells(axis).shape, bool)
        assert len(hatched) == (np.isnan(cells(axis)) & possible).sum() > 0


# --- Layers without a value

WHY = "200 samples for 120 and 120 neurons; CCA needs more samples than neurons"


def lacking(*layers, **study):
    """Return the tables of a study in which some layers are too wide for their samples."""
    tables = synthetic.study(**study)
    table = tables["similarity"]
    here = table["layer_a"].isin(layers) | table["layer_b"].isin(layers)
    table["note"] = table["note"].astype(object)
    table.loc[here, ["value", "ci_low", "ci_high", "null"]] = np.nan
    table.loc[here, "note"] = f"no value: {WHY}"
    return tables


def remark_of(figure):
    """Return the remark above the panels as one line."""
    return " ".join(figure.get_suptitle().split())


def spans(artist_of_axis, layers):
    """Return which layers an area covers, each with some width."""
    found = []
    for path in artist_of_axis.get_paths():
        left, right = path.vertices[:, 0].min(), path.vertices[:, 0].max()
        assert right - left > 0.1
        found += [layer for place, layer in enumerate(layers) if left <= place <= right]
    return found


@pytest.mark.parametrize("gone", [("relu5",), ("relu1", "relu3"), ("relu2", "relu4", "relu5"), ("logits",)])
def test_everything_is_drawn_beside_a_gap(gone):
    tables = lacking(*gone, replicates=3, rounds=3)
    figure = draw("similarity", tables)
    assert_legible(figure)
    (axis,) = figure.axes
    kept = [layer for layer in synthetic.LAYERS if layer not in gone]
    null, *bands = (drawn for drawn in axis.collections if isinstance(drawn, PolyCollection))
    assert len(bands) == 3
    for area in (null, *bands):
        assert sorted(spans(area, synthetic.LAYERS)) == sorted(kept)
    for line in marked(axis):
        assert np.isnan([line.get_ydata()[synthetic.LAYERS.index(layer)] for layer in gone]).all()
        assert np.isfinite(line.get_ydata()).sum() == len(kept)
    yardstick = next(line for line in axis.lines if line.get_color() == "black")
    x, y = np.asarray(yardstick.get_xdata()), np.asarray(yardstick.get_ydata())
    table = tables["similarity"]
    dense = table[(table["family"] == "replicates") & (table["measure"] == "cca_mean") & (table["round_a"] == 0)]
    means = dense.groupby("layer_a")["value"].mean()
    for layer in kept:
        place = synthetic.LAYERS.index(layer)
        alone = not {*synthetic.LAYERS[max(place - 1, 0) : place + 2]} & {*kept} - {layer}
        here = np.abs(x - place) < 0.5
        assert here.sum() == 1 + alone
        np.testing.assert_allclose(y[here], means[layer])
        assert np.mean(x[here]) == pytest.approx(place)
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert named[-2:] == ["two dense networks", "null (images shuffled)"]
    assert remark_of(figure) == f"No value at {', '.join(gone)}: {WHY}."


def test_a_gap_of_some_rounds_is_counted():
    tables = synthetic.study(replicates=2, rounds=3)
    table = tables["similarity"]
    gone = (table["layer_b"] == "relu3") & (table["round_b"] == 3) & (table["family"] == "rounds")
    table.loc[gone, "value"] = np.nan
    table["note"] = table["note"].astype(object)
    table.loc[gone, "note"] = "no value: b has no variance"
    assert remark_of(draw("similarity", tables)) == "No value at relu3 in 2 of 7 comparisons: b has no variance."
    assert remark_of(draw("rounds", tables)) == "No value at relu3 in 2 of 6 comparisons: b has no variance."
    assert remark_of(draw("round_pairs", tables)) == "No value at relu3 in 6 of 12 comparisons: b has no variance."


def test_a_method_without_any_value_keeps_its_panel():
    tables = synthetic.study(replicates=2, rounds=2, methods=("imp", "random"))
    table = tables["similarity"]
    table.loc[table["method_b"] == "random", "value"] = np.nan
    figure = draw("similarity", tables)
    assert [axis.get_title() for axis in figure.axes] == ["imp", "random"]
    assert [len(marked(axis)) for axis in figure.axes] == [2, 0]
    assert "in 4 of 9 comparisons" in remark_of(figure)


def test_pruned_networks_without_any_value_are_not_called_none():
    tables = synthetic.study(replicates=2, rounds=2)
    tables["similarity"].loc[tables["similarity"]["family"] == "rounds", "value"] = np.nan
    figure = draw("similarity", tables)
    assert "No pruning round" not in remark_of(figure)
    assert "in 4 of 5 comparisons" in remark_of(figure)


def test_the_legend_lists_a_null_that_is_drawn():
    tables = synthetic.study(replicates=2, rounds=2)
    table = tables["similarity"]
    table.loc[table["family"] == "rounds", "null"] = np.nan
    figure = draw("similarity", tables)
    assert "null (images shuffled)" in [text.get_text() for text in figure.legends[0].get_texts()]
    assert spans(figure.axes[0].collections[0], synthetic.LAYERS) == synthetic.LAYERS


@pytest.mark.slow
@pytest.mark.parametrize("name", ["similarity", "rounds", "round_pairs", "layers"])
@pytest.mark.parametrize("case", ["default", "long names", "two methods", "one replicate", "poster"])
def test_the_remark_on_a_gap_fits(case, name):
    study, changes = CASES[case]
    layers = study.get("layers", synthetic.LAYERS)
    figure = draw(name, lacking(layers[1], layers[-1], **study), **changes)
    assert_legible(figure)
    assert f"No value at {layers[1]}, {layers[-1]}: {WHY}." in remark_of(figure)


def test_layers_that_are_lost_on_one_side_are_named():
    tables = synthetic.study(replicates=2, rounds=2)
    table = tables["similarity"]
    dead = (table["layer_b"] == "relu4") & (table["method_b"] == "imp")
    table.loc[dead, "value"] = np.nan
    assert remark_of(draw("layers", tables)) == "No value at relu4."


def test_layers_without_weights_are_named():
    tables = synthetic.study(replicates=2, rounds=4)
    table = tables["layers"]
    table.loc[(table["layer"] == "linear1") & (table["round"] >= 3), "density"] = 0.0
    table.loc[(table["layer"] == "conv2") & (table["round"] == 4) & (table["replicate"] == 1), "density"] = 0.0
    figure = draw("density", tables)
    assert_legible(figure)
    assert remark_of(figure) == (
        "No weights left in conv2 from round 4 on in some of the networks. No weights left in linear1 from round 3 on."
    )
    last = [band for band in figure.axes[0].collections if band.get_alpha() == 0.2][-1]
    assert "logits" in spans(last, list(synthetic.WEIGHTS))


@pytest.mark.parametrize(
    ("values", "places"),
    [
        ([1, 2, 3], [0, 1, 2]),
        ([np.nan] * 3, [0, 1, 2]),
        ([1, 2, np.nan], [0, 1, 2]),
        ([1, np.nan, 3], [-0.12, 0.12, 1, 1.88, 2.12]),
        ([np.nan, 2, np.nan], [0, 0.88, 1.12, 2]),
        ([5], [-0.12, 0.12]),
    ],
)
def test_a_point_between_gaps_is_widened(values, places):
    x, y = profiles.widened(range(len(values)), values)
    assert list(x) == pytest.approx(places)
    np.testing.assert_array_equal(y, [values[round(place)] for place in places])


def test_distances_are_shown_as_distances():
    tables = synthetic.study(rounds=3, measures=("procrustes_distance",))
    table = tables["similarity"]
    table["value"], table["null"] = 2 - 2 * table["value"], 1.8
    figure = draw("similarity", tables, measure="procrustes_distance")
    assert figure.axes[0].get_ylabel().startswith("Distance")
    assert figure.axes[0].get_ylim()[1] > 1.8
    similar, far = (
        draw("rounds", tables, measure="procrustes_distance").axes[0].collections[0].cmap(end) for end in (0.0, 1.0)
    )
    assert np.dot(similar[:3], LUMINANCE) > np.dot(far[:3], LUMINANCE)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"palette": "no_such_map"}, "'no_such_map', which is no colour map"),
        ({"palette": "colorblind"}, "'colorblind', which is no colour map"),
        ({"palette": 3}, "3, which is no colour map"),
        ({"context": "cinema"}, "'cinema'; one of paper, notebook"),
        ({"dpi": "fine"}, "'fine'; a number from 10 to 2400"),
        ({"dpi": 0}, "0; a number from 10 to 2400"),
        ({"measure": "pwcca"}, "no measure 'pwcca'"),
    ],
)
def test_settings_that_cannot_be_drawn_are_refused(changes, sentence):
    with pytest.raises(PrunesimError, match=sentence):
        draw("similarity", synthetic.study(rounds=1), **changes)


@pytest.mark.parametrize("name", ["accuracy", "functional"])
@pytest.mark.parametrize("count", [4, 8])
def test_many_methods_stay_readable(name, count):
    """Bars instead of bands that hide each other, no two lines alike, names beside the axes."""
    methods = [f"method_{number}" for number in range(count)]
    figure = draw(name, synthetic.study(replicates=3, rounds=3, methods=methods))
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names[:count] == sorted(methods)
    for axis in figure.axes:
        assert axis.get_legend() is None
        lines = [line for line in axis.lines if line.get_label() in methods]
        looks = {(line.get_color(), line.get_marker(), line.get_linestyle()) for line in lines}
        assert len(looks) == len(lines) == count
        assert not any(isinstance(artist, PolyCollection) for artist in axis.collections)
        low, high = axis.get_ylim()
        assert all(((low <= line.get_ydata()) & (line.get_ydata() <= high)).all() for line in lines)
        box = legend.get_window_extent()
        assert box.x0 >= axis.get_window_extent().x1


def test_more_methods_have_a_panel_of_accuracy_each():
    methods = [f"method_{number}" for number in range(19)]
    figure = draw("accuracy", synthetic.study(replicates=3, rounds=3, methods=methods))
    assert figure.legends == []
    assert [axis.get_title() for axis in figure.axes] == sorted(methods)
    for axis in figure.axes:
        (own,) = [line for line in axis.lines if line.get_label() == axis.get_title()]
        behind = [line for line in axis.lines if line.get_zorder() == 0]
        assert len(behind) == 18
        assert sum(isinstance(artist, PolyCollection) for artist in axis.collections) == 1
        low, high = axis.get_ylim()
        assert ((low <= own.get_ydata()) & (own.get_ydata() <= high)).all()
