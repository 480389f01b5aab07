import hashlib
import os
import pickle

import numpy as np
import pytest
from dataset_files import checksum, cifar_batches, everything_below, write_archive

BASE = {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python"}
ARCHIVE = {"cifar10": "cifar-10-python.tar.gz", "cifar100": "cifar-100-python.tar.gz"}


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def write_batches(folder, batches):
    folder.mkdir(parents=True)
    for name, content in batches.items():
        (folder / name).write_bytes(content)


def known_of(batches):
    return {name: checksum(content, "md5") for name, content in batches.items()}


def make_archive(tmp_path, name, batches, extra=()):
    folder = tmp_path / "data"
    folder.mkdir()
    path = folder / ARCHIVE[name]
    write_archive(path, [*extra, *((f"{BASE[name]}/{batch}", content) for batch, content in batches.items())])
    return known_of(batches) | {path.name: checksum(path.read_bytes())}


def assert_same(arrays, content):
    for split, (images, labels) in content.items():
        assert np.array_equal(arrays[split, "images"], images)
        assert np.array_equal(arrays[split, "labels"], labels)


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
@pytest.mark.parametrize("inside", [True, False])
def test_reads_a_folder_of_batches(run, tmp_path, name, inside):
    batches, content = cifar_batches(name)
    write_batches(tmp_path / "data" / (BASE[name] if inside else ""), batches)
    arrays, description = run(known_of(batches), name=name, path=str(tmp_path / "data"))
    assert_same(arrays, content)
    assert description["shape"] == [32, 32, 3]
    classes = int(name.removeprefix("cifar"))
    assert len(description["classes"]) == classes
    assert description["classes"][0] == ("class 0" if classes == 10 else "fine 0")
    values = arrays["train", "images"] / 255
    assert description["mean"] == pytest.approx(values.mean(axis=(0, 1, 2)).tolist(), rel=1e-12)
    assert description["std"] == pytest.approx(values.std(axis=(0, 1, 2)).tolist(), rel=1e-12)
    recorded = {entry["file"].split("/")[-1]: entry["sha256"] for entry in description["origin"]["files"]}
    assert recorded == {batch: hashlib.sha256(content).hexdigest() for batch, content in batches.items()}


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_reads_the_archive(run, tmp_path, name):
    batches, content = cifar_batches(name)
    known = make_archive(tmp_path, name, batches)
    arrays, description = run(known, name=name, path=str(tmp_path / "data"))
    assert_same(arrays, content)
    assert [entry["file"] for entry in description["origin"]["files"]] == [ARCHIVE[name]]
    assert description["origin"]["files"][0]["verified"] is True
    assert everything_below(tmp_path / "data") == [ARCHIVE[name]]


def test_reads_the_archive_where_a_batch_is_missing(run, tmp_path):
    batches, content = cifar_batches()
    known = make_archive(tmp_path, "cifar10", batches)
    write_batches(tmp_path / "data" / BASE["cifar10"], {"data_batch_1": b"cut off"})
    assert_same(run(known, name="cifar10", path=str(tmp_path / "data"))[0], content)


@pytest.mark.parametrize("batch", ["data_batch_3", "test_batch", "batches.meta"])
@pytest.mark.parametrize("settings", [{"name": "cifar10"}, {"name": "mine", "source": "cifar10"}])
def test_an_unknown_pickle_is_never_opened(refused, tmp_path, batch, settings):
    batches, _ = cifar_batches()
    known = known_of(batches)
    evil = pickle.dumps(Evil(tmp_path / "ran"))
    write_batches(tmp_path / "data", batches | {batch: evil})
    sentence = refused(known, **settings, path=str(tmp_path / "data"))
    assert not (tmp_path / "ran").exists()
    for word in (str(tmp_path / "data" / batch), known[batch][4:], hashlib.md5(evil).hexdigest(), "could run code"):
        assert word in sentence
    # The trap works: without the check it would have sprung.
    pickle.loads(evil)
    assert (tmp_path / "ran").exists()


def test_an_archive_with_another_checksum_is_not_opened(refused, tmp_path):
    batches, _ = cifar_batches()
    known = make_archive(tmp_path, "cifar10", batches)
    path = tmp_path / "data" / ARCHIVE["cifar10"]
    path.write_bytes(path.read_bytes()[:-40])
    sentence = refused(known, name="cifar10", path=str(tmp_path / "data"))
    assert str(path) in sentence
    assert known[path.name][7:] in sentence


def test_a_batch_in_the_archive_with_another_checksum(refused, tmp_path):
    batches, _ = cifar_batches()
    evil = pickle.dumps(Evil(tmp_path / "ran"))
    known = make_archive(tmp_path, "cifar10", batches | {"data_batch_2": evil}) | {
        "data_batch_2": checksum(batches["data_batch_2"], "md5")
    }
    sentence = refused(known, name="cifar10", path=str(tmp_path / "data"))
    assert not (tmp_path / "ran").exists()
    assert "cifar-10-batches-py/data_batch_2" in sentence


def test_nothing_else_comes_out_of_an_archive(run, tmp_path):
    batches, content = cifar_batches()
    target = tmp_path / "target"
    target.write_text("as it was")
    extra = [
        ("../../escaped", b"x"),
        (str(tmp_path / "absolute"), b"x"),
        ("cifar-10-batches-py/data_batch_1", str(target)),  # a link under the name of a batch, before the batch
        ("cifar-10-batches-py/../../escaped", b"x"),
        ("cifar-10-batches-py", str(tmp_path)),
    ]
    known = make_archive(tmp_path, "cifar10", batches, extra)
    arrays, _ = run(known, name="cifar10", path=str(tmp_path / "data"))
    assert_same(arrays, content)
    assert target.read_text() == "as it was"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "out", "target"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["set"]
    assert not list(tmp_path.parent.glob("escaped"))


def test_an_archive_without_a_batch(refused, tmp_path):
    batches, _ = cifar_batches()
    test_batch = batches.pop("test_batch")
    known = make_archive(tmp_path, "cifar10", batches) | {"test_batch": checksum(test_batch, "md5")}
    assert "cifar-10-batches-py/test_batch" in refused(known, name="cifar10", path=str(tmp_path / "data"))


def test_a_truncated_archive(refused, tmp_path):
    batches, _ = cifar_batches()
    known = make_archive(tmp_path, "cifar10", batches)
    path = tmp_path / "data" / ARCHIVE["cifar10"]
    path.write_bytes(path.read_bytes()[:5000])
    known[path.name] = checksum(path.read_bytes())
    assert f"{path} is truncated or damaged" in refused(known, name="cifar10", path=str(tmp_path / "data"))


def test_missing_files(refused, tmp_path):
    batches, _ = cifar_batches()
    known = known_of(batches)
    batches.pop("data_batch_4")
    write_batches(tmp_path / "data", batches)
    sentence = refused(known, name="cifar10", path=str(tmp_path / "data"))
    for word in ("cifar-10-python.tar.gz", "data_batch_4", str(tmp_path / "data"), "dataset.path"):
        assert word in sentence
