"""Arrays that a user brings: what a file is, and how to make of it what is wanted.

Artifacts of the pipeline are read by `prunesim.storage.arrays`, which may say that a damaged one be deleted and made
again. A user's own file never is.
"""

import re
import stat
import zipfile
from pathlib import Path

import numpy as np

from prunesim.errors import PrunesimError
from prunesim.storage.arrays import PREDICTIONS
from prunesim.storage.files import read_json

WANTED = "a .npy file with one array of samples x neurons"
HEAD_BYTES = 512


def load_given(path):
    """Return the array of a user's ``.npy`` file, mapped read-only unless it is tiny.

    Raises
    ------
    PrunesimError
        If there is no such file, or it is something else: the sentence says what it is and how to convert it.
    """
    path = Path(path)
    try:
        kind = path.stat()
        if stat.S_ISDIR(kind.st_mode):
            raise PrunesimError(f"{path} is a folder; give {WANTED}.")
        # Before it is opened: a pipe waits for somebody to write.
        if not stat.S_ISREG(kind.st_mode):
            raise PrunesimError(f"{path} is no regular file but a pipe or a device; give {WANTED}.")
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
        if not head.startswith(b"\x93NUMPY"):
            raise PrunesimError(f"{path} {_what(path, head)}")
        # An array without values cannot be mapped.
        return np.load(path, mmap_mode="r" if kind.st_size > HEAD_BYTES else None, allow_pickle=False)
    except FileNotFoundError as error:
        raise PrunesimError(f"{path} does not exist.") from error
    except OSError as error:
        raise PrunesimError(f"{path} could not be read: {error.strerror or error}.") from error
    except ValueError as error:
        if "Object arrays" in str(error):
            raise PrunesimError(
                f"{path} holds Python objects, which are not read because they could run code; save it again as an "
                "array of numbers, np.save(path, np.stack(list_of_arrays))."
            ) from error
        raise PrunesimError(f"{path} is a .npy file that ends too early or is damaged; save it again.") from error


def files_in(folder, pooled=False):
    """Return the activation files of a folder, in the order of its layers where it is one of a study.

    Parameters
    ----------
    folder : pathlib.Path
    pooled : bool
        Take ``<layer>.pooled.npy``, the spatial means, by which layers of different size are compared, and not
        ``<layer>.npy``.

    Raises
    ------
    PrunesimError
        If there is none.
    """
    index = folder / "activations.json"
    known = read_json(index) if index.exists() else {"layers": {}}
    # What the network answers lies there too, and is no layer.
    others = {PREDICTIONS} if "predictions" in known else set()
    found = [p for p in folder.glob("*.npy") if p.name.endswith(".pooled.npy") == pooled and p.name not in others]
    if not found:
        what = ".pooled.npy" if pooled else ".npy"
        raise PrunesimError(f"{folder} holds no {what} files; give a folder of activations, or the files themselves.")
    order = list(known["layers"])
    layers = {path: path.name.removesuffix(".npy").removesuffix(".pooled") for path in found}

    def place(path):
        known = layers[path] in order
        # Numbers by their size: layer 10 comes after layer 9.
        words = [int(word) if word.isdigit() else word for word in re.split(r"(\d+)", layers[path])]
        return (not known, order.index(layers[path]) if known else 0, [] if known else words)

    return sorted(found, key=place)


def _what(path, head):
    """Return what a file that is not ``.npy`` is, and how to make one of it, as the rest of a sentence."""
    if not head:
        return f"is empty; give {WANTED}."
    if head.startswith(b"PK"):
        return _archive(path)
    if head.startswith(b"\x80") or path.suffix in (".pt", ".pth", ".pkl"):
        return (
            "is a pickle, which is not opened because it could run code; where you trust it, save the array: "
            "np.save('a.npy', torch.load(path).numpy())."
        )
    if path.suffix == ".safetensors" or head[8:9] == b"{":
        return (
            "is a safetensors file of named tensors; save one of them: "
            "np.save('a.npy', safetensors.numpy.load_file(path)['name'])."
        )
    if head.startswith((b"\x89HDF", b"CDF")):
        return f"is an HDF5 or NetCDF file; give {WANTED}, np.save('a.npy', dataset[...])."
    if _is_text(head):
        return (
            "is a text file; save its numbers: np.save('a.npy', np.loadtxt(path, delimiter=',')), skiprows=1 where its "
            "first line is a header."
        )
    return f"is not a .npy file; give {WANTED}, as np.save writes it."


def _archive(path):
    names = _members(path)
    if any(name.endswith("data.pkl") for name in names):
        return (
            "is a file of torch.save, which is not opened because it could run code; save its tensor: "
            "np.save('a.npy', torch.load(path, weights_only=True).numpy())."
        )
    if names:
        listed = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        return (
            f"is an .npz archive of the arrays {listed}; save one of them: "
            f"np.save('a.npy', np.load('{path.name}')['{names[0]}'])."
        )
    return f"is a zip archive, or what is left of one; give {WANTED}."


def _members(path):
    try:
        with np.load(path, allow_pickle=False) as archive:
            return archive.files
    except (zipfile.BadZipFile, OSError, ValueError):
        return []


def _is_text(head):
    try:
        text = head.decode("utf-8", errors="strict")
    except UnicodeDecodeError as error:
        # A character may be cut where the head ends.
        if error.start < len(head) - 4:
            return False
        text = head[: error.start].decode("utf-8")
    return all(character.isprintable() or character in "\r\n\t" for character in text)
