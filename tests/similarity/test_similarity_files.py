"""Files that a user gives to ``prunesim compare``: what each is, and how to make of it what is wanted."""

import os

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from prunesim.errors import PrunesimError
from prunesim.storage.given import load_given


def pickled(path):
    path.write_bytes(b"\x80\x04\x95\x00\x00")


def cut_off(path):
    np.save(path, np.ones((40, 5)))
    path.write_bytes(path.read_bytes()[:400])


def objects(path):
    with open(path, "wb") as file:
        np.save(file, np.array([{}, {}]), allow_pickle=True)


def damaged_archive(path):
    np.savez(path, a=np.eye(4))
    path.write_bytes(path.read_bytes()[:60])


FILES = {
    "several.npz": (lambda path: np.savez(path, x=np.eye(4), y=np.eye(3)), r"archive of the arrays x, y; .*\['x'\]"),
    "cut.npz": (damaged_archive, "is a zip archive, or what is left of one"),
    "tensor.pt": (lambda path: torch.save(torch.eye(3), path), "a file of torch.save.*weights_only=True"),
    "old.pt": (
        lambda path: torch.save(torch.eye(3), path, _use_new_zipfile_serialization=False), "is a pickle, which is not"
    ),
    "list.pkl": (pickled, "is a pickle, which is not opened because it could run code"),
    "net.safetensors": (lambda path: save_file({"w": np.eye(3)}, path), "safetensors file of named tensors"),
    "table.csv": (lambda path: path.write_text("a,b\n1,2\n"), "is a text file.*loadtxt.*skiprows=1"),
    "named.npy": (lambda path: path.write_text("0,1\n"), "is a text file"),
    "umlaut.txt": (lambda path: path.write_text("ä" * 400), "is a text file"),
    "noise.bin": (lambda path: path.write_bytes(bytes(range(255, -1, -1))), "is not a .npy file; give a .npy file"),
    "data.h5": (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(90)), "is an HDF5 or NetCDF file"),
    "empty.npy": (lambda path: path.write_bytes(b""), "is empty; give a .npy file with one array"),
    "cut.npy": (cut_off, "ends too early or is damaged; save it again"),
    "objects.npy": (objects, "holds Python objects, which are not read"),
    "folder": (lambda path: path.mkdir(), "is a folder; give"),
    "missing.npy": (lambda path: None, "does not exist"),
    "pipe.npy": (os.mkfifo, "is no regular file but a pipe or a device"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_not_one_array_are_told_what_they_are(tmp_path, name):
    make, message = FILES[name]
    path = tmp_path / name
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(PrunesimError, match=message) as found:
        load_given(path)
    sentence = str(found.value)
    assert sentence.startswith(str(path))
    assert "\n" not in sentence
    assert "delete" not in sentence
    assert before is None or path.read_bytes() == before


@pytest.mark.parametrize("array", [np.ones((3, 2)), np.ones((500, 3), np.float16), np.empty((0, 3)), np.ones(())])
def test_arrays_are_read_as_they_are(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    found = load_given(tmp_path / "a.npy")
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert np.array_equal(found, array)
