"""A study of weights and chains from outside, through the real pipeline: tables, figures, claims, verify, reruns."""

import shutil

import pytest
import torch
from core.core_study import NETWORK
from pipeline.pipeline_runs import REPOSITORY, copy_all, copy_source, due, run, snakemake
from torch.nn.utils import prune

from prunesim.audit.verify import verify_study
from prunesim.networks.build import build_network
from prunesim.results.opened import open_study
from prunesim.storage.arrays import load_tensors, save_tensors

pytestmark = pytest.mark.slow

OVERLAY = """
study: outside
replicates: 1
rounds: 1
network: {weights: given/dense0.pth}
training: {epochs: 1}
chains:
  own:
    exclude: [logits]
    networks:
      - {dense: given/dense0.pth, rounds: [given/own0.pth]}
      - {dense: given/dense1.pth, rounds: [given/own1.pth]}
  shared:
    networks: [{rounds: [given/own0.pth, given/narrow.pth]}]
"""


def write_chain(folder):
    folder.mkdir()
    for seed in (0, 1):
        network = build_network({**NETWORK, "width": 4}, (1, 8, 8), 10, seed=seed)
        torch.save(network.state_dict(), folder / f"dense{seed}.pth")
        prune.global_unstructured(
            [(network.conv1, "weight"), (network.conv2, "weight")], prune.L1Unstructured, amount=0.5
        )
        torch.save(network.state_dict(), folder / f"own{seed}.pth")
    state = build_network({**NETWORK, "width": 4}, (1, 8, 8), 10, seed=0).state_dict()
    for name in ("conv1.weight", "conv1.bias", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"):
        state[name] = state[name][:3].clone()
    state["conv2.weight"] = state["conv2.weight"][:, :3].clone()
    torch.save(state, folder / "narrow.pth")


def make(clone):
    copy_source(REPOSITORY, clone)
    write_chain(clone / "given")
    run(clone, config=[OVERLAY])


@pytest.fixture
def clone(made_once, tmp_path):
    """Return a copy of a clone in which the study has run, for one test."""
    yield copy_all(made_once("chains from outside", make), tmp_path / "clone")
    shutil.rmtree(tmp_path)


def test_the_chains_stand_beside_the_method_everywhere(clone):
    assert due(clone, config=[OVERLAY]) == {}
    study = open_study(clone / "results/outside")
    rows = study.networks.set_index(["replicate", "method", "round"]).sort_index()
    assert list(rows.index) == sorted(
        [(0, "dense", 0), (0, "imp", 1)]
        + [(replicate, "own", round_) for replicate in (0, 1) for round_ in (0, 1)]
        + [(0, "shared", 1), (0, "shared", 2)]
    )
    assert rows.loc[(0, "own", 0), "density"] == 1
    assert (rows.drop(index=[(0, "imp", 1)])["epochs"] == 0).all()
    # conv1 lost 9 of its 36 weights, conv2 36 of its 144.
    layers = study.layers.set_index(["method", "round", "layer"])
    assert layers.loc[("shared", 2, "conv1"), "density"] == 0.75
    similarity = study.similarity
    first = similarity[(similarity["family"] == "rounds") & (similarity["round_a"] == 0)]
    assert set(zip(first["method_a"], first["method_b"], strict=True)) == {
        ("dense", "imp"),
        ("own", "own"),
        ("dense", "shared"),
    }
    assert set(similarity.loc[similarity["family"] == "replicates", "method_b"]) == {"own"}
    assert {claim.split("/")[1] for claim in study.claims["claim"]} == {"imp", "own", "shared"}
    assert len(list((clone / "results/outside/figures").glob("*.svg"))) == 9
    for key in rows.index:
        replicate, method, round_ = key
        network = study.network(replicate=replicate, method=method, round=round_)
        assert study.accuracy(network) == rows.loc[key, "test_accuracy"]


def test_verify_asks_what_must_hold_of_networks_from_outside(clone):
    study = clone / "results/outside"
    problems, counts = verify_study(study)
    assert problems == []
    assert counts["given networks"] == 7
    path = study / "networks/rep0/own/round01/weights.safetensors"
    weights, about = load_tensors(path)
    weights["conv1.weight"] = weights["conv1.weight"] + 1
    save_tensors(path, weights, about)
    problems, _ = verify_study(study)
    assert any("pruned weights of conv1.weight are not zero" in problem for problem in problems)


def test_another_file_reruns_what_reads_it_and_a_longer_list_only_what_is_new(clone):
    shutil.copyfile(clone / "given/own0.pth", clone / "given/own1.pth")
    found = due(clone, config=[OVERLAY])
    assert (found["check_given"], found["adopt_round"]) == (1, 1)
    assert not {"train_dense", "adopt_dense", "adopt_chain_dense", "retrain", "prune"} & set(found)


def test_a_longer_list_adopts_only_what_is_new(clone):
    longer = OVERLAY.replace(
        "[given/own0.pth, given/narrow.pth]", "[given/own0.pth, given/narrow.pth, given/narrow.pth]"
    )
    found = due(clone, config=[longer])
    assert (found["check_given"], found["adopt_round"], found["dump"]) == (1, 1, 1)
    assert not {"adopt_dense", "adopt_chain_dense", "retrain", "prune"} & set(found)


def test_a_missing_file_is_said_before_anything_runs(clone):
    shutil.rmtree(clone / "results/outside")
    (clone / "given/narrow.pth").unlink()
    status, printed = snakemake(clone, "--dry-run", config=[OVERLAY])
    assert status == 1
    assert "given/narrow.pth: no such file" in printed


def test_weights_that_do_not_fit_stop_before_anything_is_trained(clone):
    shutil.rmtree(clone / "results/outside")
    shutil.copyfile(clone / "given/narrow.pth", clone / "given/dense1.pth")
    # The check goes first; on more cores, sound files may be taken in beside it.
    status, _ = snakemake(clone, "--cores", "1", config=[OVERLAY])
    assert status == 1
    log = (clone / "results/outside/logs/networks/given.log").read_text()
    assert "given/dense1.pth is of another network: of another shape" in log
    assert not list((clone / "results/outside/networks").rglob("*.safetensors"))
