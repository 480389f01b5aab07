"""What is refused, what counts as no value, and the sentences that say why."""

import math
import operator

import numpy as np

from prunesim.errors import PrunesimError

# Below this many samples a neuron, canonical correlations of unrelated layers are far from 0: their mean square is the
# inverse.
SAMPLES_PER_NEURON = 5
# How far rounding may take a value out of its bounds; what is further out was 0 / 0.
SLACK = 1e-6
UNDEFINED = "it is 0 / 0 within rounding here"


def refusal(measure, n_samples, first, second, names=("a", "b")):
    """Return why a measure has no value for a pair of networks, or ""."""
    for network, name in zip((first, second), names, strict=True):
        if network.total[0] == 0:
            return f"no value: {name} has no variance (all {network.neurons} neurons are constant)"
    return size_refusal(measure, n_samples, first.neurons, second.neurons)


def size_refusal(measure, n_samples, p, q):
    """Return why a measure has no value for so many samples of p and q neurons, or ""."""
    if n_samples < measure.minimum_samples:
        return f"no value: {n_samples} samples, at least {measure.minimum_samples} are needed"
    # Centring takes a dimension: n - 1 directions of samples, which as many neurons span whatever they hold.
    if measure.needs_samples and n_samples - 1 <= max(p, q):
        return (
            f"no value: {n_samples} samples for {p} and {q} neurons; at least {max(p, q) + 2} are needed, "
            "because with fewer any two layers agree fully"
        )
    return ""


def few_samples(measure, n_samples, p, q):
    """Return the note on a value that chance alone makes high, or ""."""
    if measure.needs_samples and n_samples < SAMPLES_PER_NEURON * max(p, q):
        return f"few samples: {n_samples} for {p} and {q} neurons, so that the null is near the value"
    return ""


def settled(row, measure):
    """Return a result as it may leave the program: finite and within the bounds of its measure, or None and why.

    Parameters
    ----------
    row : dict
        With ``value``, ``ci_low``, ``ci_high``, ``null`` and ``note``; None where there is none.
    measure : Measure
    """
    if row["value"] is None:
        return row
    value = _within(row["value"], measure.bounds)
    if value is None:
        nothing = dict.fromkeys(("value", "ci_low", "ci_high", "null"))
        return row | nothing | {"note": f"no value: {UNDEFINED}"}
    notes = [row["note"]] if row["note"] else []
    limits = [row["ci_low"], row["ci_high"]]
    if None not in limits:
        limits = [_within(limit, measure.bounds) for limit in limits]
        if None in limits:
            limits = [None, None]
            notes.append("no interval: in a part of the sample the measure has no value")
        else:
            limits = [min(limits[0], value), max(limits[1], value)]
    null = row["null"]
    if null is not None:
        null = _within(null, measure.bounds)
        if null is None:
            notes.append(f"no null: {UNDEFINED} with the images exchanged")
    return row | {
        "value": value,
        "ci_low": limits[0],
        "ci_high": limits[1],
        "null": null,
        "note": "; ".join(notes),
    }


def _within(value, bounds):
    """Return the value cut to its bounds, or None if more than rounding took it out."""
    low, high = bounds
    if not math.isfinite(value) or not low - SLACK <= value <= high + SLACK:
        return None
    return float(min(max(value, low), high))


def as_array(value, name):
    """Return what a caller gave as an array of real numbers.

    Raises
    ------
    PrunesimError
        If it is masked, a tensor that NumPy cannot read, ragged, or holds something else than real numbers.
    """
    if isinstance(value, np.ma.MaskedArray):
        raise PrunesimError(f"{name} is a masked array, whose mask would be ignored; leave the masked samples out.")
    if getattr(value, "requires_grad", False):
        raise PrunesimError(f"{name} is a tensor that requires grad; give its .detach().")
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise PrunesimError(
            f"{name} cannot be read as an array ({reason}); give a rectangular array of float16, float32 or float64 "
            "in the memory of the CPU."
        ) from error
    if array.dtype.kind not in "fiub":
        raise PrunesimError(f"{name} has values of type {array.dtype}; they must be real numbers.")
    # In one order of memory, since the order decides how sums are rounded.
    return np.asarray(array, order="C")


def check_matrix(matrix, name):
    """Return `matrix` as an array, checked to be a 2-D matrix of real numbers.

    Raises
    ------
    PrunesimError
    """
    matrix = as_array(matrix, name)
    if matrix.ndim != 2:
        raise PrunesimError(f"{name} has shape {matrix.shape}; it must be 2-D, samples x neurons.")
    check_not_empty(matrix, name)
    return matrix


def check_not_empty(array, name):
    """Refuse an array without samples or neurons."""
    if 0 in array.shape:
        raise PrunesimError(f"{name} has shape {array.shape}; it must have at least one sample and one neuron.")


def check_rows(matrices, rows_per_image, names):
    """Return (samples, images) of matrices that must have the same rows.

    Raises
    ------
    PrunesimError
    """
    for matrix, name in zip(matrices, names, strict=True):
        if len(matrix) != len(matrices[0]):
            raise PrunesimError(
                f"{names[0]} has {len(matrices[0])} rows and {name} has {len(matrix)}; rows are samples, and "
                "must be the same samples in both."
            )
    count = len(matrices[0])
    if count % rows_per_image:
        raise PrunesimError(f"{count} rows cannot be split into images of {rows_per_image} rows each.")
    if count < 2:
        raise PrunesimError(f"{names[0]} has {count} sample; at least 2 are needed.")
    return count, count // rows_per_image


def check_pairs(pairs, count):
    """Return the pairs as tuples of whole numbers, refused where there is no matrix of that number."""
    checked = []
    for pair in pairs:
        a, b = (whole(end, "the number of a matrix in a pair") for end in pair)
        if max(a, b) >= count:
            raise PrunesimError(f"The pair ({a}, {b}) has no such matrix; they are numbered 0 to {count - 1}.")
        checked.append((a, b))
    return checked


def whole(value, what, least=0):
    """Return a whole number of at least `least`; anything else is refused.

    Raises
    ------
    PrunesimError
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise PrunesimError(f"{what[0].upper()}{what[1:]} is {value!r}; it must be a whole number of at least {least}.")
    return number
