"""Corrupted images: values by hand, no change at severity 0, more change at each severity, the same bytes twice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from prunesim.datasets import corruptions
from prunesim.datasets.corruptions import CORRUPTIONS, corrupt
from prunesim.errors import PrunesimError


@pytest.fixture(scope="module")
def digits():
    return np.rint(load_digits().images[:300] * (255 / 16)).astype(np.uint8)[..., None]


def mean_squared_change(images, kind, severity, seed=3):
    return float(np.mean((corrupt(images, kind, severity, seed).astype(float) - images) ** 2))


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_severity_0_changes_nothing_and_copies(digits, kind):
    same = corrupt(digits, kind, 0, seed=1)
    assert np.array_equal(same, digits)
    assert not np.shares_memory(same, digits)


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_change_grows_with_severity(digits, kind):
    larger = digits.repeat(3, axis=1).repeat(3, axis=2)
    changes = [mean_squared_change(larger, kind, severity) for severity in range(6)]
    assert changes[0] == 0
    assert all(np.diff(changes) > 0), changes
    # Small images move by whole pixels, of which there are fewer than severities.
    changes = [mean_squared_change(digits, kind, severity) for severity in range(6)]
    assert all(np.diff(changes) >= 0), changes
    assert changes[1] > 0


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_the_seed_decides_and_chunks_do_not_show(digits, kind, monkeypatch):
    first = corrupt(digits, kind, 3, seed=5)
    assert first.dtype == np.uint8
    assert first.shape == digits.shape
    assert np.array_equal(first, corrupt(digits, kind, 3, seed=5))
    assert np.array_equal(first, corrupt(digits, kind, 3, seed=6)) == (kind in ("blur", "contrast"))
    monkeypatch.setattr(corruptions, "CHUNK", 7)
    if kind != "shift":
        assert np.array_equal(first, corrupt(digits, kind, 3, seed=5))


def test_contrast_by_hand():
    image = np.array([0, 100, 200, 100], np.uint8).reshape(1, 2, 2, 1)
    # Mean 100, and half the distance from it.
    assert corrupt(image, "contrast", 2, seed=0).ravel().tolist() == [50, 100, 150, 100]
    # Each channel and each image has a mean of its own.
    two = np.concatenate([image, 255 - image], axis=3)
    assert corrupt(two, "contrast", 2, seed=0)[..., 1].ravel().tolist() == [205, 155, 105, 155]


def test_shift_by_hand():
    image = np.arange(1, 26, dtype=np.uint8).reshape(1, 5, 5, 1)
    zeros = np.zeros((2, 5), np.uint8)
    plain = image[0, :, :, 0]
    right = {
        "down": np.concatenate([zeros, plain[:3]]),
        "up": np.concatenate([plain[2:], zeros]),
        "right": np.concatenate([zeros.T, plain[:, :3]], axis=1),
        "left": np.concatenate([plain[:, 2:], zeros.T], axis=1),
    }
    # A quarter of five pixels is one and a bit, so two.
    moved = corrupt(np.repeat(image, 64, axis=0), "shift", 5, seed=0)[..., 0]
    found = {name for one in moved for name, expected in right.items() if np.array_equal(one, expected)}
    assert all(any(np.array_equal(one, expected) for expected in right.values()) for one in moved)
    assert found == set(right)


def test_shift_is_a_share_of_the_side_of_larger_images():
    image = np.full((1, 40, 40, 3), 9, np.uint8)
    moved = corrupt(image, "shift", 5, seed=0)
    assert int((moved == 0).sum()) == 10 * 40 * 3  # a quarter of 40


def test_noise_has_the_stated_deviation_and_is_cut_off():
    grey = np.full((4, 64, 64, 1), 128, np.uint8)
    change = corrupt(grey, "noise", 1, seed=0).astype(float) - 128
    assert abs(change.std() / 255 - 0.08) < 0.002
    assert abs(change.mean()) < 0.6
    black = corrupt(np.zeros((1, 64, 64, 1), np.uint8), "noise", 5, seed=0)
    assert 0.45 < (black == 0).mean() < 0.55


def test_blur_keeps_a_plain_image_and_the_channels_apart():
    image = np.zeros((1, 40, 40, 2), np.uint8)
    image[..., 1] = 77
    image[0, 20, 20, 0] = 255
    for severity, width in ((5, 1.8), (2, 0.6)):
        blurred = corrupt(image, "blur", severity, seed=0)
        assert (blurred[..., 1] == 77).all()
        # A point becomes the kernel, whose peak is that of one dimension squared.
        kernel = np.exp(-0.5 * (np.arange(-9, 10) / width) ** 2)
        assert abs(int(blurred[0, 20, 20, 0]) - 255 / kernel.sum() ** 2) <= 1


@given(st.sampled_from(list(CORRUPTIONS)), st.integers(0, 5), st.integers(1, 4), st.integers(1, 4), st.integers(0, 9))
def test_any_shape(kind, severity, height, width, seed):
    images = np.random.default_rng(seed).integers(0, 256, (3, height, width, 2), dtype=np.uint8)
    assert corrupt(images, kind, severity, seed).shape == images.shape


@pytest.mark.parametrize(
    ("kind", "severity", "images", "sentence"),
    [
        ("fog", 1, np.zeros((1, 2, 2, 1), np.uint8), "no corruption 'fog'; one of noise, blur, contrast, shift"),
        ("blur", 6, np.zeros((1, 2, 2, 1), np.uint8), "severity is 6; a whole number from 0 to 5"),
        ("blur", 1.5, np.zeros((1, 2, 2, 1), np.uint8), "severity is 1.5"),
        ("blur", 1, np.zeros((1, 2, 2, 1)), "type float64"),
        ("blur", 1, np.zeros((2, 2, 1), np.uint8), r"shape \(2, 2, 1\)"),
    ],
)
def test_what_cannot_be_is_refused(kind, severity, images, sentence):
    with pytest.raises(PrunesimError, match=sentence):
        corrupt(images, kind, severity, 0)
