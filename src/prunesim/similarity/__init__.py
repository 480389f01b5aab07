"""Similarity of the representations of two networks, from their activations on the same samples."""

from prunesim.similarity.measures import MEASURES, Measure
from prunesim.similarity.moments import Moments, load_moments, merge, save_moments
from prunesim.similarity.pairs import compare_pairs

__all__ = ["MEASURES", "Measure", "Moments", "compare_pairs", "load_moments", "merge", "save_moments"]
