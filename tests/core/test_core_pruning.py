"""Which weights go: exact counts, nesting, ties, scopes, criteria, and refusals."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from core_study import PRUNING, everything_below, same_bytes
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import prunesim
from prunesim.cli import main
from prunesim.errors import PrunesimError
from prunesim.pruning.criteria import CRITERIA, check_finite, prune, select_tensors
from prunesim.pruning.masks import apply_mask, check_mask
from prunesim.storage.arrays import layer_of, load_tensors, save_tensors
from prunesim.study.seeds import derive_seed

KINDS = {"features.0.weight": "conv", "features.3.weight": "conv", "fc1.weight": "linear", "logits.weight": "linear"}


def some_weights(seed=0):
    rng = np.random.default_rng(seed)
    shapes = {"a.weight": (4, 3, 3, 3), "b.weight": (5, 7), "c.weight": (1, 13)}
    scales = {"a.weight": 1.0, "b.weight": 0.2, "c.weight": 5.0}
    return {name: (scales[name] * rng.normal(size=shape)).astype(np.float32) for name, shape in shapes.items()}


def ones(weights):
    return {name: np.ones(array.shape, np.uint8) for name, array in weights.items()}


def call(weights, mask, **changes):
    options = {"fraction": 0.2, "scope": "global", "criterion": "magnitude", "seed": 0, **changes}
    return prune(weights, mask, **options)


def left(mask):
    return sum(int(kept.sum()) for kept in mask.values())


# counts

MASKED = st.dictionaries(
    st.sampled_from(["a.weight", "b.weight", "c.weight"]),
    hnp.array_shapes(min_dims=1, max_dims=4, max_side=5).flatmap(
        lambda shape: st.tuples(
            # Few different values, so that ties are common.
            hnp.arrays(np.float32, shape, elements=st.sampled_from([-2.0, -1.0, -0.0, 0.0, 0.5, 1.0, 1.5])),
            hnp.arrays(np.uint8, shape, elements=st.integers(0, 1)),
        )
    ),
    min_size=1,
)


@settings(max_examples=150, deadline=None)
@given(MASKED, st.floats(0, 1), st.sampled_from(["global", "layer"]), st.sampled_from(list(CRITERIA)))
def test_counts_are_exact_and_masks_nested(tensors, fraction, scope, criterion):
    weights = {name: pair[0] for name, pair in tensors.items()}
    mask = {name: pair[1] for name, pair in tensors.items()}
    before = {name: kept.copy() for name, kept in mask.items()}
    new = call(weights, mask, fraction=fraction, scope=scope, criterion=criterion)
    assert same_bytes(mask, before)
    assert list(new) == list(mask)
    for name, kept in new.items():
        assert kept.dtype == np.uint8
        assert kept.shape == weights[name].shape
        assert (kept <= mask[name]).all()
    groups = [list(mask)] if scope == "global" else [[name] for name in mask]
    for names in groups:
        remaining = sum(int(mask[name].sum()) for name in names)
        assert sum(int(new[name].sum()) for name in names) == remaining - round(fraction * remaining)
        if criterion == "magnitude":
            kept = np.concatenate([np.abs(weights[name][new[name] == 1]) for name in names])
            gone = np.concatenate([np.abs(weights[name][(mask[name] == 1) & (new[name] == 0)]) for name in names])
            assert not kept.size or not gone.size or gone.max() <= kept.min()


@settings(max_examples=50, deadline=None)
@given(MASKED, st.floats(0, 1))
def test_ties_go_in_the_order_of_name_and_index(tensors, fraction):
    """Against sorting (score, tensor, index) in plain Python."""
    weights = {name: pair[0] for name, pair in tensors.items()}
    mask = {name: pair[1] for name, pair in tensors.items()}
    order = sorted(
        (abs(float(value)), name, index)
        for name, array in weights.items()
        for index, value in enumerate(array.ravel())
        if mask[name].ravel()[index]
    )
    expected = {name: kept.copy() for name, kept in mask.items()}
    for _, name, index in order[: round(fraction * len(order))]:
        expected[name].ravel()[index] = 0
    assert same_bytes(call(weights, mask, fraction=fraction), expected)


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_ten_rounds(scope):
    weights, counts = some_weights(), []
    mask = ones(weights)
    for round_ in range(10):
        new = call(weights, mask, scope=scope)
        assert all((new[name] <= mask[name]).all() for name in mask)
        mask = new
        weights = apply_mask(some_weights(round_), mask)
        counts.append(left(mask))
    if scope == "global":
        by_hand = [156]  # 108 + 35 + 13
        for _ in range(10):
            by_hand.append(by_hand[-1] - round(0.2 * by_hand[-1]))
        assert counts == by_hand[1:]
        assert counts[:3] == [125, 100, 80]


def test_fraction_0_keeps_and_fraction_1_removes_everything():
    weights = some_weights()
    for scope in ("global", "layer"):
        assert same_bytes(call(weights, ones(weights), fraction=0.0, scope=scope), ones(weights))
        assert left(call(weights, ones(weights), fraction=1.0, scope=scope)) == 0
        nothing = {name: np.zeros_like(kept) for name, kept in ones(weights).items()}
        assert same_bytes(call(weights, nothing, scope=scope), nothing)


def test_half_a_weight_rounds_to_even():
    weights = {"a.weight": np.arange(1, 6, dtype=np.float32)}
    assert [left(call(weights, ones(weights), fraction=f)) for f in (0.09, 0.1, 0.11, 0.3, 0.5, 0.7)] == [
        5,
        5,
        4,
        3,
        3,
        1,
    ]


def test_global_and_layer_differ_where_the_layers_do():
    weights = some_weights()
    together, apart = (call(weights, ones(weights), scope=scope, fraction=0.5) for scope in ("global", "layer"))
    assert [int(kept.sum()) for kept in apart.values()] == [54, 35 - 18, 13 - 6]
    assert together["b.weight"].mean() < 0.2  # the small weights
    assert together["c.weight"].mean() > 0.8


def test_only_remaining_weights_count():
    # A pruned weight is zero, the smallest of all, but it must not fill the quota again.
    weights = {"a.weight": np.array([0.0, 0.0, 3.0, 2.0, 1.0, 4.0], np.float32)}
    mask = {"a.weight": np.array([0, 0, 1, 1, 1, 1], np.uint8)}
    assert call(weights, mask, fraction=0.25)["a.weight"].tolist() == [0, 0, 1, 1, 0, 1]


def test_other_tensors_have_no_part():
    weights = some_weights()
    mask = {name: kept for name, kept in ones(weights).items() if name != "b.weight"}
    assert list(call(weights, mask)) == ["a.weight", "c.weight"]
    assert left(call(weights, mask)) == 121 - round(0.2 * 121)


# the random criterion


def test_random_pruning_is_seeded_and_ignores_the_weights():
    weights = some_weights()
    first, again, other = (call(weights, ones(weights), criterion="random", seed=s) for s in (1, 1, 2))
    assert same_bytes(first, again)
    assert not same_bytes(first, other)
    assert same_bytes(call(some_weights(9), ones(weights), criterion="random", seed=1), first)
    assert not same_bytes(call(weights, ones(weights), seed=1), first)


def test_random_pruning_does_not_depend_on_the_order_of_the_mask():
    weights = some_weights()
    backwards = dict(reversed(ones(weights).items()))
    expected = call(weights, ones(weights), criterion="random", seed=1)
    found = call(weights, backwards, criterion="random", seed=1)
    assert same_bytes({name: found[name] for name in expected}, expected)


def test_random_pruning_takes_all_layers_alike():
    weights = {"a.weight": np.ones((100, 100), np.float32), "b.weight": np.full((100, 100), 9, np.float32)}
    mask = call(weights, ones(weights), criterion="random", fraction=0.3)
    assert left(mask) == 14_000
    assert mask["a.weight"].mean() == pytest.approx(0.7, abs=0.02)


# selection


def test_selection_by_type_and_exclusion():
    assert select_tensors(KINDS, ["conv", "linear"], []) == sorted(KINDS)
    assert select_tensors(KINDS, ["conv"], []) == ["features.0.weight", "features.3.weight"]
    assert select_tensors(KINDS, ["conv", "linear"], ["logits"]) == sorted(KINDS)[:3]
    assert select_tensors(KINDS, ["conv", "linear"], ["features.*"]) == ["fc1.weight", "logits.weight"]
    patterns = ["features.0", "?c1", "log[aeiou]ts"]
    assert select_tensors(KINDS, ["conv", "linear"], patterns) == ["features.3.weight"]
    assert select_tensors({"weight": "linear"}, ["linear"], []) == ["weight"]
    assert layer_of("features.0.weight") == "features.0"


@pytest.mark.parametrize("pattern", ["Logits", "logits.weight", "feature", "fc"])
def test_exclusions_that_match_nothing_are_refused(pattern):
    with pytest.raises(PrunesimError, match=f"'{pattern}' matches no layer .* fc1, features.0, features.3, logits"):
        select_tensors(KINDS, ["conv"], [pattern])


def test_nothing_to_prune_is_refused():
    with pytest.raises(PrunesimError, match="leave nothing to prune"):
        select_tensors(KINDS, ["conv"], ["features.*"])


# masks


def test_masked_weights_are_positive_zeros_and_others_are_passed_on():
    weights = {"a.weight": np.array([-1.5, -0.0, np.nan, 2.0], np.float32), "a.bias": np.ones(1, np.float32)}
    masked = apply_mask(weights, {"a.weight": np.array([0, 0, 0, 1], np.uint8)})
    assert masked["a.weight"].tobytes() == np.array([0, 0, 0, 2], np.float32).tobytes()
    assert masked["a.weight"].dtype == np.float32
    assert masked["a.bias"] is weights["a.bias"]
    assert weights["a.weight"][0] == -1.5


@pytest.mark.parametrize(
    ("changed", "pattern"),
    [
        ({"d.weight": np.ones(3, np.uint8)}, "for a tensor 'd.weight' that the network does not have"),
        ({"b.weight": np.ones((7, 5), np.uint8)}, r"'b.weight' has shape \(7, 5\), but the weights have \(5, 7\)"),
        ({"b.weight": np.ones((5, 7), bool)}, "'b.weight' must be uint8 and hold only 0 and 1"),
        ({"b.weight": np.ones((5, 7), np.float32)}, "'b.weight' must be uint8"),
        ({"b.weight": np.full((5, 7), 2, np.uint8)}, "'b.weight' must be uint8"),
    ],
)
def test_masks_that_do_not_fit_are_refused(changed, pattern):
    weights = some_weights()
    check_mask(ones(weights), weights, "round01/mask.safetensors")
    with pytest.raises(PrunesimError, match=f"^round01/mask.safetensors: .*{pattern}"):
        check_mask(ones(weights) | changed, weights, "round01/mask.safetensors")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused(value):
    weights = some_weights()
    weights["b.weight"][1, 1] = value
    with pytest.raises(
        PrunesimError, match=r"^dense/weights.safetensors: the weights of 'b.weight' are not all finite"
    ):
        check_finite(weights, ones(weights), "dense/weights.safetensors")
    check_finite(weights, ["a.weight", "c.weight"], "dense/weights.safetensors")


# the command


@pytest.fixture
def network(tmp_path):
    """The file of a network with two prunable layers."""
    rng = np.random.default_rng(0)
    shapes = {"conv1.weight": (4, 1, 3, 3), "conv1.bias": (4,), "bn1.weight": (4,), "logits.weight": (3, 9)}
    weights = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    save_tensors(
        tmp_path / "weights.safetensors", weights, {"kinds": {"conv1.weight": "conv", "logits.weight": "linear"}}
    )
    return tmp_path / "weights.safetensors"


def command(weights, round_=1, mask=None, replicate=0, **changes):
    told = json.dumps({"seed": 7, **PRUNING, **changes})
    output = weights.parent / f"round{round_:02d}" / "mask.safetensors"
    arguments = ["prune", "--settings", told, "--weights", weights, "--replicate", replicate, "--round", round_]
    arguments += ["--output", output, *(["--mask", mask] if mask else [])]
    return main([str(argument) for argument in arguments]), output


def test_the_command_prunes_round_after_round(network, capsys):
    weights, _ = load_tensors(network)
    status, first = command(network)
    assert status == 0
    assert "conv1: " in capsys.readouterr().out
    masks, metadata = load_tensors(first)
    assert metadata["settings"]["fraction"] == 0.2
    assert list(masks) == ["conv1.weight", "logits.weight"]
    expected = call(weights, ones({name: weights[name] for name in masks}))
    assert same_bytes(masks, expected)
    assert left(masks) == 63 - 13
    status, second = command(network, 2, first)
    assert status == 0
    assert same_bytes(load_tensors(second)[0], call(weights, masks))


def test_the_command_excludes(network):
    status, output = command(network, exclude=["logits"])
    assert status == 0
    assert {name: int(kept.sum()) for name, kept in load_tensors(output)[0].items()} == {"conv1.weight": 36 - 7}


def test_the_random_criterion_differs_between_rounds_and_replicates(network):
    masks = []
    for replicate, round_ in ((0, 1), (0, 1), (0, 2), (1, 1)):
        status, output = command(network, round_, replicate=replicate, criterion="random")
        assert status == 0
        masks.append(output.read_bytes())
    assert masks[0] == masks[1]
    assert len(set(masks)) == 3
    weights, _ = load_tensors(network)
    mask = ones({name: weights[name] for name in ("conv1.weight", "logits.weight")})
    expected = call(weights, mask, criterion="random", seed=derive_seed(7, "prune", 1, 1))
    assert same_bytes(load_tensors(network.parent / "round01" / "mask.safetensors")[0], expected)


def test_an_empty_layer_is_announced(network, capsys):
    assert command(network, fraction=1.0)[0] == 0
    assert "warning: nothing is left of conv1" in capsys.readouterr().out


def refused(capsys, network, *parts, **options):
    before = everything_below(network.parent)
    status, output = command(network, 2, **options)
    assert status == 2
    assert not output.exists()
    assert everything_below(network.parent) == before
    sentence = capsys.readouterr().err
    assert sentence.startswith("prunesim prune: ")
    assert sentence.count("\n") == 1
    for part in parts:
        assert part in sentence


def test_bad_masks_are_refused_with_their_path(network, capsys):
    path = network.parent / "mask.safetensors"
    good = {"conv1.weight": np.ones((4, 1, 3, 3), np.uint8), "logits.weight": np.ones((3, 9), np.uint8)}
    for bad, part in [
        (good | {"other.weight": np.ones(1, np.uint8)}, "'other.weight'"),
        (good | {"logits.weight": np.ones((9, 3), np.uint8)}, "(9, 3)"),
        (good | {"logits.weight": np.ones((3, 9), np.float32)}, "uint8"),
        (good | {"logits.weight": np.full((3, 9), 3, np.uint8)}, "only 0 and 1"),
        ({"conv1.weight": good["conv1.weight"]}, "'logits.weight'"),
        ({}, "'conv1.weight'"),
    ]:
        save_tensors(path, bad, {})
        refused(capsys, network, str(path), part, mask=path)
    path.write_bytes(path.read_bytes()[:-3])
    refused(capsys, network, str(path), "not a readable safetensors file", mask=path)
    path.unlink()
    refused(capsys, network, str(path), "does not exist", mask=path)


def test_bad_weights_are_refused_with_their_path(network, capsys):
    weights, metadata = load_tensors(network)
    save_tensors(network, weights | {"conv1.weight": np.full((4, 1, 3, 3), np.nan, np.float32)}, metadata)
    refused(capsys, network, str(network), "'conv1.weight' are not all finite")
    save_tensors(network, weights, {})
    refused(capsys, network, str(network), "does not say which")
    network.unlink()
    refused(capsys, network, str(network), "does not exist")


def test_torch_is_not_imported(network):
    code = (
        "import sys, json; from prunesim.cli import main; status = main(sys.argv[1:]);"
        "print(status, [name for name in ('torch', 'scipy', 'pandas') if name in sys.modules])"
    )
    arguments = ["prune", "--settings", json.dumps({"seed": 1, **PRUNING}), "--weights", str(network)]
    arguments += ["--replicate", "0", "--round", "1", "--output", str(network.parent / "m.safetensors")]
    environment = {"PYTHONPATH": str(Path(prunesim.__file__).parents[1])}
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, env=environment
    )
    assert result.stdout.splitlines()[-1] == "0 []"
