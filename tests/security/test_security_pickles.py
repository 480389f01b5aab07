"""CIFAR's pickles are read as plain data: whatever else they ask for is refused, and nothing of it happens."""

import copyreg
import os
import pickle
import struct
import sys

import numpy as np
import pytest

from prunesim.cli import main
from prunesim.datasets import cifar, pickled
from prunesim.datasets.pickled import load_dict
from prunesim.errors import PrunesimError

MARKER = "pwned"


class Reduced:
    """Pickles as a call of any function, followed by any state."""

    def __init__(self, function, *arguments, state=None):
        self.reduction = (function, arguments, state) if state is not None else (function, arguments)

    def __reduce__(self):
        return self.reduction


def write(path, content):
    path.write_bytes(content)
    return path


def refused(path):
    with pytest.raises(PrunesimError) as caught:
        load_dict(path)
    sentence = str(caught.value)
    assert path.name in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert len(sentence) < 300
    return sentence


def global_(module, name):
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def stack_global(module, name):
    return b"".join(b"\x8c" + bytes([len(text)]) + text.encode() for text in (module, name)) + b"\x93"


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


COMMAND = text(f"touch {MARKER}")
PYTHON = text(f"open({MARKER!r}, 'w')")

# Each would write the file MARKER when a plain `pickle.loads` opens it (the first three), or reach what could.
HOSTILE = {
    "os.system": (pickle.dumps({"data": Reduced(os.system, f"touch {MARKER}")}, 2), "system"),
    "builtins.eval": (pickle.dumps({"data": Reduced(eval, f"open({MARKER!r}, 'w')")}, 4), "eval"),
    "in a batch that is fine otherwise": (
        pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [0], "x": Reduced(os.mkdir, MARKER)}, 2),
        "mkdir",
    ),
    "as a key": (b"\x80\x02}" + global_("os", "system") + COMMAND + b"\x85RK\x01s.", "os.system"),
    "after the dict": (b"\x80\x02}" + global_("posix", "system") + COMMAND + b"\x85R0.", "posix.system"),
    "INST": (b"(" + COMMAND + b"ios\nsystem\n.", "os.system"),
    "OBJ": (b"(" + global_("os", "system") + COMMAND + b"o.", "os.system"),
    "NEWOBJ": (b"\x80\x02" + global_("subprocess", "Popen") + COMMAND + b"\x85\x81.", "subprocess.Popen"),
    "NEWOBJ_EX": (b"\x80\x04" + stack_global("subprocess", "Popen") + COMMAND + b"\x85}\x92.", "subprocess.Popen"),
    "a dotted name below an allowed module": (
        b"\x80\x04" + stack_global("numpy", "ndarray.__class__.__base__.__subclasses__") + b")R.",
        "__subclasses__",
    ),
    "os through numpy": (b"\x80\x04" + stack_global("numpy", "lib.npyio.os.system") + COMMAND + b"\x85R.", "system"),
    "getattr": (
        global_("builtins", "getattr") + b"(" + global_("os", "path") + text("os") + b"tR.",
        "builtins.getattr",
    ),
    "__import__": (global_("__builtin__", "__import__") + text("os") + b"\x85R.", "__builtin__.__import__"),
    "operator.attrgetter": (global_("operator", "attrgetter") + text("system") + b"\x85R.", "operator.attrgetter"),
    "functools.partial": (global_("functools", "partial") + global_("os", "system") + b"\x85R.", "functools.partial"),
    "copyreg._reconstructor": (
        global_("copyreg", "_reconstructor") + b"(" + global_("builtins", "object") + b"tR.",
        "copyreg._reconstructor",
    ),
    "copyreg.__newobj__": (
        global_("copyreg", "__newobj__") + global_("os", "system") + b"\x85R.",
        "copyreg.__newobj__",
    ),
    "copyreg.add_extension": (
        global_("copyreg", "add_extension") + b"(" + text("os") + text("system") + b"K\x05tR.",
        "copyreg.add_extension",
    ),
    "the old name of copyreg": (global_("copy_reg", "_reconstructor") + b"0}.", "copy_reg._reconstructor"),
    "a persistent id": (b"Pos.system\n.", "PERSID"),
    "a persistent id from the stack": (b"K\x01Q.", "BINPERSID"),
    "numpy.load": (b"\x80\x04" + stack_global("numpy", "load") + text("x.npy") + b"\x85R.", "numpy.load"),
    "a name of two lines": (b"\x80\x04" + stack_global("os", "a\nb") + b".", "os.a"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_could_run_code_is_refused_by_name(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    content, word = HOSTILE[name]
    sentence = refused(write(tmp_path / "data_batch_1", content))
    assert word in sentence
    assert "could run code" in sentence
    assert os.listdir(tmp_path) == ["data_batch_1"]


@pytest.mark.parametrize("name", ["os.system", "builtins.eval", "in a batch that is fine otherwise"])
def test_the_traps_are_real(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    pickle.loads(HOSTILE[name][0])
    assert os.listdir(tmp_path) == [MARKER]


def test_an_extension_that_another_library_has_registered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    copyreg.add_extension("posix", "system", 77)
    try:
        content = b"\x80\x02\x82\x4d" + COMMAND + b"\x85R."
        pickle.loads(content)  # which also puts the function into the cache of pickle
        os.remove(MARKER)
        assert "EXT1 77" in refused(write(tmp_path / "meta", content))
        assert os.listdir(tmp_path) == ["meta"]
    finally:
        copyreg.remove_extension("posix", "system", 77)


RECONSTRUCT = global_("numpy.core.multiarray", "_reconstruct")
NDARRAY = global_("numpy", "ndarray")
EMPTY = RECONSTRUCT + b"(" + NDARRAY + b"K\x00\x85U\x01btR"


def dtype(name, state=b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"):
    return global_("numpy", "dtype") + b"(U" + bytes([len(name)]) + name.encode() + b"K\x00K\x01tR" + state


def array(kind, content, shape=b"K\x02K\x03\x86"):
    return b"\x80\x02}U\x04data" + EMPTY + b"(K\x01" + shape + kind + b"\x89" + content + b"tbs."


def test_an_array_as_python_2_wrote_it(tmp_path):
    content = array(dtype("u1"), b"T\x06\x00\x00\x00\x00\x01\x7f\x80\xfe\xff")
    assert load_dict(write(tmp_path / "b", content))["data"].tolist() == [[0, 1, 127], [128, 254, 255]]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_as_python_3_writes_them(tmp_path, protocol, order):
    expected = np.arange(12, dtype=np.uint8).reshape(3, 4, order=order)
    content = {"data": expected, "labels": [0, 70000], "names": ("é", b"\xff"), "f": 1.5, "x": None}
    data = pickle.dumps(content, protocol)
    if protocol == 5:  # the way of NumPy that no published file has
        assert "numpy._core.numeric._frombuffer" in refused(write(tmp_path / "b", data))
        return
    loaded = load_dict(write(tmp_path / "b", data))
    assert np.array_equal(loaded.pop("data"), expected)
    assert loaded == {key: value for key, value in content.items() if key != "data"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (pickle.dumps({"data": np.array([{"a": 1}, os.system], object)}, 2), "the type 'O8'"),
        (pickle.dumps({"data": np.array([[1], [2]], object)}, 2), "the type 'O8'"),
        (pickle.dumps({"data": np.zeros(3)}, 2), "the type 'f8'"),
        (pickle.dumps({"data": np.zeros(3, [("a", "O"), ("b", "u1")])}, 2), "the type 'V9'"),
        (array(dtype("O"), b"]"), "the type 'O'"),
        # A type that calls its pointers bytes would let the file write to any place of the memory.
        (array(dtype("u1", b"(K\x03U\x01|NU\x01a\x85}U\x01aU\x01Os\x89K\x01K\x01tb"), b"]"), "a type with parts"),
        (array(b"N", b"U\x06aaaaaa"), "without a type"),
        (array(dtype("u1"), b"U\x05aaaaa"), "reshape"),
        (array(dtype("u1"), b"N"), "not a pickle of plain data"),
        (b"\x80\x02" + NDARRAY + b"K\x05\x85R.", "in an unknown way"),
        (b"\x80\x02" + NDARRAY + b"}U\x04callcposix\nsystem\nsb.", "posix.system"),
        (b"\x80\x02" + NDARRAY + b"}U\x04callU\x01xsb.", "what a name stands for"),
        (b"\x80\x02" + NDARRAY + b"N}U\x04callU\x01xs\x86b.", "what a name stands for"),
        (b"\x80\x02" + global_("_codecs", "encode") + b"(U\x01aU\x06stringtR.", "text in 'string'"),
        (pickle.dumps([1, 2]), "a list and not a dict"),
        (pickle.dumps({"a": 1})[:-1], "not a pickle of plain data"),
        (b"", "not a pickle of plain data"),
        (b"\x80\x02}h\x05.", "not a pickle of plain data"),
        (b"\x80\x04\x8e" + b"\xff" * 8 + b".", "not a pickle of plain data"),  # bytes of any size
        (b"\x80\x02}]K\x01s.", "unhashable"),
        (b"hello", "not a pickle of plain data"),
    ],
)
def test_what_is_not_plain_data_is_refused(tmp_path, content, words):
    assert words in refused(write(tmp_path / "data_batch_1", content))


def test_a_refused_file_changes_nothing_for_the_next(tmp_path):
    good = array(dtype("u1"), b"U\x06aaaaaa")
    for content, _ in HOSTILE.values():
        refused(write(tmp_path / "bad", content))
    assert load_dict(write(tmp_path / "good", good))["data"].shape == (2, 3)
    assert pickled.STANDS["numpy", "dtype"] is pickled._ByteType


@pytest.mark.parametrize("batch", ["data_batch_3", "test_batch", "batches.meta"])
def test_the_reader_alone_refuses_where_checksums_are_not_compared(tmp_path, monkeypatch, capsys, batch):
    folder = tmp_path / "data"
    folder.mkdir()
    content = {"data": np.zeros((2, 3072), np.uint8), "labels": [0, 1], "label_names": list("abcdefghij")}
    for name in [*(f"data_batch_{n}" for n in range(1, 6)), "test_batch", "batches.meta"]:
        write(folder / name, pickle.dumps(content, 2))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cifar.originals, "check", lambda *arguments: True)
    command = ["fetch", "--settings", '{"name": "cifar10", "path": "data"}', "--output", "out"]
    assert main(command) == 0
    write(folder / batch, HOSTILE["os.system"][0])
    capsys.readouterr()
    assert main(command) == 2
    assert f"prunesim fetch: {batch} asks for 'posix.system'" in capsys.readouterr().err
    assert not (tmp_path / MARKER).exists()
    assert sys.modules["posix"].system is os.system
