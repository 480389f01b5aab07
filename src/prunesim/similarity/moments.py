"""Co-moments of activation matrices: the only part of the similarity engine that sees data.

A network enters as its *features* f = [x - shift, r, 1]: the shifted activations of one sample, the
squared norm r of that vector (only when row norms are asked for) and a constant. The moments of a pair
are the Gram matrices of features, one a block of images,

    G_b[i, j] = sum over the samples of block b of f_i f_j^T,

so that the count, the sums, the co-moments and the row-norm terms of the unbiased HSIC are entries of one
matrix. Moments of parts of the data add up, and another shift is a linear map of the features.
"""

import itertools
import json
import math
import threading
import zipfile
from dataclasses import dataclass

import numpy as np

from prunesim.errors import PrunesimError
from prunesim.similarity.threads import blas_threads, spread, stream
from prunesim.storage.files import atomic_path
from prunesim.study.seeds import derive_seed

SHIFT_ROWS = 1024
CHUNK_BYTES = 128 << 20
# Products of matrices this wide are as fast by themselves as stacked.
WIDE = 256
TILE_BYTES = 1 << 17
FLOAT32_ROWS = 50_000
FLOAT32_SAMPLE = 1024
FLOAT32_EIGENVALUE = 0.01
FILE_VERSION = 1


@dataclass(frozen=True)
class Moments:
    """Sufficient statistics of several activation matrices over the same samples.

    Attributes
    ----------
    widths : tuple of int
        Number of neurons of each matrix.
    shifts : tuple of numpy.ndarray
        The vector of length ``widths[i]`` that was subtracted from each row of matrix i.
    norms : bool
        Whether the features hold the squared row norms (needed for ``cka_linear_debiased`` only).
    grams : dict of (int, int) to numpy.ndarray
        For i <= j, shape (blocks, widths[i] + e, widths[j] + e), e = 2 with row norms, 1 without.
    sums : dict of (int, int) to numpy.ndarray, optional
        Sums of some blocks in float64, (parts, ...) like the Grams, which are then float32.
    """

    widths: tuple
    shifts: tuple
    norms: bool
    grams: dict
    sums: dict | None = None

    def gram(self, i, j):
        """Return the Grams of features i and j, (blocks, p_i + e, p_j + e), for any order of i and j."""
        return self.grams[i, j] if i <= j else self.grams[j, i].transpose(0, 2, 1)


def block_edges(n_images, blocks):
    """Return the first image of each block and the end: `blocks` + 1 integers, sizes differing by at most 1."""
    blocks = max(1, min(blocks, n_images))
    return np.arange(blocks + 1) * n_images // blocks


def image_order(n_images, seed, *names):
    """Return a seeded random order of the images (a permutation of ``range(n_images)``)."""
    return np.random.default_rng(derive_seed(seed, "null", *names)).permutation(n_images)


def accumulate(
    matrices,
    pairs=None,
    *,
    rows_per_image=1,
    orders=None,
    edges=None,
    norms=True,
    squares=True,
    precision="auto",
    chunk_bytes=CHUNK_BYTES,
    parts=None,
):
    """Return the moments of matrices that hold the same samples, reading each of them once.

    Parameters
    ----------
    matrices : sequence of array_like or numpy.memmap
        Each (samples, neurons), float16, float32 or float64, rows image-major.
    pairs : iterable of (int, int), optional
        The cross products wanted. None means all.
    rows_per_image : int
        Consecutive rows that belong to one image.
    orders : sequence of numpy.ndarray, optional
        For each matrix the order in which its images are taken; None takes them as they lie.
        Different orders for different matrices are what the permutation null needs.
    edges : sequence of int, optional
        Block b holds the images ``order[edges[b]:edges[b + 1]]``. None makes one block.
    norms : bool
        Keep the row norms.
    squares : bool
        Form the product of each matrix with itself too.
    precision : {"auto", "float64", "float32"}
        Of the products within a chunk; sums over chunks are float64. "auto" decides by `product_precision`.
    chunk_bytes : int
        Size of the working buffers of all threads together; it changes the result by rounding only.
    parts : numpy.ndarray, optional
        (parts, blocks), 1 for a block in a part: add up those parts in float64, and keep the blocks in float32, half
        the memory.

    Returns
    -------
    Moments
    """
    matrices = [np.asanyarray(matrix) for matrix in matrices]
    count = len(matrices)
    widths = tuple(matrix.shape[1] for matrix in matrices)
    n_images = len(matrices[0]) // rows_per_image
    edges = np.array([0, n_images]) if edges is None else np.asarray(edges)
    pairs = [(i, j) for i in range(count) for j in range(i, count)] if pairs is None else pairs
    wanted = {(min(i, j), max(i, j)) for i, j in pairs}
    if squares:
        wanted |= {(i, i) for i in range(count)}
    if precision == "auto":
        precision = product_precision(matrices)
    shifts = tuple(_shift(matrix, precision, norms) for matrix in matrices)
    starts = np.concatenate([[0], np.cumsum(np.array(widths) + (2 if norms else 1))])
    columns = [slice(starts[i], starts[i + 1]) for i in range(count)]

    # A chunk of fewer rows than columns would cost more in adding up products than in forming them.
    row_bytes = np.dtype(precision).itemsize * starts[-1]
    most_rows = max(int(chunk_bytes // (row_bytes * blas_threads())), int(starts[-1]))
    largest = int(np.diff(edges).max())
    chunks = math.ceil(largest * rows_per_image / most_rows)
    images = math.ceil(largest / chunks)
    single = chunks == 1 and parts is None
    units = [
        (block, start, min(start + images, high))
        for block, (low, high) in enumerate(itertools.pairwise(edges))
        for start in range(low, high, images)
    ]
    store = np.float32 if parts is not None else precision if single else np.float64
    grams, targets = _targets(wanted, columns, len(edges) - 1, store)
    sums, totals = (None, []) if parts is None else _targets(wanted, columns, len(parts), np.float64)
    local = threading.local()

    def products(unit):
        block, start, stop = unit
        if not hasattr(local, "buffer"):
            local.buffer = np.empty((images * rows_per_image, starts[-1]), dtype=precision)
            local.buffer[:, starts[1:] - 1] = 1
        chunk = local.buffer[: (stop - start) * rows_per_image]
        # NaN and infinite values show in the sums; `prunesim.similarity.layers` names them.
        with np.errstate(invalid="ignore", over="ignore"):
            for i, matrix in enumerate(matrices):
                part = chunk[:, starts[i] : starts[i] + widths[i]]
                taken = slice(start, stop) if orders is None or orders[i] is None else orders[i][start:stop]
                _gather(matrix, taken, rows_per_image, shifts[i].astype(precision), part)
                if norms:
                    np.einsum("ij,ij->i", part, part, out=chunk[:, starts[i] + widths[i]])
            if not single:
                return [chunk[:, left].T @ chunk[:, right] for left, right, _ in targets]
            for left, right, target in targets:
                np.matmul(chunk[:, left].T, chunk[:, right], out=target[block])
            return []

    # In order, whichever thread is first: the same bytes every time.
    with np.errstate(invalid="ignore", over="ignore"):
        for (block, *_), found in zip(units, stream(products, units), strict=True):
            for (*_, target), part in zip(targets, found, strict=not single):
                target[block] += part
            for k in () if parts is None else np.flatnonzero(parts[:, block]):
                for (*_, total), part in zip(totals, found, strict=True):
                    total[k] += part
    return Moments(widths, shifts, norms, grams, sums)


def stacks_everything(products, widths):
    """Return whether one product of all matrices is formed: it costs less than its parts when most are wanted."""
    return 4 * products > len(widths) * (len(widths) + 1) and max(widths) < WIDE


def _targets(wanted, columns, blocks, dtype):
    """Return the Grams, zero, as views of the products that fill them: (left columns, right columns, array)."""
    widths = [column.stop - column.start for column in columns]
    if stacks_everything(len(wanted), widths):
        everything = slice(0, columns[-1].stop)
        target = np.zeros((blocks, everything.stop, everything.stop), dtype=dtype)
        return {(i, j): target[:, columns[i], columns[j]] for i, j in wanted}, [(everything, everything, target)]
    grams, targets = {}, []
    for i in sorted({i for i, _ in wanted}):
        rights = sorted(j for left, j in wanted if left == i)
        joined = (np.diff(rights) == 1) & (max(widths) < WIDE)
        for run in np.split(rights, np.flatnonzero(~joined) + 1):
            right = slice(columns[run[0]].start, columns[run[-1]].stop)
            target = np.zeros((blocks, widths[i], right.stop - right.start), dtype=dtype)
            targets.append((columns[i], right, target))
            for j in run:
                grams[i, int(j)] = target[:, :, columns[j].start - right.start : columns[j].stop - right.start]
    return grams, targets


def product_precision(matrices):
    """Return "float32" where products of that precision leave every measure right to 1e-6, else "float64".

    Single precision errs by about 1e-8 of a product of norms once many rows are added up. Whitening divides that by the
    eigenvalues of the correlation matrix, so a sample of the rows says whether they are large enough.
    """
    rows = len(matrices[0])
    if rows < FLOAT32_ROWS or any(matrix.dtype not in (np.float16, np.float32) for matrix in matrices):
        return "float64"
    return "float32" if all(spread(_well_conditioned, matrices)) else "float64"


def _well_conditioned(matrix):
    rows = max(FLOAT32_SAMPLE, 16 * matrix.shape[1])
    sample = np.asarray(matrix[:: max(1, len(matrix) // rows)], dtype=np.float64)
    sample = sample - sample.mean(axis=0)
    deviation = np.sqrt((sample**2).mean(axis=0))
    # Not "<=" the other way round: NaN and infinite values fall to float64, where they are reported.
    live = deviation[deviation > 0]
    if not len(live) or not (live.min() > 1e-8 and live.max() < 1e8):
        return False
    sample = sample[:, deviation > 0] / live
    return np.linalg.eigvalsh(sample.T @ sample / len(sample))[0] > FLOAT32_EIGENVALUE


def _shift(matrix, precision, norms):
    # A fixed number of rows, whatever the chunk: the same data give the same shift. Where the mean is less than
    # a standard deviation it costs no digits, except of row norms, and a copy is twice as fast as a difference.
    with np.errstate(over="ignore", invalid="ignore"):
        sample = np.asarray(matrix[:SHIFT_ROWS], dtype=np.float64)
        mean = sample.mean(axis=0)
        if not norms:
            mean[np.abs(mean) <= sample.std(axis=0)] = 0
    return mean.astype(precision).astype(np.float64)


def _gather(matrix, images, rows_per_image, shift, out):
    """Write the rows of some images less the shift to `out`; `images` is a slice or an array of image numbers."""
    if isinstance(images, slice):
        _write(matrix[images.start * rows_per_image : images.stop * rows_per_image], shift, out)
        return
    # Few images at a time, so that what was taken is still in the cache when it is written.
    tile = max(1, TILE_BYTES // (rows_per_image * matrix.shape[1] * matrix.itemsize))
    for first in range(0, len(images), tile):
        taken = images[first : first + tile]
        if matrix.flags.c_contiguous:
            by_image = matrix.reshape(-1, rows_per_image * matrix.shape[1])
            rows = np.take(by_image, taken, axis=0).reshape(-1, matrix.shape[1])
        else:
            rows = matrix[(taken[:, None] * rows_per_image + np.arange(rows_per_image)).ravel()]
        _write(rows, shift, out[first * rows_per_image : (first + len(taken)) * rows_per_image])


def _write(rows, shift, out):
    if shift.any():
        np.subtract(rows, shift, out=out, casting="same_kind", dtype=out.dtype)
    else:
        np.copyto(out, rows, casting="same_kind")


def merge(first, second):
    """Return the moments of two parts of the data taken together, block by block.

    Associative and commutative up to rounding; the result has the shifts of `first`.

    Parameters
    ----------
    first, second : Moments
        Of the same networks in the same order, with the same number of blocks.

    Raises
    ------
    PrunesimError
        If widths, row norms, pairs or the numbers of blocks differ.
    """
    shapes = [{pair: gram.shape for pair, gram in moments.grams.items()} for moments in (first, second)]
    if first.widths != second.widths or first.norms != second.norms or shapes[0] != shapes[1]:
        raise PrunesimError(
            f"Moments of widths {first.widths} and {second.widths} cannot be merged; "
            "both must have the same networks, pairs, row norms and number of blocks."
        )
    maps = [shift_map(old - new, first.norms) for old, new in zip(second.shifts, first.shifts, strict=True)]
    grams = {(i, j): gram + maps[i].T @ second.grams[i, j] @ maps[j] for (i, j), gram in first.grams.items()}
    return Moments(first.widths, first.shifts, first.norms, grams)


def shift_map(delta, norms):
    """Return the matrix A with [x + delta, |x + delta|^2, 1] = [x, |x|^2, 1] A, for row vectors."""
    p = len(delta)
    extra = 2 if norms else 1
    matrix = np.eye(p + extra)
    matrix[-1, :p] = delta
    if norms:
        matrix[:p, p] = 2 * delta
        matrix[-1, p] = delta @ delta
    return matrix


def save_moments(path, moments):
    """Write moments to an uncompressed ``.npz`` file, atomically.

    The file holds ``header`` (JSON: version, widths, norms), ``shift_<i>`` and ``gram_<i>_<j>``.
    """
    header = json.dumps({"version": FILE_VERSION, "widths": list(moments.widths), "norms": moments.norms})
    arrays = {f"shift_{i}": shift for i, shift in enumerate(moments.shifts)}
    arrays |= {f"gram_{i}_{j}": gram for (i, j), gram in moments.grams.items()}
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, header=np.array(header), **arrays)


def load_moments(path):
    """Return the moments that `save_moments` wrote.

    Raises
    ------
    PrunesimError
        If the file is missing, damaged or of another kind.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            header = json.loads(str(file["header"]))
            if header["version"] != FILE_VERSION:
                raise PrunesimError(f"{path} has moments of version {header['version']}, not {FILE_VERSION}.")
            shifts = tuple(file[f"shift_{i}"] for i in range(len(header["widths"])))
            grams = {
                tuple(int(part) for part in name.split("_")[1:]): file[name]
                for name in file.files
                if name.startswith("gram_")
            }
    except FileNotFoundError as error:
        raise PrunesimError(f"{path} does not exist.") from error
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise PrunesimError(f"{path} is not a readable file of moments ({error}); make it anew.") from error
    return Moments(tuple(header["widths"]), shifts, header["norms"], grams)
