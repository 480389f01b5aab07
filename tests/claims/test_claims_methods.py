"""Claims about accuracy, controls and lines between networks, against numbers by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from prunesim.results.claims import claims

NETWORKS = ["replicate", "method", "round", "density", "test_accuracy"]
SIMILARITY = ["family", "measure", "value", "null"]
SIMILARITY += [f"{key}_{side}" for side in "ab" for key in ("replicate", "method", "round", "layer")]
LAYERS = ["first", "inner", "other", "last"]
DENSITY = [1.0, 0.5, 0.25, 0.125]


def tables(accuracy, similarity=(), **more):
    """Return tables; accuracy: method to replicates x rounds, from round 0 for dense and 1 for others."""
    rows = [
        (replicate, method, k, DENSITY[k], value)
        for method, of_method in accuracy.items()
        for replicate, values in enumerate(of_method)
        for k, value in enumerate(values, start=method != "dense")
    ]
    return {
        "networks": pd.DataFrame(rows, columns=NETWORKS),
        "similarity": pd.DataFrame(list(similarity), columns=SIMILARITY),
        **more,
    }


def answers(images=400):
    return pd.DataFrame({"replicate": [0.0], "method": ["dense"], "round": [0.0], "images": [float(images)]})


def result(found, **settings):
    methods = settings.pop("methods", sorted(set(found["networks"]["method"]) - {"dense"}))
    return claims(found, {"layers": LAYERS, "methods": methods, **settings}).set_index("claim")


def half(values):
    return stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)


DENSE = [[0.90], [0.92], [0.91]]
IMP = [[0.90, 0.90, 0.89], [0.92, 0.90, 0.92], [0.92, 0.91, 0.80]]


def test_density_kept():
    """Losses: 0, 0, 0.01 (just kept: 0.125); 0, 0.02 (so 0.5, whatever comes after); 0, 0, 0.11 (0.25)."""
    row = result(tables({"dense": DENSE, "imp": IMP})).loc["density_kept/imp"]
    values = [0.125, 0.5, 0.25]
    assert (row["estimate"], row["bound"], row["direction"]) == (pytest.approx(np.mean(values)), 0.2, "below")
    assert row["ci_low"] == pytest.approx(np.mean(values) - half(values))
    assert row["verdict"] == "inconclusive"
    lost = [[0.5, 0.9, 0.9]] * 3
    row = result(tables({"dense": DENSE, "imp": lost})).loc["density_kept/imp"]
    assert (row["estimate"], row["verdict"]) == (1.0, "contradicted")


def test_a_study_that_ends_above_that_density_has_no_such_claim():
    assert "density_kept/imp" not in result(tables({"dense": DENSE, "imp": [rounds[:2] for rounds in IMP]})).index


def test_the_noise_of_the_images_is_that_of_differing_answers_where_they_are_known():
    kept = [[0.90], [0.93], [0.89]]
    differences = np.array([0.0, 0.01, -0.02])
    lines = [
        ("functional", "disagreement", 0.05, np.nan, r, "dense", 0, "predictions", r, "imp", 1, "predictions")
        for r in range(3)
    ]
    plain = result(tables({"dense": DENSE, "imp": kept})).loc["accuracy_kept/imp"]
    assert plain["ci_high"] - plain["estimate"] == pytest.approx(half(differences))
    assert "leaves out the noise of the test images" in plain["note"]
    paired = result(tables({"dense": DENSE, "imp": kept}, lines, answers=answers())).loc["accuracy_kept/imp"]
    variance = np.mean(0.05 - differences**2) / 400
    assert paired["ci_high"] - paired["estimate"] == pytest.approx(
        np.hypot(half(differences), 1.959964 * variance**0.5)
    )
    assert "noise of the 400 test images (from the share of them with different answers)" in paired["note"]
    alone = result(tables({"dense": DENSE, "imp": kept}, answers=answers())).loc["accuracy_kept/imp"]
    shares = np.array([[0.90, 0.92, 0.91], [0.90, 0.93, 0.89]])
    variance = (shares * (1 - shares)).sum(axis=0).mean() / 400
    assert alone["ci_high"] - alone["estimate"] == pytest.approx(np.hypot(half(differences), 1.959964 * variance**0.5))
    assert "taken as independent" in alone["note"]
    assert alone["estimate"] == paired["estimate"] == plain["estimate"]


def test_too_few_images_are_said():
    table = result(tables({"dense": DENSE, "imp": [[0.90], [0.92], [0.912]]}, answers=answers(30)))
    assert table.loc["accuracy_kept/imp", "note"].endswith(
        "More replicates would not decide it: too few test images, or the estimate is too near to that bound."
    )


def about(control, early=False, rewind="init"):
    return {"about": {"ctl": {"control": control, "of": "imp", "rewind": rewind, "early": early}}}


WORSE = [[0.90, 0.85], [0.91, 0.86], [0.91, 0.84]]  # two rounds, so round 2 is held against round 2


@pytest.mark.parametrize(
    ("control", "claim"),
    [("reinitialise", "beats_reinitialised"), ("random", "beats_random"), ("shuffle", "shuffling_hurts")],
)
def test_a_method_against_its_control(control, claim):
    table = result(tables({"dense": DENSE, "imp": IMP, "ctl": WORSE}), **about(control))
    row = table.loc[f"{claim}/ctl"]
    values = [0.90 - 0.85, 0.90 - 0.86, 0.91 - 0.84]
    assert row["estimate"] == pytest.approx(np.mean(values))
    assert row["ci_low"] == pytest.approx(np.mean(values) - half(values))
    assert row["verdict"] == "supported"
    assert row["statement"].startswith(
        "After round 2 of ctl, with 25 % of the prunable weights left, imp, rewound to its"
    )
    others = {"beats_reinitialised", "beats_random", "shuffling_hurts", "shuffling_harmless", "reinitialising_harmless"}
    assert not {f"{name}/ctl" for name in others - {claim}} & set(table.index)


@pytest.mark.parametrize(
    ("control", "claim"), [("reinitialise", "reinitialising_harmless"), ("shuffle", "shuffling_harmless")]
)
def test_a_method_before_training_against_its_control(control, claim):
    row = result(tables({"dense": DENSE, "imp": IMP, "ctl": WORSE}), **about(control, early=True)).loc[f"{claim}/ctl"]
    assert row["estimate"] == pytest.approx(-np.mean([0.05, 0.04, 0.07]))
    assert (row["bound"], row["verdict"]) == (-0.01, "contradicted")


@pytest.mark.parametrize(
    ("rewind", "words"),
    [
        ({"epoch": 2}, "rewound to its weights at epoch 2"),
        ({"epoch": 2, "step": None}, "rewound to its weights at epoch 2"),
        ("lr", "retrained from its trained weights"),
        ("none", "fine-tuned"),
    ],
)
def test_how_the_method_starts_is_said(rewind, words):
    table = result(tables({"dense": DENSE, "imp": IMP, "ctl": WORSE}), **about("random", rewind=rewind))
    assert words in table.loc["beats_random/ctl", "statement"]


def test_sparse_from_the_start_is_the_mean_over_densities():
    table = result(tables({"dense": DENSE, "snip": IMP}), about={"snip": {"criterion": "snip"}})
    row = table.loc["sparse_from_start/snip"]
    values = [
        np.mean([0.90, 0.90, 0.89]) - 0.90,
        np.mean([0.92, 0.90, 0.92]) - 0.92,
        np.mean([0.92, 0.91, 0.80]) - 0.91,
    ]
    assert row["estimate"] == pytest.approx(np.mean(values))
    assert row["ci_low"] == pytest.approx(np.mean(values) - half(values))
    assert "by snip (snip)" in row["statement"]
    assert not result(tables({"dense": DENSE, "snip": IMP})).index.str.startswith("sparse_from_start").any()


def chain(gaps):
    """Return similarities with these gaps, replicates x rounds: 0.9 at the ends, and inside 0.9 less the gap."""
    inside = {"first": 0.0, "inner": 0.5, "other": 1.5, "last": 0.0}
    return [
        ("rounds", "cca_mean", 0.9 - gap * inside[layer], 0.1, r, "dense", 0, layer, r, "imp", k + 1, layer)
        for r, of_replicate in enumerate(gaps)
        for k, gap in enumerate(of_replicate)
        for layer in LAYERS
    ]


def test_gap_is_a_slope_per_halving():
    gaps = [[0.1, 0.2, 0.3], [0.1, 0.15, 0.2], [0.1, 0.22, 0.34]]
    row = result(tables({"dense": DENSE, "imp": IMP}, chain(gaps))).loc["gap_grows/imp"]
    values = [0.1, 0.05, 0.12]
    assert row["estimate"] == pytest.approx(np.mean(values))
    assert row["ci_high"] == pytest.approx(np.mean(values) + half(values))
    assert "between the first (first) and the last one (last)" in row["statement"]
    one = result(tables({"dense": DENSE, "imp": IMP}, chain([gap[:1] for gap in gaps])))
    assert "gap_grows/imp" not in one.index
    assert "gap_grows/imp" not in result(tables({"dense": DENSE, "imp": IMP}, chain(gaps)), layers=LAYERS[:2]).index


def lines(barriers):
    """Return lines from each round to the next with barriers, replicates x rounds, over ends of 0.1 and 0.2."""
    rows = []
    for r, of_replicate in enumerate(barriers):
        for k, barrier in enumerate(of_replicate):
            ends = (r, "imp" if k else "dense", k, r, "imp", k + 1)
            for recalibrated, more in (("no", 0.5), ("yes", 0.0)):
                errors = zip((0.0, 0.5, 1.0), (0.1, 0.15 + barrier + more, 0.2), strict=True)
                rows += [(*ends, alpha, 0.0, error, recalibrated) for alpha, error in errors]
    ends = [f"{key}_{side}" for side in "ab" for key in ("replicate", "method", "round")]
    return pd.DataFrame(rows, columns=[*ends, "alpha", "train_error", "test_error", "recalibrated"])


def test_barriers_of_rounds_that_keep_the_accuracy_and_of_those_that_do_not():
    """IMP keeps it in rounds 1, 2, 3 of replicate 0; 1, 3 of replicate 1; 1, 2 of replicate 2. The line ends at 0.2."""
    barriers = [[0.06, 0.07, 0.09], [0.05, 0.3, 0.08], [0.07, 0.051, 0.25]]
    table = result(tables({"dense": DENSE, "imp": IMP}, connectivity=lines(barriers)))
    # Over the mean of the ends, 0.15.
    row = table.loc["rounds_connected/imp"]
    assert row["estimate"] == pytest.approx(np.mean([0.09, 0.08, 0.07]))
    assert (row["bound"], row["direction"], row["verdict"]) == (0.02, "below", "contradicted")
    row = table.loc["barrier_once_lost/imp"]
    assert row["estimate"] == pytest.approx(np.mean([0.3, 0.25]))
    assert row["note"].startswith("Without replicate 0: every round keeps the accuracy.")
    # The line to round 1 alone is from the dense network.
    assert table.loc["dense_connected/imp", "estimate"] == pytest.approx(np.mean([0.06, 0.05, 0.07]))


def test_studies_without_lines_have_no_such_claim():
    table = result(tables({"dense": DENSE, "imp": IMP}))
    assert not table.index.str.contains("connected|barrier").any()
    only_dense = lines([[0.06], [0.05], [0.07]])
    more = only_dense.assign(round_b=2.0, method_a="dense")
    table = result(tables({"dense": DENSE, "imp": IMP}, connectivity=pd.concat([only_dense, more])))
    assert "dense_connected/imp" in table.index
    assert "rounds_connected/imp" not in table.index


OWN = {
    "statement": "Round 1 keeps more than round 3",
    "of": {"table": "networks", "column": "test_accuracy", "where": {"method": "imp", "round": 1.0}},
    "minus": {"table": "networks", "column": "test_accuracy", "where": {"method": ["imp"], "round": [3.0]}},
    "bound": 0.0,
    "direction": "above",
    "source": "this study",
}


def test_a_claim_of_ones_own_is_a_difference_of_two_selections():
    row = result(tables({"dense": DENSE, "imp": IMP}), own={"mine": OWN}).loc["own/mine"]
    values = [0.01, 0.0, 0.12]
    assert row["estimate"] == pytest.approx(np.mean(values))
    assert row["ci_low"] == pytest.approx(np.mean(values) - half(values))
    assert row["statement"] == (
        "Round 1 keeps more than round 3 (mean test_accuracy of networks.csv where method is imp and round is 1, minus "
        "mean test_accuracy of networks.csv where method is one of imp and round is one of 3; above 0 supports it)."
    )
    assert (row["title"], row["source"]) == ("Round 1 keeps more than round 3", "this study")


def test_a_claim_of_ones_own_with_one_selection_or_none_that_fits():
    alone = OWN | {"minus": None, "bound": 0.95, "direction": "below"}
    row = result(tables({"dense": DENSE, "imp": IMP}), own={"mine": alone}).loc["own/mine"]
    assert row["estimate"] == pytest.approx(np.mean([0.90, 0.92, 0.92]))
    assert row["verdict"] == "supported"
    empty = alone | {"of": {"table": "networks", "column": "test_accuracy", "where": {"method": "snip"}}}
    row = result(tables({"dense": DENSE, "imp": IMP}), own={"mine": empty}).loc["own/mine"]
    assert (row["verdict"], row["note"]) == (
        "inconclusive",
        "No value in test_accuracy of networks.csv where method is snip.",
    )


def test_classes_may_be_called_by_numbers_and_pairs_belong_to_the_second_network():
    classes = pd.DataFrame({"replicate": [0, 0, 1, 1], "class": ["3", "4"] * 2, "accuracy": [0.5, 0.9, 0.7, 0.9]})
    own = OWN | {"minus": None, "of": {"table": "classes", "column": "accuracy", "where": {"class": 3.0}}}
    found = tables({"dense": DENSE, "imp": IMP}, chain([[0.1], [0.2]]), classes=classes)
    assert result(found, own={"mine": own}).loc["own/mine", "estimate"] == pytest.approx(0.6)
    pair = {"table": "similarity", "column": "value", "where": {"layer_b": "inner", "family": "rounds"}}
    row = result(found, own={"mine": OWN | {"minus": None, "of": pair}}).loc["own/mine"]
    assert row["estimate"] == pytest.approx(np.mean([0.85, 0.80]))


def test_claims_of_ones_own_about_detectors_and_severities():
    concepts = pd.DataFrame({"replicate": [0, 0, 1], "detector": ["yes", "no", "yes"], "iou": [0.2, 0.9, 0.1]})
    robustness = pd.DataFrame({"replicate": [0, 0, 1], "severity": [3.0, 1.0, 3.0], "accuracy": [0.5, 0.9, 0.7]})
    more = {"concepts": concepts, "robustness": robustness}
    found = tables({"dense": DENSE, "imp": IMP}, chain([[0.1], [0.2]]), **more)
    for of, mean in (
        ({"table": "concepts", "column": "iou", "where": {"detector": True}}, 0.15),
        ({"table": "robustness", "column": "accuracy", "where": {"severity": 3}}, 0.6),
    ):
        row = result(found, own={"mine": OWN | {"minus": None, "of": of}}).loc["own/mine"]
        assert row["estimate"] == pytest.approx(mean)
        assert ("where detector is yes" in row["statement"]) == (of["table"] == "concepts")


def test_holm_counts_all_claims_of_the_study():
    table = result(tables({"dense": DENSE, "imp": IMP}, chain([[0.1, 0.2, 0.3], [0.1, 0.19, 0.3], [0.1, 0.2, 0.31]])))
    tested = table.dropna(subset=["p_value"]).sort_values("p_value")
    assert len(tested) > 4
    steps = [p * (len(tested) - place) for place, p in enumerate(tested["p_value"])]
    assert list(tested["p_holm"]) == pytest.approx(list(np.minimum(np.maximum.accumulate(steps), 1)))
    assert (table["verdict_holm"] == table["verdict"].where(table["p_holm"] < 0.05, "inconclusive")).all()
    taken_back = table[(table["verdict"] != "inconclusive") & (table["verdict_holm"] == "inconclusive")]
    assert taken_back["note"].str.contains("not after Holm's correction").all()
