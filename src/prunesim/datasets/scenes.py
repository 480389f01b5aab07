"""Scenes of images and textures on a black canvas, with the concepts of every pixel known by construction.

A scene has four quadrants. One to four of them hold a thing: an image (a digit, a garment) cut out at half of its
largest value, or a patch of texture, painted in one colour. Each pixel is either painted in exactly that colour or
black, so that what a mask says of a pixel is how the pixel was made.
"""

from dataclasses import dataclass

import numpy as np

from prunesim.errors import PrunesimError
from prunesim.study.seeds import derive_seed

COLOURS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "magenta": (255, 0, 255),
    "cyan": (0, 255, 255),
    "white": (255, 255, 255),
}
# Of grey networks.
BRIGHTNESS = {"dark": (85,), "medium": (170,), "bright": (255,)}
TEXTURES = ("horizontal stripes", "vertical stripes", "dots")
LEAST_QUADRANT = 4
# A thing is at least so much of its quadrant high and wide.
LEAST_SHARE = 0.75


@dataclass(frozen=True)
class Scene:
    """One scene.

    Attributes
    ----------
    image : numpy.ndarray
        uint8, H x W x C.
    masks : dict of str to numpy.ndarray
        uint8, H x W, by category: 0 where no concept of the category is, else 1 + its place among the labels.
    """

    image: np.ndarray
    masks: dict


def categories(classes, channels):
    """Return the labels of each category of concepts.

    Parameters
    ----------
    classes : list of str
        Of the images that are put into scenes.
    channels : int
        1 or 3, of the scenes.

    Returns
    -------
    dict of str to list of str
        ``object``, ``colour`` (or ``brightness`` where scenes are grey), ``texture``, ``side`` and ``height``.
    """
    tones = ("brightness", list(BRIGHTNESS)) if channels == 1 else ("colour", list(COLOURS))
    return {
        "object": list(classes),
        tones[0]: tones[1],
        "texture": list(TEXTURES),
        "side": ["left", "right"],
        "height": ["top", "bottom"],
    }


def compose(count, shape, images, labels, seed, multiple=1):
    """Yield scenes.

    Parameters
    ----------
    count : int
    shape : tuple of int
        Height, width and channels (1 or 3) of the images that a network is trained on.
    images : numpy.ndarray
        Grey images that are put into scenes, light on dark: uint8, N x h x w.
    labels : numpy.ndarray
        Their classes, N.
    seed : int
        Scene i depends on it and i, not on `count`.
    multiple : int
        How many times as high and wide as `shape` the canvas is; things grow with it.

    Yields
    ------
    Scene

    Raises
    ------
    PrunesimError
        If the canvas is too small, or the channels are neither 1 nor 3.
    """
    height, width, channels = shape
    if channels not in (1, 3):
        raise PrunesimError(f"Scenes are grey or in colour, with 1 or 3 channels, but the network takes {channels}.")
    size = (height * multiple, width * multiple)
    if min(size) // 2 < LEAST_QUADRANT:
        least = -(-2 * LEAST_QUADRANT // min(height, width))
        raise PrunesimError(
            f"A scene of {size[0]} x {size[1]} pixels is too small for four things; "
            f"take a multiple of at least {least}."
        )
    for index in range(count):
        yield _scene(
            np.random.default_rng(derive_seed(seed, "images", "scenes", index)), size, channels, images, labels
        )


def _scene(rng, size, channels, images, labels):
    tones = list((BRIGHTNESS if channels == 1 else COLOURS).values())
    tone_name = "brightness" if channels == 1 else "colour"
    image = np.zeros((*size, channels), np.uint8)
    masks = {name: np.zeros(size, np.uint8) for name in ("object", tone_name, "texture", "side", "height")}
    half = (size[0] // 2, size[1] // 2)
    for quadrant in rng.permutation(4)[: rng.integers(1, 5)]:
        down, right = divmod(int(quadrant), 2)
        box = [int(rng.integers(np.ceil(LEAST_SHARE * side), side + 1)) for side in half]
        # The right and lower quadrants end where the canvas does, also where its sides are odd.
        corners = zip((down, right), size, half, box, strict=True)
        top, left = (end * (whole - part) + int(rng.integers(0, part - one + 1)) for end, whole, part, one in corners)
        place = (slice(top, top + box[0]), slice(left, left + box[1]))
        tone = int(rng.integers(len(tones)))
        if rng.random() < 0.5:
            which = int(rng.integers(len(images)))
            painted = region = silhouette(images[which], box)
            masks["object"][place][region] = 1 + labels[which]
        else:
            which = int(rng.integers(len(TEXTURES)))
            painted, region = texture(TEXTURES[which], box), np.ones(box, bool)
            masks["texture"][place] = 1 + which
        image[place][painted] = tones[tone]
        masks[tone_name][place][painted] = 1 + tone
        masks["side"][place][region] = 1 + right
        masks["height"][place][region] = 1 + down
    return Scene(image, masks)


def silhouette(image, box):
    """Return which pixels of a grey image are at least half as light as its lightest, sampled to another size.

    Parameters
    ----------
    image : numpy.ndarray
        uint8, h x w.
    box : sequence of int
        Height and width; each pixel is the nearest one of the image.

    Returns
    -------
    numpy.ndarray
        bool, of the size of `box`.
    """
    rows, columns = ((2 * np.arange(new) + 1) * old // (2 * new) for old, new in zip(image.shape, box, strict=True))
    return (image[np.ix_(rows, columns)].astype(int) * 2 >= max(1, int(image.max()))) & (image.max() > 0)


def texture(name, box):
    """Return which pixels of a patch of texture are painted (bool, of the size of `box`)."""
    line = max(1, min(box) // 8)
    down, across = (np.arange(side) // line % 2 == 0 for side in box)
    if name == "horizontal stripes":
        return np.repeat(down[:, None], box[1], axis=1)
    if name == "vertical stripes":
        return np.repeat(across[None, :], box[0], axis=0)
    return down[:, None] & across[None, :]


def things(pixels, labels, name):
    """Return the images of a data set as `compose` takes them, grey.

    Parameters
    ----------
    pixels : numpy.ndarray
        uint8, N x H x W x C.
    labels : numpy.ndarray
    name : str
        Of the data set, for the refusal.

    Raises
    ------
    PrunesimError
        If the images are in colour: what of them is the thing cannot be told.
    """
    if not all(np.array_equal(pixels[..., 0], pixels[..., other]) for other in range(1, pixels.shape[3])):
        raise PrunesimError(
            f"The images of {name} are in colour, so what in them is the thing and what the background cannot be told; "
            "take the digits."
        )
    return np.ascontiguousarray(pixels[..., 0]), np.asarray(labels)


def digits():
    """Return scikit-learn's digits as `compose` takes them, and their classes."""
    from sklearn.datasets import load_digits

    known = load_digits()
    return np.rint(known.images * (255 / 16)).astype(np.uint8), known.target, [str(label) for label in range(10)]
