"""Claims in the config: what is filled in, what the table of claims is told, and what is refused."""

from pathlib import Path

import pytest
import yaml

from prunesim.errors import PrunesimError
from prunesim.resolution.overlays import check_study
from prunesim.study.claims import claimed_tables, claims_settings
from prunesim.study.config import check_config, load_yaml

ROOT = Path(__file__).parents[2]
SCHEMA = load_yaml(ROOT / "workflow" / "schemas" / "config.schema.yaml")


def config(**keys):
    return check_config({"study": "mine", **keys}, SCHEMA)


def own(text):
    return config(claims={"mine": yaml.safe_load(text)})


KEPT = "{statement: Kept, of: {table: networks, column: test_accuracy, where: {method: imp, round: 5}}}"


def test_the_default_study_has_none_and_tells_only_of_its_answers():
    assert config()["claims"] == {}
    assert claims_settings(config()) == {"tables": ["answers"]}
    assert claimed_tables(config()) == ["networks", "similarity", "answers"]
    assert claims_settings(config(comparison={"families": ["rounds"]})) == {}


def test_defaults_are_filled_in():
    claim = own(KEPT)["claims"]["mine"]
    assert claim == {
        "statement": "Kept",
        "of": {"table": "networks", "column": "test_accuracy", "where": {"method": "imp", "round": 5}},
        "minus": None,
        "bound": 0.0,
        "direction": "above",
        "source": "this study",
    }
    assert config(claims={"mine": False})["claims"] == {}


def test_tables_of_claims_are_needed():
    text = "{statement: Kept, of: {table: layers, column: density}, minus: {table: classes, column: accuracy}}"
    assert claimed_tables(own(text)) == ["networks", "similarity", "answers", "classes", "layers"]
    assert claimed_tables(config(connectivity={"pairs": ["dense"]})) == [
        "networks",
        "similarity",
        "answers",
        "connectivity",
    ]


def test_methods_are_told_of_where_a_claim_is_about_them():
    methods = {
        "imp": {},
        "ticket": {"rewind": {"epoch": 1}},
        "snip": {"criterion": "snip", "density": 0.2},
        "again": {"control": "reinitialise", "of": "ticket"},
        "mixed": {"control": "shuffle", "of": "snip"},
        "order": {"control": "data_order"},
    }
    told = claims_settings(config(methods=methods))["about"]
    assert told == {
        "snip": {"criterion": "snip"},
        "again": {"control": "reinitialise", "of": "ticket", "rewind": told["again"]["rewind"], "early": False},
        "mixed": {"control": "shuffle", "of": "snip", "rewind": "init", "early": True},
    }
    assert told["again"]["rewind"]["epoch"] == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{statement: Kept}", "claims.mine has no of; it must be {statement: ..., of: {...}, bound: ...}"),
        (
            "{statement: Kept, of: {table: networks, column: test_acuracy}}",
            "claims.mine.of.column is 'test_acuracy', which is no column of numbers of networks.csv",
        ),
        (
            "{statement: Kept, of: {table: networks, column: method}}",
            "claims.mine.of.column is 'method', which is no column of numbers of networks.csv",
        ),
        (
            "{statement: Kept, of: {table: connectivity, column: test_error}}",
            "claims.mine.of.table is connectivity, which this study has not; add connectivity.pairs, or take networks",
        ),
        (
            "{statement: Kept, of: {table: networks, column: density, where: {methd: imp}}}",
            "claims.mine.of.where.methd: networks.csv has no column 'methd'",
        ),
        (
            "{statement: Kept, of: {table: networks, column: density, where: {method: [imp, imq]}}}",
            "claims.mine.of.where.method is imq, which is not in the tables of this study",
        ),
        (
            "{statement: Kept, of: {table: networks, column: density, where: {round: 11}}}",
            "claims.mine.of.where.round is 11, which is not in the tables of this study",
        ),
        (
            "{statement: Kept, of: {table: similarity, column: value, where: {measure: cka}}}",
            "claims.mine.of.where.measure is cka, which is not in the tables of this study",
        ),
        ("{statement: Kept, of: {table: networks, column: density}, direction: up}", "above or below"),
        (
            "{statement: Kept, of: {table: robustness, column: accuracy}}",
            "claims.mine.of.table is robustness, which this study has not; add robustness.shares or "
            "robustness.corruptions",
        ),
        (
            "{statement: Kept, of: {table: concept_layers, column: detectors}}",
            "claims.mine.of.table is concept_layers, which this study has not; add concepts.source, or take networks",
        ),
    ],
)
def test_what_finds_nothing_is_refused(text, sentence):
    with pytest.raises(PrunesimError) as caught:
        own(text)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("table", "column", "layer", "known"),
    [("similarity", "layer_b", "relu99", "relu1, "), ("layers", "layer", "relu1", "conv1, ")],
)
def test_layers_are_looked_for_in_the_network(table, column, layer, known):
    number = "value" if table == "similarity" else "density"
    claim = {"statement": "Kept", "of": {"table": table, "column": number, "where": {column: layer}}}
    with pytest.raises(PrunesimError, match=f"claims.mine.of.where.{column} is {layer}, which is not") as caught:
        check_study({"study": "mine", "claims": {"mine": claim}}, ROOT)
    assert known in str(caught.value)


LOOKS = {
    "comparison": {"spectra": True},
    "robustness": {"shares": [1, 0.5], "corruptions": ["noise"]},
    "concepts": {"source": "scenes"},
}


@pytest.mark.parametrize(
    ("selection", "problem"),
    [
        ("{table: robustness, column: accuracy, where: {kind: noise, severity: [3, 0.5], round: 0}}", None),
        ("{table: concept_layers, column: detectors, where: {layer: relu1}}", None),
        ("{table: concepts, column: iou, where: {detector: yes, method: dense}}", None),
        ("{table: spectra, column: correlation, where: {layer: relu2, index: [1, 2], round: 1}}", None),
        ("{table: spectra, column: index}", "which is no column of numbers of spectra.csv; it has correlation, null"),
        ("{table: robustness, column: accuracy, where: {kind: blur}}", "where.kind is blur, which is not"),
        ("{table: robustness, column: accuracy, where: {severity: 0.25}}", "where.severity is 0.25, which is not"),
        ("{table: concepts, column: iou, where: {detector: 1}}", "where.detector is 1, which is not in the tables"),
        ("{table: concepts, column: concept}", "which is no column of numbers of concepts.csv; it has iou"),
    ],
)
def test_claims_about_looks_at_the_networks(selection, problem):
    claims = {"mine": {"statement": "Borne", "of": yaml.safe_load(selection)}}
    if problem is None:
        assert claimed_tables(config(claims=claims, **LOOKS))[-1] == claims["mine"]["of"]["table"]
        return
    with pytest.raises(PrunesimError) as caught:
        config(claims=claims, **LOOKS)
    assert problem in str(caught.value)
