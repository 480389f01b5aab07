"""The units of the networks of a finished study that recognise concepts."""

from prunesim.activations.concepts import QUANTILE, THRESHOLD
from prunesim.activations.dissecting import DRAWS, IMAGES_A_UNIT, Dissection, concept_name
from prunesim.activations.dissecting import orders as orders
from prunesim.datasets.annotated import pixel_shares
from prunesim.results.recognition import best_units as best_units
from prunesim.results.recognition import concept_rows, layer_rows, too_large_concepts
from prunesim.storage.columns import CONCEPT_LAYERS, CONCEPTS

COLUMNS, LAYER_COLUMNS = CONCEPTS, CONCEPT_LAYERS


def dissection(study, annotated, which, words=("conv",)):
    """Return the `Dissection` of a network of a study.

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
    key = dict(zip(("replicate", "method", "round"), which, strict=True))
    settings = study.metrics(**key)["settings"]
    about = study.description() | {"name": study.name}
    return Dissection(study.network(**key), annotated, about, settings["training"], settings["network"]["name"], words)


def dissect(study, annotated, which, words=("conv",), quantile=QUANTILE, threshold=THRESHOLD, draws=DRAWS, seed=0):
    """Find what the units of one network recognise.

    Parameters
    ----------
    study, annotated, which, words
        See `dissection`.
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
    units, thresholds = dissection(study, annotated, which, words).units(quantile, draws, seed)
    key = dict(zip(("replicate", "method", "round"), which, strict=True))
    units = [key | row for row in units]
    return concept_rows(units, threshold), layer_rows(units, threshold), thresholds


def too_large(annotated, quantile=QUANTILE, threshold=THRESHOLD):
    """Return the concepts that no unit can be a detector of; see `too_large_concepts`."""
    shares = zip(map(concept_name, annotated.concepts), pixel_shares(annotated), strict=True)
    return too_large_concepts(dict(shares), quantile, threshold)


def examples(study, annotated, which, rows, thresholds, words=("conv",), count=IMAGES_A_UNIT):
    """Return the images in which units answer most; see `dissection` and `Dissection.examples`."""
    return dissection(study, annotated, which, words).examples(rows, thresholds, count)
