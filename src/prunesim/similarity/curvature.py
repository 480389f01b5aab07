"""Curvature of the manifold of activations (Yu, Long and Hopcroft 2018, arXiv 1801.06801), for fully connected layers.

The paper gives the criterion, sectional curvature of the manifold of a layer's activation vectors, and no code. Here:
tangent spaces from the principal directions of nearest neighbours, the second fundamental form II from a quadratic
fit of the neighbours over the tangent space, and the sectional curvature of random tangent planes from the Gauss
equation. Point clouds of more than a few dimensions give unreliable curvature: docs/similarity.md says how unreliable.
Do not use this measure alone.
"""

import numpy as np

from prunesim.errors import PrunesimError
from prunesim.similarity.checks import check_matrix, check_rows
from prunesim.similarity.kernels import nearest, squared_distances
from prunesim.similarity.layers import in_range

MAXIMUM_SAMPLES = 5000
DIMENSION_NEIGHBOURS = 20


def intrinsic_dimension(x, neighbours=DIMENSION_NEIGHBOURS):
    """Return the maximum-likelihood dimension of a point cloud (Levina and Bickel 2004).

    Local estimates are averaged as inverses (MacKay and Ghahramani 2005).

    Parameters
    ----------
    x : array_like
        (samples, neurons); equal samples count once.
    neighbours : int

    Raises
    ------
    PrunesimError
        If there are not more distinct samples than neighbours.
    """
    x = np.unique(np.asarray(x, dtype=np.float64), axis=0)
    if len(x) <= neighbours:
        raise PrunesimError(f"{len(x)} distinct samples do not have {neighbours} neighbours.")
    distances = squared_distances(x)
    np.fill_diagonal(distances, np.inf)
    near = np.sort(np.partition(distances, neighbours - 1, axis=1)[:, :neighbours], axis=1)
    inverse = 0.5 * np.log(near[:, -1:] / near[:, :-1]).sum(axis=1) / (neighbours - 2)
    return float(1 / inverse.mean())


def sectional_curvatures(x, dimension, *, neighbours=None, points=200, planes=10, seed=0):
    """Return sectional curvatures of a point cloud at random points and random tangent planes, (points, planes).

    Parameters
    ----------
    x : array_like
        (samples, neurons).
    dimension : int
        Of the manifold, at least 2.
    neighbours : int, optional
        Of the fit; by default a twentieth of the samples, and at least four times the number of its coefficients.
    points, planes, seed : int
        How many, and of which random choice.

    Returns
    -------
    numpy.ndarray
        In units of 1 / (unit of x)^2.

    Notes
    -----
    Neighbours are dealt to two fits with noise of their own, II and II'. For orthonormal u, v the Gauss equation is
    taken as <II(u,u), II'(v,v)> - <II(u,v), II'(u,v)>, averaged over exchanges of the two, so that noise does not add
    up to a curvature: |II(u,v)|^2 of one fit is never 0.

    Raises
    ------
    PrunesimError
        If the dimension does not fit or there are too few samples for the fits.
    """
    x = np.unique(np.asarray(x, dtype=np.float64), axis=0)
    dimension = int(dimension)
    if not 2 <= dimension < x.shape[1]:
        raise PrunesimError(
            f"A manifold of dimension {dimension} in {x.shape[1]} has no sectional curvature that could be fitted; "
            f"the dimension must be from 2 to {x.shape[1] - 1}."
        )
    coefficients = 1 + dimension + dimension * (dimension + 1) // 2
    neighbours = max(4 * coefficients, len(x) // 20) if neighbours is None else neighbours
    if neighbours < 2 * coefficients or neighbours >= len(x):
        raise PrunesimError(
            f"A quadratic fit in {dimension} dimensions needs {2 * coefficients} neighbours or more, in two halves; "
            f"{neighbours} of {len(x)} distinct samples were asked for."
        )
    rng = np.random.default_rng(seed)
    bases = rng.choice(len(x), min(points, len(x)), replace=False)
    found = []
    for base in bases:
        offsets = x - x[base]
        distances = np.einsum("ij,ij->i", offsets, offsets)[None]
        distances[0, base] = np.inf
        near = offsets[nearest(distances, neighbours)[0]]
        found.append(_curvatures_at(near, dimension, planes, rng))
    return np.array(found)


def _curvatures_at(offsets, dimension, planes, rng):
    # The tangent space of the cloud about its mean, not about the base point, which noise has moved off the manifold.
    centred = offsets - offsets.mean(axis=0)
    _, singular, directions = np.linalg.svd(centred, full_matrices=False)
    tangent = directions[:dimension]
    normal = directions[dimension : int((singular > 1e-12 * singular[0]).sum())]
    if not len(normal):
        return np.zeros(planes)
    along, across = offsets @ tangent.T, centred @ normal.T
    order = rng.permutation(len(offsets))
    first, second = (_second_form(along[half], across[half]) for half in np.array_split(order, 2))
    values = []
    for _ in range(planes):
        u, v = np.linalg.qr(rng.standard_normal((dimension, 2)))[0].T
        uu, vv, uv = (
            [np.einsum("abm,a,b->m", form, s, t) for form in (first, second)] for s, t in ((u, u), (v, v), (u, v))
        )
        values.append((uu[0] @ vv[1] + uu[1] @ vv[0]) / 2 - uv[0] @ uv[1])
    return values


def _second_form(along, across):
    """Return the second fundamental form, (d, d, normals), of a quadratic graph fitted over the tangent space.

    The fit may have slopes, because the principal directions are not exactly tangent; the form is that of the graph
    at the base point with respect to them, to first order in the slopes.
    """
    d = along.shape[1]
    rows, columns = np.triu_indices(d)
    scale = np.abs(along).max()
    scaled = along / scale
    design = np.column_stack([np.ones(len(along)), scaled, scaled[:, rows] * scaled[:, columns]])
    fit = np.linalg.lstsq(design, across, rcond=None)[0][1 + d :] / scale**2
    form = np.zeros((d, d, across.shape[1]))
    form[rows, columns] = fit
    return form + form.transpose(1, 0, 2)


def compare_curvature(x, y, *, dimension=None, neighbours=None, points=200, planes=10, seed=0, names=("a", "b")):
    """Return intrinsic dimensions and curvature distributions of two layers, and how far these are apart.

    Parameters
    ----------
    x, y : array_like
        (samples, neurons), the same samples; above `MAXIMUM_SAMPLES` a seeded subset. Each is scaled to a root mean
        square distance of 1 from its mean, so that curvatures compare.
    dimension : int, optional
        Of both manifolds; by default that estimated for each, rounded, at least 2.
    neighbours, points, planes, seed
        See `sectional_curvatures`.
    names : (str, str)
        What the layers are called in messages.

    Returns
    -------
    dict
        ``dimension_a``, ``dimension_b`` (estimated, not rounded), ``quantiles_a``, ``quantiles_b`` (5, 25, 50, 75 and
        95 % of the curvatures) and ``distance``, the Kolmogorov-Smirnov distance of their distributions, 0 to 1.

    Raises
    ------
    PrunesimError
        If the layers do not fit together, have no variance, or their dimension is too high for the samples.
    """
    matrices = [check_matrix(matrix, name) for matrix, name in zip((x, y), names, strict=True)]
    count, _ = check_rows(matrices, 1, names)
    rows = np.sort(np.random.default_rng(seed).permutation(count)[:MAXIMUM_SAMPLES])
    result, samples = {}, []
    for matrix, name, side in zip(matrices, names, ("a", "b"), strict=True):
        layer = np.asarray(in_range(matrix[rows], name), dtype=np.float64)
        layer = layer - layer.mean(axis=0)
        size = np.sqrt((layer**2).sum(axis=1).mean())
        if size == 0:
            raise PrunesimError(f"{name} has no variance, and so no curvature.")
        layer = layer / size
        estimate = intrinsic_dimension(layer)
        used = max(2, round(estimate)) if dimension is None else dimension
        options = {"neighbours": neighbours, "points": points, "planes": planes, "seed": seed}
        curvatures = sectional_curvatures(layer, used, **options).ravel()
        result[f"dimension_{side}"] = estimate
        result[f"quantiles_{side}"] = np.quantile(curvatures, [0.05, 0.25, 0.5, 0.75, 0.95]).tolist()
        samples.append(np.sort(curvatures))
    result["distance"] = _kolmogorov_smirnov(*samples)
    return result


def _kolmogorov_smirnov(first, second):
    both = np.concatenate([first, second])
    shares = [np.searchsorted(sample, both, side="right") / len(sample) for sample in (first, second)]
    return float(np.abs(shares[0] - shares[1]).max())
