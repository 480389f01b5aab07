"""Similarity of the representations of two networks, from their activations on the same samples."""

from prunesim.similarity.many import compare_many, pairs_of
from prunesim.similarity.measures import MEASURES, Measure
from prunesim.similarity.moments import Moments, accumulate, load_moments, merge, save_moments
from prunesim.similarity.pairs import compare_pairs
from prunesim.similarity.single import compare, details, pair_statistics

__all__ = [
    "MEASURES",
    "Measure",
    "Moments",
    "accumulate",
    "compare",
    "compare_many",
    "compare_pairs",
    "details",
    "load_moments",
    "merge",
    "pair_statistics",
    "pairs_of",
    "save_moments",
]
