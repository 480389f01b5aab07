"""Values: the reference cases, second routes, known answers."""

import numpy as np
import pytest

from prunesim.errors import PrunesimError
from prunesim.similarity import MEASURES, compare_pairs, details, pair_statistics
from prunesim.similarity.linear import canonical_correlations, pwcca, subspace_match_curve

from . import routes
from .data import EXPECTED, reference_case, related, row, value


@pytest.mark.parametrize("case", EXPECTED)
def test_reference_case(case):
    expected = EXPECTED[case]
    x, y = reference_case(case)
    found = {entry["measure"]: entry for entry in compare_pairs([x, y], [(0, 1)], "all", blocks=0, draws=0)}
    checked = 0
    for name, number in expected.items():
        measure = {"mutual_knn_10": "mutual_knn"}.get(name, name)
        if measure in MEASURES:
            assert found[measure]["value"] == pytest.approx(number, abs=1e-9), name
            checked += 1
        elif name.startswith("subspace_match_"):
            assert value(x, y, "subspace_match", epsilon=float(name.rsplit("_", 1)[1])) == number
            checked += 1
    assert checked >= 9
    assert (found["cca_mean"]["rank_a"], found["cca_mean"]["rank_b"]) == (expected["rank_x"], expected["rank_y"])
    assert details(x, y)["svcca_dimensions"] == [expected["svcca_dims_x"], expected["svcca_dims_y"]]


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(("p", "q"), [(7, 9), (9, 7), (1, 5), (6, 6)])
def test_second_route(measure, p, q):
    x, y = related(p=p, q=q)
    # The eigenvalues of a product of two n x n matrices, the second route to NBS, are right to 1e-7 only.
    tolerance = 1e-6 if measure == "nbs" else 1e-10
    assert value(x, y, measure) == pytest.approx(routes.ROUTES[measure](x, y), abs=tolerance)


def test_every_measure_has_a_second_route():
    assert set(routes.ROUTES) == set(MEASURES)


def test_nbs_is_the_cosine_of_the_procrustes_angle():
    x, y = related()
    assert value(x, y, "nbs") == pytest.approx(1 - routes.procrustes_distance(x, y) / 2, abs=1e-12)


def test_unbiased_hsic_three_ways():
    x, y = related()
    found = value(x, y, "cka_linear_debiased")
    assert found == pytest.approx(routes.cka_linear_debiased(x, y, routes.song), abs=1e-11)
    assert found == pytest.approx(routes.cka_linear_debiased(x, y, routes.szekely), abs=1e-11)


def test_more_neurons_than_samples_for_measures_of_covariance():
    x, y = related(n=30, p=80, q=50)
    for measure in ("cka_linear", "cka_linear_debiased", "nbs", "procrustes_distance", "cka_rbf", "mutual_knn"):
        assert value(x, y, measure) == pytest.approx(routes.ROUTES[measure](x, y), abs=1e-6), measure


def test_canonical_correlations_are_those_planted():
    rng = np.random.default_rng(1)
    rho = np.array([0.9, 0.6, 0.3, 0.1])
    u, e = np.linalg.qr(routes.centre(rng.standard_normal((400, 8))))[0].reshape(400, 2, 4).transpose(1, 0, 2)
    x = u @ rng.standard_normal((4, 4)) + 5
    y = (rho * u + np.sqrt(1 - rho**2) * e) @ rng.standard_normal((4, 4)) - 3
    assert canonical_correlations(pair_statistics(x, y))[0] == pytest.approx(rho, abs=1e-10)
    assert value(x, y, "cca_mean") == pytest.approx(rho.mean(), abs=1e-10)
    assert details(x, y)["canonical_correlations"] == pytest.approx(rho, abs=1e-10)


def test_orthogonal_subspaces_have_nothing_in_common():
    rng = np.random.default_rng(2)
    q = np.linalg.qr(routes.centre(rng.standard_normal((300, 12))))[0]
    x, y = q[:, :5] @ rng.standard_normal((5, 5)), q[:, 5:] @ rng.standard_normal((7, 7))
    for measure in ("cca_mean", "svcca", "pwcca", "cka_linear", "nbs", "linear_r2", "subspace_match"):
        assert value(x, y, measure) == pytest.approx(0, abs=1e-7), measure
    assert value(x, y, "procrustes_distance") == pytest.approx(2, abs=1e-7)


def test_whitened_layers_turn_measures_into_functions_of_the_correlations():
    x, y = related(n=500)
    rho = routes.correlations(x, y)
    x, y = routes.basis(x), routes.basis(y)
    p, q = x.shape[1], y.shape[1]
    assert value(x, y, "cka_linear") == pytest.approx((rho**2).sum() / np.sqrt(p * q), abs=1e-12)
    assert value(x, y, "nbs") == pytest.approx(rho.sum() / np.sqrt(p * q), abs=1e-12)
    assert value(x, y, "linear_r2") == pytest.approx((rho**2).sum() / p, abs=1e-12)
    assert value(x, y, "pwcca") != pytest.approx(rho.mean(), abs=1e-6)


def test_noise_floor_of_cca_is_the_theoretical_one():
    rng = np.random.default_rng(3)
    n, p = 1000, 20
    squares = []
    for _ in range(20):
        x, y = rng.standard_normal((2, n, p))
        squares.append((canonical_correlations(pair_statistics(x, y))[0] ** 2).mean())
    assert np.mean(squares) == pytest.approx(p / (n - 1), rel=0.03)


def test_debiased_cka_of_noise_is_zero_on_average_and_sometimes_below():
    rng = np.random.default_rng(4)
    found = [value(*rng.standard_normal((2, 60, 30)), "cka_linear_debiased") for _ in range(200)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(200)
    assert min(found) < 0
    assert np.mean([value(*rng.standard_normal((2, 60, 30)), "cka_linear") for _ in range(20)]) > 0.2


def test_svcca_keeps_the_smallest_sufficient_number_of_directions():
    rng = np.random.default_rng(5)
    q = np.linalg.qr(routes.centre(rng.standard_normal((200, 4))))[0]
    # Shares of the variance 0.90, 0.09, 0.009, 0.001: 99 % is met exactly by two.
    x = q * np.sqrt([0.90, 0.09, 0.009, 0.001])
    for share, expected in ((0.5, 1), (0.9, 1), (0.91, 2), (0.99, 2), (0.995, 3), (1.0, 4)):
        assert details(1e3 * x + 7, x, variance=share)["svcca_dimensions"] == [expected, expected], share


def test_svcca_of_a_given_number_of_directions():
    x, y = related(n=300, p=7, q=9)
    scores = [np.linalg.svd(z - z.mean(axis=0), full_matrices=False)[0][:, :3] for z in (x, y)]
    expected = np.linalg.svd(scores[0].T @ scores[1], compute_uv=False).mean()
    assert value(x, y, "svcca", directions=3) == pytest.approx(expected, abs=1e-10)
    assert details(x, y, directions=3)["svcca_dimensions"] == [3, 3]
    # No more than there are.
    assert value(x, y, "svcca", directions=50) == pytest.approx(value(x, y, "cca_mean"), abs=1e-10)
    for wrong in (0, 2.5, -1, "three"):
        with pytest.raises(PrunesimError, match="directions"):
            value(x, y, "svcca", directions=wrong)


def test_svcca_at_full_variance_is_cca():
    x, y = related()
    assert value(x, y, "svcca", variance=1.0) == pytest.approx(value(x, y, "cca_mean"), abs=1e-10)


def test_pwcca_weights():
    x, y = related()
    pair = pair_statistics(x, y)
    first, second, mean = (pwcca(pair, weights)[0] for weights in ("first", "second", "mean"))
    assert first == pytest.approx(routes.pwcca(x, y), abs=1e-10)
    assert second == pytest.approx(routes.pwcca(y, x), abs=1e-10)
    assert mean == pytest.approx((first + second) / 2, abs=1e-14)
    assert abs(first - second) > 1e-3


def test_subspace_match_over_epsilon():
    x, y = related(p=6, q=6)
    x[:, 2] = 0
    epsilons = np.linspace(0.05, 1, 20)
    curve = subspace_match_curve(pair_statistics(x, y), epsilons)[0]
    assert (np.diff(curve) >= 0).all()
    assert curve[0] == 0
    assert curve[-1] == pytest.approx(11 / 12), "a dead neuron matches nothing and counts in the denominator"
    assert len(set(curve)) > 3
    for epsilon, match in zip(epsilons, curve, strict=True):
        assert match == routes.subspace_match(x, y, epsilon), epsilon


def test_details_summaries_agree_with_the_measures():
    x, y = related()
    found = details(x, y)
    names = {"cca": "cca_mean", "cca_98": "cca_mean_98", "svcca": "svcca", "pwcca_first": "pwcca"}
    for key, measure in names.items():
        assert found["means"][key] == pytest.approx(value(x, y, measure), abs=1e-12)
    assert found["means"]["svcca"] == pytest.approx(np.mean(found["svcca_correlations"]), abs=1e-12)
    assert found["subspace_match"][10] == [0.5, value(x, y, "subspace_match")]


def test_direction_of_a_pair():
    x, y = related()
    rows = compare_pairs([x, y], [(0, 1), (1, 0)], ["linear_r2", "pwcca", "cca_mean"], blocks=0, draws=0)
    found = {(entry["a"], entry["measure"]): entry for entry in rows}
    assert found[0, "linear_r2"]["value"] == pytest.approx(routes.linear_r2(x, y), abs=1e-10)
    assert found[1, "linear_r2"]["value"] == pytest.approx(routes.linear_r2(y, x), abs=1e-10)
    assert found[1, "pwcca"]["value"] == pytest.approx(routes.pwcca(y, x), abs=1e-10)
    assert found[0, "cca_mean"]["value"] == pytest.approx(found[1, "cca_mean"]["value"], abs=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"measures": ["ccamean"]}, "ccamean.*cca_mean"),
        ({"variance": 0}, "variance is 0"),
        ({"epsilon": -0.1}, "epsilon is -0.1"),
        ({"weights": "both"}, "weights is 'both'"),
        ({"neighbours": 2.5}, "neighbours is 2.5"),
        ({"epsilon": "half"}, "epsilon is 'half'"),
        ({"sigma": 1}, "'sigma' is no setting"),
        ({"rows_per_image": 7}, "200 rows.*7"),
    ],
)
def test_unknown_names_and_settings_are_refused(change, message):
    arguments = {"measures": ["cca_mean"]} | change
    with pytest.raises(PrunesimError, match=message):
        compare_pairs(related(), [(0, 1)], **arguments)


def test_matrices_that_do_not_fit_are_refused():
    x, y = related()
    with pytest.raises(PrunesimError, match=r"200 rows.*199"):
        value(x, y[:-1], "cca_mean")
    with pytest.raises(PrunesimError, match="2-D"):
        value(x[:, 0], y, "cca_mean")
    with pytest.raises(PrunesimError, match="at least one sample"):
        value(x[:, :0], y, "cca_mean")
    with pytest.raises(PrunesimError, match="real numbers"):
        value(x + 1j, y, "cca_mean")
    for bad in (np.nan, np.inf):
        broken = y.copy()
        broken[3, 2] = bad
        with pytest.raises(PrunesimError, match="matrix 1 holds NaN"):
            value(x, broken, "cka_linear")


def test_too_few_samples_for_cca_say_the_numbers():
    x, y = related(n=9, p=7, q=9)
    for measure, declared in MEASURES.items():
        entry = row(x, y, measure)
        if declared.needs_samples:
            assert entry["value"] is None
            assert "9 samples for 7 and 9 neurons" in entry["note"]
        elif measure == "mutual_knn":
            assert entry["value"] is None
            assert "10 neighbours" in entry["note"]
        else:
            assert entry["value"] is not None, measure
    # Centring takes a dimension: ten samples of nine neurons each are nine directions of nine.
    x, y = related(n=10, p=7, q=9)
    assert row(x, y, "cca_mean")["value"] is None
    x, y = related(n=11, p=7, q=9)
    assert row(x, y, "cca_mean")["value"] is not None
    assert "at least 4" in row(*related(n=3, p=2, q=2), "cka_linear_debiased")["note"]
