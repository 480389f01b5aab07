"""A folder of images with concepts: one PNG of integer labels for each image and category.

::

    concepts.json                  {"categories": {"colour": ["red", "green"], "object": ["car"]}}
    images/0000.png                8-bit, grey or colour
    masks/colour/0000.png          integers: 0 none, 1 red, 2 green
    masks/object/0000.png          may be missing: then the image has nothing of the category
"""

import json
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prunesim.datasets.concept_listing import INDEX, categories_of, listed
from prunesim.datasets.image_folder import MAX_PIXELS, read_image
from prunesim.errors import PrunesimError
from prunesim.storage.files import write_error

# Pixel formats of PNG that hold integers as they are; of a palette the numbers count, not its colours.
MASK_MODES = ("1", "L", "P", "I", "I;16", "I;16B")


@dataclass(frozen=True)
class Annotated:
    """Images with the concepts of their pixels.

    Attributes
    ----------
    folder : pathlib.Path
    names : list of str
        Of the files, in their order.
    concepts : list of (str, str)
        Category and label.
    images : numpy.ndarray
        uint8, N x H x W x C.
    labels : numpy.ndarray
        N x categories x h x w: 0 where no concept of the category is, else 1 + its place in `concepts`.
    """

    folder: Path
    names: list
    concepts: list
    images: np.ndarray
    labels: np.ndarray

    @property
    def categories(self):
        """Return the category of each concept as a number, in the order of ``labels``."""
        order = list(dict.fromkeys(category for category, _ in self.concepts))
        return np.array([order.index(category) for category, _ in self.concepts])


def write_annotated(folder, scenes, categories, about):
    """Write a folder, whole or not at all.

    Parameters
    ----------
    folder : path-like
        Must not be there, or be empty.
    scenes : iterable of prunesim.datasets.scenes.Scene
    categories : dict of str to list of str
    about : dict
        How they were made; kept in ``concepts.json``.

    Returns
    -------
    int
        How many images were written.
    """
    from PIL import Image

    with _new_folder(Path(folder)) as new:
        for name in ("images", *(f"masks/{category}" for category in categories)):
            (new / name).mkdir(parents=True)
        count = 0
        for count, scene in enumerate(scenes, 1):
            name = f"{count - 1:04d}.png"
            pixels = scene.image[..., 0] if scene.image.shape[2] == 1 else scene.image
            Image.fromarray(pixels).save(new / "images" / name)
            for category, mask in scene.masks.items():
                Image.fromarray(mask).save(new / "masks" / category / name)
        text = json.dumps({"about": about, "categories": categories}, indent=2, ensure_ascii=False)
        (new / INDEX).write_text(text + "\n", encoding="utf-8")
    return count


@contextmanager
def _new_folder(folder):
    """Yield a folder that becomes `folder` when the block ends well."""
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise PrunesimError(f"{folder} is there already and not an empty folder; name another one.")
    new = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=".tmp"))
        inner = new / "whole"
        inner.mkdir()
        yield inner
        inner.replace(folder)
    except OSError as error:
        raise write_error(folder, error) from error
    finally:
        if new is not None:
            shutil.rmtree(new, ignore_errors=True)


def read_annotated(folder, scratch):
    """Read a folder, and check all of it.

    Parameters
    ----------
    folder : path-like
    scratch : path-like
        A folder for the decoded arrays, which are mapped from there.

    Returns
    -------
    Annotated

    Raises
    ------
    PrunesimError
        If anything in the folder is not as this module says.
    """
    folder, scratch = Path(folder), Path(scratch)
    categories = categories_of(folder / INDEX)
    names = listed(folder / "images", "image")
    first = read_image(folder / "images" / names[0])[0]
    images = _mapped(scratch / "images.npy", (len(names), *first.shape), np.uint8)
    for index, name in enumerate(names):
        image = read_image(folder / "images" / name)[0]
        _same(image.shape, first.shape, folder / "images" / name, f"the first image, {names[0]}")
        images[index] = image
    concepts = [(category, label) for category, labels in categories.items() for label in labels]
    labels = _labels(folder, names, categories, scratch)
    return Annotated(folder, names, concepts, images, labels)


def _labels(folder, names, categories, scratch):
    """Return the masks of all categories, their labels numbered on from category to category."""
    masks = {}
    for category in categories:
        masks[category] = set(listed(folder / "masks" / category, "mask"))
        if alone := sorted(masks[category] - set(names)):
            raise PrunesimError(f"{folder / 'masks' / category / alone[0]} is the mask of no image in {folder}/images.")
    labels = first = None
    total = sum(map(len, categories.values()))
    for index, name in enumerate(names):
        before = 0
        for place, (category, known) in enumerate(categories.items()):
            if name in masks[category]:
                path = folder / "masks" / category / name
                mask = read_mask(path, len(known))
                if labels is None:
                    first = path
                    shape = (len(names), len(categories), *mask.shape)
                    labels = _mapped(scratch / "labels.npy", shape, np.uint8 if total < 256 else np.uint16)
                _same(mask.shape, labels.shape[2:], path, f"the first mask, {first}")
                labels[index, place] = np.where(mask > 0, mask + before, 0)
            before += len(known)
    return labels


def read_mask(path, most):
    """Return a mask: integers, h x w, 0 to `most`.

    Raises
    ------
    PrunesimError
        If the file is no PNG of integers, or holds a larger number.
    """
    from PIL import Image

    try:
        with open(path, "rb") as file, Image.open(file, formats=("PNG",)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise PrunesimError(f"{path} has {image.width} x {image.height} pixels; at most {MAX_PIXELS} are read.")
            if image.mode not in MASK_MODES:
                raise PrunesimError(
                    f"{path} has the pixel format {image.mode}; a mask has one integer a pixel, 8 or 16 bits of grey."
                )
            if getattr(image, "is_animated", False):
                raise PrunesimError(f"{path} has several frames; a mask has one.")
            mask = np.asarray(image).astype(np.int64)
    except PrunesimError:
        raise
    # Decoders raise many kinds of error for damaged files.
    except Exception as error:
        raise PrunesimError(
            f"{path} could not be read as a PNG image ({str(error).rstrip('.')}); save it again."
        ) from error
    if mask.max(initial=0) > most:
        raise PrunesimError(f"{path} holds the label {mask.max()}, but {INDEX} names {most} of its category.")
    return mask


def _same(shape, other, path, which):
    if tuple(shape) != tuple(other):
        size, wanted = (" x ".join(map(str, x)) for x in (shape, other))
        raise PrunesimError(f"{path} is of {size}, but {which} is of {wanted}; all must be alike.")


def _mapped(path, shape, dtype):
    """Return a new array of zeros that lies in a file."""
    try:
        return np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=tuple(shape))
    except OSError as error:
        raise write_error(path, error) from error
