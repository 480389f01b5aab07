"""Images as tensors in memory: split, normalised and augmented in whole batches."""

import numpy as np
import torch
from torch.nn import functional

from prunesim.study.seeds import derive_seed


def validation_split(labels, share, study_seed):
    """Split the training images of a data set into training and validation, class by class.

    Parameters
    ----------
    labels : numpy.ndarray
        Classes, shape (images,).
    share : float
        Share of each class to hold out, in [0, 1).
    study_seed : int

    Returns
    -------
    training, validation : numpy.ndarray
        Ascending indices. The same for every network of a study.
    """
    rng = np.random.default_rng(derive_seed(study_seed, "validation"))
    held_out = np.zeros(labels.size, dtype=bool)
    for value in np.unique(labels):
        members = np.flatnonzero(labels == value)
        held_out[rng.permutation(members)[: round(share * members.size)]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def to_tensor(images, device):
    """Return uint8 images N x H x W x C as a uint8 tensor N x C x H x W on `device`."""
    return torch.from_numpy(np.array(images.transpose(0, 3, 1, 2), order="C")).to(device)


def normaliser(mean, std, settings, device):
    """Return the function that turns a uint8 batch into what the network sees.

    Parameters
    ----------
    mean, std : list of float
        Of each channel, for images scaled to [0, 1]. A constant channel is only shifted.
    settings : dict
        The ``training`` section of the config (``channels_last``).
    device : torch.device
    """
    std = [value if value > 0 else 1.0 for value in std]
    scale = torch.tensor([1 / (255 * s) for s in std], dtype=torch.float32, device=device).view(1, -1, 1, 1)
    shift = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)], dtype=torch.float32, device=device)
    shift = shift.view(1, -1, 1, 1)
    layout = torch.channels_last if settings["channels_last"] else torch.contiguous_format

    def normalise(batch):
        return torch.addcmul(shift, batch.to(torch.float32), scale).contiguous(memory_format=layout)

    return normalise


def crop_and_flip(batch, padding, flip, generator):
    """Shift each image by up to `padding` pixels with zeros outside, and mirror half of them.

    Parameters
    ----------
    batch : torch.Tensor
        N x C x H x W, any type.
    padding : int
    flip : bool
    generator : torch.Generator
        On the CPU, so that the draws are the same on every device.

    Returns
    -------
    torch.Tensor
        Of the shape and type of `batch`.
    """
    count, _, height, width = batch.shape
    top, left = torch.randint(0, 2 * padding + 1, (2, count, 1), generator=generator)
    rows = top + torch.arange(height)
    columns = left + torch.arange(width)
    if flip:
        mirrored = torch.rand(count, 1, generator=generator) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
    padded = functional.pad(batch, (padding,) * 4)
    index = torch.arange(count)[:, None, None].to(batch.device)
    rows, columns = rows[:, :, None].to(batch.device), columns[:, None, :].to(batch.device)
    # Advanced indices on both sides of the slice put the channels last.
    return padded[index, :, rows, columns].permute(0, 3, 1, 2)
