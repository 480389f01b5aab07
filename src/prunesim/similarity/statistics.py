"""What the measures are functions of: centred co-moments of one network and of a pair, in stacks.

Every array has a leading axis. Entry 0 is the whole sample; the entries after it are parts of it, some blocks of
images. Measures work on the whole stack at once.
"""

import functools
from functools import cached_property

import numpy as np

from prunesim.similarity.moments import WIDE, shift_map
from prunesim.similarity.threads import spread

# Directions whose standard deviation is below 1e-6 of the largest, after each neuron was scaled to unit
# variance, are rounding noise in a matrix that went through a product (squared: 1e-12).
RANK_TOLERANCE = 1e-12
EPSILON = np.finfo(np.float64).eps
# Singular values below this share of the largest are rounding noise where they are roots of eigenvalues of a square.
ROUGH_TOLERANCE = 1e-7
# Triangles smaller than this are inverted as they are.
TRIANGLE = 32
# Squares below this have lost digits.
DENORMAL = np.finfo(np.float64).tiny / EPSILON


def remembered(method):
    """Compute a method once for the same arguments, as `cached_property` does a property."""

    @functools.wraps(method)
    def call(self, *arguments):
        found = self.__dict__.setdefault(f"_{method.__name__}", {})
        if arguments not in found:
            found[arguments] = method(self, *arguments)
        return found[arguments]

    return call


def stacked(gram, parts):
    """Return (stack, ...) from (blocks, ...): entry k is the sum of the blocks b with ``parts[k, b]`` = 1."""
    if len(parts) == 1 and parts.all():
        return gram.sum(axis=0, keepdims=True, dtype=np.float64)
    flat = np.ascontiguousarray(gram, dtype=np.float64).reshape(len(gram), -1)
    return (np.asarray(parts, dtype=np.float64) @ flat).reshape(len(parts), *gram.shape[1:])


def centred(gram, p, q):
    """Return the centred co-moments, (stack, p, q), from Grams of features."""
    count = gram[:, -1:, -1:]
    return gram[:, :p, :q] - gram[:, :p, -1:] * gram[:, -1:, :q] / count


def rounding_of(count, squares, mean):
    """Return up to which sum of squares about its mean a neuron may owe it to rounding.

    Parameters
    ----------
    count : array_like
        Number of samples.
    squares : array_like
        Sum of squares as it was added up, about a shift near the mean.
    mean : array_like
    """
    return 64 * EPSILON * squares + count * ((16 * EPSILON * mean) ** 2 + DENORMAL)


class Network:
    """The statistics of one network: co-moments, live neurons, whitening, rank.

    Parameters
    ----------
    gram : numpy.ndarray
        (stack, p + e, p + e), from `stacked`.
    shift : numpy.ndarray
        (p,)
    neurons : int, optional
        Number of neurons where the moments are of something else (`prunesim.similarity.layers`); p by default.
    """

    def __init__(self, gram, shift, neurons=None):
        self.gram = gram
        self.shift = shift
        self.width = len(shift)
        self.neurons = neurons or self.width
        self.count = gram[:, -1, -1]

    @cached_property
    def comoment(self):
        """(stack, p, p): sum of (x - mean)(x - mean)^T."""
        return centred(self.gram, self.width, self.width)

    @cached_property
    def live(self):
        """(stack, p): True where a neuron varies by more than rounding."""
        p = self.width
        shifted = np.einsum("bii->bi", self.gram[:, :p, :p])
        mean = self.shift + self.gram[:, -1, :p] / self.count[:, None]
        return np.einsum("bii->bi", self.comoment) > rounding_of(self.count[:, None], shifted[:1], mean)

    @cached_property
    def scale(self):
        """(stack, p): root of the sum of squares of each centred neuron, 0 for dead ones."""
        return np.sqrt(np.where(self.live, np.einsum("bii->bi", self.comoment), 0))

    @cached_property
    def total(self):
        """(stack,): total sum of squares, the trace of the co-moments."""
        return (self.scale**2).sum(axis=1)

    @property
    def correlation_basis(self):
        """Eigenvalues (stack, p), largest first, 0 below the tolerance, and vectors of the correlations.

        The correlation matrix, not the covariance: rank and CCA then do not depend on the units of a neuron.
        """
        return _cut(*_each(np.linalg.eigh, self._correlations()))

    def _correlations(self):
        """(stack, p, p): correlations of the neurons, 0 for dead ones."""
        inverse = _inverse(self.scale)
        return self.comoment * inverse[:, :, None] * inverse[:, None, :]

    @cached_property
    def rank(self):
        """(stack,): number of directions above the tolerance."""
        return self._whitening[0]

    @property
    def whitening(self):
        """(stack, p, p): W with W^T S W = identity on the kept directions, 0 in the other columns."""
        return self._whitening[1]

    @property
    def loading(self):
        """(stack, p, p): W^T S, the covariances of the whitened directions (rows) with the neurons."""
        return self._whitening[2]

    @cached_property
    def _whitening(self):
        if self.width >= WIDE and (found := self._triangular_whitening()):
            return found
        values, vectors = self.correlation_basis
        whitening = _inverse(self.scale)[:, :, None] * vectors * _inverse(np.sqrt(values))[:, None, :]
        loading = np.sqrt(values)[:, :, None] * vectors.transpose(0, 2, 1) * self.scale[:, None, :]
        return (values > 0).sum(axis=1), whitening, loading

    def _triangular_whitening(self):
        """Return rank, whitening and loading by Cholesky factors, a tenth of the work; None if directions may be lost.

        Canonical correlations do not depend on which whitening it is.
        """
        correlations = self._correlations()
        # A dead neuron is a direction by itself, which its scale of 0 takes out again.
        np.einsum("bii->bi", correlations)[:] = 1
        try:
            lower = _each(np.linalg.cholesky, correlations)
        except np.linalg.LinAlgError:
            return None
        inverted = _each(_inverse_of_triangle, lower)
        # The largest eigenvalue is at most the trace, the smallest at least 1 / |L^-1|^2.
        if self.width * np.einsum("bij,bij->b", inverted, inverted).max() > 0.1 / RANK_TOLERANCE:
            return None
        whitening = _inverse(self.scale)[:, :, None] * inverted.transpose(0, 2, 1)
        return self.live.sum(axis=1), whitening, lower.transpose(0, 2, 1) * self.scale[:, None, :]

    @cached_property
    def principal_basis(self):
        """Eigenvalues (stack, p), largest first, and vectors of the co-moments (PCA, unscaled)."""
        return _cut(*_each(np.linalg.eigh, self.comoment * self.live[:, :, None] * self.live[:, None, :]))

    @remembered
    def principal_count(self, variance, directions=None):
        """(stack,): the smallest number of principal directions with that share of the variance, or a given number."""
        values = self.principal_basis[0]
        if directions is not None:
            return np.minimum(directions, (values > 0).sum(axis=1))
        cumulative = np.cumsum(values, axis=1)
        # The slack keeps a share that is met exactly from being missed by rounding.
        goal = variance * cumulative[:, -1:] * (1 - 1e-13)
        return np.minimum((cumulative < goal).sum(axis=1) + 1, (values > 0).sum(axis=1))

    def principal_whitening(self, variance, directions=None):
        """(stack, p, k): whitening of the leading principal directions, 0 in columns that an entry does not keep."""
        values, vectors = self.principal_basis
        counts = self.principal_count(variance, directions)
        largest = counts.max()
        kept = np.arange(largest) < counts[:, None]
        return vectors[:, :, :largest] * (_inverse(np.sqrt(values[:, :largest])) * kept)[:, None, :]

    @cached_property
    def raw_gram(self):
        """(stack, p, p): uncentred sum of x x^T."""
        return raw(self.gram, self.shift, self.shift)


class Pair:
    """The statistics of an ordered pair of networks.

    Parameters
    ----------
    first, second : Network
    gram : numpy.ndarray
        (stack, p + e, q + e), from `stacked`.
    images : int, optional
        Number of images, the independent samples; the number of samples by default.
    derivatives : bool
        Whether derivatives will be asked for: decompositions of the whole sample then keep their vectors.
    """

    def __init__(self, first, second, gram, images=None, derivatives=False):
        self.first = first
        self.second = second
        self.gram = gram
        self.images = images or float(first.count[0])
        self.derivatives = derivatives

    @property
    def count(self):
        """(stack,): number of samples."""
        return self.first.count

    @cached_property
    def comoment(self):
        """(stack, p, q): sum of (x - mean)(y - mean)^T, 0 for dead neurons."""
        cross = centred(self.gram, self.first.width, self.second.width)
        return cross * self.first.live[:, :, None] * self.second.live[:, None, :]

    @cached_property
    def raw_gram(self):
        """(stack, p, q): uncentred sum of x y^T."""
        return raw(self.gram, self.first.shift, self.second.shift)

    @property
    def whitened(self):
        """(stack, p, q): cross-covariance of the whitened networks."""
        return self.first.whitening.transpose(0, 2, 1) @ self.comoment @ self.second.whitening

    @cached_property
    def swapped(self):
        """The pair (second, first)."""
        return Pair(self.second, self.first, self.gram.transpose(0, 2, 1), self.images, self.derivatives)

    @cached_property
    def canonical(self):
        """Left vectors (stack, p, m), correlations (stack, m), right vectors (stack, m, q); m = min(p, q)."""
        whitened = self.whitened
        exact = self._exact(whitened, correlations=True)
        parts = [np.linalg.svd(whitened[:exact], full_matrices=False)] if exact else []
        if exact < len(whitened):
            parts.append(_rough_svd(whitened[exact:]))
        left, values, right = (np.concatenate(pair) for pair in zip(*parts, strict=True))
        return left, np.clip(values, 0, 1), right

    @cached_property
    def nuclear(self):
        """Left vectors, singular values (stack, m) and right vectors of the co-moments, see `_decomposed`."""
        return self._decomposed(self.comoment)

    @remembered
    def principal(self, variance, directions=None):
        """Left vectors, correlations (stack, k) and right vectors between the kept principal directions."""
        first, second = (network.principal_whitening(variance, directions) for network in (self.first, self.second))
        left, values, right = self._decomposed(first.transpose(0, 2, 1) @ self.comoment @ second, correlations=True)
        return left, np.clip(values, 0, 1), right

    def _decomposed(self, matrices, correlations=False):
        """Singular values of a stack, with the vectors of the whole sample, which cost most, only for derivatives."""
        exact = self._exact(matrices, correlations)
        if not self.derivatives:
            return None, np.linalg.svd(matrices, compute_uv=False) if exact else _rough_singular_values(matrices), None
        left, values, right = np.linalg.svd(matrices[:1], full_matrices=False) if exact else _rough_svd(matrices[:1])
        return left[0], np.concatenate([values, _rough_singular_values(matrices[1:])]), right[0]

    def _exact(self, matrices, correlations):
        """Return how many of a stack, from the first, are decomposed to the last digit.

        Of the halves of a sample only the bias is read, which needs few digits. In the mean of many correlations small
        ones may be 1e-8 off; the singular values of co-moments may all be small beside the first.
        """
        if correlations and min(matrices.shape[1:]) >= WIDE:
            return 0
        return 1 if self.derivatives else len(matrices)

    @cached_property
    def smaller_rank(self):
        """(stack,): min of the two ranks."""
        return np.minimum(self.first.rank, self.second.rank)


def raw(gram, first_shift, second_shift):
    """Return uncentred products (stack, p, q) from Grams of shifted features."""
    norms = gram.shape[1] - len(first_shift) == 2
    left, right = shift_map(first_shift, norms), shift_map(second_shift, norms)
    return (left.T @ gram @ right)[:, : len(first_shift), : len(second_shift)]


# Eigenvalues of the square lose half of the digits of the smallest singular values, and cost half as much.


def _rough_singular_values(matrices):
    return np.sqrt(np.clip(_each(np.linalg.eigvalsh, _smaller_square(matrices))[:, ::-1], 0, None))


def _rough_svd(matrices):
    """Return singular values and vectors of a stack; vectors of singular values that are noise are 0 on one side."""
    values, vectors = (array[..., ::-1] for array in _each(np.linalg.eigh, _smaller_square(matrices)))
    values = np.sqrt(np.clip(values, 0, None))
    inverse = _inverse(np.where(values > ROUGH_TOLERANCE * values[:, :1], values, 0))
    if matrices.shape[1] <= matrices.shape[2]:
        return vectors, values, inverse[:, :, None] * (vectors.transpose(0, 2, 1) @ matrices)
    return matrices @ vectors * inverse[:, None, :], values, vectors.transpose(0, 2, 1)


def _each(function, matrices):
    """Return what a function makes of a stack: wide matrices in threads, of which LAPACK alone makes little use."""
    if matrices.shape[-1] < WIDE:
        return function(matrices)
    found = spread(function, matrices)
    return np.stack(found) if isinstance(found[0], np.ndarray) else tuple(map(np.stack, zip(*found, strict=True)))


def _inverse_of_triangle(lower):
    """Return the inverse of a lower triangle, by halves: nearly all of it products, where NumPy takes it for full."""
    half = len(lower) // 2
    if half < TRIANGLE:
        return np.linalg.inv(lower)
    first, last = (_inverse_of_triangle(part) for part in (lower[:half, :half], lower[half:, half:]))
    inverse = np.zeros_like(lower)
    inverse[:half, :half], inverse[half:, half:] = first, last
    inverse[half:, :half] = -last @ lower[half:, :half] @ first
    return inverse


def _smaller_square(matrices):
    other = matrices.transpose(0, 2, 1)
    return matrices @ other if matrices.shape[1] <= matrices.shape[2] else other @ matrices


def _inverse(values):
    return np.divide(1, values, out=np.zeros_like(values), where=values > 0)


def _cut(values, vectors):
    values, vectors = values[:, ::-1], vectors[:, :, ::-1]
    return np.where(values > RANK_TOLERANCE * values[:, :1], values, 0), vectors
