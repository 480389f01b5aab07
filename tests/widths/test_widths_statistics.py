"""Means over pairs of networks, their intervals over networks, slopes over widths, and the claims that they make."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from figures import synthetic
from scipy import stats

from prunesim.results.claims.widths import width_claims
from prunesim.results.width_groups import across_widths, in_width, mean_of_pairs, pseudo_values, slope


def pairs_of(effects, width=1.0):
    """Return pairs whose value is the sum of an effect of each of its networks."""
    rows = [(a, b, width, width, effects[a] + effects[b]) for a, b in combinations(range(len(effects)), 2)]
    return pd.DataFrame(rows, columns=["replicate_a", "replicate_b", "width_a", "width_b", "value"])


def test_interval_of_additive_pairs_is_that_of_the_networks():
    """A mean over pairs of sums of effects is twice their mean, and the jackknife is then exact."""
    effects = np.array([0.1, 0.4, -0.2, 0.3, 0.05])
    mean, low, high, count = mean_of_pairs(pairs_of(effects), "value")
    half = stats.t.ppf(0.975, 4) * (2 * effects).std(ddof=1) / np.sqrt(5)
    assert (mean, low, high) == pytest.approx(
        (2 * effects.mean(), 2 * effects.mean() - half, 2 * effects.mean() + half)
    )
    assert count == 5


def test_intervals_cover_as_often_as_they_say():
    """Pairs of six networks: 95 % intervals over networks hold the truth; over pairs they would not."""
    rng = np.random.default_rng(0)
    covered, naive = [], []
    for _ in range(400):
        pairs = pairs_of(rng.normal(0, 1, 6))
        _, low, high, _ = mean_of_pairs(pairs, "value")
        covered.append(low < 0 < high)
        half = stats.t.ppf(0.975, 14) * pairs["value"].std(ddof=1) / np.sqrt(15)
        naive.append(abs(pairs["value"].mean()) < half)
    assert 0.92 < np.mean(covered) < 0.98
    assert np.mean(naive) < 0.85


def test_two_networks_have_no_interval():
    mean, low, high, count = mean_of_pairs(pairs_of([0.1, 0.2]), "value")
    assert (mean, count) == (pytest.approx(0.3), 2)
    assert np.isnan([low, high]).all()


def test_slope_is_per_doubling():
    effects = np.array([0.0, 0.01, 0.02])
    pairs = pd.concat([pairs_of(effects + 0.05 * k, 2.0**k) for k in range(-1, 3)])
    assert slope(pairs, "value") == pytest.approx(0.1)
    assert slope(pairs, "value", out=1) == pytest.approx(0.1)


def test_pseudo_values_have_the_mean_as_theirs():
    pairs = pairs_of([0.3, 0.1, 0.4, 0.1])
    values = pseudo_values(
        range(4), lambda out: pairs[~(pairs[["replicate_a", "replicate_b"]] == out).any(axis=1)]["value"].mean()
    )
    assert values.mean() == pytest.approx(pairs["value"].mean())


def test_widths_across_are_symmetric():
    table = synthetic.widths(3, factors=(1, 2))
    matrix = across_widths(table[(table["trained"] == "yes") & (table["layer"] == "relu5")], "value")
    rows = table[(table["trained"] == "yes") & (table["layer"] == "relu5") & (table["width_a"] != table["width_b"])]
    assert matrix.loc[1, 2] == matrix.loc[2, 1] == pytest.approx(rows["value"].mean())


def claims_of(table):
    return {name: finding for name, _, finding in width_claims({"widths": table})}


def test_claims_find_the_growth_that_is_there():
    table = synthetic.widths(4)
    found = claims_of(table)
    own = in_width(table)
    for layer in ("relu5", "logits"):
        for name, column in (("wider_more_similar", "value"), ("wider_beyond_chance", "calibrated")):
            rows = own[(own["layer"] == layer) & (own["trained"] == "yes")]
            means = rows.groupby("width_a")[column].mean()
            line = stats.linregress(np.log2(means.index), means)
            finding = found[f"{name}/{layer}"]
            assert np.shape(finding.values) == (4,)
            assert np.mean(finding.values) == pytest.approx(line.slope)
            assert "16 of its units" in finding.statement
        assert np.mean(found[f"wider_by_training/{layer}"].values) == pytest.approx(0.1, abs=0.02)


def test_untrained_growth_alone_is_no_growth_by_training():
    table = synthetic.widths(4)
    table = table[table["trained"] == "yes"]
    both = pd.concat([table, table.assign(trained="no")])
    assert np.allclose(claims_of(both)["wider_by_training/relu5"].values, 0)


def test_a_distance_is_turned_round():
    table = synthetic.widths(3).assign(measure="procrustes_distance")
    finding = claims_of(table)["wider_more_similar/relu5"]
    assert "1 - procrustes_distance / 2" in finding.statement
    raw = claims_of(synthetic.widths(3))["wider_more_similar/relu5"]
    assert np.mean(finding.values) == pytest.approx(-np.mean(raw.values) / 2)


def test_a_width_without_values_is_left_out_and_named():
    table = synthetic.widths(3)
    table["note"] = None
    gone = (table["width_a"] == 4) & (table["width_b"] == 4) & (table["replicate_b"] == 2)
    table.loc[gone, ["value", "calibrated"]] = np.nan
    table.loc[gone, "note"] = "no value: fewer samples than neurons"
    finding = claims_of(table)["wider_more_similar/relu5"]
    assert finding.notes == ["Without width 4: no value (fewer samples than neurons)."]
    rows = in_width(table)
    rows = rows[(rows["layer"] == "relu5") & (rows["trained"] == "yes") & (rows["width_a"] < 4)]
    assert np.mean(finding.values) == pytest.approx(slope(rows, "value"))


def test_few_networks_draws_or_widths_say_so():
    finding = claims_of(synthetic.widths(2))["wider_more_similar/relu5"]
    assert len(finding.values) == 1
    assert finding.notes == ["Two networks are one pair: three give an interval."]
    assert "wider_beyond_chance/relu5" not in claims_of(synthetic.widths(3).assign(calibrated=np.nan))
    one = claims_of(synthetic.widths(3, factors=(1,)))["wider_more_similar/relu5"]
    assert (list(one.values), one.notes) == ([], ["A slope needs two widths."])
    assert width_claims({}) == width_claims({"widths": synthetic.widths(3).iloc[:0]}) == []
