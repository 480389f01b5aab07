"""Where a measure has no value, and where numbers end: what leaves is a value within its bounds, or a reason."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prunesim.errors import PrunesimError
from prunesim.similarity import MEASURES, compare, compare_pairs, details
from prunesim.similarity import pairs as pairs_module
from prunesim.similarity.checks import settled
from prunesim.similarity.layers import Layer

from .data import related, row, value

TYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "g"]
FEW_SAMPLES = [name for name, measure in MEASURES.items() if measure.needs_samples]


def one_active(n=1000, p=16):
    x = np.zeros((n, p))
    x[7 % n, 3 % p] = 2.5
    return x


def only_two_images_in_common(n, p):
    x = np.zeros((n, p))
    x[0, 0], x[1, 0] = 1, 2
    return x


LAYERS = {
    "dead": lambda n, p, rng: np.zeros((n, p)),
    "constant": lambda n, p, rng: np.full((n, p), 0.3),
    "one active sample": lambda n, p, rng: one_active(n, p),
    "two active samples": lambda n, p, rng: only_two_images_in_common(max(n, 2), p)[:n],
    "one live neuron": lambda n, p, rng: rng.standard_normal((n, 1)) * (np.arange(p) == 0),
    "one direction": lambda n, p, rng: rng.standard_normal((n, 1)) * rng.standard_normal(p),
    "equal samples": lambda n, p, rng: rng.standard_normal((2, p))[np.arange(n) % 2],
    "equal neurons": lambda n, p, rng: rng.standard_normal((n, 2))[:, np.arange(p) % 2],
    "orthogonal samples": lambda n, p, rng: np.eye(n, p),
    "rectified": lambda n, p, rng: np.maximum(rng.standard_normal((n, p)) - 1, 0),
    "noise": lambda n, p, rng: rng.standard_normal((n, p)),
    "far from zero": lambda n, p, rng: 1e6 + rng.standard_normal((n, p)),
}


def as_type(array, dtype):
    """Return an array as a type, whose range it is made to fit where the type has no fractions."""
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return array > 0.5
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        largest = np.abs(array).max() or 1
        return np.clip(np.round(array / largest * 100), max(limits.min, -100), min(limits.max, 100)).astype(kind)
    with np.errstate(over="ignore"):
        return array.astype(kind)


@settings(max_examples=250, deadline=None, derandomize=True)
@given(data=st.data())
def test_what_leaves_is_finite_and_within_bounds_or_says_why(data):
    p, q = data.draw(st.integers(1, 8)), data.draw(st.integers(1, 8))
    n = data.draw(st.integers(1, 3 * max(p, q)))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    pair = []
    for width in (p, q):
        array = LAYERS[data.draw(st.sampled_from(list(LAYERS)))](n, width, rng)
        scale = 10.0 ** data.draw(st.integers(-200, 200))
        pair.append(as_type(array * scale, data.draw(st.sampled_from(TYPES))))
    if data.draw(st.booleans()) and p == q:
        pair[1] = pair[0]
    neighbours = data.draw(st.integers(1, 12))
    bandwidth = 10.0 ** data.draw(st.integers(-200, 200))
    refused = n < 2 or not all(np.isfinite(array.astype(np.float64)).all() for array in pair)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = compare_pairs(
                pair, [(0, 1), (0, 0)], "all", blocks=7, draws=2, neighbours=neighbours, bandwidth=bandwidth
            )
        except PrunesimError:
            assert refused
            return
    assert not refused
    for entry in found:
        low, high = MEASURES[entry["measure"]].bounds
        assert -math.inf < low < high < math.inf
        if entry["value"] is None:
            assert entry["note"].startswith("no value: ")
            assert entry["ci_low"] is entry["ci_high"] is entry["null"] is None
            continue
        assert low <= entry["value"] <= high, entry
        assert entry["null"] is None or low <= entry["null"] <= high, entry
        assert (entry["ci_low"] is None) == (entry["ci_high"] is None)
        if entry["ci_low"] is not None:
            assert low <= entry["ci_low"] <= entry["value"] <= entry["ci_high"] <= high, entry
        else:
            assert "no interval" in entry["note"]


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("exponent", [-310, -200, -100, -40, 75, 150, 200, 300])
def test_a_scale_out_of_the_ordinary_changes_nothing(measure, exponent):
    x, y = related(n=100)
    # Few digits, so that a scale below the smallest normal number leaves them alone.
    x = np.round(x * 8) * 2.0**-12
    expected = row(x, y, measure, blocks=6, draws=2)
    found = row(np.ldexp(x, round(exponent * math.log2(10))), y, measure, blocks=6, draws=2)
    for key in ("value", "ci_low", "ci_high", "null"):
        assert found[key] == pytest.approx(expected[key], abs=1e-9), key


@pytest.mark.parametrize("layer", [one_active(), np.eye(6), np.eye(40)])
def test_samples_without_anything_in_common_have_no_debiased_cka(layer):
    other = np.random.default_rng(0).standard_normal(layer.shape)
    for pair in ((layer, layer), (layer, other), (other, layer)):
        entry = compare_pairs(pair, [(0, 1)], ["cka_linear_debiased"])[0]
        assert [entry[key] for key in ("value", "ci_low", "ci_high", "null")] == [None] * 4
        assert entry["note"] == "no value: it is 0 / 0 within rounding here"


def test_debiased_cka_of_the_least_that_two_layers_can_share_is_a_number():
    layer = only_two_images_in_common(50, 4)
    assert value(layer, layer, "cka_linear_debiased") == pytest.approx(1, abs=1e-9)
    # A sum over pairs of samples that is an inner product (Szekely and Rizzo 2014), so that no value is beyond 1.
    x, y = related(n=5, p=30, q=40)
    assert -1 <= value(x, -y, "cka_linear_debiased") <= 1


def test_an_interval_stays_within_what_the_measure_can_be():
    x = np.zeros((200, 5))
    x[:4, 0] = [1, 2, 3, 4]
    y = x + np.random.default_rng(0).standard_normal((200, 5)) * 1e-3
    entry = row(x, y, "cka_linear_debiased", blocks=20)
    assert entry["ci_high"] is None or entry["ci_high"] <= 1


def test_what_is_out_of_bounds_by_more_than_rounding_is_no_value():
    measure = MEASURES["cca_mean"]
    blank = {"value": 0.5, "ci_low": 0.4, "ci_high": 0.6, "null": 0.1, "note": ""}
    assert settled(blank, measure) == blank
    assert settled(blank | {"value": 1 + 1e-12}, measure)["value"] == 1.0
    for wrong in (math.nan, math.inf, -math.inf, 1.2, -0.1):
        assert settled(blank | {"value": wrong}, measure) == {
            "value": None, "ci_low": None, "ci_high": None, "null": None,
            "note": "no value: it is 0 / 0 within rounding here",
        }  # fmt: skip
        without_null = settled(blank | {"null": wrong}, measure)
        assert (without_null["null"], without_null["value"]) == (None, 0.5)
        assert "no null" in without_null["note"]
        without_interval = settled(blank | {"ci_high": wrong, "note": "few"}, measure)
        assert (without_interval["ci_low"], without_interval["ci_high"]) == (None, None)
        assert without_interval["note"].startswith("few; no interval")


@pytest.mark.parametrize(("n", "p", "q"), [(65, 64, 64), (3, 2, 2), (10, 4, 9), (10, 9, 4), (9, 9, 9), (5, 9, 2)])
def test_cca_needs_more_samples_than_neurons_and_one_for_the_mean(n, p, q):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((n, p)), rng.standard_normal((n, q))
    for measure in FEW_SAMPLES:
        entry = row(x, y, measure)
        assert entry["value"] is None
        assert f"{n} samples for {p} and {q} neurons; at least {max(p, q) + 2} are needed" in entry["note"]
    more = max(p, q) + 2
    x, y = rng.standard_normal((more, p)), rng.standard_normal((more, q))
    for measure in FEW_SAMPLES:
        entry = row(x, y, measure)
        assert entry["value"] is not None
        assert entry["note"] == f"few samples: {more} for {p} and {q} neurons, so that the null is near the value"
    x, y = rng.standard_normal((5 * max(p, q), p)), rng.standard_normal((5 * max(p, q), q))
    assert {row(x, y, measure)["note"] for measure in FEW_SAMPLES} == {""}


def test_the_null_is_near_the_value_where_the_note_says_so():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((80, 64)), rng.standard_normal((80, 64))
    entry = row(x, y, "cca_mean", draws=5)
    assert "few samples" in entry["note"]
    assert entry["value"] == pytest.approx(entry["null"], abs=0.05)
    assert entry["value"] > 0.7


@pytest.mark.parametrize("measure", ["cka_linear", "cka_linear_debiased", "nbs", "procrustes_distance", "cka_rbf"])
@pytest.mark.parametrize(("p", "q"), [(300, 300), (300, 7), (7, 300), (59, 60)])
def test_fewer_samples_than_neurons_take_the_short_way_to_the_same_value(measure, p, q, monkeypatch):
    x, y = related(n=60, p=p, q=q)
    x[:, 5] = 3.5
    x[11:15], y[20:24] = x[11], y[20]
    short = row(x, y, measure, blocks=6, draws=2)
    monkeypatch.setattr(pairs_module, "prepared", lambda matrix, name: Layer(matrix, matrix, matrix.shape[1], None))
    long = row(x, y, measure, blocks=6, draws=2)
    for key in ("value", "null"):
        assert short[key] == pytest.approx(long[key], abs=1e-9), key
    # The bias of an interval is read off the halves of the sample in fewer digits.
    for key in ("ci_low", "ci_high"):
        assert short[key] == pytest.approx(long[key], abs=1e-6), key
    assert [short[key] for key in ("rank_a", "rank_b")] == [long[key] for key in ("rank_a", "rank_b")]


def test_the_short_way_forms_no_matrix_of_neurons(monkeypatch):
    shapes = []
    matmul = np.matmul

    def watched(a, b, *args, **kwargs):
        shapes.append((np.shape(a)[-2], np.shape(b)[-1]))
        return matmul(a, b, *args, **kwargs)

    monkeypatch.setattr(np, "matmul", watched)
    x = np.random.default_rng(0).standard_normal((40, 20_000)).astype(np.float32)
    found = compare(x, x, "all", interval=True)
    assert shapes
    # Two layers of 39 directions, norms and ones side by side.
    assert max(max(shape) for shape in shapes) == 2 * 41
    assert (found["rank_a"], found["p"]) == (39, 20_000)
    assert found["measures"]["nbs"]["value"] == pytest.approx(1, abs=1e-9)
    assert found["measures"]["cca_mean"]["value"] is None
    assert details(x, x)["note"] == found["measures"]["cca_mean"]["note"]


def test_what_does_not_fit_into_the_memory_of_the_machine_is_refused_first(monkeypatch):
    monkeypatch.setattr(pairs_module, "physical_memory", lambda: 10_000)
    monkeypatch.setattr(pairs_module, "moments_of", lambda *a, **k: pytest.fail("computed before it asked"))
    with pytest.raises(PrunesimError, match=r"Comparing 30 with 40 neurons on 100 samples needs .* fewer samples"):
        row(*related(n=100, p=30, q=40), "cka_linear")


# --- What a caller gives --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"blocks": 2.5}, "Blocks is 2.5; it must be a whole number"),
        ({"blocks": -1}, "Blocks is -1"),
        ({"blocks": True}, "Blocks is True"),
        ({"draws": 1.0}, "Draws is 1.0"),
        ({"seed": "a"}, "Seed is 'a'"),
        ({"rows_per_image": 0}, "Rows_per_image is 0; it must be a whole number of at least 1"),
        ({"rows_per_image": 1.5}, "Rows_per_image is 1.5"),
        ({"pairs": [(0, 2)]}, r"pair \(0, 2\) has no such matrix; they are numbered 0 to 1"),
        ({"pairs": [(-1, 0)]}, "-1; it must be a whole number"),
        ({"pairs": [(0.5, 1)]}, "0.5; it must be a whole number"),
        ({"bandwidth": math.inf}, "bandwidth is inf; it must be above 0 and finite"),
        ({"bandwidth": math.nan}, "bandwidth is nan"),
        ({"neighbours": math.inf}, "neighbours is inf"),
        ({"neighbours": math.nan}, "neighbours is nan"),
        ({"variance": math.nan}, "variance is nan"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(options, message):
    x, y = related(n=50)
    options = {"pairs": [(0, 1)]} | options
    with pytest.raises(PrunesimError, match=message):
        compare_pairs([x, y], options.pop("pairs"), "all", **options)


def test_masked_arrays_are_refused():
    x, y = related(n=50)
    masked = np.ma.masked_array(x, mask=np.zeros_like(x, dtype=bool))
    for call in (compare, details):
        with pytest.raises(PrunesimError, match="a is a masked array, whose mask would be ignored"):
            call(masked, y)
    with pytest.raises(PrunesimError, match="matrix 0 is a masked array"):
        compare_pairs([masked, y], [(0, 1)], "all")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([[1.0, 2.0], [3.0]], "cannot be read as an array"),
        ([["x", "y"]] * 3, "real numbers"),
        (np.array([[1, None]] * 3), "real numbers"),
        (np.ones((3, 2), complex), "real numbers"),
        (np.array(["2020-01-01"] * 4, "M8[D]").reshape(2, 2), "real numbers"),
        (None, "real numbers"),
        (5.0, "2-D"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(given, message):
    with pytest.raises(PrunesimError, match=message):
        compare(given, np.ones((3, 2)))


def test_tensors_are_taken_where_numpy_can_read_them():
    import torch

    x, y = related(n=50)
    expected = compare(x, y, ["cka_linear"])
    assert compare(torch.from_numpy(x), torch.from_numpy(y), ["cka_linear"]) == expected
    with pytest.raises(PrunesimError, match=r"a is a tensor that requires grad; give its \.detach\(\)"):
        compare(torch.from_numpy(x).requires_grad_(), y)
    with pytest.raises(PrunesimError, match=r"a cannot be read as an array.*BFloat16.*float32"):
        compare(torch.from_numpy(x).bfloat16(), y)


def test_lists_and_data_frames_are_taken():
    import pandas

    x, y = related(n=50)
    expected = compare(x, y, ["cka_linear", "nbs"])
    assert compare(x.tolist(), pandas.DataFrame(y), ["cka_linear", "nbs"]) == expected


@pytest.mark.parametrize("measure", ["cca_mean", "cka_linear", "procrustes_distance", "cka_rbf", "mutual_knn"])
def test_a_copy_with_its_samples_exchanged_is_within_its_null(measure):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((300, 6))
    found = compare(x, x[rng.permutation(300)], [measure], interval=True, draws=20)["measures"][measure]
    assert found["note"] == "within its null: exchanged images are as similar"
    related_to_itself = compare(x, x + 0.1 * rng.standard_normal(x.shape), [measure], interval=True, draws=20)
    assert "note" not in related_to_itself["measures"][measure]
