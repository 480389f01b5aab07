"""Columns come out of the page's compact form as they went in, to six digits."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from prunesim.explorer.columns import decode, encode_numbers, encode_words


def through(encode, values):
    """Return a column after a way through the file."""
    return decode(json.loads(json.dumps(encode(values), allow_nan=False)), len(values))


def six_digits(value):
    return None if math.isnan(value) else float(f"{value:.6g}")


@pytest.mark.parametrize("count", [1, 2, 255, 256, 257, 5000])
def test_numbers_keep_six_digits(count):
    values = np.random.default_rng(count).normal(size=count) * 10.0 ** np.random.default_rng(1).integers(-6, 6, count)
    values[count // 2] = np.nan
    assert through(encode_numbers, values) == [six_digits(value) for value in values]


@given(some.lists(some.floats(1e-37, 3e38) | some.floats(-3e38, -1e-37) | some.just(math.nan), min_size=1))
def test_any_numbers_keep_six_digits(values):
    assert through(encode_numbers, values) == [six_digits(value) for value in values]


def test_numbers_of_a_known_form():
    assert encode_numbers([0.5, 0.5]) == {"same": 0.5}
    assert encode_numbers([math.nan] * 3) == {"same": None}
    # 0 and 1 stand for the smaller and the larger: bytes 0, 1, 0.
    assert encode_numbers([0.25, 1.0, 0.25]) == {"of": [0.25, 1], "codes": "AAEA"}
    many = encode_numbers(np.arange(257) / 7)
    assert list(many) == ["floats"]
    assert len(many["floats"]) == 4 * math.ceil(257 * 4 / 3)


@pytest.mark.parametrize("count", [1, 2, 256, 257, 65536, 65537])
def test_words_and_counts_are_exact(count):
    words = [f"layer {number}" for number in range(count)]
    assert through(encode_words, words + words[::-1]) == words + words[::-1]
    counts = [None if number % 5 == 1 else number * 10**9 for number in range(count)]
    assert through(encode_words, counts) == counts


def test_words_of_a_known_form():
    assert encode_words(["b", "b"]) == {"same": "b"}
    assert encode_words(["b", "a", None, "b"]) == {"of": ["b", "a", None], "codes": "AAECAA=="}
