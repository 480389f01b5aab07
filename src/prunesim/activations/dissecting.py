"""Running a network over images with concepts: which concept each unit agrees with most. Needs PyTorch."""

import numpy as np
import torch

from prunesim.activations.concepts import QUANTILE, BestImages, Tally, TopQuantile, label_units, upsample
from prunesim.activations.maps import layers_with_maps, maps_of
from prunesim.datasets.annotated import load_annotated
from prunesim.datasets.converted import load_description
from prunesim.errors import PrunesimError
from prunesim.networks.batches import dumping_batch
from prunesim.networks.build import build_network
from prunesim.networks.narrowing import narrow
from prunesim.networks.state import load_arrays
from prunesim.storage.arrays import load_tensors
from prunesim.study.seeds import derive_seed
from prunesim.training.data import normaliser, to_tensor
from prunesim.training.device import choose_device, make_exact

DRAWS = 5
# Images a unit of a sheet.
IMAGES_A_UNIT = 6


class Dissection:
    """A network that is run over images with concepts.

    Parameters
    ----------
    network : torch.nn.Module
        In eval mode, on the device where it is to run.
    annotated : prunesim.datasets.concept_folder.Annotated
    about : dict
        Of the data set: ``name``, ``shape``, ``mean`` and ``std``.
    training : dict
        ``threads``, ``deterministic`` and ``channels_last``.
    name : str
        ``network.name``, for refusals.
    words : sequence of str
        Layers, see `prunesim.activations.maps.layers_with_maps`.

    Raises
    ------
    PrunesimError
        If the network cannot take these images.
    """

    def __init__(self, network, annotated, about, training, name, words=("conv",)):
        height, width, channels = about["shape"]
        if annotated.images.shape[3] != channels:
            kinds = {1: "grey", 3: "in colour"}
            raise PrunesimError(
                f"The images in {annotated.folder} are {kinds[annotated.images.shape[3]]}, but those of "
                f"{about['name']} are {kinds.get(channels, f'of {channels} channels')}; `prunesim scenes` makes some "
                "that fit."
            )
        make_exact(training["threads"], training["deterministic"])
        self.annotated, self.network = annotated, network
        self.device = next(network.parameters()).device
        shape = (channels, height, width)
        self.layers = layers_with_maps(network, shape, name, words)
        self._normalise = normaliser(about["mean"], about["std"], training, self.device)
        grown = [-(-new // old) for new, old in zip(annotated.images.shape[1:3], (height, width), strict=True)]
        sizes = [
            [units, rows * grown[0], columns * grown[1]]
            for units, rows, columns in (layer["shape"] for layer in self.layers)
        ]
        self._batch = dumping_batch((channels, *annotated.images.shape[1:3]), sizes)

    def maps(self, layers=None):
        """Yield ``(slice of the images, {layer: maps})``, batch by batch."""
        outputs = {layer["name"]: layer["output"] for layer in self.layers if layers is None or layer["name"] in layers}
        for start in range(0, len(self.annotated.images), self._batch):
            part = slice(start, start + self._batch)
            images = self._normalise(to_tensor(self.annotated.images[part], self.device))
            found = maps_of(self.network, images, set(outputs.values()))
            yield part, {name: found[output] for name, output in outputs.items()}

    def thresholds(self, quantile=QUANTILE):
        """Return the thresholds of the units of each layer, and which units of each are never on."""
        top = {layer["name"]: TopQuantile(quantile, len(self.annotated.images), layer["name"]) for layer in self.layers}
        for _, maps in self.maps():
            for name, found in maps.items():
                top[name].add(found)
        silent = {name: one.silent() for name, one in top.items()}
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

    def units(self, quantile=QUANTILE, draws=DRAWS, seed=0):
        """Return which concept each unit agrees with most.

        Parameters
        ----------
        quantile : float
            Share of values, over all images and positions, above which a unit is on.
        draws : int
            Permutations of the masks over images.
        seed : int
            Of the permutations.

        Returns
        -------
        units : list of dict
            A row a layer, draw and unit: ``layer``, ``unit``, ``silent`` (never on; yes or no), ``draw`` (0 is that of
            the masks of each image), ``concept`` (None where no concept overlaps) and ``iou``.
        thresholds : dict of str to numpy.ndarray
            Of the units of each layer.
        """
        thresholds, silent = self.thresholds(quantile)
        tallies = self.tallies(thresholds, orders(len(self.annotated.images), draws, seed))
        rows = []
        for name, tally in tallies.items():
            for draw in range(draws + 1):
                concept, iou, _ = label_units(tally.iou(draw), 0)
                rows += [
                    {"layer": name, "unit": unit, "silent": "yes" if silent[name][unit] else "no", "draw": draw}
                    | {"concept": None if c < 0 else concept_name(self.annotated.concepts[c]), "iou": float(value)}
                    for unit, (c, value) in enumerate(zip(concept, iou, strict=True))
                ]
        return rows, thresholds

    def examples(self, rows, thresholds, count=IMAGES_A_UNIT):
        """Return the images in which units answer most.

        Parameters
        ----------
        rows : list of dict
            Of units: ``layer``, ``unit`` and ``concept``.
        thresholds : dict of str to numpy.ndarray
            From `units`.
        count : int
            Images a unit.

        Returns
        -------
        list of dict
            The row, with ``images`` (uint8, n x H x W x C), ``on`` and ``mask`` (bool, n x h x w): where the unit is
            on, and where the concept is.
        """
        layers = list(dict.fromkeys(row["layer"] for row in rows))
        best = {name: BestImages([row["unit"] for row in rows if row["layer"] == name], count) for name in layers}
        for _, maps in self.maps(layers) if layers else ():
            for name, found in maps.items():
                best[name].add(found)
        annotated, found = self.annotated, []
        numbers = {concept_name(concept): 1 + index for index, concept in enumerate(annotated.concepts)}
        for row in rows:
            indices, maps = best[row["layer"]].of(row["unit"])
            labels = annotated.labels[indices]
            on = upsample(maps, labels.shape[2:]) > thresholds[row["layer"]][row["unit"]]
            mask = (labels == numbers[row["concept"]]).any(axis=1)
            found.append(row | {"images": annotated.images[indices], "on": on, "mask": mask})
        return found


def orders(images, draws, seed):
    """Return which image's masks each image is held against: its own, then `draws` permutations of all images."""
    shuffled = (
        np.random.default_rng(derive_seed(seed, "null", "concepts", draw)).permutation(images) for draw in range(draws)
    )
    return [np.arange(images), *shuffled]


def concept_name(concept):
    """Return a concept as tables name it: category and label."""
    return ": ".join(concept)


def open_dissection(settings, dataset, annotated, weights):
    """Return the `Dissection` of a network of a study.

    Parameters
    ----------
    settings : dict
        ``network``, ``training`` (device, threads, ...) and ``concepts`` (``layers``).
    dataset, annotated, weights : path-like
        Folder of the converted data set, folder of `prunesim.datasets.annotated.annotate`, and the network.

    Returns
    -------
    Dissection
    """
    training, about = settings["training"], load_description(dataset)
    device = choose_device(training["device"])
    height, width, channels = about["shape"]
    shape = (channels, height, width)
    network = build_network(settings["network"], shape, len(about["classes"]), seed=0)
    arrays, known = load_tensors(weights)
    if known.get("narrower"):
        narrow(network, arrays, shape, weights)
    load_arrays(network, arrays, weights)
    network.to(device).eval()
    if training["channels_last"]:
        network.to(memory_format=torch.channels_last)
    words = settings["concepts"]["layers"]
    return Dissection(network, load_annotated(annotated), about, training, settings["network"]["name"], words)
