"""What the section ``widths`` refuses, in a sentence each, and what follows from it."""

import pytest
import yaml
from pipeline.pipeline_runs import REPOSITORY

from prunesim.errors import PrunesimError
from prunesim.figures.catalogue import figures_of
from prunesim.resolution.overlays import SCHEMA, check_study
from prunesim.study.claims import claimed_tables
from prunesim.study.config import load_yaml
from prunesim.study.tables import tables_of
from prunesim.study.width_paths import width_jobs
from prunesim.study.widths import compared_filters, width_growth, width_layers


def config(text, **others):
    return check_study({"study": "mine", **others, "widths": yaml.safe_load(text)}, REPOSITORY, folder=REPOSITORY)


def refusal(text, **others):
    with pytest.raises(PrunesimError) as caught:
        config(text, **others)
    return str(caught.value)


def test_off_by_default():
    plain = config("{}")
    assert width_growth(plain) == {}
    assert "widths" not in tables_of(plain)
    assert "widths" not in figures_of(tables_of(plain), plain["methods"])
    assert "widths" not in claimed_tables(plain)


def test_what_a_study_with_widths_has():
    told = config("{factors: [2, 0.5, 1], replicates: 2}")
    assert width_growth(told) == {"factors": ["0.5", "1", "2"], "replicates": 2, "layers": ["relu5", "logits"]}
    assert "widths" in tables_of(told)
    assert claimed_tables(told)[-1] == "widths"
    jobs = width_jobs(**width_growth(told))
    assert len(jobs) == len(set(jobs)) == 6 + 12 + 6 * 2
    assert jobs[0] == "widths/0.5/rep0/dense"
    assert jobs[-1] == "widths/comparisons/2/2/logits"


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("{factors: [0.5, 1, 2]}", (8, 16, None)),
        ("{factors: [0.5, 1, 2], filters: all}", (None, None, None)),
        ("{factors: [1, 2], filters: 3}", (3, 3, None)),
    ],
)
def test_how_many_units_are_compared(text, counts):
    """Of cnn at width 16, the first layer has 16 filters, the third 32; classes are what they are."""
    told = config(text)
    assert tuple(compared_filters(told, layer) for layer in ("relu1", "relu3", "logits")) == counts


def test_layers_by_kind_name_and_pattern():
    assert width_layers(config("{factors: [1, 2], layers: [relu]}")) == ["relu1", "relu2", "relu3", "relu4", "relu5"]
    assert width_layers(config("{factors: [1, 2], layers: ['pool*', logits]}")) == ["pool1", "pool2", "logits"]
    last = config("{factors: [1, 2]}", network={"name": "strided_stack"})
    assert width_layers(last) == ["relu11", "logits"]


@pytest.mark.parametrize(
    ("text", "others", "sentence"),
    [
        (
            "{factors: [0.05, 1]}",
            {},
            "widths.factors has 0.05, which leaves the first layer of cnn less than one filter of 16; it must be "
            "0.0625 or more.",
        ),
        ("{factors: [1, 2, 1.0]}", {}, "widths.factors"),
        ("{factors: [0.5, 0.5000000000001]}", {}, "widths.factors names 0.5 2 times; name each width once."),
        (
            "{factors: [1, 1.01]}",
            {},
            "widths.factors has 1 and 1.01, which give cnn the same filters; leave one out.",
        ),
        (
            "{factors: [1, 2]}",
            {"network": {"name": "torchvision:resnet18", "layers": [{"name": "fc", "kind": "linear", "shape": [10]}]}},
            "widths.factors is [1.0, 2.0], but network.name torchvision:resnet18 has no width factor; it must be a "
            "built-in network, such as cnn or vgg, or widths.factors [].",
        ),
        (
            "{factors: [1, 2]}",
            {"network": {"name": "mine.py:build", "layers": [{"name": "out", "kind": "linear", "shape": [10]}]}},
            "widths.factors is [1.0, 2.0], but network.name mine.py:build has no width factor; it must be a built-in "
            "network, such as cnn or vgg, or widths.factors [].",
        ),
        (
            "{factors: [1, 2]}",
            {"replicates": 1},
            "replicates is 1, but networks of one width are compared with each other; set widths.replicates to 2 or "
            "more.",
        ),
        (
            "{factors: [0.5, 1], filters: 9, layers: [relu1]}",
            {},
            "widths.filters is 9, but layer relu1 of the narrowest network has 8; it must be at most that, or "
            "narrowest.",
        ),
        ("{factors: [1, 2], layers: [relu9]}", {}, "widths.layers: 'relu9' is not a dumped layer of network cnn"),
        ("{factors: [1, 2], filters: few}", {}, "widths.filters is 'few'"),
        ("{factors: [1, 2], filters: 0}", {}, "widths.filters is 0"),
        ("{factors: [1, 0]}", {}, "widths.factors[1] is 0"),
        ("{factors: [1, 2], replicates: 1}", {}, "widths.replicates is 1"),
    ],
)
def test_refusals(text, others, sentence):
    found = refusal(text, **others)
    assert found.startswith(sentence)
    assert "\n" not in found


def test_a_claim_of_ones_own_may_be_about_widths():
    where = "{trained: 'yes', layer: relu5, width_a: 2, width_b: 2}"
    claim = {"statement": "Alike", "of": {"table": "widths", "column": "value", "where": yaml.safe_load(where)}}
    assert "widths" in claimed_tables(config("{factors: [1, 2]}", claims={"mine": claim}))
    assert refusal("{}", claims={"mine": claim}).startswith(
        "claims.mine.of.table is widths, which this study has not; add widths.factors, or take"
    )
    claim["of"]["where"]["layer"] = "relu1"
    assert "claims.mine.of.where.layer is relu1, which is not in the tables of this study" in refusal(
        "{factors: [1, 2]}", claims={"mine": claim}
    )


def test_the_schema_knows_the_measures_of_comparisons():
    sections = load_yaml(REPOSITORY / SCHEMA)["properties"]
    measures = [sections[name]["properties"]["measures"]["items"]["enum"] for name in ("comparison", "widths")]
    assert measures[0] == measures[1]
