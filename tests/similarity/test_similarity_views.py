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
