"""Kernel measures: on a subset of the samples, the same for all networks."""

from functools import lru_cache

import numpy as np

from prunesim.errors import PrunesimError
from prunesim.similarity.checks import refusal
from prunesim.similarity.kernels import sampled_rows
from prunesim.similarity.moments import image_order
from prunesim.study.seeds import derive_seed

# Kernels of 2,000 samples take 32 MB each.
KEPT_KERNELS = 12
PAIRS_AT_ONCE = 10


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
        """Return {(i, j, measure): (stack of values or None, values drawn for the null, note)}."""
        results = {}
        for name, measure in measures.items():

            def prepare(i, draw=None, name=name, measure=measure):
                blocks = self.blocks if draw is None else None
                return measure.prepare(self.sample(matrices[i], draw), blocks, **settings[name])

            prepare = lru_cache(KEPT_KERNELS)(prepare)
            distinct = sorted(set(pairs))
            # Pairs that often have a network in common: what a draw makes of it serves them all.
            for first in range(0, len(distinct), PAIRS_AT_ONCE):
                results |= {
                    (*pair, name): found
                    for pair, found in self._some(
                        distinct[first : first + PAIRS_AT_ONCE], networks, measure, prepare, settings[name], draws
                    ).items()
                }
        return results

    def _some(self, pairs, networks, measure, prepare, settings, draws):
        """Return {pair: (stack of values or None, values drawn for the null, note)} of one measure."""
        found = {}
        for i, j in pairs:
            if refusal(measure, len(self.rows), networks[i], networks[j]):
                continue
            try:
                values = measure.function(prepare(i), prepare(j), self.blocks, **settings)
                found[i, j] = values, [], ""
            except PrunesimError as error:
                found[i, j] = None, [], f"no value: {error}"
        drawn_of = {pair: drawn for pair, (values, drawn, _) in found.items() if values is not None}
        for draw in range(draws if self.n_images > 1 else 0):
            for (i, j), drawn in list(drawn_of.items()):
                try:
                    first, second = self._whole(prepare(i)), prepare(j, draw)
                    drawn.append(float(measure.function(first, second, None, **settings)[0]))
                except PrunesimError:
                    drawn_of.pop((i, j)).clear()
        return found

    @staticmethod
    def _whole(prepared):
        """Return what was prepared for all samples, without the stack of a kernel's own HSIC."""
        return (prepared[0], prepared[1][:1]) if isinstance(prepared, tuple) else prepared
