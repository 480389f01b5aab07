"""All wanted pairs of networks at once: values, intervals and nulls from few passes over the data."""

from collections import Counter
from functools import cached_property
from typing import NamedTuple

import numpy as np

from prunesim.errors import PrunesimError
from prunesim.similarity.calibration import calibrated
from prunesim.similarity.checks import check_matrix, check_pairs, check_rows, few_samples, refusal, settled, whole
from prunesim.similarity.gradients import influence
from prunesim.similarity.jackknife import MINIMUM_BLOCKS, half_bias, halves, jackknife_interval, leave_one_out
from prunesim.similarity.layers import moments_of, prepared
from prunesim.similarity.measures import selected, split_settings
from prunesim.similarity.moments import CHUNK_BYTES, WIDE, block_edges, image_order, stacks_everything
from prunesim.similarity.nulls import null_of, permutation_nulls
from prunesim.similarity.statistics import Network, Pair, stacked
from prunesim.similarity.subsets import KernelSubset
from prunesim.similarity.threads import physical_memory, spread

# Moments of one pass over the files; more pairs than fit take more passes.
MEMORY_BYTES = 1 << 30
# Derivatives of as many measures as fit are held at once.
GRADIENT_BYTES = 32 << 20


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
        Size of the buffer in which rows are gathered. The moments themselves take 8 bytes x blocks x neurons x neurons
        a pair; pairs that take more than `MEMORY_BYTES` together are done in several passes over the data.
    **settings
        Settings of the measures: ``variance``, ``weights``, ``epsilon``, ...

    Returns
    -------
    list of dict
        One a pair and measure, in that order, with the keys ``a``, ``b``, ``measure``, ``value``, ``ci_low``,
        ``ci_high``, ``null``, ``drawn`` (what the null is the mean of), ``calibrated`` and ``p_value`` (see
        `prunesim.similarity.calibration`), ``n_images``, ``n_samples``, ``rank_a``, ``rank_b``, ``note``. What cannot
        be computed is None, with the reason in ``note``, which is "" otherwise. Kernel measures count the samples that
        they use.

    Raises
    ------
    PrunesimError
        If the matrices do not fit together, hold NaN or infinite values, or a name or setting is unknown.
    """
    names = [f"matrix {i}" for i in range(len(matrices))] if names is None else list(names)
    matrices = [check_matrix(matrix, name) for matrix, name in zip(matrices, names, strict=True)]
    pairs = check_pairs(pairs, len(matrices))
    measures = selected(measures)
    settings = split_settings(measures, settings)
    if not pairs:
        return []
    n_samples, n_images = check_rows(matrices, whole(rows_per_image, "rows_per_image", 1), names)
    blocks, draws, seed = (whole(value, name) for value, name in ((blocks, "blocks"), (draws, "draws"), (seed, "seed")))
    sample = Sample(n_samples, n_images, rows_per_image, blocks, draws, seed, chunk_bytes)
    layers = {i: prepared(matrices[i], names[i]) for i in sorted({i for pair in pairs for i in pair})}
    return _compare(layers, names, pairs, measures, settings, sample)


class Sample(NamedTuple):
    """What is the same for all pairs: samples, images, and how they are dealt with; see `compare_pairs`."""

    n_samples: int
    n_images: int
    rows_per_image: int
    blocks: int
    draws: int
    seed: int
    chunk_bytes: int


def _compare(layers, names, pairs, measures, settings, about):
    """Return the rows of `compare_pairs`; pairs whose moments do not fit into memory together are done in turn."""
    widths = {i: layer.coordinates.shape[1] for i, layer in layers.items()}
    needed = _bytes(widths, pairs, about.blocks)
    if len(pairs) > 1 and needed > MEMORY_BYTES:
        half = len(pairs) // 2
        return [
            row
            for part in (pairs[:half], pairs[half:])
            for row in _compare(layers, names, part, measures, settings, about)
        ]
    _check_memory(needed, [widths[i] for i in pairs[0]], about)
    used = _by_degree(pairs)
    place = {matrix: i for i, matrix in enumerate(used)}
    local = [(place[a], place[b]) for a, b in pairs]

    edges = block_edges(about.n_images, about.blocks or 1)
    interval_note = ""
    if about.blocks and len(edges) - 1 < MINIMUM_BLOCKS:
        interval_note = f"no interval: {len(edges) - 1} blocks of images, at least {MINIMUM_BLOCKS} are needed"
    with_interval = bool(about.blocks) and not interval_note
    linear, kernel = ({name: m for name, m in measures.items() if m.kind == kind} for kind in ("linear", "kernel"))
    options = {
        "rows_per_image": about.rows_per_image,
        "norms": any(measure.needs_norms for measure in linear.values()),
        "chunk_bytes": about.chunk_bytes,
    }
    if with_interval and max(widths.values()) >= WIDE and all(measure.gradient for measure in linear.values()):
        # Blocks only go into first-order changes, which need few digits.
        compact = {"parts": halves(len(edges) - 1)}
    else:
        compact = {}
    order = image_order(about.n_images, about.seed, "blocks")
    # Within a block the order is free; ascending, it reads the files forward.
    forward = np.concatenate([np.sort(part) for part in np.split(order, edges[1:-1])])
    orders = [forward] * len(used) if with_interval else None
    taken, moments = moments_of(
        [layers[i] for i in used], [names[i] for i in used], local, orders=orders, edges=edges, **options, **compact
    )
    sample = BlockedSample(moments, edges, about.n_images, with_interval, [layer.neurons for layer in taken])
    nulls = permutation_nulls(
        [layer.coordinates for layer in taken],
        local, sample.networks, linear, settings, about.draws, about.n_images, about.seed, options,
    )  # fmt: skip
    kernel_values = {}
    if kernel:
        subset = KernelSubset(about.n_images, about.rows_per_image, order, edges, with_interval, about.seed)
        kernel_values = subset.values(
            [layer.matrix for layer in taken], local, sample.networks, kernel, settings, about.draws
        )
    ranks = [
        int(network.rank[0]) if layer.rank is None else layer.rank
        for network, layer in zip(sample.networks, taken, strict=True)
    ]

    def rows_of(index):
        (a, b), (i, j) = pairs[index], local[index]
        first, second = sample.networks[i], sample.networks[j]
        pair = BlockedPair(sample, i, j)
        notes = {
            name: refusal(measure, about.n_samples, first, second, (names[a], names[b]))
            for name, measure in measures.items()
        }
        found = pair.measured({name: m for name, m in linear.items() if not notes[name]}, settings)
        rows = []
        for name, measure in measures.items():
            row = {"a": a, "b": b, "measure": name, "value": None, "ci_low": None, "ci_high": None, "null": None}
            row |= {"drawn": []}
            row |= {"n_images": about.n_images, "n_samples": about.n_samples}
            row |= {"rank_a": ranks[i], "rank_b": ranks[j], "note": notes[name]}
            if name in found:
                few = few_samples(measure, about.n_samples, first.neurons, second.neurons)
                drawn = nulls.get((i, j, name), [])
                row |= {"null": null_of(drawn), "drawn": drawn, "note": interval_note} | found[name]
                row["note"] = "; ".join(filter(None, (few, row["note"])))
            elif not notes[name]:
                row |= {"n_images": subset.n_images, "n_samples": len(subset.rows)}
                values, drawn, row["note"] = kernel_values[i, j, name]
                row |= {"null": null_of(drawn), "drawn": drawn}
                if values is not None:
                    row["value"], row["note"] = float(values[0]), interval_note
                    if with_interval:
                        row |= exact_interval(measure, values, subset.sizes)
            rows.append(calibrated(settled(row, measure), measure))
        return rows

    return [row for rows in spread(rows_of, range(len(pairs))) for row in rows]


def _check_memory(needed, widths, about):
    """Refuse a pair whose moments are larger than the memory of the machine, before anything is computed."""
    memory = physical_memory()
    if memory and needed > memory:
        raise PrunesimError(
            f"Comparing {widths[0]} with {widths[1]} neurons on {about.n_samples} samples needs {needed / 1e9:.0f} GB, "
            f"and the machine has {memory / 1e9:.0f} GB of memory; average maps to fewer positions, take fewer samples "
            "than neurons, or fewer blocks of images."
        )


def _bytes(widths, pairs, blocks):
    """Return about how much memory the moments of the pairs take; `widths` by matrix."""
    products = {(min(pair), max(pair)) for pair in pairs} | {(i, i) for pair in pairs for i in pair}
    used = sorted({i for pair in products for i in pair})
    if stacks_everything(len(products), [widths[i] for i in used]):
        entries = sum(widths[i] + 2 for i in used) ** 2
    else:
        entries = sum((widths[i] + 2) * (widths[j] + 2) for i, j in products)
    return 8 * max(blocks, 1) * entries


def _by_degree(pairs):
    """Return the matrices that occur in `pairs`, those of most pairs first, so that their products are wide ones."""
    degree = Counter(i for pair in pairs for i in set(pair))
    return sorted(degree, key=lambda i: (-degree[i], i))


class BlockedSample:
    """The moments of a sample in blocks, as what values and intervals are computed from.

    Attributes
    ----------
    networks : list of Network
        Stacks of the whole sample and, for intervals, its halves.
    left_out : list of Network
        Stacks of the whole sample and the sample without each block, for measures that have no gradient.
    """

    def __init__(self, moments, edges, n_images, with_interval, neurons=None):
        blocks = len(edges) - 1
        self.moments = moments
        self.neurons = neurons or moments.widths
        self.sizes = np.diff(edges)
        self.n_images = n_images
        self.with_interval = with_interval
        self.parts = halves(blocks) if with_interval else np.ones((1, blocks))
        self.outside = leave_one_out(blocks)
        self.squares = [self.blocks(i, i) for i in range(len(moments.widths))]
        self.networks = self._networks(self.parts)

    def blocks(self, i, j):
        """Return the Grams of each block, (blocks, p + e, q + e), contiguous; float64 where there are no sums."""
        dtype = np.float64 if self.moments.sums is None else None
        return np.ascontiguousarray(self.moments.gram(i, j), dtype=dtype)

    def stack(self, blocks, parts, i, j):
        """Return the Grams of parts of the sample, from those of its blocks or, where they are there, the sums."""
        sums = self.moments.sums
        if sums is None or parts is not self.parts:
            return stacked(blocks, parts)
        return sums[i, j] if i <= j else sums[j, i].transpose(0, 2, 1)

    def _networks(self, parts):
        found = enumerate(zip(self.squares, self.moments.shifts, self.neurons, strict=True))
        return [Network(self.stack(square, parts, i, i), shift, neurons) for i, (square, shift, neurons) in found]

    @cached_property
    def left_out(self):
        return self._networks(self.outside)


class BlockedPair:
    """A pair of networks of a `BlockedSample`."""

    def __init__(self, sample, i, j):
        self.sample = sample
        self.ends = (i, j)
        self.cross = sample.blocks(i, j)

    def _stack(self, networks, parts, derivatives=False):
        i, j = self.ends
        gram = self.sample.stack(self.cross, parts, i, j)
        return Pair(networks[i], networks[j], gram, self.sample.n_images, derivatives)

    @cached_property
    def parts(self):
        """The `Pair` of the whole sample and its halves."""
        return self._stack(self.sample.networks, self.sample.parts, derivatives=self.sample.with_interval)

    @cached_property
    def left_out(self):
        """The `Pair` of the whole sample and the sample without each block."""
        return self._stack(self.sample.left_out, self.sample.outside)

    def measured(self, measures, settings):
        """Return {name: ``value``, and the limits of the interval or the ``note`` that says why there is none}."""
        if not self.sample.with_interval:
            return {
                name: {"value": float(measure.function(self.parts, **settings[name])[0])}
                for name, measure in measures.items()
            }
        found, smooth = {}, []
        for name, measure in measures.items():
            if not measure.gradient:
                values = measure.function(self.left_out, **settings[name])
                found[name] = {"value": float(values[0])} | exact_interval(measure, values, self.sample.sizes)
                continue
            values = measure.function(self.parts, **settings[name])
            found[name] = {"value": float(values[0])}
            if measure.needs_samples and self._too_few:
                found[name]["note"] = self._too_few
                continue
            smooth.append((name, measure, settings[name], values))
            for step in measure.steps(self.parts, **settings[name]) if measure.steps else ():
                chosen = settings[name] | step
                smooth.append((name, measure, chosen, measure.function(self.parts, **chosen)))
        for (name, *_), limits in zip(smooth, self._limits(smooth), strict=True):
            found[name] = widened(found[name], limits)
        return found

    def _limits(self, smooth):
        """Return the limits or a note for each (name, measure, settings, values)."""
        if not smooth:
            return []
        sample = self.sample
        blocks = (*(sample.squares[i] for i in self.ends), self.cross)
        at_once = max(1, GRADIENT_BYTES // (sum(block[0].size for block in blocks) * 8))
        changes = np.concatenate(
            [
                influence(self.parts, [m.gradient(self.parts, **chosen) for _, m, chosen, _ in some], *blocks)
                for some in (smooth[first : first + at_once] for first in range(0, len(smooth), at_once))
            ],
            axis=1,
        )
        # What is left is a smaller sample, in which each remaining image weighs more.
        changes *= (sample.n_images / (sample.n_images - sample.sizes))[:, None]
        values = np.array([values for *_, values in smooth])
        return intervals(
            [measure for _, measure, *_ in smooth],
            values[:, 0],
            changes.T,
            sample.sizes,
            half_bias(values, sample.sizes),
        )

    @cached_property
    def _too_few(self):
        ranks = [int(network.rank[0]) for network in (self.parts.first, self.parts.second)]
        half = int(self.parts.count[1:].min())
        return f"no interval: half of the samples, {half}, for ranks {ranks[0]} and {ranks[1]}" * (half <= max(ranks))


def widened(found, limits):
    """Return a result with limits, which reach as far as those that it may have already."""
    for key, further in (("ci_low", min), ("ci_high", max)):
        if key in limits and key in found:
            limits[key] = further(limits[key], found[key])
    return found | limits


def exact_interval(measure, values, sizes):
    """Return the limits for a measure computed anew without each block, (1 + blocks,) values."""
    with np.errstate(invalid="ignore"):
        changes = values[1:] - values[0]
    bias = (len(changes) - 1) * changes.mean() if measure.bias_corrected else 0.0
    return intervals([measure], values[:1], changes[None], sizes, np.array([bias]))[0]


def intervals(measures, values, changes, sizes, bias):
    """Return ``ci_low`` and ``ci_high``, or a ``note``, for each measure; changes are (measures, blocks)."""
    bounds = np.array([measure.bounds for measure in measures]).T
    known = np.isfinite(changes).all(axis=1) & np.isfinite(bias)
    with np.errstate(invalid="ignore"):
        limits = np.transpose(jackknife_interval(values, changes, sizes, bias, bounds)).tolist()
    return [
        {"ci_low": low, "ci_high": high}
        if fine
        else {"note": "no interval: in a part of the sample the measure has no value"}
        for (low, high), fine in zip(limits, known, strict=True)
    ]
