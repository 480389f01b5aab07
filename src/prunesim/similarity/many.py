"""All pairs of several activation arrays, or every array of one group with every one of another."""

from prunesim.similarity.checks import as_array
from prunesim.similarity.measures import selected
from prunesim.similarity.pairs import compare_pairs
from prunesim.similarity.single import compare, summary


def pairs_of(count, measures, first_group=None):
    """Return which of `count` arrays are compared.

    Parameters
    ----------
    count : int
    measures : iterable of str or "all"
        Where one of them depends on which network comes first, both orders are compared.
    first_group : int, optional
        The first so many arrays are compared with the others, in that order; without it, all with all.

    Returns
    -------
    list of (int, int)
    """
    if first_group is not None:
        return [(i, j) for i in range(first_group) for j in range(first_group, count)]
    both = not all(measure.symmetric for measure in selected(measures).values())
    return [(i, j) for i in range(count) for j in range(count) if i < j or (both and i != j)]


def compare_many(
    arrays, pairs, measures="all", *, names, interval=False, rows_per_image=None, blocks=20, draws=5, **options
):
    """Return the similarity of some pairs of several arrays over the same samples.

    Parameters
    ----------
    arrays : sequence of array_like
        See `prunesim.similarity.compare`.
    pairs : list of (int, int)
        From `pairs_of`.
    names : sequence of str
        What the arrays are called.
    measures, interval, rows_per_image, blocks, draws, **options
        See `prunesim.similarity.compare`.

    Returns
    -------
    list of dict
        One a pair: ``a`` and ``b``, their names, and what `prunesim.similarity.compare` returns. Matrices are read once
        for all pairs; maps are arranged pair by pair, since they are averaged to the smaller of the two.
    """
    arrays = [as_array(array, name) for array, name in zip(arrays, names, strict=True)]
    common = {"interval": interval, "rows_per_image": rows_per_image, "blocks": blocks, "draws": draws}
    if any(array.ndim != 2 for array in arrays):
        return [
            {"a": names[i], "b": names[j]}
            | compare(arrays[i], arrays[j], measures, names=(names[i], names[j]), **common, **options)
            for i, j in pairs
        ]
    settings = {key: value for key, value in options.items() if key not in ("view", "size", "layout")}
    found = compare_pairs(
        arrays,
        pairs,
        measures,
        rows_per_image=1 if rows_per_image is None else rows_per_image,
        blocks=blocks if interval else 0,
        draws=draws if interval else 0,
        names=names,
        **settings,
    )
    size = len(found) // len(pairs) if pairs else 0
    return [
        {"a": names[i], "b": names[j]}
        | summary(arrays[i].shape, arrays[j].shape[1], found[at * size : (at + 1) * size], interval)
        for at, (i, j) in enumerate(pairs)
    ]
