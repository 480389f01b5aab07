"""Controls, and what a study's methods are when all is filled in."""

import numpy as np
import pytest
import yaml
from pipeline.pipeline_runs import REPOSITORY

from prunesim.errors import PrunesimError
from prunesim.pruning.controls import control_mask
from prunesim.study import methods, paths
from prunesim.study.config import check_config, load_yaml

SCHEMA = load_yaml(REPOSITORY / "workflow/schemas/config.schema.yaml")


def masks(density, before=None, seed=0):
    rng = np.random.default_rng(seed)
    shapes = {"a.weight": (6, 3, 3), "b.weight": (5, 20)}
    return {name: (rng.random(shape) < density).astype(np.uint8) for name, shape in shapes.items()}


def counts(mask):
    return {name: int(kept.sum()) for name, kept in mask.items()}


WHOLE = {"a.weight": np.ones((6, 3, 3), np.uint8), "b.weight": np.ones((5, 20), np.uint8)}


def test_shuffled_masks_keep_each_layers_count():
    mask = masks(0.4)
    shuffled = control_mask("shuffle", mask, WHOLE, 1)
    assert counts(shuffled) == counts(mask)
    assert any(not np.array_equal(shuffled[name], mask[name]) for name in mask)
    assert all(
        np.array_equal(a, b)
        for a, b in zip(*(control_mask("shuffle", mask, WHOLE, 1).values() for _ in "ab"), strict=True)
    )


def test_random_masks_are_nested_with_each_layers_count():
    first = control_mask("random", masks(0.6, seed=1), WHOLE, 1)
    second = control_mask("random", masks(0.2, seed=2), first, 2)
    assert counts(first) == counts(masks(0.6, seed=1))
    assert counts(second) == counts(masks(0.2, seed=2))
    assert all((second[name] <= first[name]).all() for name in first)


def test_reinitialised_masks_are_the_same_and_longer_training_keeps_all():
    mask = masks(0.4)
    same = control_mask("reinitialise", mask, WHOLE, 1)
    assert all(np.array_equal(same[name], mask[name]) and same[name] is not mask[name] for name in mask)
    for control in ("extra_training", "data_order"):
        assert counts(control_mask(control, mask, WHOLE, 1)) == {"a.weight": 54, "b.weight": 100}


def checked(text):
    return check_config({"methods": {"imp": {}, **yaml.safe_load(text)}}, SCHEMA)


def test_a_control_has_the_settings_of_its_method():
    config = checked(
        "{lottery: {rewind: {epoch: 2}, fraction: 0.5}, c: {control: shuffle, of: lottery}, "
        "r: {control: reinitialise, of: lottery}}"
    )
    lottery = config["methods"]["lottery"]
    assert config["methods"]["c"] == {**lottery, "control": "shuffle", "of": "lottery"}
    assert config["methods"]["r"] == {**lottery, "control": "reinitialise", "of": "lottery", "rewind": "init"}
    assert check_config(config, SCHEMA) == config


def test_what_is_left_open_follows_from_the_criterion():
    config = checked(
        "{snip: {criterion: snip, density: [0.5, 0.1]}, order: {control: data_order}, shot: {density: 0.2}}"
    )
    found = {name: (one["rewind"], one["from"]) for name, one in config["methods"].items()}
    assert found == {
        "imp": ("lr", "previous"),
        "snip": ("init", "dense"),
        "order": ("init", "previous"),
        "shot": ("lr", "previous"),
    }
    assert methods.method_rounds(config) == {"imp": 10, "snip": 2, "order": 1, "shot": 1}


def test_files_that_a_round_starts_from():
    config = checked(
        "{snip: {criterion: snip, density: [0.5, 0.1]}, anew: {from: dense, rewind: none}, "
        "late: {rewind: {step: 5}}, r: {control: reinitialise, of: snip}, s: {control: shuffle, of: imp}}"
    )

    def files(name, round_):
        settings = config["methods"][name]
        makers = (methods.ranked, methods.mask_before, methods.scores, methods.other_mask, methods.start)
        return [make(3, name, settings, round_) for make in makers]

    initial, dense = "rep3/dense/initial.safetensors", "rep3/dense/weights.safetensors"
    assert files("imp", 1) == [dense, None, None, None, dense]
    before = "rep3/imp/round01"
    assert files("imp", 2) == [
        f"{before}/weights.safetensors",
        f"{before}/mask.safetensors",
        None,
        None,
        f"{before}/weights.safetensors",
    ]
    assert files("snip", 2) == [initial, None, "rep3/snip/round02/scores.safetensors", None, initial]
    assert files("anew", 2) == [dense, None, None, None, dense]
    assert files("late", 2)[-1] == "rep3/dense/rewind_step5.safetensors"
    assert files("r", 2) == [initial, None, None, "rep3/snip/round02/mask.safetensors", "rep3/r/initial.safetensors"]
    assert files("s", 2)[3:] == ["rep3/imp/round02/mask.safetensors", "rep3/s/round01/weights.safetensors"]


def test_jobs_of_methods_with_rounds_of_their_own():
    config = checked("{snip: {criterion: snip, density: [0.5, 0.1]}, r: {control: reinitialise, of: snip}}")
    growth = {"methods": config["methods"], "rounds": methods.method_rounds({**config, "rounds": 1}), "replicates": 1}
    jobs = paths.jobs(families=["rounds"], layers=["x"], **growth)
    assert jobs == [
        "networks/rep0/dense",
        "networks/rep0/r/initial",
        *("networks/rep0/imp/prune01", "networks/rep0/imp/round01"),
        *(f"networks/rep0/r/{job}{k:02d}" for k in (1, 2) for job in ("prune", "round")),
        *(f"networks/rep0/snip/{job}{k:02d}" for k in (1, 2) for job in ("score", "prune", "round")),
        "activations/rep0/dense",
        "activations/rep0/imp/round01",
        *(f"activations/rep0/{name}/round{k:02d}" for name in ("r", "snip") for k in (1, 2)),
        "comparisons/rounds/rep0/imp/round01/x",
        *(f"comparisons/rounds/rep0/{name}/round{k:02d}/x" for name in ("r", "snip") for k in (1, 2)),
    ]
    made = {
        f"networks/{paths.job_of(file)}"
        for name, one in config["methods"].items()
        for k in (1, 2)
        for make in (methods.ranked, methods.mask_before, methods.scores, methods.other_mask, methods.start)
        if name != "imp" and (file := make(0, name, one, k))
    }
    assert made <= {*jobs}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "{c: {control: shuffle, of: impp}}",
            "methods.c.of is 'impp', which is no method (did you mean imp?); there are imp.",
        ),
        ("{c: {control: shuffle}}", "methods.c.of is null; shuffle needs the method that it is a control of."),
        ("{c: {of: imp}}", "methods.c.of is 'imp', but c is no control; say which with control, or leave it out."),
        (
            "{c: {control: data_order, of: imp}}",
            "methods.c.of is 'imp'; data_order is a control of the dense training, so leave it out.",
        ),
        (
            "{c: {control: shuffle, of: imp}, d: {control: shuffle, of: c}}",
            "methods.d.of is c, which is a control itself; name the method that prunes.",
        ),
        (
            "{c: {control: shuffle, of: imp, fraction: 0.5}}",
            "methods.c.fraction is 0.5, but a control has the settings of its method; set it at methods.imp.fraction.",
        ),
        (
            "{c: {criterion: snip, rewind: lr}}",
            "methods.c.rewind is lr, but snip ranks the initial weights, so training must start "
            "from them; leave it out, or write init.",
        ),
        ("{c: {density: [0.2, 0.5]}}", "methods.c.density is [0.2, 0.5]; the densities must fall from round to round."),
        (
            "{c: {density: 0}}",
            "methods.c.density is 0; it must be a number above 0 and of at most 1, a falling list "
            "of these, {layer: density} or null.",
        ),
        (
            "{c: {density: {conv1: 0.5}, scope: erk}}",
            "methods.c.density is told layer by layer; scope erk would give them other densities.",
        ),
    ],
)
def test_refused_in_these_words(text, sentence):
    with pytest.raises(PrunesimError) as caught:
        checked(text)
    assert str(caught.value) == sentence
