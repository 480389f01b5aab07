"""Split, normalisation and augmentation."""

import numpy as np
import pytest
import torch
from core_study import training
from hypothesis import given, settings
from hypothesis import strategies as st

from prunesim.training.data import crop_and_flip, normaliser, to_tensor, validation_split

CPU = torch.device("cpu")

# validation split


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=200),
    st.floats(0, 0.9),
    st.integers(0, 2**40),
)
def test_the_split_is_disjoint_complete_and_stratified(labels, share, seed):
    labels = np.array(labels)
    chosen, held_out = validation_split(labels, share, seed)
    assert sorted([*chosen, *held_out]) == list(range(labels.size))
    assert (np.diff(chosen) > 0).all()
    assert (np.diff(held_out) > 0).all()
    for value in np.unique(labels):
        members = np.count_nonzero(labels == value)
        assert np.count_nonzero(labels[held_out] == value) == round(share * members)


def test_the_split_is_stable_and_seeded():
    labels = np.arange(300) % 3
    first, again, other = (validation_split(labels, 0.1, seed)[1] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first[:10].tolist() == [23, 31, 33, 36, 48, 66, 76, 83, 103, 111]


def test_a_larger_share_holds_out_the_same_images_and_more():
    labels = np.arange(300) % 3
    small, large = (set(validation_split(labels, share, 1)[1].tolist()) for share in (0.1, 0.2))
    assert small < large


# tensors


def test_images_become_channels_first():
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 3, 2), dtype=np.uint8)
    images.flags.writeable = False
    tensor = to_tensor(images, CPU)
    assert tensor.dtype == torch.uint8
    assert tensor.is_contiguous()
    for n, h, w, c in np.ndindex(images.shape):
        assert tensor[n, c, h, w] == images[n, h, w, c]
    tensor[:] = 0
    assert images.any()


@pytest.mark.parametrize("channels_last", [False, True])
def test_normalisation(channels_last):
    images = torch.randint(0, 256, (6, 3, 5, 4), dtype=torch.uint8)
    mean, std = [0.2, 0.5, 0.9], [0.1, 0.0, 0.3]
    normalise = normaliser(mean, std, training(channels_last=channels_last), CPU)
    result = normalise(images)
    assert result.dtype == torch.float32
    layout = torch.channels_last if channels_last else torch.contiguous_format
    assert result.is_contiguous(memory_format=layout)
    for channel, (m, s) in enumerate(zip(mean, [0.1, 1.0, 0.3], strict=True)):
        expected = (images[:, channel].double() / 255 - m) / s
        torch.testing.assert_close(result[:, channel].double(), expected, rtol=1e-5, atol=1e-5)


def test_normalised_training_images_have_mean_0_and_standard_deviation_1():
    images = torch.randint(0, 200, (50, 2, 8, 8), dtype=torch.uint8)
    scaled = images.double().transpose(0, 1).flatten(1) / 255
    mean, std = scaled.mean(1), scaled.std(1, correction=0)
    result = normaliser(mean.tolist(), std.tolist(), training(), CPU)(images).transpose(0, 1).flatten(1)
    torch.testing.assert_close(result.mean(1), torch.zeros(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(result.std(1, correction=0), torch.ones(2), atol=1e-4, rtol=0)


# augmentation


def slow_crop(image, padding, top, left, mirrored):
    """Crop and mirror one image C x H x W pixel by pixel."""
    channels, height, width = image.shape
    result = np.zeros_like(image)
    for c in range(channels):
        for y in range(height):
            for x in range(width):
                source_y = y + top - padding
                source_x = (width - 1 - x if mirrored else x) + left - padding
                if 0 <= source_y < height and 0 <= source_x < width:
                    result[c, y, x] = image[c, source_y, source_x]
    return result


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("padding", [0, 1, 3, 9])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_crops_against_a_slow_reference(padding, flip, dtype):
    generator = torch.Generator().manual_seed(3)
    batch = torch.randint(1, 256, (40, 2, 5, 7), generator=generator).to(dtype)
    before = batch.clone()
    result = crop_and_flip(batch, padding, flip, torch.Generator().manual_seed(5))
    assert torch.equal(batch, before)
    assert (result.shape, result.dtype) == (batch.shape, batch.dtype)
    seen = set()
    for image, cropped in zip(batch.numpy(), result.numpy(), strict=True):
        found = [
            (top, left, mirrored)
            for top in range(2 * padding + 1)
            for left in range(2 * padding + 1)
            for mirrored in ((False, True) if flip else (False,))
            if np.array_equal(slow_crop(image, padding, top, left, mirrored), cropped)
        ]
        assert found
        if len(found) == 1:
            seen.add(found[0])
    assert {mirrored for *_, mirrored in seen} == ({False, True} if flip else {False})
    # With much padding many crops are empty, and what they are cannot be told.
    least = {0: 1, 1: 3, 3: 5, 9: 5}[padding]
    assert len({top for top, *_ in seen}) >= least
    assert len({left for _, left, _ in seen}) >= least


def test_crops_are_drawn_evenly():
    position = torch.zeros(1, 1, 3, 3, dtype=torch.uint8)
    position[..., 1, 1] = 1
    result = crop_and_flip(position.expand(9000, 1, 3, 3), 1, True, torch.Generator().manual_seed(0))
    counts = result.sum(0).flatten()
    assert counts.sum() == 9000
    assert ((counts - 1000).abs() < 5 * 1000**0.5).all()


def test_half_of_the_images_are_mirrored():
    image = torch.tensor([[[[1, 2]]]], dtype=torch.uint8)
    result = crop_and_flip(image.expand(10_000, 1, 1, 2), 0, True, torch.Generator().manual_seed(0))
    mirrored = (result[:, 0, 0, 0] == 2).sum().item()
    assert abs(mirrored - 5000) < 5 * 2500**0.5


def test_crops_depend_on_the_generator_only():
    batch = torch.randint(0, 256, (20, 1, 8, 8), dtype=torch.uint8)
    torch.manual_seed(1)
    first = crop_and_flip(batch, 2, True, torch.Generator().manual_seed(4))
    state = torch.get_rng_state()
    torch.manual_seed(2)
    again = crop_and_flip(batch, 2, True, torch.Generator().manual_seed(4))
    other = crop_and_flip(batch, 2, True, torch.Generator().manual_seed(5))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state)
