"""Scores by hand, exact counts, nested masks, and which tensors a pruned filter leaves 0 in."""

import itertools

import numpy as np
import pytest

from prunesim.errors import PrunesimError
from prunesim.pruning.filters import FILTER_CRITERIA, prune_filters, remaining_filters, select_groups


def tensor(name, axis, role, index):
    return {"name": name, "axis": axis, "role": role, "index": index}


def group(name, filters, *tensors, why=None):
    return {"name": name, "filters": filters, "why": why, "keeps_zero": True, "tensors": list(tensors)}


# a (3 filters, normalised) is read by b; b (2 filters) is tied to c, and both are read by d, at two places each.
A = group(
    *("a", 3, tensor("a.weight", 0, "filter", [0, 1, 2]), tensor("a.bias", 0, "bias", [0, 1, 2])),
    *(tensor("n.weight", 0, "scale", [0, 1, 2]), tensor("n.bias", 0, "shift", [0, 1, 2])),
    *(tensor("n.running_mean", 0, "statistics", [0, 1, 2]), tensor("b.weight", 1, "input", [0, 1, 2])),
)
B = group(
    *("b", 2, tensor("b.weight", 0, "filter", [0, 1]), tensor("c.weight", 0, "filter", [1, 0])),
    tensor("d.weight", 1, "input", [0, 2, 1, 3]),
)
D = group("d", 2, tensor("d.weight", 0, "filter", [0, 1]), why="they are the answers of the network")
COUPLING = [A, B, D]
NAMES = {"a.weight", "b.weight", "c.weight", "d.weight"}
WEIGHTS = {
    "a.weight": np.array([[[[1.0]], [[-2.0]]], [[[0.5]], [[0.5]]], [[[-3.0]], [[0.0]]]], np.float32),
    "a.bias": np.array([9.0, 9.0, 9.0], np.float32),
    "n.weight": np.array([0.5, -4.0, 0.1], np.float32),
    "n.bias": np.array([0.0, 1.0, 2.0], np.float32),
    "n.running_mean": np.array([1.0, 1.0, 1.0], np.float32),
    "b.weight": np.array([[1.0, 1.0, 1.0], [2.0, 0.0, 0.0]], np.float32),
    "c.weight": np.array([[-4.0], [1.0]], np.float32),
    "d.weight": np.arange(8, dtype=np.float32).reshape(2, 4),
}


def prune(mask=None, coupling=COUPLING, names=NAMES, scope="layer", criterion="l1", seed=0, **how):
    return prune_filters(WEIGHTS, mask or {}, coupling, names=names, scope=scope, criterion=criterion, seed=seed, **how)


def wide(*sizes, seed=0):
    """Return weights and coupling of a chain of layers of so many filters."""
    rng = np.random.default_rng(seed)
    sizes = [3, *sizes, 2]
    weights = {f"l{i}.weight": rng.standard_normal((b, a)) for i, (a, b) in enumerate(itertools.pairwise(sizes))}
    coupling = [
        group(
            *(f"l{i}", size, tensor(f"l{i}.weight", 0, "filter", list(range(size)))),
            tensor(f"l{i + 1}.weight", 1, "input", list(range(size))),
        )
        for i, size in enumerate(sizes[1:-1])
    ]
    return weights, coupling


def test_scores_by_hand():
    rng = np.random.default_rng(0)
    scores = {
        name: [score(WEIGHTS, one, rng).tolist() for one in (A, B)]
        for name, score in FILTER_CRITERIA.items()
        if name != "bn_scale"
    }
    assert scores["l1"] == [[3, 1, 3], [3 + 1, 2 + 4]]  # filter 0 of b is tied to filter 1 of c
    assert np.allclose(scores["l2"][0], np.sqrt([5, 0.5, 9]))
    assert np.allclose(scores["l2"][1], np.sqrt([3 + 1, 4 + 16]))
    assert np.allclose(FILTER_CRITERIA["bn_scale"](WEIGHTS, A, rng), [0.5, 4, 0.1])
    assert all(0 <= score < 1 for score in scores["random"][0])


def test_a_filter_goes_from_everything_that_it_is_made_of_and_read_by():
    mask, notes = prune(fraction=0.4)
    assert notes == []
    assert set(mask) == set(WEIGHTS) - {"n.running_mean"}
    assert all(kept.dtype == np.uint8 and kept.shape == WEIGHTS[name].shape for name, kept in mask.items())
    # Filter 1 of a is the smallest, and filter 0 of b with filter 1 of c.
    assert mask["a.weight"][:, :, 0, 0].tolist() == [[1, 1], [0, 0], [1, 1]]
    assert mask["a.bias"].tolist() == mask["n.weight"].tolist() == mask["n.bias"].tolist() == [1, 0, 1]
    assert mask["b.weight"].tolist() == [[0, 0, 0], [1, 0, 1]]
    assert mask["c.weight"].tolist() == [[1], [0]]
    assert mask["d.weight"].tolist() == [[0, 1, 0, 1], [0, 1, 0, 1]]


def test_the_criterion_decides():
    only_a = {"names": {"a.weight"}, "fraction": 0.4}
    assert prune(criterion="l1", **only_a)[0]["a.bias"].tolist() == [1, 0, 1]
    assert prune(criterion="bn_scale", **only_a)[0]["a.bias"].tolist() == [1, 1, 0]


@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize("criterion", ["l1", "l2", "random"])
def test_counts_are_exact_and_masks_nested(scope, criterion):
    weights, coupling = wide(17, 30, 9)
    mask, before = {}, [np.ones(one["filters"], bool) for one in coupling]
    for round_ in range(6):
        mask, _ = prune_filters(
            *(weights, mask, coupling), names=weights, fraction=0.2, scope=scope, criterion=criterion, seed=round_
        )
        kept = remaining_filters(mask, coupling)
        assert all(not (now & ~then).any() and now.any() for now, then in zip(kept, before, strict=True))
        if scope == "global":
            total = sum(int(then.sum()) for then in before)
            assert sum(int(now.sum()) for now in kept) == total - round(0.2 * total)
        else:
            expected = [int(then.sum()) - round(0.2 * int(then.sum())) for then in before]
            assert [int(now.sum()) for now in kept] == expected
        before = kept


def test_the_given_mask_is_not_changed():
    first, _ = prune(fraction=0.4)
    copied = {name: kept.copy() for name, kept in first.items()}
    prune(mask=first, names={"a.weight"}, fraction=0.4)
    assert all(np.array_equal(kept, copied[name]) for name, kept in first.items())


def test_equal_scores_go_in_order():
    weights, coupling = wide(4, 4)
    weights = {name: np.ones_like(array) for name, array in weights.items()}
    weights["l1.weight"] = weights["l1.weight"] * 3 / 4  # the sums are the same
    mask, _ = prune_filters(
        weights, {}, coupling, names=weights, fraction=3 / 8, scope="global", criterion="l1", seed=0
    )
    assert [kept.tolist() for kept in remaining_filters(mask, coupling)] == [[False, False, False, True], [True] * 4]


def test_one_filter_of_a_layer_stays_and_others_go_instead():
    weights, coupling = wide(3, 9)
    weights["l0.weight"] *= 1e-6  # the first to go, all three
    mask, notes = prune_filters(
        weights, {}, coupling, names=weights, fraction=0.5, scope="global", criterion="l1", seed=0
    )
    best = int(np.abs(weights["l0.weight"]).sum(1).argmax())
    first, second = remaining_filters(mask, coupling)
    assert np.flatnonzero(first).tolist() == [best]
    assert second.sum() == 9 - 4
    assert notes == ["l0 keeps its best filter, or nothing would be left of it"]
    mask, notes = prune_filters(
        weights, mask, coupling, names=weights, fraction=1.0, scope="layer", criterion="l1", seed=0
    )
    assert [int(kept.sum()) for kept in remaining_filters(mask, coupling)] == [1, 1]
    assert [note.split()[0] for note in notes] == ["l0", "l1"]


def test_random_masks_depend_on_the_seed_alone():
    weights, coupling = wide(40, 40)
    made = [
        prune_filters(
            weights, {}, coupling, names=weights, fraction=0.5, scope="global", criterion="random", seed=seed
        )[0]
        for seed in (1, 1, 2)
    ]
    same = [all(np.array_equal(made[0][name], other[name]) for name in weights) for other in made[1:]]
    assert same == [True, False]


def test_tied_filters_are_left_alone_where_one_layer_is():
    assert [one["name"] for one in select_groups(COUPLING, NAMES)] == ["a", "b"]
    assert [one["name"] for one in select_groups(COUPLING, NAMES - {"c.weight"})] == ["a"]
    mask, _ = prune(names={"a.weight"}, fraction=0.4)
    assert set(mask) == {"a.weight", "a.bias", "n.weight", "n.bias", "b.weight"}
    assert mask["b.weight"].tolist() == [[1, 0, 1], [1, 0, 1]]  # its filters stay, what they read of a goes


def test_what_cannot_be_pruned_is_refused_in_a_sentence():
    with pytest.raises(
        PrunesimError, match=r"those of a \(not selected\), b \(not selected\), d \(they are the answers"
    ):
        prune(names={"d.weight"}, fraction=0.4)
    with pytest.raises(
        PrunesimError, match="bn_scale: the filters of b have no normalisation with a scale; exclude it"
    ):
        prune(criterion="bn_scale", fraction=0.4)
    with pytest.raises(PrunesimError, match=r"density 0.2 leaves 1 of 5 filters, of which 5 are left in 2 group\(s\)"):
        prune(scope="global", density=0.2)
