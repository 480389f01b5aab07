"""Reading tables and computing means with intervals."""

import numpy as np
import pandas as pd
import pytest
from figures import synthetic
from scipy import stats

from prunesim.errors import PrunesimError
from prunesim.results import reading as results


@pytest.fixture
def folder(tmp_path):
    return synthetic.write(synthetic.study(rounds=2), tmp_path / "tables")


@pytest.mark.parametrize("n", [2, 3, 7])
def test_interval_is_that_of_scipy(n):
    values = np.random.default_rng(n).normal(size=n)
    expected = stats.t.interval(0.95, n - 1, loc=values.mean(), scale=stats.sem(values))
    assert results.t_interval(values) == pytest.approx((values.mean(), *expected), rel=1e-12)


def test_interval_leaves_missing_values_out_and_needs_two():
    assert results.t_interval([0.2, np.nan, 0.4])[0] == pytest.approx(0.3)
    mean, low, high = results.t_interval([0.7, np.nan])
    assert mean == 0.7
    assert np.isnan([low, high]).all()
    assert np.isnan(results.t_interval([])).all()


def test_summary_agrees_with_interval():
    frame = pd.DataFrame({"round": [1, 1, 1, 2, 2, 3, 4], "value": [0.1, 0.5, np.nan, 0.3, 0.4, 0.2, np.nan]})
    summary = results.summarise(frame, "round", "value")
    assert list(summary.index) == [1, 2, 3]
    assert list(summary["n"]) == [2, 2, 1]
    for round_ in (1, 2):
        expected = results.t_interval(frame.loc[frame["round"] == round_, "value"])
        assert tuple(summary.loc[round_, ["mean", "low", "high"]]) == pytest.approx(expected)
    assert summary.loc[3, ["low", "high"]].isna().all()


def test_names_that_look_like_numbers_or_nothing_stay_names(tmp_path):
    (tmp_path / "layers.csv").write_text(
        "replicate,method,round,layer,density,more\n0,none,1,0,0.5,x\n0,NA,1,1.10,0.25,y\n", encoding="utf-8"
    )
    table = results.read_table(tmp_path, "layers")
    assert list(table["layer"]) == ["0", "1.10"]
    assert list(table["method"]) == ["none", "NA"]
    assert "more" not in table.columns


def test_an_empty_cell_is_missing_and_its_note_is_kept(folder):
    path = folder / "similarity.csv"
    table = pd.read_csv(path)
    table["note"] = table["note"].astype(object)
    table.loc[0, ["value", "note"]] = [np.nan, "too few samples"]
    table.to_csv(path, index=False)
    read = results.read_table(folder, "similarity")
    assert np.isnan(read.loc[0, "value"])
    assert results.reason(read) == "too few samples"
    assert read["value"].notna().sum() == len(table) - 1


@pytest.mark.parametrize("wrong", ["nan", "inf", "high"])
def test_a_value_that_is_no_finite_number_is_refused(folder, wrong):
    path = folder / "networks.csv"
    table = pd.read_csv(path, dtype=str)
    table.loc[2, "test_accuracy"] = wrong
    table.to_csv(path, index=False)
    with pytest.raises(PrunesimError, match=rf"networks.csv has '{wrong}' in column 'test_accuracy', row 3"):
        results.read_table(folder, "networks")


def test_missing_file_column_and_content_are_named(folder):
    with pytest.raises(PrunesimError, match=r"layers\.csv does not exist"):
        results.read_table(folder / "elsewhere", "layers")
    path = folder / "similarity.csv"
    pd.read_csv(path).drop(columns="null").to_csv(path, index=False)
    with pytest.raises(PrunesimError, match=r"similarity\.csv has no column 'null'"):
        results.read_table(folder, "similarity")
    (folder / "networks.csv").write_bytes(b"")
    with pytest.raises(PrunesimError, match=r"networks\.csv is not a CSV table"):
        results.read_table(folder, "networks")
    (folder / "networks.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PrunesimError, match=r"networks\.csv is not a CSV table"):
        results.read_table(folder, "networks")


def test_only_comparisons_with_the_dense_network_are_taken():
    table = synthetic.study(replicates=2, rounds=3, methods=("imp", "random"))["similarity"]
    rows = results.dense_to_rounds(table, "cca_mean")
    assert len(rows) == 2 * 2 * 3 * len(synthetic.LAYERS)
    assert not rows.duplicated(["replicate", "method", "round", "layer"]).any()
    pairs = results.between_replicates(table, "cca_mean")
    assert len(pairs) == len(synthetic.LAYERS)
    assert set(pairs["method"]) == {"dense"}


def test_a_measure_that_was_not_computed_is_refused_with_those_that_were():
    table = synthetic.study(rounds=1)["similarity"]
    with pytest.raises(PrunesimError, match=r"no measure 'pwcca'.*\(cca_mean, cka_linear\)"):
        results.select(table, "rounds", "pwcca")
    assert results.select(table.iloc[:0], "rounds", "pwcca").empty


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "not valid JSON"),
        ("[1]", "must be a JSON object"),
        ('{"measure": "cca_mean"}', "has no 'layers'"),
        ('{"measure": "cca_mean", "layers": ["a"], "colour": 1}', "has 'colour', which is not used"),
        ('{"measure": "cca_mean", "layers": "relu1"}', "'layers' = 'relu1'; a list of names"),
        ('{"measure": "cca_mean", "layers": [1]}', "a list of names"),
    ],
)
def test_settings_that_do_not_fit_are_refused(text, sentence):
    with pytest.raises(PrunesimError, match=sentence):
        results.parse_settings(text, ["measure", "layers"])
