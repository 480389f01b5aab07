"""Artifacts are written whole or not at all, and refused when they are damaged."""

import errno
import hashlib
import json
import os
import pickle
import stat

import numpy as np
import pytest
from core_study import everything_below, same_bytes, write_dataset
from safetensors.numpy import save_file

from prunesim.datasets.converted import load_description, load_images
from prunesim.errors import PrunesimError
from prunesim.storage import files
from prunesim.storage.arrays import load_array, load_metadata, load_tensors, save_array, save_tensors
from prunesim.storage.csvfiles import read_rows, write_rows
from prunesim.storage.files import atomic_path, read_json, sha256_file, write_json, write_text


def refusal(path, function, *arguments):
    """Return the sentence of a refusal, which names the path."""
    with pytest.raises(PrunesimError) as caught:
        function(*arguments)
    sentence = str(caught.value)
    assert str(path) in sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


# atomic_path


def test_atomic_path_makes_folders_and_replaces(tmp_path):
    path = tmp_path / "a" / "b" / "file.txt"
    write_text(path, "first")
    write_text(path, "second: ü\n")
    assert path.read_bytes() == "second: ü\n".encode()
    assert everything_below(tmp_path) == ["a", "a/b", "a/b/file.txt"]


def test_atomic_path_is_in_the_same_folder_and_invisible_until_the_end(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with atomic_path(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.name.startswith(".")
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize("existed", [False, True])
@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt(), OSError(errno.EIO, "Input/output error")])
def test_atomic_path_leaves_nothing_behind_on_an_error(tmp_path, existed, error):
    path = tmp_path / "file.txt"
    if existed:
        path.write_text("old")
    expected = PrunesimError if isinstance(error, OSError) else type(error)

    def write():
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(expected):
        write()
    assert everything_below(tmp_path) == (["file.txt"] if existed else [])
    assert not existed or path.read_text() == "old"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch, function, number):
    def full(*arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.os, function, full)
    path = tmp_path / "weights.npy"
    sentence = refusal(path, save_array, path, np.zeros(3))
    assert sentence.startswith("The disk is full")
    assert everything_below(tmp_path) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")
@pytest.mark.parametrize("write", [lambda p: save_array(p, np.zeros(200_000)), lambda p: save_tensors(p, {}, {"a": 1})])
def test_a_disk_that_fills_up_while_writing_is_one_sentence(tmp_path, monkeypatch, write):
    def on_full_disk(**named):
        name = str(tmp_path / "temporary")
        os.symlink("/dev/full", name)
        return os.open(os.devnull, os.O_RDONLY), name

    monkeypatch.setattr(files.tempfile, "mkstemp", on_full_disk)
    path = tmp_path / "file"
    assert refusal(path, write, path).startswith("The disk is full")
    assert everything_below(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    path = tmp_path / "file" / "table.csv"
    assert "could not be written" in refusal(path, write_text, path, "")


def test_a_folder_in_place_of_the_file_is_one_sentence(tmp_path):
    (tmp_path / "table.csv").mkdir()
    assert "could not be written" in refusal(tmp_path / "table.csv", write_text, tmp_path / "table.csv", "")
    assert everything_below(tmp_path) == ["table.csv"]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_permissions_are_those_of_a_plainly_opened_file(tmp_path, umask):
    before = os.umask(umask)
    try:
        write_text(tmp_path / "file", "")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~umask


# JSON, checksums


def test_json_round_trip(tmp_path):
    value = {"text": "ü", "number": 0.1 + 0.2, "none": None, "list": [1, 2]}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value
    assert (tmp_path / "a.json").read_bytes().endswith(b"}\n")


def test_json_holds_no_nan(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert everything_below(tmp_path) == []


@pytest.mark.parametrize("content", [b'{"a": ', b"", b"\xff\xfe"])
def test_damaged_json_is_refused(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    assert "not valid JSON" in refusal(path, read_json, path)


@pytest.mark.parametrize(
    "read", [read_json, sha256_file, load_array, load_tensors, lambda path: read_rows(path, ["a"])]
)
def test_missing_files_and_folders_are_refused(tmp_path, read):
    path = tmp_path / "file"
    assert "does not exist" in refusal(path, read, path)
    path.mkdir()
    refusal(path, read, path)


def test_sha256(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert sha256_file(tmp_path / "file") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    (tmp_path / "file").write_bytes(b"a" * (1 << 20) + b"b")
    assert sha256_file(tmp_path / "file") == hashlib.sha256(b"a" * (1 << 20) + b"b").hexdigest()


# arrays


@pytest.mark.parametrize("mmap", [False, True])
def test_array_round_trip(tmp_path, mmap):
    array = np.asfortranarray(np.arange(12, dtype=np.float32).reshape(3, 4))
    save_array(tmp_path / "a.npy", array)
    read = load_array(tmp_path / "a.npy", mmap=mmap)
    assert isinstance(read, np.memmap) == mmap
    assert read.flags.c_contiguous
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)
    if mmap:
        assert not read.flags.writeable


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize("keep", [0, 3, 20, 127, 1000])
def test_truncated_array_is_refused(tmp_path, keep, mmap):
    path = tmp_path / "a.npy"
    save_array(path, np.zeros(1000, np.float32))
    path.write_bytes(path.read_bytes()[:keep])
    assert "not a readable .npy file" in refusal(path, load_array, path, mmap)


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("mmap", [False, True])
def test_pickles_are_refused_and_not_run(tmp_path, mmap):
    path, trace = tmp_path / "a.npy", tmp_path / "ran"
    np.save(path, np.array([Bomb(str(trace))], dtype=object), allow_pickle=True)
    refusal(path, load_array, path, mmap)
    path.write_bytes(pickle.dumps(Bomb(str(trace))))
    refusal(path, load_array, path, mmap)
    assert not trace.exists()


def test_objects_are_not_saved(tmp_path):
    with pytest.raises(ValueError, match="pickle"):
        save_array(tmp_path / "a.npy", np.array([{}], dtype=object))
    assert everything_below(tmp_path) == []


def test_an_archive_is_not_an_array(tmp_path):
    with open(tmp_path / "a.npy", "wb") as file:
        np.savez(file, a=np.zeros(3))
    assert "not a readable .npy file" in refusal(tmp_path / "a.npy", load_array, tmp_path / "a.npy")


def test_tensors_round_trip(tmp_path):
    tensors = {
        "b.weight": np.array([-0.0, 0.0, 1.5], np.float32),
        "a.weight": np.arange(6, dtype=np.uint8).reshape(2, 3).T,
        "count": np.array(3, np.int64),
    }
    metadata = {"kinds": {"a": "conv"}, "shape": [1, 8, 8], "none": None}
    save_tensors(tmp_path / "a.safetensors", tensors, metadata)
    read, read_metadata = load_tensors(tmp_path / "a.safetensors")
    assert list(read) == ["a.weight", "b.weight", "count"]
    assert same_bytes({name: read[name] for name in tensors}, tensors)
    assert read_metadata == metadata
    assert load_metadata(tmp_path / "a.safetensors") == metadata


def test_the_same_tensors_make_the_same_bytes(tmp_path):
    a, b = np.zeros(3, np.float32), np.ones((2, 2), np.float32)
    save_tensors(tmp_path / "1", {"a": a, "b": b}, {"x": 1, "y": 2})
    save_tensors(tmp_path / "2", {"b": b, "a": a}, {"y": 2, "x": 1})
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


@pytest.mark.parametrize("keep", [0, 4, 30, -1])
def test_truncated_tensors_are_refused(tmp_path, keep):
    path = tmp_path / "a.safetensors"
    save_tensors(path, {"a": np.zeros(100, np.float32)}, {})
    path.write_bytes(path.read_bytes()[:keep])
    for load in (load_tensors, load_metadata):
        assert "not a readable safetensors file" in refusal(path, load, path)


def test_tensors_with_damaged_metadata_are_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"a": np.zeros(1)}, path, {"prunesim": '{"kinds"'})
    for load in (load_tensors, load_metadata):
        assert "not a readable safetensors file" in refusal(path, load, path)


@pytest.mark.parametrize("part", [b"kinds", b"fc.weight", "data"])
def test_one_flipped_bit_in_tensors_is_noticed(tmp_path, part):
    path = tmp_path / "a.safetensors"
    save_tensors(path, {"fc.weight": np.arange(100, dtype=np.float32)}, {"kinds": {"fc.weight": "linear"}})
    data = bytearray(path.read_bytes())
    data[-50 if part == "data" else data.index(part)] ^= 1
    path.write_bytes(data)
    assert f"{path} is" in refusal(path, load_tensors, path)


def test_one_changed_character_in_json_is_noticed(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"loss": 0.25, "name": "a"})
    text = path.read_text()
    for changed in (text.replace("0.25", "0.26"), text.replace('"name"', '"mame"'), text.replace('"checksum"', '"x"')):
        path.write_text(changed)
        assert "is damaged (checksum); delete it and run again" in refusal(path, read_json, path)
    path.write_text(json.dumps(json.loads(text)))
    assert read_json(path) == {"loss": 0.25, "name": "a"}


def test_what_a_killed_job_left_is_removed_by_the_next(tmp_path):
    path = tmp_path / "a[1].json"
    leftover, other = tmp_path / ".a[1].json.x1.tmp", tmp_path / ".a1.json.x1.tmp"
    leftover.touch()
    other.touch()
    with atomic_path(path) as living:
        living.write_text("1")
        # A second writer of the same file, such as a job that outlived its main process, does not disturb this one.
        write_text(path, "2")
        assert living.read_text() == "1"
    assert path.read_text() == "1"
    assert sorted(tmp_path.iterdir()) == sorted([path, other])


def test_tensors_of_a_type_that_numpy_lacks_are_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    header = json.dumps({"a": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    assert "not a readable safetensors file" in refusal(path, load_tensors, path)


def test_tensors_of_other_programs_have_no_metadata(tmp_path):
    save_file({"a": np.zeros(1)}, tmp_path / "a.safetensors")
    assert load_tensors(tmp_path / "a.safetensors")[1] == {}


# CSV


def test_rows_round_trip_with_every_digit(tmp_path):
    rows = [{"a": 0.1 + 0.2, "b": None, "more": 1}, {"a": 'quote " comma, and\nline', "b": 3}]
    write_rows(tmp_path / "t.csv", ["a", "b"], rows)
    read = read_rows(tmp_path / "t.csv", ["a", "b"])
    assert read == [{"a": "0.30000000000000004", "b": ""}, {"a": 'quote " comma, and\nline', "b": "3"}]
    assert float(read[0]["a"]) == 0.1 + 0.2
    assert b"\r" not in (tmp_path / "t.csv").read_bytes()


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "must have the columns a, b"),
        (b"b,a\n1,2\n", "must have the columns a, b"),
        (b"a,b,c\n1,2,3\n", "must have the columns a, b"),
        (b"a,b\n1\n", "too few or too many fields"),
        (b"a,b\n1,2,3\n", "too few or too many fields"),
        (b"a,b\n\xff,1\n", "not a readable CSV file"),
        (b'a,b\n"' + b"x" * 200_000 + b'",1\n', "not a readable CSV file"),
    ],
)
def test_tables_that_do_not_fit_are_refused(tmp_path, content, part):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    assert part in refusal(path, read_rows, path, ["a", "b"])


# converted data sets


def test_images_are_mapped(dataset):
    images, labels = load_images(dataset, "train")
    assert isinstance(images, np.memmap)
    assert (images.shape, images.dtype) == ((70, 8, 8, 1), np.uint8)
    assert (labels.shape, labels.dtype) == ((70,), np.int64)
    assert load_description(dataset)["shape"] == [8, 8, 1]


def test_damaged_data_sets_are_refused(tmp_path):
    write_dataset(tmp_path)
    save_array(tmp_path / "test_labels.npy", np.zeros(32, np.int64))
    refusal(tmp_path, load_images, tmp_path, "test")
    for wrong in (np.zeros((33, 8, 8), np.uint8), np.zeros((33, 8, 8, 1), np.float32)):
        save_array(tmp_path / "test_images.npy", wrong)
        refusal(tmp_path / "test_images.npy", load_images, tmp_path, "test")
    (tmp_path / "train_images.npy").write_bytes((tmp_path / "train_images.npy").read_bytes()[:-1])
    refusal(tmp_path / "train_images.npy", load_images, tmp_path, "train")
