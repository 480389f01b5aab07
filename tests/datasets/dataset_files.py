"""Small files in the true formats, and their checksums."""

import gzip
import hashlib
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np

import prunesim

IDX_NAMES = {
    ("train", "images"): "train-images-idx3-ubyte",
    ("train", "labels"): "train-labels-idx1-ubyte",
    ("test", "images"): "t10k-images-idx3-ubyte",
    ("test", "labels"): "t10k-labels-idx1-ubyte",
}


def idx_bytes(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def small_set(train=40, test=20, shape=(6, 5), classes=10, seed=0):
    """Return random images and labels, each class equally often, by split and kind."""
    rng = np.random.default_rng(seed)
    return {
        (split, kind): rng.integers(0, 256, (count, *shape), dtype=np.uint8)
        if kind == "images"
        else rng.permutation(np.arange(count) % classes).astype(np.uint8)
        for split, count in (("train", train), ("test", test))
        for kind in ("images", "labels")
    }


def write_idx(folder, arrays, packed=True, names=IDX_NAMES):
    """Write the four files and return their published checksums, packed and unpacked."""
    folder.mkdir(parents=True, exist_ok=True)
    known = {}
    for key, array in arrays.items():
        content = idx_bytes(array)
        zipped = gzip.compress(content, mtime=0)
        (folder / (names[key] + (".gz" if packed else ""))).write_bytes(zipped if packed else content)
        known[IDX_NAMES[key]] = checksum(content)
        known[IDX_NAMES[key] + ".gz"] = checksum(zipped)
    return known


def checksum(content, algorithm="sha256"):
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


def cifar_batches(name="cifar10", per_batch=10, seed=0):
    """Return the pickled batches by file name, and the images and labels in them by split."""
    rng = np.random.default_rng(seed)
    if name == "cifar10":
        files = {"train": [f"data_batch_{n}" for n in range(1, 6)], "test": ["test_batch"]}
        classes, key = 10, "labels"
        batches = {"batches.meta": {"label_names": [f"class {n}" for n in range(10)]}}
    else:
        files, classes, key = {"train": ["train"], "test": ["test"]}, 100, "fine_labels"
        batches = {"meta": {"fine_label_names": [f"fine {n}" for n in range(100)]}}
    content = {}
    for split, batch_names in files.items():
        images, labels = [], []
        for batch in batch_names:
            data = rng.integers(0, 256, (per_batch, 3072), dtype=np.uint8)
            targets = rng.integers(0, classes, per_batch).tolist()
            batches[batch] = {"data": data, key: targets}
            images.append(data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
            labels += targets
        content[split] = np.concatenate(images), np.array(labels)
    return {batch: pickle.dumps(value, protocol=2) for batch, value in batches.items()}, content


def write_archive(path, members):
    """Write a .tar.gz of (name, content) pairs; a content that is no bytes is the target of a symbolic link."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
            else:
                member.type, member.linkname = tarfile.SYMTYPE, content
                tar.addfile(member)


def read_back(folder):
    """Return the arrays by split and kind, and the description, of a fetched data set."""
    arrays = {
        (split, kind): np.load(folder / f"{split}_{kind}.npy", allow_pickle=False)
        for split in ("train", "test")
        for kind in ("images", "labels")
    }
    return arrays, json.loads((folder / "dataset.json").read_text())


def everything_below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def python(*arguments, **options):
    """Run Python in a process of its own, with the package at hand."""
    environment = os.environ | {"PYTHONPATH": str(Path(prunesim.__file__).parents[1])}
    return subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, check=False, env=environment, **options
    )
