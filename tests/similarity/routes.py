"""Second and third routes to every measure: explicit orthonormal bases, and n x n matrices.

Written from the definitions, on the matrices themselves, sharing nothing with the package.
"""

import numpy as np


def centre(x):
    return x - x.mean(axis=0)


def basis(x):
    """Return orthonormal columns that span the centred x."""
    x = centre(np.asarray(x, dtype=np.float64))
    scale = np.linalg.norm(x, axis=0)
    x = x[:, scale > 1e-13 * scale.max()] / scale[scale > 1e-13 * scale.max()]
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    return u[:, s > 1e-7 * s[0]]


def correlations(x, y):
    return np.linalg.svd(basis(x).T @ basis(y), compute_uv=False)


def principal_scores(x, variance):
    u, s, _ = np.linalg.svd(centre(np.asarray(x, dtype=np.float64)), full_matrices=False)
    k = 1
    while (s[:k] ** 2).sum() < variance * (s**2).sum() * (1 - 1e-12):
        k += 1
    return u[:, :k]


def cca_mean(x, y):
    return correlations(x, y).mean()


def cca_mean_98(x, y):
    rho = correlations(x, y)
    k = 1
    while rho[:k].sum() < 0.98 * rho.sum():
        k += 1
    return rho[:k].mean()


def svcca(x, y, variance=0.99):
    return np.linalg.svd(principal_scores(x, variance).T @ principal_scores(y, variance), compute_uv=False).mean()


def pwcca(x, y):
    qx, qy = basis(x), basis(y)
    left, rho, _ = np.linalg.svd(qx.T @ qy, full_matrices=False)
    alpha = np.abs((qx @ left).T @ centre(x)).sum(axis=1)
    return (alpha * rho).sum() / alpha.sum()


def gram(x):
    n = len(x)
    h = np.eye(n) - np.ones((n, n)) / n
    return h @ (x @ x.T) @ h


def cka_linear(x, y):
    k, l = gram(x), gram(y)  # noqa: E741
    return (k * l).sum() / np.sqrt((k * k).sum() * (l * l).sum())


def song(k, l):  # noqa: E741
    """Unbiased HSIC of Song et al. 2012, eq. 5."""
    n = len(k)
    k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))  # noqa: E741
    one = np.ones(n)
    terms = (
        np.trace(k @ l) + (one @ k @ one) * (one @ l @ one) / ((n - 1) * (n - 2)) - 2 / (n - 2) * (one @ k @ l @ one)
    )
    return terms / (n * (n - 3))


def szekely(k, l):  # noqa: E741
    """Unbiased HSIC from U-centred matrices, Szekely and Rizzo 2014."""
    n = len(k)

    def u_centred(a):
        a = a - np.diag(np.diag(a))
        means = a.sum(axis=1) / (n - 2)
        means = means - a.sum() / (2 * (n - 1) * (n - 2))
        a = a - means[:, None] - means
        np.fill_diagonal(a, 0)
        return a

    return (u_centred(k) * u_centred(l)).sum() / (n * (n - 3))


def cka_linear_debiased(x, y, hsic=song):
    k, l = x @ x.T, y @ y.T  # noqa: E741
    return hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l))


def nbs(x, y):
    """Sum of the roots of the eigenvalues of K L, n x n, over the root of the product of traces."""
    k, l = gram(x), gram(y)  # noqa: E741
    values = np.linalg.eigvals(k @ l).real
    return np.sqrt(np.clip(values, 0, None)).sum() / np.sqrt(np.trace(k) * np.trace(l))


def procrustes_distance(x, y):
    """Squared distance after the best rotation, found explicitly."""
    x, y = centre(x), centre(y)
    x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
    width = max(x.shape[1], y.shape[1])
    x, y = (np.pad(z, ((0, 0), (0, width - z.shape[1]))) for z in (x, y))
    u, _, vt = np.linalg.svd(x.T @ y)
    return ((x @ u @ vt - y) ** 2).sum()


def linear_r2(x, y):
    """1 - residual / total of least squares with an intercept."""
    design = np.column_stack([np.ones(len(y)), y])
    fit = design @ np.linalg.lstsq(design, x, rcond=None)[0]
    return 1 - ((x - fit) ** 2).sum() / (centre(x) ** 2).sum()


def subspace_match(x, y, epsilon=0.5):
    """Maximum match with least squares in R^n, following Wang et al. 2018."""

    def near(z, span, epsilon):
        fit = span @ np.linalg.lstsq(span, z, rcond=None)[0]
        return np.linalg.norm(z - fit, axis=0) <= epsilon * np.linalg.norm(z, axis=0)

    total = x.shape[1] + y.shape[1]
    x, y = (z[:, np.linalg.norm(z, axis=0) > 0] for z in (x, y))
    while x.shape[1] and y.shape[1]:
        keep_x = near(x, y, epsilon)
        if not keep_x.any():
            return 0.0
        keep_y = near(y, x[:, keep_x], epsilon)
        if keep_x.all() and keep_y.all():
            return (x.shape[1] + y.shape[1]) / total
        x, y = x[:, keep_x], y[:, keep_y]
    return 0.0


def distances(x):
    return ((x[:, None, :] - x[None, :, :]) ** 2).sum(axis=2)


def cka_rbf(x, y):
    kernels = [np.exp(-d / (2 * np.median(d))) for d in (distances(x), distances(y))]
    n = len(x)
    h = np.eye(n) - np.ones((n, n)) / n
    k, l = (h @ kernel @ h for kernel in kernels)  # noqa: E741
    return (k * l).sum() / np.sqrt((k * k).sum() * (l * l).sum())


def mutual_knn(x, y, neighbours=10):
    lists = []
    for z in (x, y):
        d = distances(z)
        lists.append([[j for j in np.argsort(row, kind="stable") if j != i][:neighbours] for i, row in enumerate(d)])
    return np.mean([len(set(a) & set(b)) for a, b in zip(*lists, strict=True)]) / neighbours


ROUTES = {
    "cca_mean": cca_mean,
    "cca_mean_98": cca_mean_98,
    "svcca": svcca,
    "pwcca": pwcca,
    "cka_linear": cka_linear,
    "cka_linear_debiased": cka_linear_debiased,
    "nbs": nbs,
    "procrustes_distance": procrustes_distance,
    "linear_r2": linear_r2,
    "subspace_match": subspace_match,
    "cka_rbf": cka_rbf,
    "mutual_knn": mutual_knn,
}
