"""All canonical correlations of two layers, beside what chance gives."""

import numpy as np
import pytest
import scipy.linalg

from prunesim.errors import PrunesimError
from prunesim.similarity import compare_pairs, details
from prunesim.similarity.moments import image_order
from prunesim.similarity.spectra import spectrum

from . import routes
from .data import EXPECTED, reference_case, related


@pytest.mark.parametrize("case", EXPECTED)
def test_real_layers_against_explicit_bases(case):
    x, y = reference_case(case)
    found = spectrum(x, y, draws=2)
    expected = routes.correlations(x, y)[: len(found["correlations"])]
    np.testing.assert_allclose(found["correlations"], expected, atol=1e-8)
    assert (found["rank_a"], found["rank_b"]) == (EXPECTED[case]["rank_x"], EXPECTED[case]["rank_y"])
    assert len(found["correlations"]) == len(found["null"]) == min(found["rank_a"], found["rank_b"])
    assert found["correlations"].tolist() == pytest.approx(details(x, y)["canonical_correlations"], abs=1e-12)


@pytest.mark.parametrize(("p", "q"), [(7, 9), (9, 7), (1, 5)])
def test_against_the_angles_between_subspaces_of_scipy(p, q):
    x, y = related(p=p, q=q)
    angles = scipy.linalg.subspace_angles(x - x.mean(axis=0), y - y.mean(axis=0))
    np.testing.assert_allclose(spectrum(x, y)["correlations"], np.cos(angles)[::-1], atol=1e-10)


def test_the_null_is_the_mean_over_exchanged_images():
    x, y = related(n=240)
    found = spectrum(x, y, rows_per_image=4, draws=7, seed=3)
    drawn = []
    for draw in range(7):
        order = image_order(60, 3, "draw", draw)
        drawn.append(routes.correlations(x, y.reshape(60, 4, -1)[order].reshape(240, -1)))
    np.testing.assert_allclose(found["null"], np.mean(drawn, axis=0), atol=1e-10)
    assert (found["n_images"], found["n_samples"]) == (60, 240)
    assert found["null"][0] < found["correlations"][0]


def test_more_draws_than_go_through_one_pass():
    x, y = related(n=400, p=5, q=300)
    found = spectrum(x, y, draws=12)
    drawn = [routes.correlations(x, y[image_order(400, 0, "draw", draw)]) for draw in range(12)]
    np.testing.assert_allclose(found["null"], np.mean(drawn, axis=0), atol=1e-8)


def test_its_mean_and_the_mean_of_its_null_are_the_measure():
    """Of a network that is compared with several, whose images are then the ones that are exchanged."""
    (x, z), (_, y) = related(n=300, p=6, q=6, seed=1), related(n=300, p=6, q=8, seed=2)
    first, _ = compare_pairs([x, z, y], [(0, 2), (1, 2)], ["cca_mean"], blocks=5, draws=4, seed=11, rows_per_image=3)
    found = spectrum(x, y, rows_per_image=3, draws=4, seed=11)
    assert found["correlations"].mean() == pytest.approx(first["value"], abs=1e-12)
    assert found["null"].mean() == pytest.approx(first["null"], abs=1e-12)


def test_silent_and_repeated_neurons_are_no_directions():
    x, y = related(p=5, q=6)
    wide = np.column_stack([x, np.zeros(len(x)), 2 * x[:, 0] + 1])
    found = spectrum(wide, y, draws=0)
    np.testing.assert_allclose(found["correlations"], spectrum(x, y, draws=0)["correlations"], atol=1e-10)
    assert (found["rank_a"], found["rank_b"], found["null"]) == (5, 6, None)


@pytest.mark.parametrize(
    ("x", "y", "note", "ranks"),
    [
        (np.ones((50, 3)), np.arange(100.0).reshape(50, 2) % 7, "a has no variance", (0, 2)),
        (np.eye(6), np.eye(6), "6 samples for 6 and 6 neurons; at least 8 are needed", (None, None)),
    ],
)
def test_what_has_none_says_why(x, y, note, ranks):
    found = spectrum(x, y)
    assert note in found["note"]
    assert len(found["correlations"]) == 0
    assert found["null"] is None
    assert (found["rank_a"], found["rank_b"]) == ranks


def test_few_samples_are_noted():
    x, y = related(n=30)
    assert "few samples" in spectrum(x, y)["note"]
    assert spectrum(*related(n=200))["note"] == ""


def test_other_samples_are_refused():
    x, y = related()
    with pytest.raises(PrunesimError, match="second has 199"):
        spectrum(x, y[1:], names=("first", "second"))
    with pytest.raises(PrunesimError, match="NaN"):
        spectrum(np.where(x > 2, np.nan, x), y)
