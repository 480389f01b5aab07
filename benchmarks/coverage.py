"""How often the 95 % intervals hold the true value: simulated layers with planted correlations.

    python benchmarks/coverage.py [--repetitions 400] [--settings 0 1 2] [--measures NAME ...]

Prints the table of docs/similarity.md. True values are those of the population moments; that of `cka_rbf` is
extrapolated from two sample sizes, and that of `mutual_knn`, whose meaning depends on the number of samples, is
the mean of its values. `cca_mean_98` and `subspace_match` are step functions.
"""

import argparse
import sys

import numpy as np

from prunesim.similarity import MEASURES, compare_pairs
from prunesim.similarity.statistics import Network, Pair
from prunesim.similarity.threads import spread

# Neurons of both layers, images, rows an image, lowest and highest correlation, weakest direction of a layer.
SETTINGS = (
    (5, 5, 500, 1, 0.3, 0.9, 0.1),
    (8, 8, 1000, 1, 0.2, 0.95, 0.05),
    (8, 12, 1000, 4, 0.2, 0.95, 0.05),
    (16, 16, 1000, 1, 0.3, 0.95, 0.1),
    (16, 16, 4000, 1, 0.3, 0.95, 0.1),
    (32, 32, 4000, 1, 0.1, 0.95, 0.1),
)
# A measure and another of the same true value, which needs no row norms.
LIKE = {"cka_linear_debiased": "cka_linear"}


def plan(setting):
    """Return the maps of the latent variables to both layers, and their correlations."""
    p, q, *_, low, high, weakest = setting
    rng = np.random.default_rng(0)
    maps = [
        np.linalg.qr(rng.standard_normal((size, size)))[0]
        * np.geomspace(1, weakest, size)
        @ np.linalg.qr(rng.standard_normal((size, size)))[0]
        for size in (p, q)
    ]
    return maps, np.linspace(high, low, min(p, q))


def sample(rng, setting, images=None):
    """Return two layers; the rows of an image share half of their variance."""
    p, q, n, rows, *_ = setting
    maps, rho = plan(setting)

    def latent(size):
        shared = np.repeat(rng.standard_normal((images or n, size)), rows, axis=0)
        return shared if rows == 1 else np.sqrt(0.5) * (shared + rng.standard_normal(shared.shape))

    first, second = latent(p), latent(q)
    k = len(rho)
    second[:, :k] = rho * first[:, :k] + np.sqrt(1 - rho**2) * second[:, :k]
    return [first @ maps[0], second @ maps[1]]


def value(rng, setting, measure, images):
    """Return the value of a measure on a new sample."""
    pair = sample(rng, setting, images)
    return compare_pairs(pair, [(0, 1)], [measure], rows_per_image=setting[3], blocks=0, draws=0)[0]["value"]


def population(setting, measures):
    """Return the true value of each measure of co-moments."""
    maps, rho = plan(setting)
    cross = maps[0][: len(rho)].T * rho @ maps[1][: len(rho)]
    first, second = (Network(features(x.T @ x), np.zeros(len(x))) for x in maps)
    pair = Pair(first, second, features(cross))
    return {
        name: float(MEASURES[LIKE.get(name, name)].function(pair)[0])
        for name in measures
        if MEASURES[name].kind == "linear"
    }


def features(comoment, count=1e9):
    """Return co-moments as the Gram of features of a sample so large that no measure has a bias."""
    gram = np.zeros((1, comoment.shape[0] + 2, comoment.shape[1] + 2))
    gram[0, :-2, :-2] = count * comoment
    gram[0, -1, -1] = count
    return gram


def coverage(setting, measures, repetitions):
    """Return {measure: share of intervals that hold the true value}."""

    def one(repetition):
        pair = sample(np.random.default_rng(repetition), setting)
        return compare_pairs(pair, [(0, 1)], measures, rows_per_image=setting[3], draws=0)

    found = spread(one, range(repetitions))
    truth = population(setting, measures)
    if "mutual_knn" in measures:
        truth["mutual_knn"] = np.mean(
            [row["value"] for rows in found for row in rows if row["measure"] == "mutual_knn"]
        )
    if "cka_rbf" in measures:
        # Independent rows, which have the same true value and the least noise.
        single = (*setting[:3], 1, *setting[4:])
        rng = np.random.default_rng(1)
        small, large = (np.mean([value(rng, single, "cka_rbf", n) for _ in range(200)]) for n in (1000, 2000))
        truth["cka_rbf"] = 2 * large - small
    held = dict.fromkeys(measures, 0)
    for row in (row for rows in found for row in rows):
        name = row["measure"]
        held[name] += row["ci_low"] - 1e-12 <= truth[name] <= row["ci_high"] + 1e-12
    return {name: count / repetitions for name, count in held.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=400)
    parser.add_argument("--settings", type=int, nargs="+", default=range(len(SETTINGS)))
    parser.add_argument("--measures", nargs="+", default=list(MEASURES), choices=list(MEASURES))
    arguments = parser.parse_args()
    columns = []
    for number in arguments.settings:
        columns.append(coverage(SETTINGS[number], arguments.measures, arguments.repetitions))
        print(SETTINGS[number], columns[-1], file=sys.stderr, flush=True)
    heads = [
        f"{p} x {q}, {n:,} images{f' of {rows} rows' if rows > 1 else ''}"
        for p, q, n, rows, *_ in (SETTINGS[number] for number in arguments.settings)
    ]
    print("| measure | " + " | ".join(heads) + " |")
    print("|---" * (len(heads) + 1) + "|")
    for name in arguments.measures:
        print(f"| `{name}` | " + " | ".join(f"{column[name]:.3f}" for column in columns) + " |")


if __name__ == "__main__":
    main()
