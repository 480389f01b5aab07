"""One layer's activations as the moments want them: within the range of float64, and no wider than they are long."""

import math
from typing import NamedTuple

import numpy as np

from prunesim.errors import PrunesimError
from prunesim.similarity.moments import accumulate
from prunesim.similarity.statistics import EPSILON, RANK_TOLERANCE, rounding_of

# Fourth powers of what lies between stay within the range of float64.
LARGEST_EXPONENT = 90
TRACES = (2.0 ** (-2 * LARGEST_EXPONENT), 2.0 ** (2 * LARGEST_EXPONENT))


class Layer(NamedTuple):
    """A layer's activations.

    Attributes
    ----------
    matrix : numpy.ndarray
        (samples, neurons).
    coordinates : numpy.ndarray
        (samples, k): what the moments are made of. The matrix itself or, where it has no fewer neurons than samples
        less one, its centred rows in an orthonormal basis of the space that they span, k < samples.
    neurons : int
    rank : int or None
        Of a matrix that was changed to coordinates, which no longer tell it.
    """

    matrix: np.ndarray
    coordinates: np.ndarray
    neurons: int
    rank: int | None


def prepared(matrix, name):
    """Return the `Layer` of a matrix.

    Every measure that is defined for no more samples than neurons keeps its value under rotation, and a rotation turns
    n x p into n x n.

    Raises
    ------
    PrunesimError
        If a wide matrix holds NaN or infinite values; for the others see `moments_of`.
    """
    if len(matrix) - 1 > matrix.shape[1]:
        return Layer(matrix, matrix, matrix.shape[1], None)
    matrix = in_range(matrix, name)
    rows = np.asarray(matrix, dtype=np.float64)
    mean = rows.mean(axis=0)
    centred = rows - mean
    squares = np.einsum("ij,ij->j", centred, centred)
    centred = centred[:, squares > rounding_of(len(rows), squares, mean)]
    if not centred.shape[1]:
        return Layer(matrix, np.zeros((len(rows), 1)), matrix.shape[1], 0)
    # From products of samples: the smallest directions lose half of their digits, in which no measure sees them.
    values, vectors = np.linalg.eigh(centred @ centred.T)
    kept = values > len(values) * EPSILON * values[-1]
    coordinates = vectors[:, kept] * np.sqrt(values[kept])
    centred /= np.sqrt(np.einsum("ij,ij->j", centred, centred))
    values = np.linalg.eigvalsh(centred @ centred.T)
    return Layer(matrix, coordinates, matrix.shape[1], int((values > RANK_TOLERANCE * values[-1]).sum()))


def moments_of(layers, names, pairs, **options):
    """Return the layers, brought into range where they have to be, and their moments; see `accumulate`.

    Raises
    ------
    PrunesimError
        If a layer holds NaN or infinite values.
    """
    moments = accumulate([layer.coordinates for layer in layers], pairs, **options)
    changed = list(layers)
    for i, (entry, name) in enumerate(zip(layers, names, strict=True)):
        with np.errstate(over="ignore", invalid="ignore"):
            squares = np.einsum("bii->i", moments.gram(i, i)[:, : moments.widths[i], : moments.widths[i]])
            trace = squares.sum(dtype=np.float64)
        if not TRACES[0] < trace < TRACES[1] and entry.rank is None:
            matrix = in_range(entry.matrix, name)
            changed[i] = entry._replace(matrix=matrix, coordinates=matrix)
    if all(after is before for after, before in zip(changed, layers, strict=True)):
        return layers, moments
    return changed, accumulate([layer.coordinates for layer in changed], pairs, **options)


def in_range(matrix, name):
    """Return the matrix, divided by a power of two if powers of its values would leave the range of float64.

    No measure changes when a layer is multiplied by a number, and a power of two costs no digits.

    Raises
    ------
    PrunesimError
        If the matrix holds NaN or infinite values.
    """
    with np.errstate(over="ignore"):
        low, high = float(matrix.min()), float(matrix.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise PrunesimError(f"{name} holds NaN, infinite values or both; all must be finite.")
    _, exponent = math.frexp(max(-low, high))
    if abs(exponent) <= LARGEST_EXPONENT:
        return matrix
    return np.ldexp(np.asarray(matrix, dtype=np.float64), -exponent)
