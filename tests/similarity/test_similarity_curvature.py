"""Curvature on manifolds of known curvature."""

import numpy as np
import pytest

from prunesim.errors import PrunesimError
from prunesim.similarity import MEASURES
from prunesim.similarity.curvature import compare_curvature, intrinsic_dimension, sectional_curvatures


def embed(points, width=15, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((width, points.shape[1])))[0]
    return points @ basis.T + noise * rng.standard_normal((len(points), width)) + 5


def sphere(n, d, radius=1.0, seed=0):
    points = np.random.default_rng(seed).standard_normal((n, d + 1))
    return radius * points / np.linalg.norm(points, axis=1, keepdims=True)


def torus(n, large=2.0, small=1.0, seed=0):
    rng = np.random.default_rng(seed)
    around, tube = rng.uniform(0, 2 * np.pi, (2, n))
    ring = large + small * np.cos(tube)
    points = np.column_stack([ring * np.cos(around), ring * np.sin(around), small * np.sin(tube)])
    return points, np.cos(tube) / (small * ring)


@pytest.mark.parametrize("radius", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_sphere(radius, noise):
    found = sectional_curvatures(embed(sphere(2000, 2, radius), noise=noise * radius), 2, points=60)
    assert np.median(found) == pytest.approx(1 / radius**2, rel=0.15)


def test_sphere_of_more_dimensions():
    found = sectional_curvatures(embed(sphere(3000, 3)), 3, points=40)
    assert np.median(found) == pytest.approx(1, rel=0.3)
    assert found.shape == (40, 10)


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_flat(noise):
    points = np.random.default_rng(0).uniform(-1, 1, (2000, 2))
    found = sectional_curvatures(embed(points, noise=noise), 2, points=60)
    assert abs(np.median(found)) < 0.05
    # A cylinder is curved in space and flat in itself.
    cylinder = np.column_stack([np.cos(3 * points[:, 0]), np.sin(3 * points[:, 0]), points[:, 1]])
    found = sectional_curvatures(embed(cylinder), 2, points=60)
    assert abs(np.median(found)) < 0.05


def test_torus_point_by_point():
    points, truth = torus(4000)
    rng = np.random.default_rng(0)
    chosen = rng.choice(4000, 100, replace=False)
    # The points that the function draws from the same seed; the cloud is sorted first.
    x = embed(points)
    order = np.lexsort(x.T[::-1])
    found = sectional_curvatures(x, 2, points=100, neighbours=60, seed=0).mean(axis=1)
    expected = truth[order][chosen]
    assert np.corrcoef(found, expected)[0, 1] > 0.98
    assert np.median(np.abs(found - expected)) < 0.05
    assert expected.min() < -0.5
    assert expected.max() > 0.3


def test_intrinsic_dimension():
    for d in (1, 2, 4):
        assert intrinsic_dimension(embed(sphere(2000, d))) == pytest.approx(d, rel=0.12)
    with pytest.raises(PrunesimError, match="10 distinct samples do not have 20"):
        intrinsic_dimension(sphere(10, 2))


def test_two_layers():
    ball, plane = embed(sphere(1500, 2)), embed(np.random.default_rng(1).uniform(-1, 1, (1500, 2)))
    same = compare_curvature(ball, 7 * ball, points=60)
    assert same["distance"] < 0.02
    assert same["quantiles_a"][2] == pytest.approx(1, rel=0.15)
    other = compare_curvature(ball, plane, points=60)
    assert other["distance"] > 0.9
    assert other["dimension_a"] == pytest.approx(2, abs=0.3)
    assert other == compare_curvature(ball, plane, points=60)


def test_what_cannot_be_fitted_is_refused():
    ball = embed(sphere(300, 2))
    for dimension in (1, 15):
        with pytest.raises(PrunesimError, match=f"dimension {dimension} in 15"):
            sectional_curvatures(ball, dimension)
    with pytest.raises(PrunesimError, match="needs 132 neighbours or more"):
        sectional_curvatures(ball, 10, neighbours=100)
    with pytest.raises(PrunesimError, match="264 of 200 distinct"):
        sectional_curvatures(ball[:200], 10)
    with pytest.raises(PrunesimError, match="b has no variance"):
        compare_curvature(ball, np.ones((300, 3)))


def test_curvature_is_not_among_the_measures():
    assert not any("curvature" in name for name in MEASURES)
