import gzip
import hashlib

import numpy as np
import pytest
from dataset_files import IDX_NAMES, checksum, everything_below, idx_bytes, small_set, write_idx

from prunesim.errors import PrunesimError

DOTTED = {key: name.replace("-idx", ".idx") for key, name in IDX_NAMES.items()}


def assert_same(arrays, made):
    for (split, kind), array in made.items():
        expected = array[..., None] if kind == "images" else array
        assert np.array_equal(arrays[split, kind], expected)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("place", ["", "raw", "MNIST", "MNIST/raw"])
def test_reads_every_layout(run, tmp_path, packed, place):
    made = small_set()
    known = write_idx(tmp_path / "data" / place, made, packed)
    arrays, description = run(known, name="mnist", path=str(tmp_path / "data"))
    assert_same(arrays, made)
    assert arrays["train", "images"].dtype == np.uint8
    assert arrays["train", "labels"].dtype == np.int64
    assert description["shape"] == [6, 5, 1]
    assert description["counts"] == {"train": 40, "test": 20}
    assert description["class_counts"] == {"train": [4] * 10, "test": [2] * 10}
    assert len(description["classes"]) == 10
    assert [entry["verified"] for entry in description["origin"]["files"]] == [True] * 4
    assert everything_below(tmp_path / "out" / "set") == sorted(
        ["dataset.json", *(f"{split}_{kind}.npy" for split, kind in made)]
    )
    assert everything_below(tmp_path / "out") == [
        "set",
        *(f"set/{name}" for name in everything_below(tmp_path / "out/set")),
    ]


def test_records_the_files_as_they_are(run, tmp_path):
    known = write_idx(tmp_path / "data" / "raw", small_set())
    arrays, description = run(known, name="kmnist", path=str(tmp_path / "data"))
    origin = description["origin"]
    assert origin["from"] == "folder"
    assert origin["path"] == str(tmp_path / "data")
    assert origin["reader"].startswith("torchvision ")
    for entry in origin["files"]:
        content = (tmp_path / "data" / entry["file"]).read_bytes()
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
    for name, value in description["sha256"].items():
        assert hashlib.sha256((tmp_path / "out/set" / name).read_bytes()).hexdigest() == value
    values = arrays["train", "images"] / 255
    assert description["mean"] == pytest.approx([values.mean()], rel=1e-12)
    assert description["std"] == pytest.approx([values.std()], rel=1e-12)


def test_reads_names_with_a_dot(run, tmp_path):
    made = small_set()
    known = write_idx(tmp_path / "data", made, packed=False, names=DOTTED)
    assert_same(run(known, name="mnist", path=str(tmp_path / "data"))[0], made)


def test_content_counts_not_the_packing(run, tmp_path):
    made = small_set()
    known = write_idx(tmp_path / "data", made)
    for name in IDX_NAMES.values():
        (tmp_path / "data" / f"{name}.gz").write_bytes(gzip.compress(idx_bytes(made[key_of(name)]), 1, mtime=5))
    _, description = run(known, name="fashion_mnist", path=str(tmp_path / "data"))
    assert all(entry["verified"] for entry in description["origin"]["files"])


def key_of(name):
    return next(key for key, value in IDX_NAMES.items() if value == name)


def test_packed_checksum_where_no_other_is_published(run, refused, tmp_path):
    made = small_set()
    known = {name: value for name, value in write_idx(tmp_path / "data", made).items() if name.endswith(".gz")}
    _, description = run(known, name="kmnist", path=str(tmp_path / "data"))
    assert all(entry["verified"] for entry in description["origin"]["files"])
    wrong = known | {"t10k-labels-idx1-ubyte.gz": checksum(b"other")}
    for path in (tmp_path / "out" / "set").iterdir():
        path.unlink()
    assert "t10k-labels-idx1-ubyte.gz" in refused(wrong, name="kmnist", path=str(tmp_path / "data"))


def test_unpacked_without_published_checksum_is_read_but_not_called_verified(run, tmp_path):
    write_idx(tmp_path / "data", small_set(), packed=False)
    _, description = run({}, name="kmnist", path=str(tmp_path / "data"))
    assert [entry["verified"] for entry in description["origin"]["files"]] == [False] * 4
    assert any("no checksum is published" in line for line in run.lines)


@pytest.mark.parametrize("name", IDX_NAMES.values())
def test_wrong_checksum(refused, tmp_path, name):
    known = write_idx(tmp_path / "data", small_set())
    found = known[name].removeprefix("sha256:")
    sentence = refused(known | {name: checksum(b"other")}, name="mnist", path=str(tmp_path / "data"))
    for word in (name, found, hashlib.sha256(b"other").hexdigest(), "dataset.name", "dataset.source to mnist"):
        assert word in sentence


def test_a_name_of_its_own_may_have_other_files(run, tmp_path):
    made = small_set(seed=1)
    write_idx(tmp_path / "data", made)
    other = write_idx(tmp_path / "other", small_set(seed=2))
    arrays, description = run(other, name="mine", source="mnist", path=str(tmp_path / "data"))
    assert_same(arrays, made)
    assert not any(entry["verified"] for entry in description["origin"]["files"])
    assert any("not the published mnist" in line for line in run.lines)


def test_missing_folder(refused, tmp_path):
    assert str(tmp_path / "none") in refused({}, name="mnist", path=str(tmp_path / "none"))


def test_path_is_a_file(refused, tmp_path):
    (tmp_path / "file").write_text("")
    assert "is a file" in refused({}, name="mnist", path=str(tmp_path / "file"))


@pytest.mark.parametrize("name", IDX_NAMES.values())
def test_missing_file_lists_what_was_looked_for(refused, tmp_path, name):
    known = write_idx(tmp_path / "data", small_set())
    (tmp_path / "data" / f"{name}.gz").unlink()
    sentence = refused(known, name="mnist", path=str(tmp_path / "data"))
    for word in (f"{name}.gz", name, str(tmp_path / "data" / "MNIST/raw"), "dataset.path"):
        assert word in sentence


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_truncated(refused, tmp_path, packed, share):
    known = write_idx(tmp_path / "data", small_set(), packed)
    path = tmp_path / "data" / ("train-images-idx3-ubyte" + (".gz" if packed else ""))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    sentence = refused(known, name="mnist", path=str(tmp_path / "data"))
    assert str(path) in sentence
    assert "truncated" in sentence or "not an idx file" in sentence


def test_damaged_gzip(refused, tmp_path):
    known = write_idx(tmp_path / "data", small_set())
    path = tmp_path / "data" / "train-images-idx3-ubyte.gz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    sentence = refused(known, name="mnist", path=str(tmp_path / "data"))
    assert str(path) in sentence


def test_not_gzip_in_spite_of_the_name(refused, tmp_path):
    known = write_idx(tmp_path / "data", small_set())
    (tmp_path / "data" / "t10k-labels-idx1-ubyte.gz").write_text("<html>404 Not Found</html>")
    assert "t10k-labels-idx1-ubyte.gz is truncated or damaged" in refused(
        known, name="mnist", path=str(tmp_path / "data")
    )


def corrupt(tmp_path, content, name="train-images-idx3-ubyte"):
    write_idx(tmp_path / "data", small_set(), packed=False)
    (tmp_path / "data" / name).write_bytes(content)
    return {"name": "mine", "source": "mnist", "path": str(tmp_path / "data")}


def test_longer_than_the_header_says(refused, tmp_path):
    settings = corrupt(tmp_path, idx_bytes(np.zeros((40, 6, 5), np.uint8)) + b"x")
    sentence = refused({}, **settings)
    assert "more than the 1216 bytes" in sentence
    assert "train-images-idx3-ubyte" in sentence


def test_a_gzip_bomb_stops_at_the_size_in_the_header(refused, tmp_path):
    write_idx(tmp_path / "data", small_set())
    bomb = gzip.compress(idx_bytes(np.zeros((40, 6, 5), np.uint8)) + bytes(200 << 20))
    (tmp_path / "data" / "train-images-idx3-ubyte.gz").write_bytes(bomb)
    assert "more than the 1216 bytes" in refused({}, name="mine", source="mnist", path=str(tmp_path / "data"))


@pytest.mark.parametrize(
    "content",
    [
        b"\0\0\x0d\x03" + b"\0\0\0\1" * 3 + bytes(4),  # floats
        b"\0\0\x08\x01" + b"\0\0\0\1" + bytes(1),  # labels under the name of images
        b"\0\0\x08\x03" + b"\0\0\0\1",  # header cut off
        b"PK\3\4 something else",
    ],
)
def test_not_an_idx_file_of_this_kind(refused, tmp_path, content):
    sentence = refused({}, **corrupt(tmp_path, content))
    assert "train-images-idx3-ubyte is not an idx file of bytes in 3 dimension(s)" in sentence


@pytest.mark.parametrize("shape", [(0, 6, 5), (40, 0, 5)])
def test_empty(refused, tmp_path, shape):
    assert "empty" in refused({}, **corrupt(tmp_path, idx_bytes(np.zeros(shape, np.uint8))))


def test_a_huge_header_is_only_truncated(refused, tmp_path):
    content = b"\0\0\x08\x03" + b"\xff" * 12 + bytes(30)
    assert "truncated" in refused({}, **corrupt(tmp_path, content))


def test_counts_differ(refused, tmp_path):
    settings = corrupt(tmp_path, idx_bytes(np.zeros(19, np.uint8)), "t10k-labels-idx1-ubyte")
    sentence = refused({}, **settings)
    for word in ("19 labels", "20 images", "t10k-labels-idx1-ubyte", "t10k-images-idx3-ubyte"):
        assert word in sentence


def test_labels_out_of_range(refused, tmp_path):
    labels = np.zeros(20, np.uint8)
    labels[7] = 10
    sentence = refused({}, **corrupt(tmp_path, idx_bytes(labels), "t10k-labels-idx1-ubyte"))
    assert "test labels hold the value 10" in sentence


def test_train_and_test_of_different_size(refused, tmp_path):
    content = idx_bytes(np.zeros((20, 7, 5), np.uint8))
    sentence = refused({}, **corrupt(tmp_path, content, "t10k-images-idx3-ubyte"))
    for word in ("(6, 5, 1)", "(7, 5, 1)", "dataset.resize"):
        assert word in sentence


def test_a_refused_data_set_leaves_the_old_one(run, tmp_path):
    known = write_idx(tmp_path / "data", small_set())
    run(known, name="mnist", path=str(tmp_path / "data"))
    before = {path.name: path.read_bytes() for path in (tmp_path / "out/set").iterdir()}
    assert len(before) == 5
    (tmp_path / "data" / "t10k-labels-idx1-ubyte.gz").write_bytes(b"")
    with pytest.raises(PrunesimError):
        run(known, name="mnist", path=str(tmp_path / "data"))
    assert {path.name: path.read_bytes() for path in (tmp_path / "out/set").iterdir()} == before
