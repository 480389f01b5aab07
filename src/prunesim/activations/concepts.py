"""Which concepts the units of a layer recognise, from its maps and pixel-wise masks (Network Dissection).

Bau et al. (2017), section 2: unit k is *on* where its map, upsampled to the size of the masks, exceeds T_k, its top
quantile over all images and positions. Its intersection over union with concept c is taken over the whole data set::

    IoU(k, c) = sum #(on_k and c) / sum #(on_k or c)

where the area of the unit counts only on images that carry the category of the concept. The label of a unit is the
concept of largest IoU; it is a detector where that exceeds a threshold. Frankle and Bau (2019) count detectors, and
distinct labels among them, of pruned networks.
"""

import numpy as np

from prunesim.errors import PrunesimError

# Of Network Dissection; the later library `dissect` takes 0.01.
QUANTILE = 0.005
THRESHOLD = 0.04
# How many float32 are held at a time of what is upsampled.
CHUNK = 1 << 22
# The largest number up to which float32 counts.
EXACT = 1 << 24


class TopQuantile:
    """The thresholds of units, exact, from batches of maps.

    Of M values (images times positions) at most ``quantile * M`` exceed the threshold, which is the smallest of the
    values for which that holds. Memory: units times ``quantile * M`` values beside one batch.

    Parameters
    ----------
    quantile : float
        Share of values above the threshold.
    images : int
        How many there will be.
    layer : str
        For the refusal.
    """

    def __init__(self, quantile, images, layer="of the maps"):
        self.quantile, self.images, self.layer = quantile, images, layer
        self._top, self._seen = None, 0

    def add(self, maps):
        """Take a batch of maps (images x units x height x width).

        Raises
        ------
        PrunesimError
            If the quantile is less than one value of all.
        """
        images, units, *size = maps.shape
        values = np.moveaxis(maps, 1, 0).reshape(units, -1)
        if self._top is None:
            each = int(np.prod(size))
            # What is a whole number but for rounding, such as 0.29 * 100, is that number.
            above = int(np.floor(self.quantile * self.images * each + 1e-9))
            if above < 1:
                least = int(np.ceil(1 / (self.quantile * each)))
                raise PrunesimError(
                    f"Layer {self.layer} has {each} positions an image, so {self.images} images have no quantile of "
                    f"{self.quantile:g}; at least {least} images are needed."
                )
            self._keep = above + 1
            self._top = np.empty((units, 0), maps.dtype)
        joined = np.concatenate([self._top, values], axis=1)
        if joined.shape[1] > self._keep:
            joined = np.partition(joined, joined.shape[1] - self._keep, axis=1)[:, -self._keep :]
        self._top, self._seen = joined, self._seen + images

    def thresholds(self):
        """Return the threshold of each unit."""
        if self._seen != self.images:
            raise ValueError(f"{self._seen} of {self.images} images were added")
        return self._top.min(axis=1)

    def silent(self):
        """Return which units are never on: more than the share of their values are equal to the largest one."""
        return self._top.min(axis=1) == self._top.max(axis=1)


def interpolation(size, new):
    """Return the matrix (new x size, float32) that resamples one axis linearly.

    Centres of pixels are at halves and the edges are repeated, as in ``torch.nn.functional.interpolate`` with
    ``mode="bilinear", align_corners=False``.
    """
    place = np.clip((np.arange(new) + 0.5) * (size / new) - 0.5, 0, size - 1)
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, size - 1)
    matrix = np.zeros((new, size))
    np.add.at(matrix, (np.arange(new), low), 1 - (place - low))
    np.add.at(matrix, (np.arange(new), high), place - low)
    return matrix.astype(np.float32)


def upsample(maps, size):
    """Return maps (... x height x width) resampled bilinearly to a size."""
    rows, columns = (interpolation(old, new) for old, new in zip(maps.shape[-2:], size, strict=True))
    return rows @ maps.astype(np.float32, copy=False) @ columns.T


class Tally:
    """Areas and intersections of units and concepts, added up over a data set.

    Parameters
    ----------
    thresholds : numpy.ndarray
        Of each unit.
    categories : numpy.ndarray
        The category of each concept, a number from 0 on.
    versions : int
        How many sets of masks there are for each image: the true ones, and those of other images for chance.
    """

    def __init__(self, thresholds, categories, versions=1):
        self.thresholds, self.categories = np.asarray(thresholds, np.float32), np.asarray(categories)
        units, concepts = len(self.thresholds), len(self.categories)
        self.both = np.zeros((versions, units, concepts), np.int64)
        self.unit_areas = np.zeros((versions, units, self.categories.max() + 1), np.int64)
        self.concept_areas = np.zeros((versions, concepts), np.int64)

    def add(self, maps, labels):
        """Take a batch.

        Parameters
        ----------
        maps : numpy.ndarray
            Images x units x height x width.
        labels : sequence of numpy.ndarray
            For each version images x categories x h x w: 0, or 1 + the number of the concept.
        """
        _, units, *_ = maps.shape
        *_, height, width = labels[0].shape
        wide = max(units, len(labels) * len(self.categories))
        step = max(1, CHUNK // (wide * height * width))
        for start in range(0, len(maps), step):
            part = slice(start, start + step)
            self._add(maps[part], [version[part] for version in labels], max(1, CHUNK // (step * height * width)))

    def _add(self, maps, labels, step):
        concepts, size = len(self.categories), labels[0].shape[2:]
        hot = [one_hot(version, concepts) for version in labels]
        carried = [(version > 0).any(axis=(2, 3)).astype(np.int64) for version in labels]
        for index, version in enumerate(hot):
            self.concept_areas[index] += version.sum(axis=0, dtype=np.int64)
        for start in range(0, maps.shape[1], step):
            part = slice(start, start + step)
            on = upsample(maps[:, part], size) > self.thresholds[None, part, None, None]
            areas = on.sum(axis=(2, 3), dtype=np.int64)
            on = np.moveaxis(on, 1, 0).reshape(on.shape[1], -1).astype(np.float32)
            for index in range(len(labels)):
                self.both[index, part] += _counts(on, hot[index]).astype(np.int64)
                self.unit_areas[index, part] += areas.T @ carried[index]

    def iou(self, version=0):
        """Return the IoU of each unit and concept (units x concepts); 0 where the union is empty."""
        both = self.both[version]
        union = self.unit_areas[version][:, self.categories] + self.concept_areas[version] - both
        return np.divide(both, union, out=np.zeros(both.shape), where=union > 0)


def _counts(on, hot):
    """Return ``on @ hot``, in parts that float32 counts exactly."""
    parts = (slice(start, start + EXACT) for start in range(0, len(hot), EXACT))
    return sum((on[:, part] @ hot[part]).astype(np.float64) for part in parts)


def one_hot(labels, concepts):
    """Return which pixel carries which concept.

    Parameters
    ----------
    labels : numpy.ndarray
        Images x categories x h x w: 0, or 1 + the number of the concept.
    concepts : int

    Returns
    -------
    numpy.ndarray
        float32, (images * h * w) x concepts.
    """
    flat = np.moveaxis(labels, 1, 0).reshape(labels.shape[1], -1)
    hot = np.zeros((flat.shape[1], concepts + 1), np.float32)
    for category in flat:
        hot[np.arange(len(category)), category] = 1
    return hot[:, 1:]


def label_units(iou, threshold):
    """Return the concept of each unit, its IoU and whether it is a detector.

    Parameters
    ----------
    iou : numpy.ndarray
        Units x concepts.
    threshold : float

    Returns
    -------
    concept : numpy.ndarray
        Number of the concept of largest IoU, the first of equal ones; -1 where no concept overlaps.
    best : numpy.ndarray
    detector : numpy.ndarray
        bool, ``best > threshold``.
    """
    best = iou.max(axis=1)
    return np.where(best > 0, iou.argmax(axis=1), -1), best, best > threshold


def count_detectors(iou, threshold):
    """Return how many units are detectors, and how many distinct concepts they recognise."""
    concept, _, detector = label_units(iou, threshold)
    return int(detector.sum()), len(set(concept[detector].tolist()))


class BestImages:
    """For some units the images where they answer most, with their maps.

    Parameters
    ----------
    units : sequence of int
    count : int
        Images a unit.
    """

    def __init__(self, units, count):
        self.units, self.count, self._seen = list(units), count, 0
        self._found = {unit: [] for unit in self.units}

    def add(self, maps):
        """Take a batch of maps (images x units x height x width)."""
        for unit in self.units:
            highest = maps[:, unit].max(axis=(1, 2))
            new = [(-float(highest[i]), self._seen + int(i)) for i in np.argsort(-highest, kind="stable")[: self.count]]
            known = [*self._found[unit], *((key, maps[key[1] - self._seen, unit].copy()) for key in new)]
            self._found[unit] = sorted(known, key=lambda one: one[0])[: self.count]
        self._seen += len(maps)

    def of(self, unit):
        """Return indices of images, and their maps, from the highest answer on."""
        return [key[1] for key, _ in self._found[unit]], np.stack([map_ for _, map_ in self._found[unit]])
