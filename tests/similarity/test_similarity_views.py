"""Views of convolutional layers."""

import numpy as np
import pytest

from prunesim.errors import PrunesimError
from prunesim.similarity import compare
from prunesim.similarity.views import average_pool, channels_as_neurons, view_pair


def sentinels(n=2, c=3, h=4, w=5):
    """Return maps in which the digits of each value are its image, channel, row and column."""
    image, channel, row, column = np.ogrid[:n, :c, :h, :w]
    return 1000 * image + 100 * channel + 10 * row + column


def test_channels_are_neurons_and_positions_of_an_image_are_consecutive():
    found = channels_as_neurons(sentinels())
    assert found.shape == (40, 3)
    assert found[0].tolist() == [0, 100, 200]
    assert found[1].tolist() == [1, 101, 201]
    assert found[5].tolist() == [10, 110, 210]
    assert found[20].tolist() == [1000, 1100, 1200]
    assert view_pair(sentinels(), sentinels())[2] == 20


def test_flatten_makes_every_position_of_every_channel_a_neuron():
    x, y, rows = view_pair(sentinels(), sentinels(c=1), "flatten")
    assert (x.shape, y.shape, rows) == ((2, 60), (2, 20), 1)
    assert x[1, 3 * 4 * 5 - 1] == 1234


def test_pool_averages_windows():
    maps = sentinels(h=4, w=6).astype(float)
    assert average_pool(maps, (1, 1))[:, :, 0, 0] == pytest.approx(maps.mean(axis=(2, 3)))
    assert average_pool(maps, (2, 3))[1, 2] == pytest.approx(maps[1, 2].reshape(2, 2, 3, 2).mean(axis=(1, 3)))
    assert average_pool(maps, (4, 6)) == pytest.approx(maps)
    # Windows of a size that does not divide overlap by one: rows 0-1, 1-2, 2-3 of 4.
    uneven = average_pool(maps, (3, 6))[0, 0, :, 0]
    assert uneven == pytest.approx([5, 15, 25])


def test_layers_of_different_size_are_averaged_to_the_smaller():
    x, y = np.random.default_rng(0).random((2, 30, 4, 8, 8))
    small = average_pool(y, (4, 4))
    first, second, rows = view_pair(x, small)
    assert (first.shape, second.shape, rows) == ((480, 4), (480, 4), 16)
    assert np.array_equal(first, channels_as_neurons(average_pool(x, (4, 4))))
    mixed, _, rows = view_pair(x[:, :, :2], y[:, :, :, :3])
    assert (mixed.shape, rows) == ((180, 4), 6)


def test_the_same_rearrangement_of_positions_in_both_changes_nothing():
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 20, 4, 5, 5))
    y = y + x
    order = rng.permutation(25)
    moved = [z.reshape(20, 4, 25)[:, :, order].reshape(z.shape) for z in (x, y)]
    other = x.reshape(20, 4, 25)[:, :, order].reshape(x.shape)
    for view in ("channels", "flatten"):
        before, after, broken = (
            compare(*pair, ["cka_linear"], view=view)["measures"]["cka_linear"]["value"]
            for pair in ((x, y), moved, (other, y))
        )
        assert after == pytest.approx(before, abs=1e-12)
        assert abs(broken - before) > (1e-3 if view == "channels" else -1)


def test_a_map_and_a_matrix_are_compared_by_image():
    rng = np.random.default_rng(0)
    maps, logits = rng.random((30, 4, 5, 5)), rng.random((30, 10))
    result = compare(maps, logits, ["cka_linear"], view="pool")
    assert (result["n"], result["p"], result["q"]) == (30, 4, 10)
    with pytest.raises(PrunesimError, match="pool or flatten"):
        compare(maps, logits, ["cka_linear"])


def test_intervals_of_maps_leave_out_whole_images():
    maps = np.random.default_rng(0).random((4, 3, 6, 6))
    found = compare(maps, maps, ["cka_linear"], interval=True)
    assert found["n"] == 144
    assert "4 blocks of images" in found["measures"]["cka_linear"]["note"]


@pytest.mark.parametrize(
    ("shapes", "options", "message"),
    [
        (((4, 3, 2), (4, 3)), {}, r"first has shape \(4, 3, 2\)"),
        (((4,), (4, 3)), {}, "first has shape"),
        (((4, 3, 0, 2), (4, 3, 2, 2)), {}, "at least one"),
        (((4, 3, 2, 2), (4, 3, 2, 2)), {"size": (3, 1)}, "maps of 2 x 2.*not to 3 x 1"),
        (((4, 3, 2, 2), (4, 3, 2, 2)), {"size": (0, 1)}, "not to 0 x 1"),
        (((4, 3, 2, 2), (4, 3, 2, 2)), {"view": "columns"}, "'columns'"),
    ],
)
def test_what_does_not_fit_is_refused(shapes, options, message):
    with pytest.raises(PrunesimError, match=message):
        view_pair(*(np.ones(shape) for shape in shapes), names=("first", "second"), **options)


# --- Layouts --------------------------------------------------------------------------------------------------------


def test_channels_last_is_the_same_data():
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 30, 6, 5, 4))
    expected = compare(x, y, ["cca_mean", "cka_linear"])
    last = x.transpose(0, 2, 3, 1), y.transpose(0, 2, 3, 1)
    for pair, layout in (
        (last, "channels_last"),
        ((x, last[1]), ("channels_first", "channels_last")),
        ((last[0], y), ("channels_last", "channels_first")),
    ):
        for view in ("channels", "pool", "flatten"):
            found = compare(*pair, ["cca_mean", "cka_linear"], view=view, layout=layout)
            assert found["measures"] == compare(x, y, ["cca_mean", "cka_linear"], view=view)["measures"]
            assert (found["n"], found["p"]) == {"channels": (600, 6), "pool": (30, 6), "flatten": (30, 120)}[view]
    assert expected["n"] == 600


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((20, 6, 5, 5), (20, 5, 5, 6)), r"N x C x H x W and N x H x W x C; say which is which"),
        (((20, 5, 4, 6), (20, 6, 5, 4)), r"N x C x H x W and N x H x W x C; say which is which"),
        (((20, 7, 7, 16), (20, 7, 7, 16)), r"first has shape \(20, 7, 7, 16\), which looks like N x H x W x C"),
        (((20, 16, 8, 8), (20, 7, 7, 3)), r"second has shape \(20, 7, 7, 3\), which looks like N x H x W x C"),
    ],
)
def test_a_layout_in_doubt_is_asked_for(shapes, message):
    arrays = [np.random.default_rng(0).random(shape) for shape in shapes]
    with pytest.raises(PrunesimError, match=message):
        view_pair(*arrays, names=("first", "second"))
    for layout in ("channels_first", "channels_last"):
        view_pair(*arrays, "pool", layout=layout)


def test_what_was_made_of_maps_is_said():
    maps = np.random.default_rng(0).random((30, 3, 6, 8))
    found = compare(maps, maps[:, :, :4, :6], ["cka_linear"], names=("x.npy", "y.npy"))
    assert found["notes"] == [
        "x.npy: 30 images, 3 channels, maps of 6 x 8 (channels first), averaged to 4 x 6",
        "y.npy: 30 images, 3 channels, maps of 4 x 6 (channels first)",
    ]
    last = compare(maps, maps, ["cka_linear"], view="pool", size=(2, 3), layout="channels_last")
    assert last["notes"][0] == "a: 30 images, 8 channels, maps of 3 x 6 (channels last), averaged to 2 x 3"


def test_far_fewer_rows_than_columns_get_a_hint():
    rng = np.random.default_rng(0)
    found = compare(rng.random((8, 500)), rng.random((8, 5)), ["cka_linear"], names=("x.npy", "y.npy"))
    assert found["notes"] == [
        "x.npy: 8 rows are samples and 500 columns neurons; if it is the other way round, transpose it"
    ]
    assert "notes" not in compare(rng.random((100, 300)), rng.random((100, 5)), ["cka_linear"])


def test_tokens_are_told_how_to_become_a_matrix():
    with pytest.raises(PrunesimError, match=r"a\.reshape\(140, 5\) with 7 rows an image, or their mean, a\.mean\("):
        compare(np.ones((20, 7, 5)), np.ones((20, 5)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layout": "NHWC"}, "The layout is 'NHWC'; it must be channels_first or channels_last"),
        ({"layout": ("channels_last",) * 3}, "or one of them for each array"),
        ({"size": (1.5, 1)}, "A side of the size is 1.5; it must be a whole number"),
        ({"size": (1,)}, "must be a height and a width"),
    ],
)
def test_layouts_and_sizes_that_cannot_be_meant_are_refused(options, message):
    maps = np.random.default_rng(0).random((5, 3, 4, 6))
    with pytest.raises(PrunesimError, match=message):
        compare(maps, maps, **options)
