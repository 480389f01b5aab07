"""What is refused, and the sentences that say why."""

import math

import numpy as np

from prunesim.errors import PrunesimError


def refusal(measure, n_samples, first, second, names=("a", "b")):
    """Return why a measure has no value for a pair of networks, or ""."""
    for network, name in zip((first, second), names, strict=True):
        if network.total[0] == 0:
            return f"no value: {name} has no variance (all {network.width} neurons are constant)"
    if n_samples < measure.minimum_samples:
        return f"no value: {n_samples} samples, at least {measure.minimum_samples} are needed"
    if measure.needs_samples and n_samples <= max(first.width, second.width):
        return (
            f"no value: {n_samples} samples for {first.width} and {second.width} neurons; "
            "CCA needs more samples than neurons"
        )
    return ""


def check_matrix(matrix, name):
    """Return `matrix` as an array, checked to be a 2-D matrix of real numbers.

    Raises
    ------
    PrunesimError
    """
    matrix = np.asanyarray(matrix)
    if matrix.ndim != 2:
        raise PrunesimError(f"{name} has shape {matrix.shape}; it must be 2-D, samples x neurons.")
    if 0 in matrix.shape:
        raise PrunesimError(f"{name} has shape {matrix.shape}; it must have at least one sample and one neuron.")
    if matrix.dtype.kind not in "fiub":
        raise PrunesimError(f"{name} has values of type {matrix.dtype}; they must be real numbers.")
    return matrix


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
    if rows_per_image < 1 or count % rows_per_image:
        raise PrunesimError(f"{count} rows cannot be split into images of {rows_per_image} rows each.")
    if count < 2:
        raise PrunesimError(f"{names[0]} has {count} sample; at least 2 are needed.")
    return count, count // rows_per_image


def check_finite(moments, names):
    """Refuse moments of matrices with NaN or infinite values.

    Raises
    ------
    PrunesimError
    """
    for i, name in enumerate(names):
        if not math.isfinite(moments.gram(i, i).sum()):
            raise PrunesimError(f"{name} holds NaN, infinite or huge values; all must be finite.")
