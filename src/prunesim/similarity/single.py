"""One pair of activation arrays: the entry point of the library and of ``prunesim compare``."""

from prunesim.similarity.checks import as_array, check_matrix, check_rows, refusal, size_refusal
from prunesim.similarity.layers import Layer, moments_of
from prunesim.similarity.linear import (
    canonical_correlations,
    cca_mean,
    cca_mean_98,
    pwcca,
    subspace_match_curve,
    svcca,
    svcca_correlations,
)
from prunesim.similarity.measures import MEASURES
from prunesim.similarity.pairs import compare_pairs
from prunesim.similarity.statistics import Network, Pair
from prunesim.similarity.views import view_notes, view_pair

EPSILONS = tuple(round(0.05 * step, 2) for step in range(21))


def compare(
    x,
    y,
    measures="all",
    *,
    interval=False,
    view="channels",
    size=None,
    layout=None,
    rows_per_image=None,
    blocks=20,
    draws=5,
    seed=0,
    names=("a", "b"),
    **settings,
):
    """Return the similarity of two activation arrays over the same samples.

    Parameters
    ----------
    x, y : array_like
        (samples, neurons), widths may differ, or N x C x H x W or N x H x W x C; NumPy arrays, tensors, data frames or
        lists.
    measures : iterable of str or "all"
        Names in `MEASURES`.
    interval : bool
        Add 95 % jackknife intervals and the null.
    view, size, layout
        How 4-D arrays become matrices, see `view_pair`.
    rows_per_image : int, optional
        Consecutive rows of 2-D arrays that belong to one image, 1 by default: intervals leave out whole images.
    blocks, draws, seed, **settings
        See `compare_pairs`.
    names : (str, str)
        What the arrays are called in messages.

    Returns
    -------
    dict
        ``n``, ``p``, ``q`` (samples and neurons), ``rank_a``, ``rank_b``, and ``measures``: for each name a dict with
        ``value``, with `interval` also ``ci_low``, ``ci_high`` and ``null``; ``n`` where a measure used fewer samples;
        ``note`` where something could not be computed (it is then None) or is to be known of it. ``notes``, where there
        are any: what the arrays were taken to be.

    Raises
    ------
    PrunesimError
        If the arrays do not fit together, hold NaN or infinite values, or a name or setting is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((500, 8))
    >>> result = compare(x, x @ rng.standard_normal((8, 8)), ["cca_mean", "cka_linear"])
    >>> round(result["measures"]["cca_mean"]["value"], 6)
    1.0
    """
    x, y = (as_array(array, name) for array, name in zip((x, y), names, strict=True))
    shapes = [x.shape, y.shape]
    x, y, rows = view_pair(x, y, view, size, names, layout)
    rows_per_image = rows if rows_per_image is None else rows_per_image
    results = compare_pairs(
        [x, y],
        [(0, 1)],
        measures,
        rows_per_image=rows_per_image,
        blocks=blocks if interval else 0,
        draws=draws if interval else 0,
        seed=seed,
        names=names,
        **settings,
    )
    notes = view_notes(shapes, view, size, names, layout)
    return summary(x.shape, y.shape[1], results, interval) | ({"notes": notes} if notes else {})


def summary(shape, other_width, rows, interval):
    """Return the result of `compare` from the rows of one pair, less the ``notes``; `shape` is (n, p), the width q."""
    n, p = shape
    result = {"n": n, "p": p, "q": other_width}
    result |= {key: rows[0][key] if rows else None for key in ("rank_a", "rank_b")}
    result["measures"] = {}
    for row in rows:
        entry = {"value": row["value"]}
        if interval:
            entry |= {key: row[key] for key in ("ci_low", "ci_high", "null")}
        if row["n_samples"] != n:
            entry["n"] = row["n_samples"]
        if note := "; ".join(filter(None, (row["note"], _within_null(row)))):
            entry["note"] = note
        result["measures"][row["measure"]] = entry
    return result


def _within_null(row):
    """Return the note on a value that exchanged images reach too, or ""."""
    if row["value"] is None or not row["drawn"]:
        return ""
    larger = MEASURES[row["measure"]].larger_is_more_similar
    reached = max(row["drawn"]) >= row["value"] if larger else min(row["drawn"]) <= row["value"]
    return "within its null: exchanged images are as similar" if reached else ""


def details(
    x,
    y,
    *,
    variance=0.99,
    directions=None,
    epsilons=EPSILONS,
    view="channels",
    size=None,
    layout=None,
    names=("a", "b"),
):
    """Return what stands behind the CCA measures and the subspace match of two activation arrays.

    Parameters
    ----------
    x, y, view, size, layout, names
        As for `compare`.
    variance : float
        Share of the variance that SVCCA keeps.
    directions : int, optional
        How many principal directions SVCCA keeps, whatever their variance.
    epsilons : sequence of float
        Where the maximum match is computed.

    Returns
    -------
    dict
        ``canonical_correlations``: all of them, min of the ranks; ``svcca_correlations`` and ``svcca_dimensions``
        (Raghu et al. 2017); ``means``: their summaries, ``cca``, ``cca_98``, ``svcca`` (Raghu et al.), ``pwcca_first``,
        ``pwcca_second`` and ``pwcca_mean`` (Morcos et al. 2018); ``subspace_match``: pairs (epsilon, maximum match).
        Entries are None when there are too few samples for the neurons or, but for the last, a layer has no variance;
        ``note`` then says why.

    Raises
    ------
    PrunesimError
        As `compare`.
    """
    x, y, _ = view_pair(x, y, view, size, names, layout)
    result = dict.fromkeys(("canonical_correlations", "svcca_correlations", "svcca_dimensions", "means"))
    measure = MEASURES["cca_mean"]
    if note := size_refusal(measure, len(x), x.shape[1], y.shape[1]):
        return result | {"subspace_match": None, "note": note}
    pair = pair_statistics(x, y, names)
    curve = subspace_match_curve(pair, epsilons)[0]
    match = {"subspace_match": [[float(epsilon), float(share)] for epsilon, share in zip(epsilons, curve, strict=True)]}
    if note := refusal(measure, len(x), pair.first, pair.second, names):
        return result | match | {"note": note}
    rank = int(pair.smaller_rank[0])
    result = {
        "canonical_correlations": canonical_correlations(pair)[0, :rank].tolist(),
        "svcca_correlations": svcca_correlations(pair, variance, directions)[0].tolist(),
        "svcca_dimensions": [
            int(network.principal_count(variance, directions)[0]) for network in (pair.first, pair.second)
        ],
        "means": {
            "cca": float(cca_mean(pair)[0]),
            "cca_98": float(cca_mean_98(pair)[0]),
            "svcca": float(svcca(pair, variance, directions)[0]),
            **{f"pwcca_{weights}": float(pwcca(pair, weights)[0]) for weights in ("first", "second", "mean")},
        },
    }
    return result | match


def pair_statistics(x, y, names=("a", "b")):
    """Return the `Pair` of two matrices, whole sample only, for the functions of `prunesim.similarity.linear`."""
    matrices = [check_matrix(matrix, name) for matrix, name in zip((x, y), names, strict=True)]
    check_rows(matrices, 1, names)
    _, moments = moments_of([Layer(matrix, matrix, matrix.shape[1], None) for matrix in matrices], names, [(0, 1)])
    first, second = (Network(moments.gram(i, i), moments.shifts[i]) for i in (0, 1))
    return Pair(first, second, moments.gram(0, 1))
