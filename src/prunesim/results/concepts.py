"""The units of the networks of a study that recognise concepts."""

import numpy as np

from prunesim.activations.concepts import (
    QUANTILE,
    THRESHOLD,
    BestImages,
    Tally,
    TopQuantile,
    count_detectors,
    label_units,
    upsample,
)
from prunesim.activations.maps import layers_with_maps, maps_of
from prunesim.errors import PrunesimError
from prunesim.networks.batches import dumping_batch
from prunesim.study.seeds import derive_seed
from prunesim.training.data import normaliser, to_tensor
from prunesim.training.device import make_exact

COLUMNS = ("replicate", "method", "round", "layer", "unit", "concept", "iou", "detector")
LAYER_COLUMNS = (
    *("replicate", "method", "round", "density", "layer", "units", "silent"),
    *("detectors", "concepts", "chance_detectors", "chance_concepts"),
)
DRAWS = 5
# Of a sheet.
IMAGES_A_UNIT, MOST_CONCEPTS = 6, 12


class Dissection:
    """A network of a study that is run over images with concepts.

    Parameters
    ----------
    study : prunesim.results.opened.Study
    annotated : prunesim.datasets.concept_folder.Annotated
    which : tuple
        Replicate, method and round.
    words : sequence of str
        Layers, see `prunesim.activations.maps.layers_with_maps`.

    Raises
    ------
    PrunesimError
        If there is no such network, or it cannot take these images.
    """

    def __init__(self, study, annotated, which, words=("conv",)):
        replicate, method, round_ = which
        key = {"replicate": replicate, "method": method, "round": round_}
        about, settings = study.description(), study.metrics(**key)["settings"]
        height, width, channels = about["shape"]
        if annotated.images.shape[3] != channels:
            kinds = {1: "grey", 3: "in colour"}
            raise PrunesimError(
                f"The images in {annotated.folder} are {kinds[annotated.images.shape[3]]}, but those of {study.name} "
                f"are {kinds.get(channels, f'of {channels} channels')}; `prunesim scenes` makes some that fit."
            )
        make_exact(settings["training"]["threads"], settings["training"]["deterministic"])
        self.annotated, self.network = annotated, study.network(**key)
        shape = (channels, height, width)
        self.layers = layers_with_maps(self.network, shape, settings["network"]["name"], words)
        self._normalise = normaliser(about["mean"], about["std"], settings["training"], "cpu")
        grown = [-(-new // old) for new, old in zip(annotated.images.shape[1:3], (height, width), strict=True)]
        sizes = [[units, rows * grown[0], columns * grown[1]] for units, rows, columns in map(_shape, self.layers)]
        self._batch = dumping_batch((channels, *annotated.images.shape[1:3]), sizes)

    def maps(self, layers=None):
        """Yield ``(slice of the images, {layer: maps})``, batch by batch."""
        outputs = {layer["name"]: layer["output"] for layer in self.layers if layers is None or layer["name"] in layers}
        for start in range(0, len(self.annotated.images), self._batch):
            part = slice(start, start + self._batch)
            images = self._normalise(to_tensor(self.annotated.images[part], "cpu"))
            found = maps_of(self.network, images, set(outputs.values()))
            yield part, {name: found[output] for name, output in outputs.items()}

    def thresholds(self, quantile=QUANTILE):
        """Return the thresholds of the units of each layer, and how many units of each are never on."""
        top = {layer["name"]: TopQuantile(quantile, len(self.annotated.images), layer["name"]) for layer in self.layers}
        for _, maps in self.maps():
            for name, found in maps.items():
                top[name].add(found)
        silent = {name: int(one.silent().sum()) for name, one in top.items()}
        return {name: one.thresholds() for name, one in top.items()}, silent

    def tallies(self, thresholds, orders):
        """Return the `Tally` of each layer, one version for each order of the masks."""
        categories = self.annotated.categories
        tallies = {name: Tally(values, categories, len(orders)) for name, values in thresholds.items()}
        for part, maps in self.maps():
            labels = [self.annotated.labels[order[part]] for order in orders]
            for name, found in maps.items():
                tallies[name].add(found, labels)
        return tallies


def _shape(layer):
    return layer["shape"]


def orders(images, draws, seed):
    """Return which image's masks each image is held against: its own, then `draws` permutations of all images."""
    shuffled = (
        np.random.default_rng(derive_seed(seed, "null", "concepts", draw)).permutation(images) for draw in range(draws)
    )
    return [np.arange(images), *shuffled]


def dissect(study, annotated, which, words=("conv",), quantile=QUANTILE, threshold=THRESHOLD, draws=DRAWS, seed=0):
    """Find what the units of one network recognise.

    Parameters
    ----------
    study, annotated, which, words
        See `Dissection`.
    quantile : float
        Share of values, over all images and positions, above which a unit is on.
    threshold : float
        IoU above which it is a detector.
    draws : int
        Permutations of the masks over images, for the number of detectors by chance.
    seed : int
        Of the permutations.

    Returns
    -------
    units : list of dict
        A row a unit, by `COLUMNS`.
    layers : list of dict
        A row a layer, by `LAYER_COLUMNS` but ``density``. ``silent`` counts the units that are never on. Numbers by
        chance are means over the draws, None without any.
    thresholds : dict of str to numpy.ndarray
        Of the units of each layer.
    """
    network = Dissection(study, annotated, which, words)
    thresholds, silent = network.thresholds(quantile)
    tallies = network.tallies(thresholds, orders(len(annotated.images), draws, seed))
    key = dict(zip(("replicate", "method", "round"), which, strict=True))
    units, layers = [], []
    for name, tally in tallies.items():
        concept, iou, detector = label_units(tally.iou(), threshold)
        units += [
            key
            | {"layer": name, "unit": unit, "concept": None if c < 0 else concept_name(annotated.concepts[c])}
            | {"iou": float(value), "detector": "yes" if found else "no"}
            for unit, (c, value, found) in enumerate(zip(concept, iou, detector, strict=True))
        ]
        found, distinct = count_detectors(tally.iou(), threshold)
        chance = np.array([count_detectors(tally.iou(draw), threshold) for draw in range(1, draws + 1)])
        by_chance = chance.mean(axis=0).tolist() if draws else (None, None)
        layers.append(
            key
            | {"layer": name, "units": len(iou), "silent": silent[name], "detectors": found, "concepts": distinct}
            | {"chance_detectors": by_chance[0], "chance_concepts": by_chance[1]}
        )
    return units, layers, thresholds


def concept_name(concept):
    """Return a concept as tables name it: category and label."""
    return ": ".join(concept)


def too_large(annotated, quantile=QUANTILE, threshold=THRESHOLD):
    """Return the concepts that no unit can be a detector of, with the share of all pixels that they cover.

    A unit is on at about `quantile` of all pixels, so its IoU with a concept that covers the share s is at most about
    ``quantile / s``.

    Returns
    -------
    dict of str to float
    """
    areas = np.zeros(1 + len(annotated.concepts), np.int64)
    for labels in annotated.labels:
        areas += np.bincount(labels.ravel(), minlength=len(areas))
    shares = areas[1:] / (len(annotated.labels) * np.prod(annotated.labels.shape[2:]))
    named = zip(map(concept_name, annotated.concepts), shares.tolist(), strict=True)
    return {name: share for name, share in named if share * threshold > quantile}


def best_units(units, most=MOST_CONCEPTS):
    """Return the row of the best detector of each concept, from the largest IoU on."""
    best = {}
    for row in units:
        if row["detector"] == "yes" and row["iou"] > best.get(row["concept"], {"iou": 0})["iou"]:
            best[row["concept"]] = row
    return sorted(best.values(), key=lambda row: -row["iou"])[:most]


def examples(study, annotated, which, rows, thresholds, words=("conv",), count=IMAGES_A_UNIT):
    """Return the images in which units answer most.

    Parameters
    ----------
    study, annotated, which, words
        See `Dissection`.
    rows : list of dict
        Of units, by `COLUMNS`.
    thresholds : dict of str to numpy.ndarray
        From `dissect`.
    count : int
        Images a unit.

    Returns
    -------
    list of dict
        The row, with ``images`` (uint8, n x H x W x C), ``on`` and ``mask`` (bool, n x h x w): where the unit is on,
        and where the concept is.
    """
    layers = list(dict.fromkeys(row["layer"] for row in rows))
    best = {name: BestImages([row["unit"] for row in rows if row["layer"] == name], count) for name in layers}
    for _, maps in Dissection(study, annotated, which, words).maps(layers) if layers else ():
        for name, found in maps.items():
            best[name].add(found)
    numbers = {concept_name(concept): 1 + index for index, concept in enumerate(annotated.concepts)}
    found = []
    for row in rows:
        indices, maps = best[row["layer"]].of(row["unit"])
        labels = annotated.labels[indices]
        on = upsample(maps, labels.shape[2:]) > thresholds[row["layer"]][row["unit"]]
        mask = (labels == numbers[row["concept"]]).any(axis=1)
        found.append(row | {"images": annotated.images[indices], "on": on, "mask": mask})
    return found
