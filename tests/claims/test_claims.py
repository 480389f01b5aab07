"""Claims: estimates, intervals and verdicts."""

import json

import numpy as np
import pandas as pd
import pytest
from figures import synthetic
from scipy import stats

from prunesim.cli import main
from prunesim.errors import PrunesimError
from prunesim.results import claims as module
from prunesim.results.claims import COLUMNS, TOO_FEW_LAYERS, claims, verdict

LAYERS = ["relu1", "relu2", "relu3", "logits"]
# Those that a study always has a row of.
ALWAYS = list(module.CLAIMS)[:6]
SETTINGS = {"measure": "cca_mean", "layers": LAYERS, "methods": ["imp"]}


def study(values, accuracy=None, null=0.1, between=0.5, measure="cca_mean"):
    """Return networks and similarity.

    values: replicates x rounds x layers, dense against round; accuracy: replicates x (1 + rounds);
    between: similarity of dense networks, a number or replicates x layers for the pair that a replicate begins.
    """
    values = np.asarray(values, dtype=float)
    replicates, rounds, _ = values.shape
    accuracy = np.full((replicates, rounds + 1), 0.99) if accuracy is None else np.asarray(accuracy)
    networks = [
        (r, "imp" if k else "dense", k, 0.8**k, accuracy[r][k]) for r in range(replicates) for k in range(rounds + 1)
    ]
    similarity = [
        ("rounds", measure, values[r, k, i], null, r, "dense", 0, layer, r, "imp", k + 1, layer)
        for r in range(replicates)
        for k in range(rounds)
        for i, layer in enumerate(LAYERS)
    ]
    between = np.broadcast_to(between, (replicates, len(LAYERS)))
    for method, round_, value in (("dense", 0, between), ("imp", rounds, np.full_like(between, 0.01))):
        similarity += [
            ("replicates", measure, value[r, i], null, r, method, round_, layer, other, method, round_, layer)
            for r in range(replicates)
            for other in range(r + 1, replicates)
            for i, layer in enumerate(LAYERS)
        ]
    columns = [column for column in synthetic.SIMILARITY if column[:2] not in ("ci", "ca", "p_", "n_", "ra")]
    return (
        pd.DataFrame(networks, columns=["replicate", "method", "round", "density", "test_accuracy"]),
        pd.DataFrame(similarity, columns=columns[:-1]),
    )


V_SHAPE = [
    [[0.98, 0.90, 0.80, 0.99], [0.96, 0.80, 0.60, 0.97]],
    [[0.97, 0.88, 0.77, 0.99], [0.95, 0.79, 0.58, 0.96]],
    [[0.98, 0.91, 0.81, 0.98], [0.97, 0.82, 0.61, 0.98]],
]


def result(networks, similarity, **changes):
    table = claims({"networks": networks, "similarity": similarity}, SETTINGS | changes)
    assert list(table.columns) == COLUMNS
    return table.set_index("claim")


def interval(values):
    return stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))


def assert_row(row, values, expected):
    assert row["estimate"] == pytest.approx(np.mean(values))
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(interval(values))
    assert row["verdict"] == expected


def test_accuracy_kept():
    accuracy = [[0.99, 0.985, 0.988], [0.98, 0.985, 0.979], [0.985, 0.98, 0.984]]
    row = result(*study(V_SHAPE, accuracy)).loc["accuracy_kept/imp"]
    assert_row(row, [-0.002, -0.001, -0.001], "supported")
    assert row["statement"].startswith(
        "After round 2 of imp, with 64 % of the prunable weights left, the test accuracy"
    )


@pytest.mark.parametrize(
    ("drops", "expected"),
    [
        ([-0.02, -0.021, -0.022], "contradicted"),
        ([-0.012, -0.006, -0.009], "inconclusive"),
        ([0.02, 0.021, 0.022], "supported"),
    ],
)
def test_accuracy_verdicts(drops, expected):
    accuracy = [[0.95, 0.0, 0.95 + drop] for drop in drops]
    assert_row(result(*study(V_SHAPE, accuracy)).loc["accuracy_kept/imp"], drops, expected)


def test_first_layer_against_the_least_similar_layer_of_the_other_replicates():
    values = np.array(V_SHAPE)
    # Replicate 0 alone has its lowest value in relu2; the others say relu3, and so it is judged by relu3.
    values[0, 1, 1] = 0.10
    values[1:, 1, 1] = 0.95
    row = result(*study(values)).loc["first_layer_agrees/imp"]
    # Without replicate 0 the lowest mean is relu3; without 1 or 2 it is relu2 (mean of 0.10 and 0.95).
    assert_row(row, [0.96 - 0.60, 0.95 - 0.95, 0.97 - 0.95], "inconclusive")


def test_v_shape_is_supported_and_its_reverse_contradicted():
    table = result(*study(V_SHAPE))
    last = np.array(V_SHAPE)[:, 1]
    assert_row(table.loc["first_layer_agrees/imp"], last[:, 0] - last[:, 2], "supported")
    assert_row(table.loc["output_agrees/imp"], last[:, 3] - last[:, 1:3].mean(axis=1), "supported")
    reverse = 1.5 - np.array(V_SHAPE)
    table = result(*study(reverse))
    assert table.loc["first_layer_agrees/imp", "verdict"] == "contradicted"
    assert table.loc["output_agrees/imp", "verdict"] == "contradicted"


def test_drift_is_the_slope_of_the_layers_in_between():
    values = np.full((3, 4, 4), 0.9)
    slopes = [-0.01, -0.02, -0.015]
    for replicate, slope in enumerate(slopes):
        for k in range(4):
            values[replicate, k, 1:3] = 0.9 + slope * (k + 1)
            values[replicate, k, [0, 3]] = 0.1 * k  # the ends have no part in it
    assert_row(result(*study(values)).loc["middle_drifts/imp"], slopes, "supported")
    rising = 1.2 - values
    assert_row(result(*study(rising)).loc["middle_drifts/imp"], [0.01, 0.02, 0.015], "contradicted")
    assert result(*study(values[:, :1])).loc["middle_drifts/imp"].isna()[["estimate", "ci_low", "ci_high"]].all()


def test_yardstick_is_the_mean_over_the_pairs_of_a_replicate():
    between = np.array([[0.5] * 4, [0.2] * 4, [0.0] * 4])  # pairs 0-1 and 0-2 are 0.5, pair 1-2 is 0.2
    own = np.array(V_SHAPE)[:, 1].mean(axis=1)
    expected = own - [0.5, 0.35, 0.35]
    assert_row(result(*study(V_SHAPE, between=between)).loc["closer_than_retrained/imp"], expected, "supported")
    row = result(*study(V_SHAPE, between=0.99)).loc["closer_than_retrained/imp"]
    assert row["verdict"] == "contradicted"


def test_null_is_judged_at_the_weakest_layer():
    networks, similarity = study(V_SHAPE)
    similarity.loc[similarity["layer_b"] == "relu2", "null"] = 0.79
    row = result(networks, similarity).loc["above_null/imp"]
    assert "weakest layer, relu2" in row["statement"]
    assert_row(row, np.array(V_SHAPE)[:, 1, 1] - 0.79, "inconclusive")
    similarity.loc[similarity["layer_b"] == "logits", "null"] = 1.2
    row = result(networks, similarity).loc["above_null/imp"]
    assert "logits" in row["statement"]
    assert row["verdict"] == "contradicted"
    assert result(*study(V_SHAPE)).loc["above_null/imp", "verdict"] == "supported"


def test_a_layer_without_an_interval_keeps_the_null_claim_open():
    networks, similarity = study(V_SHAPE)
    similarity.loc[(similarity["layer_b"] == "relu2") & (similarity["replicate_b"] > 0), "value"] = np.nan
    assert result(networks, similarity).loc["above_null/imp", "verdict"] == "inconclusive"


def test_one_replicate_proves_nothing():
    table = result(*study(V_SHAPE[:1]))
    assert set(table["verdict"]) == {"inconclusive"}
    assert table[["ci_low", "ci_high"]].isna().all(axis=None)
    assert table["estimate"].drop("closer_than_retrained/imp").notna().all()
    assert np.isnan(table.loc["closer_than_retrained/imp", "estimate"])


@pytest.mark.parametrize("empty", ["rows", "values", "layers", "method"])
def test_nothing_to_compute_from_is_inconclusive(empty):
    networks, similarity = study(V_SHAPE)
    changes = {}
    if empty == "rows":
        networks, similarity = networks.iloc[:0], similarity.iloc[:0]
    elif empty == "values":
        similarity["value"] = np.nan
        networks["test_accuracy"] = np.nan
    elif empty == "layers":
        changes["layers"] = LAYERS[:1]
    else:
        changes["methods"] = ["random"]
    table = result(networks, similarity, **changes)
    assert list(table.index[:6]) == [f"{name}/{changes.get('methods', ['imp'])[0]}" for name in ALWAYS]
    assert table.loc[table["verdict"] == "inconclusive", "note"].str.endswith(".").all()
    assert len(table) == 6
    if empty == "layers":
        table = table.loc[["first_layer_agrees/imp", "output_agrees/imp", "middle_drifts/imp"]]
    assert set(table["verdict"]) == {"inconclusive"}
    assert table["estimate"].isna().all()


# --- Layers without a value

NO_IMAGES = "Its interval leaves out the noise of the test images: without answers.csv their number is unknown."
NO_WIDTH = "All replicates have the same value, so the interval has no width."
WHY = "200 samples for 120 and 120 neurons; CCA needs more samples than neurons"
OF_LAYERS = ["first_layer_agrees/imp", "output_agrees/imp", "middle_drifts/imp", "closer_than_retrained/imp"]


def lacking(layer, replicates=(0, 1, 2), rounds=(1, 2), family="rounds", values=V_SHAPE, **keywords):
    """Return networks and similarity without some values, with the reason beside them."""
    networks, similarity = study(values, **keywords)
    here = (similarity["layer_b"] == layer) & (similarity["family"] == family)
    here &= similarity["replicate_b"].isin(replicates) & similarity["round_b"].isin(rounds)
    assert here.any()
    similarity["note"] = None
    similarity.loc[here, ["value", "null"]] = np.nan
    similarity.loc[here, "note"] = f"no value: {WHY}"
    # What has a value may have a note, too.
    similarity.loc[~here, "note"] = "no interval: few images"
    return networks, similarity


def test_a_layer_without_a_value_is_left_out_and_named():
    table = result(*lacking("relu3"))
    last = np.array(V_SHAPE)[:, 1]
    assert_row(table.loc["first_layer_agrees/imp"], last[:, 0] - last[:, 1], "supported")
    assert_row(table.loc["output_agrees/imp"], last[:, 3] - last[:, 1], "supported")
    assert_row(table.loc["middle_drifts/imp"], last[:, 1] - np.array(V_SHAPE)[:, 0, 1], "supported")
    assert_row(table.loc["closer_than_retrained/imp"], last[:, [0, 1, 3]].mean(axis=1) - 0.5, "supported")
    assert_row(table.loc["above_null/imp"], last[:, 1] - 0.1, "supported")
    for claim in [*OF_LAYERS, "above_null/imp"]:
        assert "(without relu3)" in table.loc[claim, "statement"]
        assert table.loc[claim, "note"] == f"Without relu3: no value ({WHY})."
    assert "every compared layer (without relu3) is more similar" in table.loc["above_null/imp", "statement"]
    assert table.loc["accuracy_kept/imp", "note"] == f"{NO_IMAGES} {NO_WIDTH}"


def test_a_layer_that_is_not_in_the_table_is_left_out_and_named():
    networks, similarity = study(V_SHAPE)
    table = result(networks, similarity[similarity["layer_b"] != "relu3"])
    assert (table.loc[[*OF_LAYERS, "above_null/imp"], "note"] == "Without relu3: no value (not compared).").all()


@pytest.mark.parametrize(("layer", "claim"), [("relu1", "first_layer_agrees/imp"), ("logits", "output_agrees/imp")])
def test_the_layer_that_a_claim_is_about_is_needed(layer, claim):
    row = result(*lacking(layer)).loc[claim]
    assert row["verdict"] == "inconclusive"
    assert np.isnan(row["estimate"])
    assert row["note"] == f"Without replicates 0, 1, 2: no value at {layer} ({WHY})."
    table = result(*lacking(layer, [2]))
    kept = np.array(V_SHAPE)[:2, 1]
    inner = kept[:, 2] if layer == "relu1" else kept[:, 1:3].mean(axis=1)
    assert_row(table.loc[claim], kept[:, LAYERS.index(layer)] - inner, "supported")
    assert table.loc[claim, "note"] == f"Without replicate 2: no value at {layer} ({WHY})."
    assert "without" not in table.loc[claim, "statement"]


def test_all_replicates_are_held_to_the_same_layers():
    table = result(*lacking("relu3", [1], [2]))
    last = np.array(V_SHAPE)[:, 1]
    assert_row(table.loc["first_layer_agrees/imp"], last[:, 0] - last[:, 1], "supported")
    assert_row(table.loc["output_agrees/imp"], last[:, 3] - last[:, 1], "supported")
    assert_row(table.loc["closer_than_retrained/imp"], last[:, [0, 1, 3]].mean(axis=1) - 0.5, "supported")
    for claim in ("first_layer_agrees/imp", "output_agrees/imp", "closer_than_retrained/imp"):
        assert "(without relu3)" in table.loc[claim, "statement"]
        assert table.loc[claim, "note"] == f"Without relu3: no value in replicate 1 ({WHY})."
    assert_row(table.loc["above_null/imp"], last[[0, 2], 2] - 0.1, "supported")
    assert table.loc["above_null/imp", "note"] == f"Fewer replicates at relu3: no value in replicate 1 ({WHY})."


def test_a_replicate_without_any_value_does_not_take_the_layers_with_it():
    networks, similarity = lacking("relu3", [1])
    dead = (similarity["replicate_a"] == 1) | (similarity["replicate_b"] == 1)
    similarity.loc[dead, "value"] = np.nan
    similarity.loc[dead, "note"] = "no value: b has no variance"
    table = result(networks, similarity)
    last = np.array(V_SHAPE)[[0, 2], 1]
    assert_row(table.loc["output_agrees/imp"], last[:, 3] - last[:, 1:3].mean(axis=1), "supported")
    assert_row(table.loc["closer_than_retrained/imp"], last.mean(axis=1) - 0.5, "supported")
    assert table.loc["output_agrees/imp", "note"] == "Without replicate 1: no value at logits (b has no variance)."
    assert (
        table.loc["middle_drifts/imp", "note"] == "Without replicate 1: no value at relu2, relu3 (b has no variance)."
    )


def test_each_layer_missing_somewhere_leaves_nothing_to_compare():
    networks, similarity = lacking("relu2", [0])
    here = (similarity["layer_b"] == "relu3") & (similarity["family"] == "rounds") & (similarity["replicate_b"] == 2)
    similarity.loc[here, "value"] = np.nan
    table = result(networks, similarity)
    for claim in ("first_layer_agrees/imp", "output_agrees/imp", "middle_drifts/imp"):
        assert table.loc[claim, "verdict"] == "inconclusive"
        assert np.isnan(table.loc[claim, "estimate"])
        assert "relu2: no value in replicate 0" in table.loc[claim, "note"]
        assert "relu3: no value in replicate 2" in table.loc[claim, "note"]


def test_rounds_without_a_layer_have_no_part_in_the_slope():
    values = np.full((3, 4, 4), 0.9)
    values[:, :, 1:3] -= 0.02 * np.arange(4)[:, None]
    values[:, 0, 2] = 0.1  # with this round, the slope would rise
    row = result(*lacking("relu2", rounds=[1], values=values)).loc["middle_drifts/imp"]
    assert row["estimate"] == pytest.approx(-0.02)
    assert "without" not in row["statement"]
    lost = f"Without 3 of 12 rounds, first round 1 of replicate 0: no value at relu2 ({WHY})."
    assert row["note"] == f"{lost} {NO_WIDTH}"
    row = result(*lacking("relu2", [1], [1, 2, 3], values=values)).loc["middle_drifts/imp"]
    assert "Without replicate 1: a slope needs two rounds." in row["note"]


def test_yardsticks_that_are_missing_are_named():
    networks, similarity = lacking("relu3", [2], [0], "replicates")
    row = result(networks, similarity).loc["closer_than_retrained/imp"]
    assert_row(row, np.array(V_SHAPE)[:, 1][:, [0, 1, 3]].mean(axis=1) - 0.5, "supported")
    assert "mean over layers (without relu3);" in row["statement"]
    assert row["note"] == f"Without relu3: no value between dense networks ({WHY})."
    row = result(networks, similarity[similarity["family"] == "rounds"]).loc["closer_than_retrained/imp"]
    assert row["verdict"] == "inconclusive"
    assert row["note"] == "Without replicates 0, 1, 2: no value between dense networks (not compared)."


def test_one_layer_below_the_null_contradicts_whatever_is_missing():
    networks, similarity = lacking("relu2", [0, 1])
    row = result(networks, similarity).loc["above_null/imp"]
    assert row["verdict"] == "inconclusive"
    assert "weakest layer, relu2" in row["statement"]
    assert row["note"] == (
        f"Fewer replicates at relu2: no value in replicates 0, 1 ({WHY}). One replicate has no interval."
    )
    similarity.loc[similarity["layer_b"] == "logits", "null"] = 1.2
    row = result(networks, similarity).loc["above_null/imp"]
    assert row["verdict"] == "contradicted"
    assert "weakest layer, logits" in row["statement"]


def test_a_layer_without_a_null_is_left_out_of_that_claim_alone():
    networks, similarity = study(V_SHAPE)
    similarity.loc[similarity["layer_b"] == "relu3", "null"] = np.nan
    table = result(networks, similarity)
    assert table.loc["above_null/imp", "note"] == "Without relu3: no value (it has no null)."
    assert table.loc[OF_LAYERS, "note"].isna().all()


def test_every_open_verdict_has_its_reason():
    networks, similarity = study(V_SHAPE, [[0.99, 0.98, 0.97], [0.98, 0.98, 0.98], [0.99, 0.98, 0.985]])
    row = result(networks, similarity).loc["accuracy_kept/imp"]
    open_ = "The interval does not lie on one side of -0.01. More than 100 replicates would be needed to decide it."
    assert (row["verdict"], row["note"]) == ("inconclusive", f"{NO_IMAGES} {open_}")
    networks.loc[networks["replicate"] == 1, "test_accuracy"] = np.nan
    row = result(networks, similarity).loc["accuracy_kept/imp"]
    lost = "Without replicate 1: no test accuracy, dense or pruned."
    assert row["note"].startswith(f"{lost} {NO_IMAGES} The interval does not")
    table = result(*study(V_SHAPE[:1]))
    assert table["note"].drop("closer_than_retrained/imp").str.endswith("One replicate has no interval.").all()
    assert "no other dense network" in table.loc["closer_than_retrained/imp", "note"]
    table = result(*study(V_SHAPE), layers=LAYERS[:2])
    assert (table.loc[OF_LAYERS[:3], "note"] == TOO_FEW_LAYERS).all()
    networks, similarity = study(V_SHAPE)
    notes = result(networks, similarity[similarity["family"] == "replicates"])["note"].drop("accuracy_kept/imp")
    assert (notes == "No value (no pruned network was compared with its dense network).").all()
    assert len(notes) == 5
    assert result(*study(V_SHAPE))["note"].drop("accuracy_kept/imp").isna().all()


@pytest.mark.slow
def test_noise_alone_is_rarely_called_a_finding():
    """With no difference between layers, 95 % intervals support a one-sided claim in about 1 of 40 studies."""
    rng = np.random.default_rng(0)
    studies = 150
    found = {"first_layer_agrees/imp": 0, "output_agrees/imp": 0}
    for _ in range(studies):
        table = result(*study(0.7 + 0.05 * rng.normal(size=(3, 1, 4))))
        for claim in found:
            found[claim] += table.loc[claim, "verdict"] == "supported"
    # 150 x 0.025 = 3.75 expected; 13 or more would happen once in ten thousand times.
    assert max(found.values()) < 13


def test_row_order_and_other_measures_do_not_matter():
    networks, similarity = study(V_SHAPE)
    other = similarity.assign(measure="cka_linear", value=0.5)
    mixed = pd.concat([other, similarity]).sample(frac=1, random_state=0)
    expected, table = result(networks, similarity), result(networks.iloc[::-1], mixed)
    pd.testing.assert_frame_equal(table, expected)


def test_methods_are_judged_apart():
    networks, similarity = study(V_SHAPE)
    _, reverse = study(1.5 - np.array(V_SHAPE))
    reverse = reverse[reverse["family"] == "rounds"].assign(method_b="random")
    more = networks[networks["method"] == "imp"].assign(method="random", test_accuracy=0.5)
    table = result(pd.concat([networks, more]), pd.concat([similarity, reverse]), methods=["imp", "random"])
    assert table.loc["output_agrees/imp", "verdict"] == "supported"
    assert table.loc["output_agrees/random", "verdict"] == "contradicted"
    assert table.loc["accuracy_kept/random", "verdict"] == "contradicted"
    # Only the correction knows of the other method.
    alone = result(networks, similarity).drop(columns=["p_holm", "replicates_needed"])
    pd.testing.assert_frame_equal(table.loc[alone.index, alone.columns], alone)


def test_distances_are_turned_round():
    networks, similarity = study(V_SHAPE)
    expected = result(networks, similarity)
    distances = similarity.assign(
        measure="procrustes_distance", value=2 - 2 * similarity["value"], null=2 - 2 * similarity["null"]
    )
    table = result(networks, distances, measure="procrustes_distance")
    pd.testing.assert_frame_equal(table.drop(columns="statement"), expected.drop(columns="statement"))
    assert "1 - procrustes_distance / 2" in table.loc["output_agrees/imp", "statement"]


def test_measure_is_mean_cca_or_else_the_first():
    networks, similarity = study(V_SHAPE)
    other = similarity.assign(measure="cka_linear", value=0.5)
    both = pd.concat([other, similarity])
    pd.testing.assert_frame_equal(result(networks, both, measure=None), result(networks, similarity))
    assert "of cka_linear" in result(networks, other, measure=None).loc["output_agrees/imp", "statement"]
    with pytest.raises(PrunesimError, match="no measure 'pwcca'"):
        result(networks, both, measure="pwcca")


@pytest.mark.parametrize(
    ("low", "high", "bound", "below", "expected"),
    [
        (0.1, 0.2, 0.0, False, "supported"),
        (-0.2, -0.1, 0.0, False, "contradicted"),
        (-0.1, 0.2, 0.0, False, "inconclusive"),
        (0.0, 0.2, 0.0, False, "inconclusive"),
        (-0.2, -0.1, 0.0, True, "supported"),
        (0.1, 0.2, 0.0, True, "contradicted"),
        (-0.2, 0.0, 0.0, True, "inconclusive"),
        (-0.005, 0.1, -0.01, False, "supported"),
        (np.nan, np.nan, 0.0, False, "inconclusive"),
        (np.nan, np.nan, 0.0, True, "inconclusive"),
    ],
)
def test_verdict(low, high, bound, below, expected):
    assert verdict(low, high, bound, below) == expected


def test_command_writes_the_contract(tmp_path, capsys):
    tables = synthetic.write(synthetic.study(replicates=3, rounds=3), tmp_path / "tables")
    settings = {"measure": "cca_mean", "layers": synthetic.LAYERS, "methods": ["imp"]}
    output = tmp_path / "claims.csv"
    arguments = ["claims", "--tables", str(tables), "--output", str(output), "--settings"]
    assert main([*arguments, json.dumps(settings)]) == 0
    table = pd.read_csv(output)
    assert list(table.columns) == COLUMNS
    assert list(table["claim"]) == [f"{name}/imp" for name in [*ALWAYS, "gap_grows"]]
    assert set(table["verdict"]) <= {"supported", "contradicted", "inconclusive"}
    assert table["statement"].str.endswith(".").all()
    assert table["source"].notna().all()
    first = output.read_bytes()
    own = {"statement": "Kept", "of": {"table": "layers", "column": "density", "where": {"layer": "conv1"}}}
    own |= {"minus": None, "bound": 0.5, "direction": "above", "source": "this study"}
    more = {"tables": ["answers", "connectivity"], "about": {"imp": {"criterion": "snip"}}, "own": {"mine": own}}
    assert main([*arguments, json.dumps(settings | more)]) == 0
    names = {"sparse_from_start/imp", "dense_connected/imp", "own/mine"}
    assert set(pd.read_csv(output)["claim"]) - set(table["claim"]) == names
    assert main([*arguments, json.dumps(settings)]) == 0
    assert output.read_bytes() == first
    assert main([*arguments, json.dumps(settings | {"measure": "pwcca"})]) == 2
    assert "no measure 'pwcca'" in capsys.readouterr().err
    assert output.read_bytes() == first
