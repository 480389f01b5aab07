"""Reading pickled dicts of plain data and byte arrays, without the power to run code.

A pickle is a program that may call any function it can name. Here a name leads nowhere: the few that NumPy writes for
an array stand for the small classes below, which keep what they are given, and every other one is refused.
"""

import pickle
import pickletools

import numpy as np

from prunesim.errors import PrunesimError
from prunesim.storage.files import read_error

ADVICE = "no file of plain data has that; get the published file"
# They reach objects without naming them.
FORBIDDEN_OPCODES = ("EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID")


def load_dict(path):
    """Return the content of a pickled dict.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    dict
        Its values are lists, tuples, dicts, numbers, text and bytes, or uint8 arrays. The text of Python 2 is read as
        Latin-1.

    Raises
    ------
    PrunesimError
        If the file is truncated or holds anything else. Nothing that it names has then been called.
    """
    try:
        with open(path, "rb") as file:
            _check_opcodes(file)
            file.seek(0)
            content = _Unpickler(file, encoding="latin1").load()
        if type(content) is not dict:
            raise ValueError(f"a {type(content).__name__} and not a dict")
        return {key: value.content if isinstance(value, _Array) else value for key, value in content.items()}
    except _ForbiddenError as error:
        raise PrunesimError(f"{path.name} asks for {error}, which could run code; {ADVICE}.") from error
    except OSError as error:
        raise read_error(path, error) from error
    # The machine of pickle raises many kinds of error for bytes that no pickler has written.
    except Exception as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise PrunesimError(f"{path.name} is not a pickle of plain data ({reason}); get the file again.") from error


class _ForbiddenError(Exception):
    pass


def _check_opcodes(file):
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name in FORBIDDEN_OPCODES:
            raise _ForbiddenError(f"{opcode.name} {argument!r:.80}")


class _Stand:
    """What a name in the file stands for: it can be called as NumPy's pickles do, and not be changed."""

    __slots__ = ("call",)

    def __init__(self, call):
        self.call = call

    def __call__(self, *arguments):
        return self.call(*arguments)

    def __setstate__(self, state):
        raise ValueError("it changes what a name stands for")


class _ByteType:
    """The type uint8, which is the only one."""

    __slots__ = ()

    def __init__(self, name, align, copy):
        if name != "u1":
            raise ValueError(f"it has an array of the type {name!r:.80}")

    def __setstate__(self, state):
        if state != (3, "|", None, None, None, -1, -1, 0):
            raise ValueError("it has an array of a type with parts")


class _Array:
    """An array, which a pickle first makes and then fills."""

    __slots__ = ("content",)

    def __init__(self, kind, shape, type_code):
        self.content = np.empty(0, np.uint8)

    def __setstate__(self, state):
        _, shape, byte_type, fortran, content = state
        if type(byte_type) is not _ByteType:
            raise ValueError("it has an array without a type")
        content = content.encode("latin1") if isinstance(content, str) else content
        self.content = np.frombuffer(content, np.uint8).reshape(shape, order="F" if fortran else "C")


def _encode(text, encoding):
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"it has text in {encoding!r:.80}")
    return text.encode("latin1")


def _not_called(*arguments):
    raise ValueError("it makes an array in an unknown way")


STANDS = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy", "ndarray"): _not_called,
    ("numpy", "dtype"): _ByteType,
    ("_codecs", "encode"): _encode,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in STANDS:
            raise _ForbiddenError(f"{f'{module}.{name}'!r:.80}")
        return _Stand(STANDS[module, name])
