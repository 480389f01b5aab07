"""Networks of many neurons are decomposed by quicker ways, and with the same result."""

import threading

import numpy as np
import pytest

from prunesim.similarity import MEASURES, compare_pairs
from prunesim.similarity import statistics as statistics_module
from prunesim.similarity.statistics import Network
from prunesim.similarity.threads import spread

from .data import related

LINEAR = [name for name, measure in MEASURES.items() if measure.kind == "linear"]
LIMITS = ("ci_low", "ci_high")


def changed(x, how):
    """Return activations that have what makes layers hard."""
    if how == "dead neurons":
        return np.column_stack([x, np.zeros(len(x)), np.full(len(x), 3.0)])
    if how == "the same neuron twice":
        return np.column_stack([x, x[:, 0]])
    if how == "nearly the same neuron twice":
        return np.column_stack([x, x[:, 0] + 1e-7 * x[:, 1]])
    return x * {"units": np.geomspace(1e-6, 1e6, x.shape[1])}.get(how, 1)


@pytest.mark.parametrize("ends", [(0, 1), (1, 0), (0, 0)])
@pytest.mark.parametrize(
    "how", ["as it is", "units", "dead neurons", "the same neuron twice", "nearly the same neuron twice"]
)
def test_wide_networks_have_the_values_and_intervals_of_others(monkeypatch, how, ends):
    x, y = related(n=900, p=12, q=15)
    matrices = [changed(x, how), y]
    plain = compare_pairs(matrices, [ends], LINEAR, blocks=10, draws=2)
    monkeypatch.setattr(statistics_module, "WIDE", 2)
    for before, after in zip(plain, compare_pairs(matrices, [ends], LINEAR, blocks=10, draws=2), strict=True):
        # Directions of a millionth of the variance keep half of their digits.
        assert after["value"] == pytest.approx(before["value"], abs=1e-7)
        assert after["null"] == pytest.approx(before["null"], abs=1e-7)
        assert [after[key] for key in LIMITS] == pytest.approx([before[key] for key in LIMITS], abs=1e-5)
        assert {key: after[key] for key in ("rank_a", "rank_b", "note")} == {
            key: before[key] for key in ("rank_a", "rank_b", "note")
        }


@pytest.mark.parametrize(
    ("how", "triangular"),
    [
        ("as it is", True),
        ("units", True),
        ("dead neurons", True),
        ("the same neuron twice", False),
        ("nearly the same neuron twice", False),
    ],
)
def test_a_triangle_whitens_unless_directions_may_be_lost(monkeypatch, how, triangular):
    monkeypatch.setattr(statistics_module, "WIDE", 2)
    x = changed(related(n=300)[0], how)
    features = np.column_stack([x, np.ones(len(x))])
    network = Network((features.T @ features)[None], np.zeros(x.shape[1]))
    assert (network._triangular_whitening() is not None) == triangular
    whitening, comoment = network.whitening[0], network.comoment[0]
    kept = np.abs(whitening).max(axis=0) > 0
    assert network.rank[0] == kept.sum() == np.linalg.matrix_rank(np.corrcoef(x[:, network.live[0]].T), hermitian=True)
    assert whitening.T @ comoment @ whitening == pytest.approx(np.diag(kept.astype(float)), abs=1e-4)
    assert network.loading[0] == pytest.approx(whitening.T @ comoment, rel=1e-6, abs=1e-6 * np.abs(comoment).max())


def test_threads_do_not_start_threads(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")

    def name(_):
        return threading.current_thread().name

    within = spread(lambda item: (name(item), spread(name, range(3))), range(4))
    assert all(outer != threading.current_thread().name for outer, _ in within)
    assert all(inner == [outer] * 3 for outer, inner in within)
