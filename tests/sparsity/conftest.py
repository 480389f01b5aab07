import json
from types import SimpleNamespace

import pytest
from core.core_study import NETWORK, PRUNING, training, write_dataset

from prunesim.cli import main
from prunesim.training.run import train_dense
from prunesim.training.sparsity import train_sparse

ADMM = {"rho": 0.05, "iterations": 4, "epochs": 2, "optimizer": "adam", "learning_rate": 0.003, "tolerance": 0.5}


def quiet(line):
    """Take a line of a log."""


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """A data set, a dense network, and functions that train sparse ones on it; nobody changes it."""
    folder = tmp_path_factory.mktemp("sparse")
    dataset = write_dataset(folder / "dataset")

    def told(sparsity, scope="global", network=None, **changes):
        method = {"sparsity": sparsity, **{key: PRUNING[key] for key in ("types", "exclude")}, "scope": scope}
        return {"seed": 7, "network": {**NETWORK, **(network or {})}, "training": training(**changes), "method": method}

    def sparse(output, sparsity, start=None, density=None, round_=0, log=quiet, checkpoint=None, **changes):
        start = start or folder / "dense" / ("weights.safetensors" if density else "initial.safetensors")
        files = (start, output, checkpoint or output.parent / "checkpoint")
        told_it = told(sparsity, **changes)
        return train_sparse(told_it, dataset, 0, "sparse_one", *files, round_=round_, density=density, log=log)

    def admm(output, density=0.3, round_=2, **others):
        changes = {key: others.pop(key) for key in list(others) if key in ADMM}
        return sparse(output, {"admm": ADMM | changes}, density=density, round_=round_, **others)

    train_dense(told(None), dataset, 0, folder / "dense", folder / "checkpoint", log=quiet)
    return SimpleNamespace(folder=folder, dataset=dataset, dense=folder / "dense", told=told, sparse=sparse, admm=admm)


@pytest.fixture(scope="session")
def call():
    """Run a verb whose arguments may be paths, numbers and settings, and return its exit status."""
    return lambda *words: main([json.dumps(word) if isinstance(word, dict) else str(word) for word in words])
