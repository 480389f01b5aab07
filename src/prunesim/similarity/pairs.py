"""All wanted pairs of networks at once: values, intervals and nulls from few passes over the data."""

import math
from collections import Counter
from functools import lru_cache

import numpy as np

from prunesim.errors import PrunesimError
from prunesim.seeds import derive_seed
from prunesim.similarity.jackknife import MINIMUM_BLOCKS, jackknife_interval
from prunesim.similarity.kernels import sampled_rows
from prunesim.similarity.measures import selected, split_settings
from prunesim.similarity.moments import CHUNK_BYTES, accumulate, block_edges, image_order
from prunesim.similarity.statistics import Network, Pair, leave_out_stack

# Kernels of 2,000 samples take 32 MB each.
KEPT_KERNELS = 12


def compare_pairs(
    matrices,
    pairs,
    measures,
    *,
    rows_per_image=1,
    blocks=20,
    draws=5,
    seed=0,
    names=None,
    chunk_bytes=CHUNK_BYTES,
    **settings,
):
    """Return every measure of every pair with its jackknife interval and its null.

    Parameters
    ----------
    matrices : sequence of array_like or numpy.memmap
        Each (samples, neurons), float16, float32 or float64; all with the same rows, image-major.
    pairs : iterable of (int, int)
        Positions in `matrices`; the first is the first argument of the measure.
    measures : iterable of str or "all"
        Names in `MEASURES`.
    rows_per_image : int
        Consecutive rows that belong to one image. The image is the unit of sampling.
    blocks : int
        Groups of images that the jackknife leaves out in turn; images are dealt to them in a seeded random order. With
        fewer images than that, each image is a block; below `MINIMUM_BLOCKS` there is no interval. 0 asks for none.
    draws : int
        Random permutations of the images that make the null; 0 asks for none.
    seed : int
        Of the blocks and of the permutations.
    names : sequence of str, optional
        What the matrices are called in messages and notes.
    chunk_bytes : int
        Size of the buffer in which rows are gathered.
    **settings
        Settings of the measures: ``variance``, ``weights``, ``epsilon``, ...

    Returns
    -------
    list of dict
        One a pair and measure, in that order, with the keys ``a``, ``b``, ``measure``, ``value``, ``ci_low``,
        ``ci_high``, ``null``, ``n_images``, ``n_samples``, ``rank_a``, ``rank_b``, ``note``. What cannot be computed is
        None, with the reason in ``note``, which is "" otherwise. Kernel measures count the samples that they use.

    Raises
    ------
    PrunesimError
        If the matrices do not fit together, hold NaN or infinite values, or a name or setting is unknown.
    """
    names = [f"matrix {i}" for i in range(len(matrices))] if names is None else list(names)
    matrices = [check_matrix(matrix, name) for matrix, name in zip(matrices, names, strict=True)]
    pairs = [(int(a), int(b)) for a, b in pairs]
    measures = selected(measures)
    settings = split_settings(measures, settings)
    if not pairs:
        return []
    n_samples, n_images = check_rows(matrices, rows_per_image, names)
    used = _by_degree(pairs)
    place = {matrix: i for i, matrix in enumerate(used)}
    taken = [matrices[i] for i in used]
    local = [(place[a], place[b]) for a, b in pairs]
    edges = block_edges(n_images, blocks or 1)
    interval_note = ""
    if blocks and len(edges) - 1 < MINIMUM_BLOCKS:
        interval_note = f"no interval: {len(edges) - 1} blocks of images, at least {MINIMUM_BLOCKS} are needed"
    leave_out = bool(blocks) and not interval_note
    options = {
        "rows_per_image": rows_per_image,
        "norms": any(measure.needs_norms for measure in measures.values()),
        "chunk_bytes": chunk_bytes,
    }
    order = image_order(n_images, seed, "blocks")
    moments = accumulate(taken, local, orders=[order] * len(taken), edges=edges, **options)
    check_finite(moments, [names[i] for i in used])
    networks = [Network(leave_out_stack(moments.gram(i, i), leave_out), moments.shifts[i]) for i in range(len(taken))]
    linear = {name: measure for name, measure in measures.items() if measure.kind == "linear"}
    nulls = _nulls(taken, local, networks, linear, settings, draws, n_images, seed, options)
    sizes = np.diff(edges)
    kernel = {name: measure for name, measure in measures.items() if measure.kind == "kernel"}
    subset = KernelSubset(n_images, rows_per_image, order, edges, leave_out, seed) if kernel else None
    kernel_values = subset.values(taken, local, networks, kernel, settings, draws) if kernel else {}

    def finish(index):
        (a, b), (i, j) = pairs[index], local[index]
        pair = Pair(networks[i], networks[j], leave_out_stack(moments.gram(i, j), leave_out))
        rows = []
        for name, measure in measures.items():
            row = {"a": a, "b": b, "measure": name, "value": None, "ci_low": None, "ci_high": None, "null": None}
            row |= {"n_images": n_images, "n_samples": n_samples}
            row |= {"rank_a": int(pair.first.rank[0]), "rank_b": int(pair.second.rank[0])}
            row["note"] = refusal(measure, n_samples, pair.first, pair.second, (names[a], names[b]))
            if row["note"]:
                pass
            elif name in kernel:
                row |= {"n_images": subset.n_images, "n_samples": len(subset.rows)}
                values, row["null"], row["note"] = kernel_values[i, j, name]
                if values is not None:
                    row["value"] = float(values[0])
                    row["note"] = row["note"] or interval_note
                    if leave_out:
                        _add_interval(row, measure, values[1:], subset.sizes, 1)
            else:
                values = measure.function(pair, **settings[name])
                row["value"] = float(values[0])
                row["null"] = nulls.get((i, j, name))
                row["note"] = interval_note
                if leave_out:
                    _add_interval(row, measure, values[1:], sizes, rows_per_image)
            rows.append(row)
        return rows

    return [row for index in range(len(pairs)) for row in finish(index)]


def _by_degree(pairs):
    """Return the matrices that occur in `pairs`, those of most pairs first, so that their products are wide ones."""
    degree = Counter(i for pair in pairs for i in set(pair))
    return sorted(degree, key=lambda i: (-degree[i], i))


def _add_interval(row, measure, left_out, sizes, rows_per_image):
    left = row["n_samples"] - int(sizes.max()) * rows_per_image
    if measure.needs_samples and left <= max(row["rank_a"], row["rank_b"]):
        row["note"] = (
            f"no interval: {left} samples are left without a block, for ranks {row['rank_a']} and {row['rank_b']}"
        )
    elif not np.isfinite(left_out).all():
        row["note"] = "no interval: without one of the blocks the measure has no value"
    else:
        row["ci_low"], row["ci_high"] = jackknife_interval(
            row["value"], left_out, sizes, measure.bounds, corrected=measure.bias_corrected
        )


def _nulls(matrices, pairs, networks, measures, settings, draws, n_images, seed, options):
    """Return {(i, j, measure): mean of the measure over random orders of the images of one network}."""
    if not draws or not measures or n_images < 2:
        return {}
    whole = [Network(network.gram[:1], network.shift) for network in networks]
    distinct = sorted(set(pairs))
    sums = {}
    for stack, orders, where in _null_passes(distinct, draws, n_images, seed):
        moments = accumulate([matrices[i] for i in stack], where.values(), orders=orders, squares=False, **options)
        for (i, j, _), (k, m) in where.items():
            pair = Pair(whole[i], whole[j], moments.gram(k, m))
            for name, measure in measures.items():
                if not refusal(measure, int(pair.count[0]), whole[i], whole[j]):
                    value = float(measure.function(pair, **settings[name])[0])
                    sums[i, j, name] = sums.get((i, j, name), 0.0) + value / draws
    return sums


def _null_passes(pairs, draws, n_images, seed):
    """Yield (matrices to stack, the order of images of each, {(i, j, draw): where its product is}) a pass.

    When one network is in all pairs, its images alone are permuted, and one pass serves all draws. Otherwise each
    network has its own order, one pass a draw; a network compared with itself then enters twice.
    """
    hubs = set.intersection(*({*pair} for pair in pairs))
    if hubs:
        hub = min(hubs)
        others = sorted({i if j == hub else j for i, j in pairs})
        stack = [hub] * draws + others
        orders = [image_order(n_images, seed, "draw", draw) for draw in range(draws)] + [None] * len(others)
        place = {other: draws + k for k, other in enumerate(others)}
        where = {}
        for draw in range(draws):
            for i, j in pairs:
                where[i, j, draw] = (place[i], draw) if j == hub else (draw, place[j])
        yield stack, orders, where
        return
    stack = sorted({i for pair in pairs for i in pair})
    place = {i: k for k, i in enumerate(stack)}
    twice = [i for i, j in pairs if i == j]
    copy = {i: len(stack) + k for k, i in enumerate(twice)}
    for draw in range(draws):
        orders = [image_order(n_images, seed, "draw", draw, k) for k in range(len(stack) + len(twice))]
        yield stack + twice, orders, {(i, j, draw): (place[i], copy[i] if i == j else place[j]) for i, j in pairs}


class KernelSubset:
    """The samples on which kernel measures are computed, and the values there.

    Attributes
    ----------
    rows : numpy.ndarray
        Row numbers, ascending.
    blocks : numpy.ndarray or None
        The block of each row.
    sizes : numpy.ndarray
        Number of `rows` of each block.
    n_images : int
        Number of images among them.
    """

    def __init__(self, n_images, rows_per_image, order, edges, leave_out, seed):
        rng = np.random.default_rng(derive_seed(seed, "null", "subset"))
        rows = sampled_rows(n_images, rows_per_image, rng)
        block = np.empty(n_images, dtype=np.int64)
        block[order] = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
        # Rows stay as they lie, because equal distances are ordered by row.
        self.rows = rows
        _, blocks, self.sizes = np.unique(block[rows // rows_per_image], return_inverse=True, return_counts=True)
        self.blocks = blocks if leave_out else None
        self.rows_per_image = rows_per_image
        self.total_images = n_images
        self.n_images = len(np.unique(rows // rows_per_image))
        self.seed = seed

    def sample(self, matrix, draw=None):
        """Return the rows of a matrix, (n, p), or those of randomly exchanged images at the same positions."""
        rows = self.rows
        if draw is not None:
            image, position = np.divmod(rows, self.rows_per_image)
            images = image_order(self.total_images, self.seed, "kernel", draw)
            rows = images[image] * self.rows_per_image + position
        return np.asarray(matrix[rows])

    def values(self, matrices, pairs, networks, measures, settings, draws):
        """Return {(i, j, measure): (stack of values or None, null or None, note)}."""
        results = {}
        for name, measure in measures.items():

            def prepare(i, draw=None, name=name, measure=measure):
                blocks = self.blocks if draw is None else None
                return measure.prepare(self.sample(matrices[i], draw), blocks, **settings[name])

            prepare = lru_cache(KEPT_KERNELS)(prepare)
            for i, j in sorted(set(pairs)):
                if refusal(measure, len(self.rows), networks[i], networks[j]):
                    continue
                try:
                    values = measure.function(prepare(i), prepare(j), self.blocks, **settings[name])
                except PrunesimError as error:
                    results[i, j, name] = None, None, f"no value: {error}"
                    continue
                null = []
                for draw in range(draws if self.n_images > 1 else 0):
                    try:
                        first, second = self._whole(prepare(i)), prepare(j, draw)
                        null.append(measure.function(first, second, None, **settings[name])[0])
                    except PrunesimError:
                        null = []
                        break
                results[i, j, name] = values, float(np.mean(null)) if null else None, ""
        return results

    @staticmethod
    def _whole(prepared):
        return (prepared[0], prepared[1][:1]) if isinstance(prepared, tuple) else prepared[:1]


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
