import hashlib

import numpy as np
import pytest
from dataset_files import checksum
from scipy.io import savemat


def write_svhn(folder, seed=0, compress=True):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    known, content = {}, {}
    for split, count in (("train", 30), ("test", 20)):
        images = rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
        labels = np.arange(count) % 10 + 1
        path = folder / f"{split}_32x32.mat"
        variables = {"X": images.transpose(1, 2, 3, 0), "y": labels.astype(np.uint8)[:, None]}
        savemat(path, variables, do_compression=compress)
        known[path.name] = checksum(path.read_bytes())
        content[split] = images, labels % 10
    return known, content


@pytest.mark.parametrize("place", ["", "SVHN", "svhn"])
def test_reads(run, tmp_path, place):
    known, content = write_svhn(tmp_path / "data" / place)
    arrays, description = run(known, name="svhn", path=str(tmp_path / "data"))
    for split, (images, labels) in content.items():
        assert np.array_equal(arrays[split, "images"], images)
        assert np.array_equal(arrays[split, "labels"], labels)
    assert description["classes"] == list("0123456789")
    assert [entry["verified"] for entry in description["origin"]["files"]] == [True, True]


def test_wrong_checksum(refused, tmp_path):
    known, _ = write_svhn(tmp_path / "data")
    known["test_32x32.mat"] = checksum(b"other")
    sentence = refused(known, name="svhn", path=str(tmp_path / "data"))
    assert str(tmp_path / "data/test_32x32.mat") in sentence
    assert hashlib.sha256(b"other").hexdigest() in sentence


def test_other_files_need_another_name(run, tmp_path):
    write_svhn(tmp_path / "data", seed=1)
    known, _ = write_svhn(tmp_path / "other", seed=2)
    _, description = run(known, name="mine", source="svhn", path=str(tmp_path / "data"))
    assert [entry["verified"] for entry in description["origin"]["files"]] == [False, False]


def test_missing(refused, tmp_path):
    known, _ = write_svhn(tmp_path / "data")
    (tmp_path / "data/test_32x32.mat").unlink()
    sentence = refused(known, name="svhn", path=str(tmp_path / "data"))
    assert "test_32x32.mat" in sentence
    assert str(tmp_path / "data/SVHN") in sentence


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99])
@pytest.mark.parametrize("compress", [True, False])
def test_truncated(refused, tmp_path, share, compress):
    write_svhn(tmp_path / "data", compress=compress)
    path = tmp_path / "data/train_32x32.mat"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert str(path) in refused({}, name="mine", source="svhn", path=str(tmp_path / "data"))


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"y": np.ones((5, 1))}, "no variable X"),
        ({"X": np.zeros((8, 8, 3, 5)), "y": np.ones((5, 1))}, "no variable X of uint8"),
        ({"X": np.zeros((8, 8, 1, 5), np.uint8), "y": np.ones((5, 1))}, "no variable X of uint8"),
        ({"X": np.zeros((8, 8, 3, 5), np.uint8), "y": np.ones((4, 1))}, "5 images in X"),
        ({"X": np.zeros((8, 8, 3, 5), np.uint8)}, "5 images in X"),
        ({"X": np.zeros((8, 8, 3, 5), np.uint8), "y": np.full((5, 1), 11)}, "value 11"),
    ],
)
def test_wrong_content(refused, tmp_path, variables, words):
    write_svhn(tmp_path / "data")
    savemat(tmp_path / "data/train_32x32.mat", variables)
    assert words in refused({}, name="mine", source="svhn", path=str(tmp_path / "data"))
