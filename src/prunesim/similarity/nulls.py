"""The null of a measure: its value when the images of one network are exchanged at random."""

from prunesim.similarity.checks import refusal
from prunesim.similarity.moments import accumulate, image_order
from prunesim.similarity.statistics import Network, Pair
from prunesim.similarity.threads import spread

# One network in as many orders as fill these columns, and at least in so many, goes through one pass.
COLUMNS_AT_ONCE = 1024
DRAWS_AT_ONCE = 5


def permutation_nulls(matrices, pairs, networks, measures, settings, draws, n_images, seed, options):
    """Return {(i, j, measure): the measure at each of some random orders of the images of one network, a list}."""
    if not draws or not measures or n_images < 2:
        return {}
    whole = [Network(network.gram[:1], network.shift, network.neurons) for network in networks]
    distinct = sorted(set(pairs))
    drawn = {}
    widths = [len(network.shift) for network in networks]
    for stack, orders, where in _null_passes(distinct, widths, draws, n_images, seed):
        moments = accumulate([matrices[i] for i in stack], where.values(), orders=orders, squares=False, **options)

        def values(item, moments=moments):
            (i, j, _), (k, m) = item
            pair = Pair(whole[i], whole[j], moments.gram(k, m))
            return {
                (i, j, name): float(measure.function(pair, **settings[name])[0])
                for name, measure in measures.items()
                if not refusal(measure, int(pair.count[0]), whole[i], whole[j])
            }

        for found in spread(values, where.items()):
            for key, value in found.items():
                drawn.setdefault(key, []).append(value)
    return drawn


def null_of(drawn):
    """Return the null, the mean of what was drawn, or None where nothing was."""
    return sum(value / len(drawn) for value in drawn) if drawn else None


def _null_passes(pairs, widths, draws, n_images, seed):
    """Yield (matrices to stack, the order of images of each, {(i, j, draw): where its product is}) a pass.

    When one network is in all pairs, its images alone are permuted, and one pass serves many draws. Otherwise each
    network has its own order, one pass a draw; a network compared with itself then enters twice.
    """
    hubs = set.intersection(*({*pair} for pair in pairs))
    if hubs:
        hub = pairs[0][0] if pairs[0][0] in hubs else pairs[0][1]
        others = sorted({i if j == hub else j for i, j in pairs})
        at_once = max(DRAWS_AT_ONCE, COLUMNS_AT_ONCE // widths[hub])
        for first in range(0, draws, at_once):
            drawn = range(first, min(first + at_once, draws))
            orders = [image_order(n_images, seed, "draw", draw) for draw in drawn] + [None] * len(others)
            place = {other: len(drawn) + k for k, other in enumerate(others)}
            where = {
                (i, j, draw): (place[i], draw - first) if j == hub else (draw - first, place[j])
                for draw in drawn
                for i, j in pairs
            }
            yield [hub] * len(drawn) + others, orders, where
        return
    stack = sorted({i for pair in pairs for i in pair})
    place = {i: k for k, i in enumerate(stack)}
    twice = [i for i, j in pairs if i == j]
    copy = {i: len(stack) + k for k, i in enumerate(twice)}
    for draw in range(draws):
        orders = [image_order(n_images, seed, "draw", draw, k) for k in range(len(stack) + len(twice))]
        yield stack + twice, orders, {(i, j, draw): (place[i], copy[i] if i == j else place[j]) for i, j in pairs}
