"""The bugs of published code, put in on purpose: the suite must see each of them."""

from dataclasses import replace

import numpy as np
import pytest

from prunesim.errors import PrunesimError
from prunesim.similarity import MEASURES, gradients, jackknife, kernels, linear, moments, statistics
from prunesim.similarity.statistics import Network, Pair

from . import test_similarity_intervals as intervals
from . import test_similarity_kernels as kernel_checks
from . import test_similarity_moments as moment_checks
from . import test_similarity_properties as properties
from . import test_similarity_values as values
from .routes import centre


def battery(measure):
    """Return the checks of the suite that a measure goes through, as calls."""
    checks = [lambda case=case: values.test_reference_case(case) for case in ("conv16", "logits")]
    checks += [lambda p=p, q=q: values.test_second_route(measure, p, q) for p, q in ((7, 9), (9, 7))]
    for scale in (1e-6, 1e6):
        checks.append(lambda scale=scale: properties.test_scales_and_an_offset_of_ten_thousand(measure, scale))
    checks.append(lambda: properties.test_dead_and_constant_neurons_change_nothing(measure, 1e4 / 3))
    checks.append(values.test_svcca_keeps_the_smallest_sufficient_number_of_directions)
    checks.append(lambda: properties.test_duplicates_and_linear_combinations_change_cca_only_in_width(np.float64))
    return checks


def seen(checks):
    failures = 0
    for check in checks:
        try:
            check()
        except (AssertionError, ValueError, np.linalg.LinAlgError, PrunesimError):
            failures += 1
    return failures


def function(name, wrong):
    return lambda patch: patch.setitem(MEASURES, name, replace(MEASURES[name], function=wrong))


def attribute(owner, name, wrong):
    return lambda patch: patch.setattr(owner, name, wrong)


def centred_by_sample(rows, shift, out, original=moments._write):
    rows = np.asarray(rows, dtype=np.float64)
    original(rows - rows.mean(axis=1, keepdims=True), shift, out)


def wrongly_centred_hsic(k, l, blocks):  # noqa: E741
    """The authors' _centering: both means along the same axis."""
    k, l = (a - 2 * a.mean(axis=0) + a.mean() for a in (k, l))  # noqa: E741
    return np.array([(k * l).sum()])


def averaged_ratios(x, y, blocks):
    batches = zip(np.array_split(x, 5), np.array_split(y, 5), strict=True)
    pairs = [(centre(a.astype(float)), centre(b.astype(float))) for a, b in batches]
    ratios = [squares(a.T @ b) / np.sqrt(squares(a.T @ a) * squares(b.T @ b)) for a, b in pairs]
    return np.array([np.mean(ratios)])


def squares(matrix):
    return (matrix**2).sum()


def normed(order):
    """Return NBS with another norm in the place of the sum of singular values."""

    def nbs(pair):
        found = np.linalg.norm(pair.comoment, order, (1, 2))
        return found / np.sqrt(pair.first.total * pair.second.total)

    return nbs


def cka_with_epsilon(pair):
    first, second = (linear._squares(network.comoment) for network in (pair.first, pair.second))
    return linear._squares(pair.comoment) / (np.sqrt(first * second) + 1e-6)


def counted(power=1, k=None, below=False):
    def principal_count(self, variance, directions=None):
        shares = np.cumsum(self.principal_basis[0] ** power, axis=1)
        shares = shares / shares[:, -1:]
        count = (shares < variance).sum(axis=1) + (0 if below else 1)
        return np.full_like(count, k) if k else np.maximum(count, 1)

    return principal_count


def absolute_cut(values, vectors):
    values, vectors = values[:, ::-1], vectors[:, :, ::-1]
    return np.where(values > 1e-7, values, 0), vectors


def no_cut(values, vectors):
    return np.abs(values[:, ::-1]) + 1e-300, vectors[:, :, ::-1]


def unscaled_basis(self):
    return absolute_cut(*np.linalg.eigh(self.comoment))


def pwcca_uncentred(pair, weights="first"):
    left, rho, _ = pair.canonical
    loading = pair.first.whitening.transpose(0, 2, 1) @ pair.first.raw_gram
    alpha = np.abs(left.transpose(0, 2, 1) @ loading).sum(axis=2)
    return (alpha * rho).sum(axis=1) / alpha.sum(axis=1)


def debiased_without_one_term(gram, p, q):
    n = gram[:, -1, -1]
    return linear._squares(gram[:, :p, :q]) - n / (n - 2) * gram[:, p, q]


MUTATIONS = {
    "centred along the wrong axis": ("cka_linear", attribute(moments, "_write", centred_by_sample)),
    "kernel centred along the wrong axis": ("cka_rbf", attribute(kernels, "_hsic", wrongly_centred_hsic)),
    "missing sum": ("nbs", function("nbs", normed(2))),
    "root of a trace for the trace of a root": ("nbs", function("nbs", normed("fro"))),
    "k = 1": ("svcca", attribute(Network, "principal_count", counted(k=1))),
    "singular values for their squares": ("svcca", attribute(Network, "principal_count", counted(power=0.5))),
    "the crossing direction is lost": ("svcca", attribute(Network, "principal_count", counted(below=True))),
    "uncentred": ("cca_mean", attribute(statistics, "centred", lambda gram, p, q: gram[:, :p, :q])),
    "absolute epsilon": ("cca_mean", attribute(Network, "correlation_basis", property(unscaled_basis))),
    "absolute epsilon in the principal directions": ("svcca", attribute(statistics, "_cut", absolute_cut)),
    "no rank tolerance": ("cca_mean", attribute(statistics, "_cut", no_cut)),
    "averaged ratios": (
        "cka_linear",
        lambda patch: patch.setitem(
            MEASURES,
            "cka_linear",
            replace(MEASURES["cka_linear"], kind="kernel", prepare=lambda x, blocks: x, function=averaged_ratios),
        ),
    ),
    "divided by the width, not the rank": (
        "cca_mean",
        function("cca_mean", lambda pair: pair.canonical[1].sum(axis=1) / min(pair.first.width, pair.second.width)),
    ),
    "truncated at 98 %": ("cca_mean", function("cca_mean", linear.cca_mean_98)),
    "weights of uncentred activations": ("pwcca", function("pwcca", pwcca_uncentred)),
    "weights of the other network": ("pwcca", function("pwcca", lambda pair, weights: linear.pwcca(pair, "second"))),
    "weights of both networks": ("pwcca", function("pwcca", lambda pair, weights: linear.pwcca(pair, "mean"))),
    "one term of HSIC missing": ("cka_linear_debiased", attribute(linear, "_unbiased_hsic", debiased_without_one_term)),
    "epsilon in the denominator": ("cka_linear", function("cka_linear", cka_with_epsilon)),
    "regression the other way": ("linear_r2", function("linear_r2", lambda pair: linear.linear_r2(pair.swapped))),
    "match, centred": ("subspace_match", attribute(Pair, "raw_gram", property(lambda self: self.comoment))),
    "distance without the square": (
        "procrustes_distance",
        function("procrustes_distance", lambda pair: np.sqrt(2 - 2 * linear.nbs(pair))),
    ),
    "the sample is its own neighbour": ("mutual_knn", attribute(np, "fill_diagonal", lambda array, number: None)),
    "median of distances": ("cka_rbf", attribute(np, "median", lambda array: np.sqrt(np.quantile(array, 0.5)))),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_the_suite_sees_the_bug(mutation, monkeypatch):
    measure, insert = MUTATIONS[mutation]
    insert(monkeypatch)
    assert seen(battery(measure)) > 0


@pytest.mark.slow
@pytest.mark.parametrize("measure", MEASURES)
def test_the_battery_is_silent_without_a_bug(measure):
    assert seen(battery(measure)) == 0


def test_the_suite_sees_wrong_intervals(monkeypatch):
    checks = [
        lambda: intervals.test_gradients_are_the_derivatives("cca_mean", {}, 7, 9),
        lambda: intervals.test_intervals_are_as_wide_as_those_of_exact_leaving_out("cka_linear"),
        intervals.test_the_jackknife_of_a_mean_is_the_interval_of_the_mean,
        intervals.test_positions_of_an_image_are_not_independent_samples,
    ]
    assert seen(checks) == 0
    for owner, name, wrong in (
        (gradients, "_mean", lambda network: np.zeros(network.width)),
        (jackknife, "student_quantile", lambda probability, freedom: 1.96),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, wrong)
            assert seen(checks) > 0, name


def test_the_suite_sees_wrong_moments(monkeypatch):
    checks = [
        moment_checks.test_merge_is_associative_and_gives_the_whole,
        moment_checks.test_an_offset_does_not_cost_digits,
        moment_checks.test_moments_are_those_of_the_definition,
    ]
    checks[0] = lambda: moment_checks.test_merge_is_associative_and_gives_the_whole(True)
    assert seen(checks) == 0
    for owner, name, wrong in (
        (moments, "_shift", lambda matrix, precision, norms: np.zeros(matrix.shape[1])),
        (moments, "shift_map", lambda delta, norms: np.eye(len(delta) + 1 + norms)),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, wrong)
            assert seen(checks) > 0, name


def test_the_suite_sees_wrong_left_out_kernels(monkeypatch):
    check = [lambda: kernel_checks.test_left_out_blocks_are_as_if_they_had_never_been([20] * 6)]
    assert seen(check) == 0
    original = kernels._hsic
    monkeypatch.setattr(kernels, "_hsic", lambda k, other, blocks: np.full(7, original(k, other, None)[0]))
    assert seen(check) == 1
