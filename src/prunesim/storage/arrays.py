"""NumPy arrays and named tensors on disk, read with checks and written atomically."""

import contextlib
import hashlib
import json

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from prunesim.errors import PrunesimError
from prunesim.storage.files import atomic_path, damaged, sha256_file

# The answers of a network, beside the activations of its layers.
PREDICTIONS = "predictions.npy"


def layer_of(tensor):
    """Return the layer that a weight tensor belongs to; ``attn.in_proj_weight`` is that of ``attn.in_proj``."""
    return tensor.removesuffix(".weight").removesuffix("_weight")


def save_array(path, array):
    """Write one array as ``.npy`` atomically (C order, no pickle)."""
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.save(file, np.asarray(array, order="C"), allow_pickle=False)


def load_array(path, mmap=False):
    """Return the array of a ``.npy`` file.

    Parameters
    ----------
    path : path-like
    mmap : bool
        Map the file read-only instead of reading it.

    Raises
    ------
    PrunesimError
        If the file is missing, truncated, not ``.npy``, or would need pickle.
    """
    try:
        array = np.load(path, mmap_mode="r" if mmap else None, allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ValueError("it is an archive")
        return array
    except FileNotFoundError as error:
        raise PrunesimError(f"{path} does not exist.") from error
    except (ValueError, EOFError, OSError) as error:
        raise PrunesimError(
            f"{path} is not a readable .npy file ({error}); delete it and run again to make it anew."
        ) from error


def load_checked(path, sha256, mmap=False):
    """Return the array of a ``.npy`` file, refused unless it is the one with this checksum; see `load_array`."""
    if sha256_file(path) != sha256:
        raise damaged(path)
    return load_array(path, mmap)


def save_tensors(path, tensors, metadata):
    """Write named arrays as safetensors atomically.

    Parameters
    ----------
    path : path-like
    tensors : dict of str to numpy.ndarray
    metadata : dict
        JSON-serialisable values. The header of the file holds them under the key ``prunesim``, with the SHA-256 of
        metadata and tensors, by which `load_tensors` notices a damaged file.
    """
    arrays = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    # One entry: several would come in an order that differs from process to process.
    header = json.dumps({"metadata": metadata, "sha256": _checksum(arrays, metadata)}, sort_keys=True)
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(arrays, {"prunesim": header}))


def _checksum(arrays, metadata):
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.reshape(-1).view(np.uint8))
    return digest.hexdigest()


def load_tensors(path):
    """Return the named arrays of a safetensors file and its metadata.

    Returns
    -------
    tensors : dict of str to numpy.ndarray
        In the order of their names.
    metadata : dict

    Raises
    ------
    PrunesimError
        If the file is missing, truncated, damaged or not safetensors.
    """
    with _opened(path) as file:
        tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
        header = _header(file)
    if header and header.get("sha256") != _checksum(tensors, header.get("metadata")):
        raise damaged(path)
    return tensors, header.get("metadata", {})


def tensors_in_turn(path):
    """Yield the names and arrays of a safetensors file, in the order of the names, holding one at a time.

    Without a look at the checksum, which needs all of them; see `load_tensors`.
    """
    with _opened(path) as file:
        for name in sorted(file.keys()):
            yield name, file.get_tensor(name)


def load_metadata(path):
    """Return the metadata of a safetensors file without reading its tensors."""
    with _opened(path) as file:
        return _header(file).get("metadata", {})


def _header(file):
    """Return what `save_tensors` put into the header; nothing for a file of another program."""
    header = json.loads((file.metadata() or {}).get("prunesim", "{}"))
    if not isinstance(header, dict):
        raise ValueError("its metadata is not an object")
    return header


@contextlib.contextmanager
def _opened(path):
    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except FileNotFoundError as error:
        raise PrunesimError(f"{path} does not exist.") from error
    # ValueError is metadata that is not JSON; TypeError a tensor of a type that NumPy lacks, such as bfloat16.
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise PrunesimError(
            f"{path} is not a readable safetensors file ({error}); delete it and run again to make it anew."
        ) from error
