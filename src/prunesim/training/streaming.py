"""Sets of images that are too large to be held: read from their file a batch at a time, ahead of the training.

What is held and what is read gives the same batches in the same order, to the bit, so which of the two a set of
images is depends on its size alone and changes no result.
"""

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from prunesim.datasets.converted import streams
from prunesim.training.data import to_tensor

READERS = {"cuda": 2}  # processes that read ahead; one for every other device


def place_images(images, device, rows=None):
    """Bring images to a device, or stand for them where they are too many.

    Parameters
    ----------
    images : numpy.ndarray
        uint8, N x H x W x C, mapped from its file (`prunesim.datasets.converted.load_images`).
    device : torch.device
    rows : numpy.ndarray, optional
        Which of the images, ascending; all by default.

    Returns
    -------
    torch.Tensor or FileImages
        uint8, N x C x H x W.
    """
    if streams(images.nbytes):
        return FileImages(images, device, rows)
    return to_tensor(images if rows is None else images[rows], device)


def batches(images, parts):
    """Yield the images of each part, in order.

    Parameters
    ----------
    images : torch.Tensor or FileImages
    parts : iterable of torch.Tensor
        Indices, on the CPU.
    """
    if isinstance(images, FileImages):
        return images.batches(parts)
    return (images[part.to(images.device)] for part in parts)


class FileImages:
    """Images in a file, which give batches as a tensor of them would.

    Parameters are those of `place_images`.
    """

    def __init__(self, images, device, rows=None):
        self.rows = np.arange(len(images)) if rows is None else rows
        self.file, self.device = images.filename, device

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        if torch.is_tensor(index):
            index = index.cpu().numpy()
        return _read(self.file, self.rows[index]).to(self.device)

    def batches(self, parts):
        """Yield the images of each part, read by other processes in the meantime; see `batches`."""
        loader = DataLoader(
            _Rows(self.file, self.rows),
            batch_sampler=[part.numpy() for part in parts],
            collate_fn=_as_it_is,
            num_workers=READERS.get(self.device.type, 1),
            pin_memory=self.device.type == "cuda",
            generator=torch.Generator(),  # so that nothing is drawn from the global one
        )
        for batch in loader:
            yield batch.to(self.device, non_blocking=True)


class _Rows(Dataset):
    """Rows of a file, by its name: a process that is started anew opens it, instead of being sent what is in it."""

    def __init__(self, file, rows):
        self.file, self.rows = file, rows

    def __len__(self):
        return len(self.rows)

    def __getitems__(self, index):
        return _read(self.file, self.rows[index])


def _read(file, rows):
    return to_tensor(np.load(file, mmap_mode="r", allow_pickle=False)[rows], "cpu")


def _as_it_is(batch):
    return batch
