"""A study of two widths: what it makes, what its numbers are, what a change of it runs again."""

import csv
import json
from collections import Counter

import numpy as np
import pytest
from archive.archive_runs import prunesim
from pipeline.pipeline_runs import STUDY, contents, copy_all, due, run

from prunesim.audit.verify import verify_study
from prunesim.progress.trainings import trainings
from prunesim.results.opened import open_study
from prunesim.results.width_pairs import chosen_filters
from prunesim.similarity import compare_pairs
from prunesim.storage.files import read_json
from prunesim.study.seeds import derive_seed

pytestmark = pytest.mark.slow

# As in tests/pipeline/tiny.yaml: the network is 4 wide, so relu5 has 8 units at width 1 and 16 at width 2.
SEED, BLOCKS, DRAWS = 7, 5, 19


@pytest.fixture(scope="module")
def rows(wide):
    with open(wide / STUDY / "tables/widths.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def pooled(folder, width, replicate, state, layer):
    return np.load(folder / STUDY / f"widths/{width}/rep{replicate}/{state}/{layer}.pooled.npy", allow_pickle=False)


def row_of(rows, first, second, trained, layer):
    keys = {"width_a": first[0], "replicate_a": first[1], "width_b": second[0], "replicate_b": second[1]}
    wanted = keys | {"trained": trained, "layer": layer}
    (row,) = (row for row in rows if all(row[key] == str(value) for key, value in wanted.items()))
    return row


def test_nothing_is_wrong_or_due(wide, overlay):
    problems, counts = verify_study(wide / STUDY)
    assert problems == []
    assert counts["networks of widths"], counts["their activations"] == (6, 12)
    assert counts["their comparisons"] == 6
    assert due(wide, config=[overlay]) == {}


def test_every_pair_is_in_the_table(rows):
    """Of three networks, three pairs at each of two widths and nine between them, at two layers, in two states."""
    pairs = Counter((row["width_a"], row["width_b"], row["trained"], row["layer"]) for row in rows)
    assert pairs == {
        (*widths, trained, layer): count
        for widths, count in {("1", "1"): 3, ("1", "2"): 9, ("2", "2"): 3}.items()
        for trained in ("no", "yes")
        for layer in ("relu5", "logits")
    }
    assert {row["measure"] for row in rows} == {"pwcca"}
    assert {(row["layer"], row["filters_a"], row["filters_b"]) for row in rows} == {
        ("relu5", "8", "8"),
        ("logits", "10", "10"),
    }


def test_accuracies_are_those_of_the_trained_networks(wide, rows):
    for row in rows:
        for side in "ab":
            network = wide / STUDY / f"widths/{row[f'width_{side}']}/rep{row[f'replicate_{side}']}/dense"
            known = str(read_json(network / "metrics.json")["test_accuracy"])
            assert row[f"test_accuracy_{side}"] == (known if row["trained"] == "yes" else "")


@pytest.mark.parametrize(("state", "trained"), [("untrained", "no"), ("trained", "yes")])
@pytest.mark.parametrize("layer", ["relu5", "logits"])
def test_numbers_are_those_of_the_engine_on_the_dumped_arrays(wide, rows, layer, state, trained):
    """Networks of width 1 against those of width 2, at units that are drawn here again."""
    members = [(width, replicate) for width in ("1", "2") for replicate in range(3)]
    arrays = []
    for width, replicate in members:
        array = pooled(wide, width, replicate, state, layer)
        if (width, layer) == ("2", "relu5"):
            seed = derive_seed(SEED, "filters", width, replicate, layer)
            array = array[:, np.sort(np.random.default_rng(seed).permutation(16)[:8])]
        arrays.append(array)
    pairs = [(a, 3 + b) for a in range(3) for b in range(3)]
    seed = derive_seed(SEED, "null")
    found = compare_pairs(arrays, pairs, ["pwcca"], blocks=BLOCKS, draws=DRAWS, seed=seed, weights="first")
    for result in found:
        row = row_of(rows, members[result["a"]], members[result["b"]], trained, layer)
        for key in ("value", "ci_low", "ci_high", "null", "calibrated", "p_value", "n_images", "rank_a", "rank_b"):
            assert row[key] == ("" if result[key] is None else str(result[key])), key


def test_pwcca_by_singular_values(wide, rows):
    """PWCCA as Morcos et al. (2018) define it: projection-weighted canonical correlations of the first network."""
    first, second = (pooled(wide, "1", replicate, "trained", "logits").astype(float) for replicate in (0, 1))
    first, second = first - first.mean(0), second - second.mean(0)
    bases = [np.linalg.svd(array, full_matrices=False) for array in (first, second)]
    (u, v) = (u[:, s > s[0] * 1e-6] for u, s, _ in bases)
    left, correlations, _ = np.linalg.svd(u.T @ v, full_matrices=False)
    weights = np.abs((u @ left).T @ first).sum(1)[: len(correlations)]
    row = row_of(rows, ("1", 0), ("1", 1), "yes", "logits")
    assert float(row["value"]) == pytest.approx(correlations @ weights / weights.sum(), abs=1e-3)


def test_untrained_networks_are_the_initial_ones(wide):
    """Before training answers are those of the initial weights, and training changes them."""
    for width in ("1", "2"):
        before, after = (pooled(wide, width, 0, state, "logits") for state in ("untrained", "trained"))
        assert before.shape == after.shape == (80, 10)
        assert not np.allclose(before, after)


def test_networks_of_factor_one_are_those_of_the_study(wide):
    """Width 1 is trained once more, to the same bytes."""
    for file in ("initial.safetensors", "weights.safetensors"):
        dense = (wide / STUDY / "networks/rep0/dense" / file).read_bytes()
        assert (wide / STUDY / "widths/1/rep0/dense" / file).read_bytes() == dense


def test_spatial_means_are_those_of_the_usual_dump(wide):
    for layer in ("relu1", "pool1", "relu5"):
        usual = np.load(wide / STUDY / f"activations/rep0/dense/{layer}.pooled.npy", allow_pickle=False)
        np.testing.assert_array_equal(pooled(wide, "1", 0, "trained", layer), usual)
    assert not list((wide / STUDY / "widths/1/rep0/trained").glob("relu1.npy"))


def test_a_draw_of_filters_is_its_own_and_lasting():
    drawn = chosen_filters(16, 8, SEED, "2", 0, "relu5")
    assert list(drawn) == sorted(set(drawn))
    assert len(drawn) == 8
    np.testing.assert_array_equal(drawn, chosen_filters(16, 8, SEED, "2", 0, "relu5"))
    others = [(SEED, "2", 1, "relu5"), (SEED, "2", 0, "relu4"), (SEED + 1, "2", 0, "relu5"), (SEED, "4", 0, "relu5")]
    assert all(list(chosen_filters(16, 8, *other)) != list(drawn) for other in others)
    assert list(chosen_filters(5, None, *others[0])) == list(chosen_filters(5, 5, *others[0])) == [0, 1, 2, 3, 4]


END = {"widths_table": 1, "figure_widths": 1, "claims_table": 1, "figure_claims": 1, "provenance_table": 1}
CHANGES = {
    # A width runs its networks, and what compares them: with width 1, 2 and each other, at two layers.
    "a wider one": ("{factors: [1, 2, 4]}", {"train_width": 3, "dump_width": 6, "compare_widths": 6} | END),
    # The narrowest says how many units of relu5 are compared; the answers have ten at any width.
    "a narrower one": ("{factors: [0.5, 1, 2]}", {"train_width": 3, "dump_width": 6, "compare_widths": 6 + 3} | END),
    "one width less": ("{factors: [1]}", END),
    "one more network": ("{replicates: 4}", {"train_width": 2, "dump_width": 4, "compare_widths": 6} | END),
    "one more layer": ("{layers: [pool1, relu5, logits]}", {"compare_widths": 3} | END),
    "one layer less": ("{layers: [logits]}", END),
    "another measure": ("{measures: [pwcca, cka_linear]}", {"compare_widths": 6} | END),
    "all units": ("{filters: all}", {"compare_widths": 3} | END),
}


@pytest.mark.parametrize("change", CHANGES)
def test_only_what_changed_runs(wide, overlay, change):
    text, expected = CHANGES[change]
    assert due(wide, config=[overlay, f"widths: {text}"]) == expected


def test_a_setting_of_figures_redraws_and_one_of_pruning_leaves_widths(wide, overlay):
    redrawn = due(wide, config=[overlay, "figures: {palette: viridis}"])
    assert redrawn["figure_widths"] == 1
    assert not any(rule.startswith(("train", "dump", "compare")) for rule in redrawn)
    assert not any("width" in rule for rule in due(wide, config=[overlay, "methods: {imp: {fraction: 0.3}}"]))


def test_damage_is_noticed(wide, tmp_path):
    clone = copy_all(wide, tmp_path / "damaged")
    study = clone / STUDY
    array = study / "widths/2/rep1/untrained/relu5.pooled.npy"
    array.write_bytes(array.read_bytes()[:-1] + b"\x7f")
    comparison = study / "widths/comparisons/1/2/logits.csv"
    comparison.write_text(comparison.read_text().replace("logits,pwcca,0.", "logits,pwcca,9.", 1))
    weights = study / "widths/1/rep2/dense/weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    problems, _ = verify_study(study)
    for path in (array, comparison, weights):
        assert any(str(path) in problem for problem in problems), path


def test_an_archive_holds_widths_and_brings_them_back(wide, overlay, tmp_path):
    clone = copy_all(wide, tmp_path / "first")
    (clone / "widths.yaml").write_text(overlay)
    files = ["tests/pipeline/tiny.yaml", "widths.yaml"]
    prunesim(clone, "archive", STUDY, "--output", tmp_path / "study.tar.gz", "--configfile", *files)
    before = contents(clone, f"{STUDY}/widths")
    for folder in ("results", ".snakemake"):
        (clone / folder).rename(tmp_path / folder.strip("."))
    prunesim(clone, "restore", tmp_path / "study.tar.gz")
    assert contents(clone, f"{STUDY}/widths") == before
    assert due(clone, config=[overlay]) == {}


def test_records_tell_who_made_what(wide):
    record = json.loads((wide / STUDY / "provenance/widths/2/rep1/dense.json").read_text())
    assert record["verb"] == "train"
    assert record["settings"]["network"]["width_factor"] == 2
    assert "widths/2/rep1/dense/weights.safetensors" in record["outputs"]
    with open(wide / STUDY / "tables/provenance.csv", encoding="utf-8") as file:
        artifacts = {row["artifact"] for row in csv.DictReader(file)}
    assert {
        "widths/1/rep0/untrained/predictions.npy",
        "widths/comparisons/2/2/relu5.csv",
        "tables/widths.csv",
    } <= artifacts


def test_status_shows_their_trainings(wide):
    found = [one for one in trainings(wide / STUDY) if "width" in one]
    assert [(one["width"], one["replicate"]) for one in found] == [(w, r) for w in ("1", "2") for r in range(3)]
    assert all(one["of"] == "test" for one in found)
    assert "width 2" in prunesim(wide, "status", STUDY)


def test_claims_are_held_against_the_table(wide):
    claims = open_study(wide / STUDY).claims.set_index("claim")
    for layer in ("relu5", "logits"):
        for name in ("wider_more_similar", "wider_beyond_chance", "wider_by_training"):
            row = claims.loc[f"{name}/{layer}"]
            assert row["replicates"] == 3
            assert row["ci_low"] < row["estimate"] < row["ci_high"]
    table = open_study(wide / STUDY).table("widths")
    own = table[(table["width_a"] == table["width_b"]) & (table["trained"] == "yes") & (table["layer"] == "logits")]
    means = own.groupby("width_a")["value"].mean()
    assert claims.loc["wider_more_similar/logits", "estimate"] == pytest.approx(means[2] - means[1], abs=1e-6)


def test_a_network_that_is_gone_is_made_again_to_the_same_bytes(wide, overlay, tmp_path):
    clone = copy_all(wide, tmp_path / "again")
    place = f"{STUDY}/widths/2/rep0/dense/weights.safetensors"
    network = clone / place
    made = network.read_bytes()
    network.unlink()
    assert due(clone, config=[overlay], targets=[place]) == {"train_width": 1}
    run(clone, config=[overlay], targets=[place])
    assert network.read_bytes() == made
    assert verify_study(clone / STUDY)[0] == []
