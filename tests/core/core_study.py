"""A data set and a study so small that a training takes a fraction of a second."""

import numpy as np

from prunesim.storage.arrays import save_array
from prunesim.storage.files import sha256_file, write_json

NETWORK = {"name": "cnn", "width": 3, "arguments": {}, "layers": None}
TRAINING = {
    "epochs": 3,
    "batch_size": 16,
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "schedule": "one_cycle",
    "milestones": [],
    "gamma": 0.1,
    "clip_norm": None,
    "augmentation": "none",
    "crop_padding": 1,
    "flip": True,
    "validation": 0.1,
    "precision": "float32",
    "channels_last": False,
    "device": "cpu",
    "threads": 1,
    "deterministic": True,
}
METHOD = {"rewind": "lr", "fine_tune_learning_rate": 0.003, "fine_tune_epochs": None}
PRUNING = {"criterion": "magnitude", "fraction": 0.2, "scope": "global", "types": ["conv", "linear"], "exclude": []}
CNN_LAYERS = ["relu1", "relu2", "pool1", "relu3", "relu4", "pool2", "fc1", "relu5", "logits"]


def training(**changes):
    """Return the section `training` with some keys changed."""
    assert set(changes) <= set(TRAINING)
    return {**TRAINING, **changes}


def settings(network=None, method=None, **changes):
    """Return what a job of training is told."""
    return {
        "seed": 7,
        "network": {**NETWORK, **(network or {})},
        "training": training(**changes),
        "method": {**METHOD, **(method or {})},
    }


def write_dataset(folder, train=70, test=33, classes=3, shape=(8, 8, 1), seed=0):
    """Write noisy images of which each class has one bright row, and return their folder."""
    rng = np.random.default_rng(seed)
    sha256 = {}
    for split, count in (("train", train), ("test", test)):
        labels = np.arange(count, dtype=np.int64) % classes
        images = rng.integers(0, 90, (count, *shape), dtype=np.uint8)
        images[np.arange(count), 1 + 2 * labels] += 120
        for name, array in (("images", images), ("labels", labels)):
            save_array(folder / f"{split}_{name}.npy", array)
            sha256[f"{split}_{name}.npy"] = sha256_file(folder / f"{split}_{name}.npy")
        if split == "train":
            scaled = images.reshape(-1, shape[2]) / 255
    write_json(
        folder / "dataset.json",
        {
            "name": "stripes",
            "classes": [str(value) for value in range(classes)],
            "shape": list(shape),
            "mean": scaled.mean(0).tolist(),
            "std": scaled.std(0).tolist(),
            "sha256": sha256,
        },
    )
    return folder


def same_bytes(first, second):
    """Whether two dicts of arrays agree to the bit, the sign of zeros and the types included."""
    return first.keys() == second.keys() and all(
        first[name].dtype == second[name].dtype
        and first[name].shape == second[name].shape
        and first[name].tobytes() == second[name].tobytes()
        for name in first
    )


def everything_below(folder):
    """The names of all files and folders below a folder, hidden ones too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
