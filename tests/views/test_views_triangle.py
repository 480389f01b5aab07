"""Three views of one network: the table and its rank correlations, against values by hand."""

import numpy as np
import pandas as pd
import pytest
from figures import synthetic

from prunesim.cli import main
from prunesim.results.triangle import rank_correlations, three_views


def test_views_of_a_round():
    tables = synthetic.study(replicates=2, rounds=3, methods=("imp", "random"))
    views = three_views(tables["similarity"], tables["networks"], tables["connectivity"], "cca_mean")
    assert len(views) == 2 * 2 * 3
    row = views[(views["replicate"] == 1) & (views["method"] == "imp") & (views["round"] == 2)].iloc[0]
    similarity = tables["similarity"]
    mine = similarity[(similarity["replicate_b"] == 1) & (similarity["method_b"] == "imp")]
    mine = mine[(mine["round_b"] == 2) & (mine["round_a"] == 0) & (mine["replicate_a"] == 1)]
    layers = mine[(mine["family"] == "rounds") & (mine["measure"] == "cca_mean")]
    assert row["representation"] == pytest.approx(layers["value"].mean())
    answers = mine[(mine["family"] == "functional") & (mine["measure"] == "agreement")]
    assert row["function"] == answers["value"].item()
    lines = tables["connectivity"]
    line = lines[(lines["replicate_b"] == 1) & (lines["method_b"] == "imp") & (lines["round_b"] == 2)]
    line = line[(line["replicate_a"] == 1) & (line["round_a"] == 0) & (line["recalibrated"] == "yes")]
    errors = line.sort_values("alpha")["test_error"].to_numpy()
    assert row["connectivity"] == pytest.approx(errors.max() - (errors[0] + errors[-1]) / 2)


def test_rank_correlations_by_hand():
    views = pd.DataFrame(
        {
            "replicate": [0, 0, 0, 1, 1, 1],
            "method": "imp",
            "round": [1, 2, 3] * 2,
            "representation": [0.9, 0.8, 0.7, 0.9, 0.7, 0.8],
            "function": [0.99, 0.98, 0.97, 0.99, 0.98, 0.97],
            "connectivity": [0.0, 0.1, 0.2, np.nan, 0.1, 0.2],
        }
    )
    table = rank_correlations(views).set_index(["first", "second"])
    # The second replicate swaps two of three: 1 - 6 * 2 / (3 * 8).
    assert table.loc[("representation", "function"), "spearman"] == pytest.approx((1 + 0.5) / 2)
    assert table.loc[("representation", "function"), "replicates"] == 2
    # Two rounds are no ranking.
    assert table.loc[("function", "connectivity"), "spearman"] == pytest.approx(-1)
    assert table.loc[("function", "connectivity"), "replicates"] == 1


def test_on_the_command_line(tmp_path, capsys):
    synthetic.write(synthetic.study(replicates=2, rounds=4), tmp_path / "tables")
    assert main(["triangle", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "method,first,second,spearman,ci_low,ci_high,replicates"
    assert len(lines) == 1 + 3
    assert main(["triangle", str(tmp_path), "--rounds"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + 8
