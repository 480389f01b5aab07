"""Derived seeds are part of the results: a changed value would change every study."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunesim.study.seeds import ROLES, derive_seed

FROZEN = {
    (2020, "init", 0): 7110041134909929327,
    (2020, "init", 1): 4674613663778495358,
    (2020, "order", 0, 0, 0): 6096921128356997502,
    (2020, "augment", 2, 10, 19): 3553998727771926318,
    (2020, "prune", 0, 1): 8239278600353769033,
    (2020, "positions", "relu1"): 3102935392463288770,
    (2020, "images"): 8888213951133844096,
    (0, "validation"): 9194132985843379211,
    (0, "subset", "train"): 3181591864556181650,
    (-1, "null"): 5556295754939884237,
}


@pytest.mark.parametrize(("arguments", "seed"), FROZEN.items())
def test_seeds_are_frozen(arguments, seed):
    assert derive_seed(*arguments) == seed


def test_the_roles_of_the_contract_exist():
    assert {"init", "order", "augment", "prune", "positions", "null"} <= set(ROLES)


def test_unknown_roles_are_refused():
    with pytest.raises(ValueError, match="role 'weights' is not one of init"):
        derive_seed(0, "weights")


def test_everything_counts():
    calls = [
        (0, "init"),
        (1, "init"),
        (0, "order"),
        (0, "init", 0),
        (0, "init", 1),
        (0, "init", 0, 1),
        (0, "init", 1, 0),
    ]
    calls += [(0, "order", 11), (0, "order", 1, 1), (1, "order", 1), (11, "order"), (0, "positions", "relu1")]
    assert len({derive_seed(*call) for call in calls}) == len(calls)


@given(st.integers(), st.sampled_from(ROLES), st.lists(st.integers(0, 1000) | st.text(max_size=5), max_size=3))
def test_seeds_fit_torch_and_numpy(study_seed, role, indices):
    seed = derive_seed(study_seed, role, *indices)
    assert 0 <= seed < 2**63
    assert seed == derive_seed(study_seed, role, *indices)
