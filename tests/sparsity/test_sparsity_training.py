"""From files to files: networks that are trained to be sparse."""

import numpy as np
import pytest
from core.core_study import PRUNING, everything_below, same_bytes

import prunesim.training.run
from prunesim.commands import sparsify
from prunesim.errors import PrunesimError
from prunesim.pruning.masks import apply_mask
from prunesim.storage.arrays import load_metadata, load_tensors, save_tensors
from prunesim.storage.csvfiles import read_rows
from prunesim.storage.files import read_json, sha256_file
from prunesim.storage.histories import HISTORY, SPARSE_HISTORY
from prunesim.study.closure import source_files
from prunesim.study.seeds import derive_seed
from prunesim.training import loop
from prunesim.training.sparsity import admm_training, train_sparse

FILES = ["history.csv", "metrics.json", "weights.safetensors"]
STEPS = 4  # 64 training images in batches of 16
ADMM = {"rho": 0.05, "iterations": 4, "epochs": 2, "optimizer": "adam", "learning_rate": 0.003, "tolerance": 0.5}
KINDS = {"l1": {"l1": 0.01}, "bn_scale": {"bn_scale": 0.01, "gamma_init": 0.5}}


def numbers(folder, column):
    return [float(row[column]) for row in read_rows(folder / "history.csv", SPARSE_HISTORY) if row[column]]


def weights_of(folder):
    return load_tensors(folder / "weights.safetensors")[0]


def same_files(one, other):
    """Whether two networks have the same bytes, the seconds they took left out."""
    for file in ("weights.safetensors", "history.csv"):
        assert (one / file).read_bytes() == (other / file).read_bytes()
    assert {**read_json(one / "metrics.json"), "seconds": 0} == {**read_json(other / "metrics.json"), "seconds": 0}


# L1 and batch-norm scales: the dense training with a penalty


@pytest.mark.parametrize("sparsity", [{"l1": 0.0}, {"bn_scale": 0.0}, {"bn_scale": 0.0, "gamma_init": None}])
def test_a_penalty_of_no_strength_gives_the_dense_network(study, tmp_path, sparsity):
    study.sparse(tmp_path / "sparse", sparsity)
    assert same_bytes(weights_of(tmp_path / "sparse"), weights_of(study.dense))
    rows, dense = (
        read_rows(f / "history.csv", c) for f, c in ((tmp_path / "sparse", SPARSE_HISTORY), (study.dense, HISTORY))
    )
    assert [{key: row[key] for key in HISTORY} for row in rows] == dense


@pytest.mark.parametrize("kind", KINDS)
def test_the_artifacts(study, tmp_path, kind):
    lines = []
    about = study.sparse(tmp_path / "sparse", KINDS[kind], log=lines.append)
    assert about == {"device": "cpu"}
    assert everything_below(tmp_path / "sparse") == FILES
    assert everything_below(tmp_path) == ["sparse", *(f"sparse/{name}" for name in FILES)]
    rows = read_rows(tmp_path / "sparse" / "history.csv", SPARSE_HISTORY)
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert {row["primal_residual"] for row in rows} == {row["dual_residual"] for row in rows} == {""}
    metrics = read_json(tmp_path / "sparse" / "metrics.json")
    assert (metrics["method"], metrics["round"], metrics["epochs"]) == ("sparse_one", 0, 3)
    assert metrics["settings"] == study.told(KINDS[kind])
    assert "note" not in metrics
    assert metrics["files"] == {file: sha256_file(tmp_path / "sparse" / file) for file in (FILES[2], FILES[0])}
    dense = load_metadata(study.dense / "weights.safetensors")
    assert load_metadata(tmp_path / "sparse" / "weights.safetensors") == dense
    assert any(line.startswith("epoch 3/3 ") for line in lines)


def test_l1_makes_exact_zeros_of_the_selected_weights_alone(study, tmp_path):
    study.sparse(tmp_path / "sparse", {"l1": 0.1})
    weights, dense = weights_of(tmp_path / "sparse"), weights_of(study.dense)
    kinds = load_metadata(tmp_path / "sparse" / "weights.safetensors")["kinds"]
    zeros = {name: int((array == 0).sum()) for name, array in weights.items()}
    assert all(zeros[name] > 0 for name in kinds)
    assert all(zeros[name] == (dense[name] == 0).sum() for name in weights if name not in kinds)
    assert all(not np.signbit(weights[name][weights[name] == 0]).any() for name in kinds)
    total = sum(weights[name].size for name in kinds)
    assert numbers(tmp_path / "sparse", "zeros")[-1] == sum(zeros[name] for name in kinds) / total
    norm = sum(np.abs(weights[name].astype(np.float64)).sum() for name in kinds)
    assert numbers(tmp_path / "sparse", "penalty")[-1] == pytest.approx(0.1 * norm, rel=1e-12)
    metrics = read_json(tmp_path / "sparse" / "metrics.json")
    assert metrics["parameters"] - metrics["nonzero_parameters"] >= sum(zeros[name] for name in kinds)


@pytest.mark.parametrize(("key", "value"), [("exclude", ["logits", "conv*"]), ("types", ["conv"])])
def test_l1_leaves_alone_what_the_method_does_not_prune(study, tmp_path, key, value):
    told = study.told({"l1": 0.05})
    told["method"][key] = value
    files = (study.dense / "initial.safetensors", tmp_path / "sparse", tmp_path / "checkpoint")
    train_sparse(told, study.dataset, 0, "sparse_one", *files, log=lambda line: None)
    weights = weights_of(tmp_path / "sparse")
    assert (weights["conv2.weight"] == 0).any() == (key == "types")
    assert (weights["fc1.weight"] == 0).any() == (key == "exclude")
    assert not (weights["logits.weight"] == 0).any()


def test_l1_that_empties_a_layer_says_so(study, tmp_path, capsys):
    study.sparse(tmp_path / "sparse", {"l1": 10.0}, learning_rate=0.01)
    note = read_json(tmp_path / "sparse" / "metrics.json")["note"]
    assert note.startswith("sparsity.l1 has left no weight in conv1, conv2, ")
    assert note.endswith("; lower it.")
    assert note in capsys.readouterr().err


def test_batch_norm_scales_shrink_from_where_they_start(study, tmp_path):
    study.sparse(tmp_path / "start", {"bn_scale": 0.0, "gamma_init": 0.5}, learning_rate=1e-9)
    study.sparse(tmp_path / "free", {"bn_scale": 0.0, "gamma_init": 0.5})
    study.sparse(tmp_path / "sparse", {"bn_scale": 0.05, "gamma_init": 0.5})
    start, free, sparse = (weights_of(tmp_path / name) for name in ("start", "free", "sparse"))
    scales = [name for name in start if name.startswith("bn") and name.endswith(".weight")]
    assert scales
    assert all((start[name] == 0.5).all() for name in scales)
    assert sum(np.abs(sparse[name]).sum() for name in scales) < 0.9 * sum(np.abs(free[name]).sum() for name in scales)
    total = sum(np.abs(sparse[name].astype(np.float64)).sum() for name in scales)
    assert numbers(tmp_path / "sparse", "penalty")[-1] == pytest.approx(0.05 * total, rel=1e-12)


# ADMM


def test_admm_comes_near_its_density(study, tmp_path):
    lines = []
    study.admm(tmp_path / "sparse", iterations=12, rho=0.5, log=lines.append)
    assert everything_below(tmp_path) == ["sparse", *(f"sparse/{name}" for name in FILES)]
    rows = read_rows(tmp_path / "sparse" / "history.csv", SPARSE_HISTORY)
    assert [row["epoch"] for row in rows if row["primal_residual"]] == [str(2 * k) for k in range(1, 13)]
    assert {row["learning_rate"] for row in rows} == {"0.003"}
    primal = numbers(tmp_path / "sparse", "primal_residual")
    assert primal[-1] < max(primal) / 2
    metrics = read_json(tmp_path / "sparse" / "metrics.json")
    assert (metrics["round"], metrics["epochs"], metrics["settings"]["density"]) == (2, 24, 0.3)
    assert "note" not in metrics
    assert any(line.startswith("epoch 24/24 ") for line in lines)

    # The weights that are cut off are small beside those of a dense network.
    def cut_off(folder):
        weights = np.concatenate([array.ravel() for name, array in weights_of(folder).items() if _pruned(name)])
        size = np.sort(np.abs(weights))
        return np.linalg.norm(size[: round(0.7 * size.size)]) / np.linalg.norm(size)

    assert cut_off(tmp_path / "sparse") < cut_off(study.dense) / 3


def _pruned(name):
    return name.endswith(".weight") and not name.startswith("bn")


def test_admm_that_has_not_converged_says_so(study, tmp_path, capsys):
    lines = []
    study.admm(tmp_path / "sparse", iterations=1, tolerance=0.01, log=lines.append)
    (residual,) = numbers(tmp_path / "sparse", "primal_residual")
    note = (
        f"ADMM has not converged: after 1 iterations the primal residual is {residual:.3g}, above the tolerance of "
        "0.01; raise sparsity.admm.iterations or rho."
    )
    assert read_json(tmp_path / "sparse" / "metrics.json")["note"] == note
    assert note in lines
    assert f"warning: {tmp_path / 'sparse'}: {note}" in capsys.readouterr().err


def test_admm_has_an_order_of_images_of_its_own(study, tmp_path, monkeypatch):
    seeds = []

    def noted(*arguments):
        seeds.append(arguments)
        return derive_seed(*arguments)

    monkeypatch.setattr("prunesim.training.sparsity.derive_seed", noted)
    study.admm(tmp_path / "sparse", iterations=1, epochs=1)
    assert {arguments for arguments in seeds if arguments[1] in ("order", "augment")} == {
        (7, "order", 0, 2, "admm", 0),
        (7, "augment", 0, 2, "admm", 0),
    }


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_admm_layer_by_layer_or_all_together(study, tmp_path, monkeypatch, scope):
    made = []
    original = prunesim.training.sparsity.Admm

    def noted(*arguments):
        made.append(original(*arguments))
        return made[0]

    monkeypatch.setattr("prunesim.training.sparsity.Admm", noted)
    study.admm(tmp_path / "sparse", iterations=1, epochs=1, scope=scope)
    counts = [(int(part.count_nonzero()), part.numel()) for part in made[0].auxiliary]
    exact = [kept == round(0.3 * size) for kept, size in counts]
    assert all(exact) == (scope == "layer")
    if scope == "global":
        total = sum(size for _, size in counts)
        assert sum(kept for kept, _ in counts) == round(0.3 * total)


def test_the_training_of_admm():
    training = {"schedule": "one_cycle", "optimizer": "sgd", "epochs": 20, "learning_rate": 0.1, "batch_size": 64}
    admm = {"rho": 1, "iterations": 30, "epochs": 2, "optimizer": "adam", "learning_rate": 0.001, "tolerance": 0.1}
    assert admm_training(training, admm) == {
        "schedule": "constant",
        "optimizer": "adam",
        "epochs": 60,
        "learning_rate": 0.001,
        "batch_size": 64,
    }


# determinism and resuming


class Killed(Exception):
    pass


def killed_after(epochs, train):
    """Run a training up to its checkpoint of an epoch."""
    save = loop.save_checkpoint

    def save_and_stop(path, network, state, *, epoch, **others):
        save(path, network, state, epoch=epoch, **others)
        if epoch == epochs:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "save_checkpoint", save_and_stop)
        with pytest.raises(Killed):
            train()


def trainings(study, folder):
    """Return a function for each kind that trains into ``folder / name``."""
    return {
        "l1": lambda name, **o: study.sparse(folder / name, KINDS["l1"], **o),
        "bn_scale": lambda name, **o: study.sparse(folder / name, KINDS["bn_scale"], **o),
        "admm": lambda name, **o: study.admm(folder / name, iterations=2, **o),
    }


@pytest.mark.parametrize(
    ("kind", "epochs"), [("l1", 1), ("l1", 2), ("bn_scale", 2), ("admm", 1), ("admm", 2), ("admm", 3)]
)
def test_a_killed_training_goes_on_to_the_same_bytes(study, tmp_path, kind, epochs):
    """ADMM within an iteration, where Z and U must be as they were, and at the end of one."""
    train = trainings(study, tmp_path)[kind]
    train("whole")
    killed_after(epochs, lambda: train("killed"))
    tensors, _ = load_tensors(tmp_path / "checkpoint")
    duals = [array for name, array in tensors.items() if name.startswith("optimizer/dual/")]
    assert bool(duals) == (kind == "admm")
    assert any(array.any() for array in duals) == (kind == "admm" and epochs >= 2)
    lines = []
    train("killed", log=lines.append)
    assert f"going on from {tmp_path / 'checkpoint'} after epoch {epochs}" in lines
    same_files(tmp_path / "whole", tmp_path / "killed")
    assert everything_below(tmp_path)[0] != "checkpoint"


@pytest.mark.parametrize("kind", ["l1", "bn_scale", "admm"])
def test_the_same_bytes_twice(study, tmp_path, kind):
    train = trainings(study, tmp_path)[kind]
    train("one")
    train("two")
    same_files(tmp_path / "one", tmp_path / "two")


@pytest.mark.parametrize("changes", [{"density": 0.4}, {"rho": 0.06}, {"round_": 3}, {"scope": "layer"}])
def test_checkpoints_of_another_aim_are_passed_over(study, tmp_path, changes):
    train = trainings(study, tmp_path)["admm"]
    killed_after(1, lambda: train("one"))
    lines = []
    train("one", log=lines.append, **changes)
    assert not any("going on" in line for line in lines)


def test_checkpoints_of_other_code_are_passed_over(study, tmp_path, monkeypatch):
    """The code of a sparse training is more than that of a dense one."""
    train = trainings(study, tmp_path)["l1"]
    killed_after(1, lambda: train("one"))
    original = prunesim.training.run.code_identity

    def other(modules, root):
        return original(modules, root)[:: -1 if modules == ["prunesim.training.sparsity"] else 1]

    monkeypatch.setattr(prunesim.training.run, "code_identity", other)
    lines = []
    train("one", log=lines.append)
    assert not any("going on" in line for line in lines)


def test_an_edit_of_a_penalty_trains_no_dense_network_again():
    root = prunesim.training.run.Path(prunesim.__file__).parents[1]
    reached = {path.stem for path in source_files("prunesim.commands.train", root)}
    assert "penalty" in reached
    assert not reached & {"penalties", "admm", "sparsity", "sparsify"}
    assert {"penalties", "admm", "sparsity"} <= {path.stem for path in source_files(sparsify.__name__, root)}


# through the command line, into a round


@pytest.mark.parametrize("kind", ["l1", "admm"])
def test_a_sparse_network_is_pruned_and_retrained_as_any_other(study, tmp_path, call, kind):
    told = study.told({"l1": 0.01} if kind == "l1" else {"admm": {**ADMM, "iterations": 2}})
    common = ["--dataset", study.dataset, "--replicate", 0, "--method", "sparse_one"]
    words = ["--start", study.dense / "initial.safetensors"]
    if kind == "admm":
        words = ["--start", study.dense / "weights.safetensors", "--round", 1, "--density", 0.8]
    output, record = tmp_path / "sparse", tmp_path / "provenance" / "sparse.json"
    words += ["--checkpoint", tmp_path / "checkpoint", "--output", output, "--record"]
    assert call("sparsify", "--settings", told, *common, *words, *(output / name for name in FILES), record) == 0
    known = read_json(record)
    assert (known["verb"], known["method"], known["settings"]) == ("sparsify", "sparse_one", told)

    pruning = ["--weights", output / "weights.safetensors", "--replicate", 0, "--round", 1]
    assert call("prune", "--settings", {"seed": 7, **PRUNING}, *pruning, "--output", tmp_path / "mask.safetensors") == 0
    again = {**told, "method": {"rewind": "lr", "fine_tune_learning_rate": 0.001, "fine_tune_epochs": None}}
    words = ["--round", 1, "--start", output / "weights.safetensors", "--mask", tmp_path / "mask.safetensors"]
    words += ["--checkpoint", tmp_path / "checkpoint", "--output", tmp_path / "round01"]
    assert call("train", "--settings", again, *common, *words) == 0
    mask, _ = load_tensors(tmp_path / "mask.safetensors")
    weights = weights_of(tmp_path / "round01")
    assert same_bytes(apply_mask(weights, mask), weights)
    read_rows(tmp_path / "round01" / "history.csv", HISTORY)


# what does not fit


@pytest.mark.parametrize(
    ("sparsity", "density", "sentence"),
    [
        (None, None, "sparsity must hold one of l1, bn_scale, admm, and holds none of them."),
        ({"gamma_init": 0.5}, None, "sparsity must hold one of l1, bn_scale, admm, and holds none of them."),
        ({"l1": 1, "admm": ADMM}, 0.1, "sparsity must hold one of l1, bn_scale, admm, and holds l1 and admm."),
        ({"admm": ADMM}, None, "sparsity.admm needs a density to aim at."),
        ({"l1": 0.1}, 0.1, "sparsity.l1 aims at no density."),
        ({"admm": ADMM}, 1e-6, "density 1e-06 leaves none of the "),
        ({"admm": ADMM}, {"conv1": 1e-6}, "density 1e-06 leaves none of the "),
    ],
)
def test_settings_that_do_not_fit_are_refused(study, tmp_path, sparsity, density, sentence):
    with pytest.raises(PrunesimError) as caught:
        study.sparse(tmp_path / "sparse", sparsity, density=density, start=study.dense / "weights.safetensors")
    assert str(caught.value).startswith(sentence)
    assert everything_below(tmp_path) == []


def test_a_network_without_batch_norm_has_no_scales(study, tmp_path):
    plain = {"name": "lenet_300_100"}
    initial = tmp_path / "initial.safetensors"
    told = study.told(None, network=plain)
    session = prunesim.training.run.Training(told, study.dataset, 0, 0, lambda line: None)
    save_tensors(initial, prunesim.training.run.network_arrays(session.network), session.metadata)
    with pytest.raises(
        PrunesimError, match=r"^sparsity.bn_scale needs batch norms with a scale, and lenet_300_100 has"
    ):
        study.sparse(tmp_path / "sparse", {"bn_scale": 0.1}, start=initial, network=plain)


@pytest.mark.parametrize("kind", ["l1", "admm"])
def test_divergence_is_refused(study, tmp_path, kind):
    def train():
        if kind == "l1":
            return study.sparse(tmp_path / "sparse", {"l1": 0.001}, learning_rate=1e30, schedule="constant")
        return study.admm(tmp_path / "sparse", optimizer="sgd", rho=1e8, learning_rate=10.0)

    with pytest.raises(PrunesimError, match=r"became (nan|inf)|no longer finite"):
        train()
    assert not (tmp_path / "sparse").exists()
