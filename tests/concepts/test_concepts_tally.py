"""Thresholds, upsampling and intersection over union, against brute force."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prunesim.activations import concepts
from prunesim.activations.concepts import BestImages, Tally, TopQuantile, count_detectors, label_units, upsample
from prunesim.errors import PrunesimError


def threshold_of(values, quantile, batches):
    """Return thresholds of values (images x units x h x w), given in so many batches."""
    top = TopQuantile(quantile, len(values))
    for part in np.array_split(values, batches):
        top.add(part)
    return top.thresholds()


@given(
    seed=st.integers(0, 10**6),
    quantile=st.sampled_from([0.005, 0.01, 0.1, 0.5]),
    batches=st.integers(1, 7),
    levels=st.sampled_from([3, 10**6]),
)
def test_the_threshold_is_the_exact_quantile_in_any_batches(seed, quantile, batches, levels):
    rng = np.random.default_rng(seed)
    values = (rng.integers(0, levels, size=(20, 3, 4, 5)) / levels).astype(np.float32)
    found = threshold_of(values, quantile, batches)
    for unit in range(3):
        ordered = np.sort(values[:, unit].ravel())[::-1]
        above = int(quantile * ordered.size)
        assert (values[:, unit] > found[unit]).sum() <= above
        # Any smaller value would let through more than the share.
        smaller = ordered[ordered < found[unit]]
        assert found[unit] in ordered
        assert smaller.size == 0 or (values[:, unit] > smaller[0]).sum() > above
        if levels > 3:
            assert found[unit] == ordered[above]


def test_a_share_that_is_whole_but_for_rounding():
    values = np.arange(100, dtype=np.float32).reshape(100, 1, 1, 1)
    assert 0.29 * 100 < 29
    assert (values > threshold_of(values, 0.29, 3)[0]).sum() == 29


def test_too_few_values_for_a_quantile_are_refused():
    top = TopQuantile(0.005, 10, "conv4")
    with pytest.raises(PrunesimError, match=r"conv4 has 4 positions .* 10 images .* at least 50 images are needed"):
        top.add(np.zeros((10, 2, 2, 2), np.float32))
    assert TopQuantile(0.005, 50).add(np.zeros((50, 2, 2, 2), np.float32)) is None


@pytest.mark.parametrize("size", [(1, 1), (4, 6), (7, 7), (9, 5)])
@pytest.mark.parametrize("new", [(4, 6), (8, 12), (17, 23)])
def test_upsampling_is_that_of_pytorch(size, new):
    maps = np.random.default_rng(1).normal(size=(2, 3, *size)).astype(np.float32)
    exact = torch.from_numpy(maps).double()
    wanted = torch.nn.functional.interpolate(exact, new, mode="bilinear", align_corners=False)
    np.testing.assert_allclose(upsample(maps, new), wanted.numpy(), atol=1e-6)
    if size == new:
        np.testing.assert_array_equal(upsample(maps, new), maps)


def brute_force(maps, labels, thresholds, categories):
    """Return the IoU of each unit and concept, pixel by pixel."""
    images, units, *_ = maps.shape
    size = labels.shape[2:]
    up = torch.nn.functional.interpolate(torch.from_numpy(maps), size, mode="bilinear", align_corners=False).numpy()
    found = np.zeros((units, len(categories)))
    for unit in range(units):
        for concept, category in enumerate(categories):
            both = either = 0
            for image in range(images):
                carried = any(labels[image, category].ravel() > 0)
                for row in range(size[0]):
                    for column in range(size[1]):
                        on = up[image, unit, row, column] > thresholds[unit]
                        has = labels[image, category, row, column] == concept + 1
                        both += on and has
                        either += (on and carried) or has
            found[unit, concept] = both / either if either else 0
    return found


def random_case(seed):
    rng = np.random.default_rng(seed)
    categories = np.array([0, 0, 0, 1, 1])
    labels = np.zeros((6, 2, 5, 7), np.uint8)
    labels[:, 0] = rng.integers(0, 4, (6, 5, 7))
    labels[:, 1] = rng.choice([0, 4, 5], (6, 5, 7))
    # Images without one category, or without both.
    labels[rng.integers(6), 0] = labels[rng.integers(6), 1] = labels[rng.integers(6)] = 0
    return rng.normal(size=(6, 4, 2, 3)).astype(np.float32), labels, rng.normal(size=4).astype(np.float32), categories


@pytest.mark.parametrize("chunk", [1, 500, 1 << 22])
@pytest.mark.parametrize("seed", range(3))
def test_iou_is_that_of_brute_force_in_any_chunks(seed, chunk, monkeypatch):
    monkeypatch.setattr(concepts, "CHUNK", chunk)
    monkeypatch.setattr(concepts, "EXACT", 1 << 5)
    maps, labels, thresholds, categories = random_case(seed)
    shuffled = labels[np.random.default_rng(seed).permutation(6)]
    tally = Tally(thresholds, categories, 2)
    for part in (slice(0, 4), slice(4, 6)):
        tally.add(maps[part], [labels[part], shuffled[part]])
    np.testing.assert_allclose(tally.iou(), brute_force(maps, labels, thresholds, categories), rtol=1e-12)
    np.testing.assert_allclose(tally.iou(1), brute_force(maps, shuffled, thresholds, categories), rtol=1e-12)


def test_the_area_of_a_unit_counts_only_where_the_category_is():
    maps = np.ones((2, 1, 2, 2), np.float32)  # on everywhere, in both images
    labels = np.zeros((2, 2, 2, 2), np.uint8)
    labels[0, 0, 0, 0] = 1  # one pixel of category 0 in the first image, nothing of it in the second
    labels[:, 1, 0] = 2  # half of each image of category 1
    tally = Tally([0.5], np.array([0, 1]))
    tally.add(maps, [labels])
    np.testing.assert_array_equal(tally.iou(), [[1 / 4, 4 / 8]])


def test_labels_detectors_and_distinct_concepts():
    iou = np.array([[0.5, 0.1, 0], [0.3, 0.3, 0.2], [0.04, 0, 0], [0, 0, 0], [0, 0.01, 0.05]])
    concept, best, detector = label_units(iou, 0.04)
    assert concept.tolist() == [0, 0, 0, -1, 2]
    assert best.tolist() == [0.5, 0.3, 0.04, 0, 0.05]
    assert detector.tolist() == [True, True, False, False, True]
    assert count_detectors(iou, 0.04) == (3, 2)


def test_the_images_where_a_unit_answers_most():
    maps = np.random.default_rng(0).normal(size=(9, 3, 2, 2)).astype(np.float32)
    best = BestImages([2, 0], 4)
    for part in np.array_split(maps, 4):
        best.add(part)
    for unit in (0, 2):
        indices, found = best.of(unit)
        wanted = np.argsort(-maps[:, unit].max(axis=(1, 2)))[:4]
        assert indices == wanted.tolist()
        np.testing.assert_array_equal(found, maps[wanted, unit])
