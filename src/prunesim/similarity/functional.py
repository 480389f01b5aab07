"""Similarity of what two networks answer, which needs no layer: same class, same probabilities.

Answers are logits, images x classes. The measures are means over images, or functions of such means, so that leaving
out a block of images needs no second look at them.
"""

from typing import NamedTuple

import numpy as np

from prunesim.similarity.calibration import calibrated
from prunesim.similarity.jackknife import MINIMUM_BLOCKS, jackknife_interval, leave_one_out
from prunesim.similarity.moments import block_edges, image_order

BINS = 15


class Measure(NamedTuple):
    """A measure of answers.

    Attributes
    ----------
    function : callable
        From the means of agreement, divergence and of who is right, each (stack,), and the number of classes.
    source : str
    larger_is_more_similar : bool
    exchanged : bool
        Whether it says something with the images of one network exchanged.
    bounds : (float, float)
    """

    function: callable
    source: str
    larger_is_more_similar: bool = True
    exchanged: bool = True
    bounds: tuple = (0.0, 1.0)


def least_disagreement(first, second):
    """Return the least share of images on which networks of these accuracies disagree, ``abs(a - b)``.

    Klabunde and Lemmerich 2023, "On the prediction instability of graph neural networks", the min of the min-max
    normalised disagreement.
    """
    return np.abs(np.subtract(first, second))


def most_disagreement(first, second, classes):
    """Return the largest share of images on which networks of these accuracies can disagree.

    All but the images that both must have right, min(1, (1 - a) + (1 - b)); see `least_disagreement`. Of two classes
    the wrong one is the same for both, so that they also agree where both are wrong.
    """
    wrong = 2.0 - np.add(first, second)
    return np.minimum(wrong, 2.0 - wrong) if classes == 2 else np.minimum(wrong, 1.0)


MEASURES = {
    "agreement": Measure(lambda same, jsd, first, second, classes: same, "Fort et al. 2019"),
    "jsd": Measure(
        lambda same, jsd, first, second, classes: jsd,
        "Lin 1991; Klabunde et al. 2025 (ReSi)",
        larger_is_more_similar=False,
    ),
    "disagreement": Measure(
        lambda same, jsd, first, second, classes: 1.0 - same,
        "Madani et al. 2004; Klabunde et al. 2025 (ReSi)",
        larger_is_more_similar=False,
    ),
    "disagreement_least": Measure(
        lambda same, jsd, first, second, classes: least_disagreement(first, second),
        "Klabunde and Lemmerich 2023",
        larger_is_more_similar=False,
        exchanged=False,
    ),
    "disagreement_most": Measure(
        lambda same, jsd, first, second, classes: most_disagreement(first, second, classes),
        "Klabunde and Lemmerich 2023",
        larger_is_more_similar=False,
        exchanged=False,
    ),
}


def softmax(logits):
    """Return the probabilities of logits (images, classes), float64."""
    shifted = np.asarray(logits, dtype=np.float64)
    powers = np.exp(shifted - shifted.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def divergences(first, second):
    """Return the Jensen-Shannon divergence in bits of two probabilities of each image, (images,), from 0 to 1.

    Lin 1991, "Divergence measures based on the Shannon entropy".
    """
    middle = (first + second) / 2
    halves = (_relative(side, middle) for side in (first, second))
    return np.clip(sum(halves) / 2, 0.0, 1.0)


def _relative(one, middle):
    """Return the Kullback-Leibler divergence in bits of each row from another one that is at least half of it."""
    ratio = np.divide(one, middle, out=np.ones_like(one), where=one > 0)
    return (one * np.log2(ratio)).sum(axis=1)


def compare_answers(first, second, labels, *, blocks=20, draws=5, seed=0):
    """Return every measure of the answers of two networks, with interval and null.

    Parameters
    ----------
    first, second : array_like
        Logits of the same images, (images, classes).
    labels : array_like
        Right classes, (images,).
    blocks, draws, seed
        See `prunesim.similarity.compare_pairs`.

    Returns
    -------
    list of dict
        One a measure, with the keys ``measure``, ``value``, ``ci_low``, ``ci_high``, ``null``, ``drawn``,
        ``calibrated``, ``p_value``, ``n_images``, ``n_samples`` and ``note``. What two accuracies allow has no null.
    """
    labels = np.asarray(labels)
    count, classes = np.shape(first)
    chosen = [np.argmax(logits, axis=1) for logits in (first, second)]
    probabilities = [softmax(logits) for logits in (first, second)]

    def means(order=None):
        """The means that measures are made of; with an order, the images of the second network are exchanged."""
        other, likely = chosen[1], probabilities[1]
        if order is not None:
            other, likely = other[order], likely[order]
        right = [answer == labels for answer in (chosen[0], other)]
        return np.stack([chosen[0] == other, divergences(probabilities[0], likely), *right]).astype(np.float64)

    of_images = means()
    edges = block_edges(count, blocks or 1)
    sizes = np.diff(edges)
    enough = bool(blocks) and len(sizes) >= MINIMUM_BLOCKS
    note = (
        ""
        if enough or not blocks
        else f"no interval: {len(sizes)} blocks of images, at least {MINIMUM_BLOCKS} are needed"
    )
    parts = leave_one_out(len(sizes)) if enough else np.ones((1, len(sizes)))
    order = image_order(count, seed, "blocks")
    sums = np.add.reduceat(of_images[:, order], edges[:-1], axis=1)
    stack = sums @ parts.T / (sizes @ parts.T)
    orders = (image_order(count, seed, "draw", draw) for draw in range(draws if count > 1 else 0))
    exchanged = [means(order).mean(axis=1, keepdims=True) for order in orders]
    rows = []
    for name, measure in MEASURES.items():
        values = measure.function(*stack, classes)
        # Not from sums of blocks: a share of images is a whole number of them over all, to the last digit.
        value = float(measure.function(*of_images.mean(axis=1, keepdims=True), classes)[0])
        low = high = None
        if enough:
            low, high = map(float, jackknife_interval(value, values[1:] - values[0], sizes, bounds=measure.bounds))
        drawn = [float(measure.function(*one, classes)[0]) for one in exchanged] if measure.exchanged else []
        row = {"measure": name, "value": value, "ci_low": low, "ci_high": high, "drawn": drawn, "note": note}
        row |= {"null": sum(drawn) / len(drawn) if drawn else None, "n_images": count, "n_samples": count}
        rows.append(calibrated(row, measure))
    return rows


def accuracy(logits, labels):
    """Return the share of images whose largest logit is that of the right class."""
    return int((np.argmax(logits, axis=1) == labels).sum()) / len(labels)


def class_accuracies(logits, labels, classes):
    """Return the number of images of each class and the share of them that is right, NaN for a class without images."""
    images = np.bincount(labels, minlength=classes)
    right = np.bincount(labels[np.argmax(logits, axis=1) == labels], minlength=classes)
    return images, np.divide(right, images, out=np.full(len(images), np.nan), where=images > 0)


def calibration_error(logits, labels, bins=BINS):
    """Return the expected calibration error: sum over bins of ``n_b / N abs(accuracy_b - confidence_b)``.

    Guo et al. 2017, "On calibration of modern neural networks", eq. 3: bins of equal width of the largest probability,
    each closed above.
    """
    probabilities = softmax(logits)
    confidence = probabilities.max(axis=1)
    right = np.argmax(logits, axis=1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(place, weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def cross_entropy(logits, labels):
    """Return the mean of -log of the probability of the right class."""
    shifted = np.asarray(logits, dtype=np.float64)
    shifted = shifted - shifted.max(axis=1, keepdims=True)
    right = shifted[np.arange(len(labels)), labels]
    return float((np.log(np.exp(shifted).sum(axis=1)) - right).mean())
