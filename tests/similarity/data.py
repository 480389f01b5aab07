"""Pairs of activation matrices with something in common."""

import json
from pathlib import Path

import numpy as np

from prunesim.similarity import compare_pairs

CASES_PATH = Path(__file__).parent.parent / "data" / "similarity_cases"
EXPECTED = json.loads(CASES_PATH.with_suffix(".json").read_text(encoding="utf-8"))


def reference_case(name):
    with np.load(CASES_PATH.with_suffix(".npz")) as file:
        return file[f"{name}__x"], file[f"{name}__y"]


def related(n=200, p=7, q=9, seed=0, noise=0.7):
    """Return two matrices, rectified mixtures of common sources, so that nothing is Gaussian or centred."""
    rng = np.random.default_rng(seed)
    sources = rng.standard_normal((n, 6))
    x, y = (
        np.maximum(sources @ rng.standard_normal((6, width)) + noise * rng.standard_normal((n, width)) + 0.3, 0)
        for width in (p, q)
    )
    return x * np.geomspace(0.3, 3, p), y * np.geomspace(2, 0.5, q)


def value(x, y, measure, **settings):
    """Return one measure of one pair, without interval and null."""
    return row(x, y, measure, **settings)["value"]


def row(x, y, measure, blocks=0, draws=0, **settings):
    return compare_pairs([x, y], [(0, 1)], [measure], blocks=blocks, draws=draws, **settings)[0]
