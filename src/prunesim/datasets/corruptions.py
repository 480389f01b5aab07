"""Images made worse in stated steps: pure functions of uint8 arrays.

The kinds noise, blur and contrast are those of Hendrycks and Dietterich 2019, "Benchmarking neural network robustness
to common corruptions and perturbations", with settings that do not depend on the size of the images; shift is a
translation with zeros outside.
"""

import math

import numpy as np
from scipy.ndimage import gaussian_filter

from prunesim.errors import PrunesimError

MOST_SEVERE = 5
# By severity, from 1.
NOISE = (0.08, 0.12, 0.18, 0.26, 0.38)  # standard deviation, of the range of a pixel
BLUR = (0.01, 0.015, 0.02, 0.03, 0.045)  # standard deviation, of the shorter side; and at least, in pixels
LEAST_BLUR = (0.4, 0.5, 0.6, 0.7, 0.8)
CONTRAST = (0.75, 0.5, 0.4, 0.3, 0.15)  # factor of the distance from the mean
SHIFT = (0.05, 0.1, 0.15, 0.2, 0.25)  # pixels, of the side along which an image moves
# Images that are worked on at a time.
CHUNK = 500


def corrupt(images, kind, severity, seed):
    """Return corrupted copies of images.

    Parameters
    ----------
    images : numpy.ndarray
        uint8, N x H x W x C.
    kind : str
        A key of `CORRUPTIONS`.
    severity : int
        From 0, which changes nothing, to `MOST_SEVERE`.
    seed : int
        The same seed draws the same noise and directions at every severity, so that severities differ in nothing else.

    Returns
    -------
    numpy.ndarray
        uint8, of the shape of `images`.

    Raises
    ------
    PrunesimError
        For an unknown kind or severity, or images that are not uint8 N x H x W x C.
    """
    if kind not in CORRUPTIONS:
        raise PrunesimError(f"There is no corruption {kind!r}; one of {', '.join(CORRUPTIONS)} is right.")
    if isinstance(severity, bool) or severity not in range(MOST_SEVERE + 1):
        raise PrunesimError(f"The severity is {severity!r}; a whole number from 0 to {MOST_SEVERE} is right.")
    if images.dtype != np.uint8 or images.ndim != 4:
        raise PrunesimError(
            f"Images of type {images.dtype} and shape {images.shape} cannot be corrupted; uint8, N x H x W x C, can."
        )
    if severity == 0:
        return np.array(images)
    rng, corrupted = np.random.default_rng(seed), np.empty_like(images)
    for start in range(0, len(images), CHUNK):
        part = slice(start, start + CHUNK)
        corrupted[part] = CORRUPTIONS[kind](images[part], severity, rng)
    return corrupted


def gaussian_noise(images, severity, rng):
    """Add normal noise to each pixel and channel, of standard deviation `NOISE` times 255."""
    noise = rng.standard_normal(images.shape, dtype=np.float32)
    return _pixels(images + np.float32(255 * NOISE[severity - 1]) * noise)


def gaussian_blur(images, severity, rng):
    """Smooth each channel by a Gaussian; edges are mirrored.

    Its standard deviation is `BLUR` times the shorter side, and `LEAST_BLUR` pixels at least.
    """
    width = max(BLUR[severity - 1] * min(images.shape[1:3]), LEAST_BLUR[severity - 1])
    return _pixels(gaussian_filter(images.astype(np.float32), (0, width, width, 0), mode="reflect"))


def contrast(images, severity, rng):
    """Bring pixels nearer to the mean of their image and channel, by the factor `CONTRAST`."""
    mean = images.mean(axis=(1, 2), keepdims=True, dtype=np.float64)
    return _pixels(mean + CONTRAST[severity - 1] * (images - mean))


def shift(images, severity, rng):
    """Move each image up, down, left or right, as drawn, with zeros where nothing was.

    By `SHIFT` times the side, rounded up to whole pixels.
    """
    moved = np.zeros_like(images)
    for index, (axis, back) in enumerate(rng.integers(0, 2, (len(images), 2))):
        image, target = np.moveaxis(images[index], axis, 0), np.moveaxis(moved[index], axis, 0)
        pixels = math.ceil(SHIFT[severity - 1] * len(image) - 1e-9)
        rest = len(image) - pixels
        if back:
            target[:rest] = image[pixels:]
        else:
            target[pixels:] = image[:rest]
    return moved


def _pixels(values):
    """Return values as pixels: rounded, and cut off at 0 and 255."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


CORRUPTIONS = {"noise": gaussian_noise, "blur": gaussian_blur, "contrast": contrast, "shift": shift}
