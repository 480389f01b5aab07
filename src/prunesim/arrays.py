"""NumPy arrays and named tensors on disk, read with checks and written atomically."""

import contextlib
import json

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from prunesim.errors import PrunesimError
from prunesim.files import atomic_path


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


def save_tensors(path, tensors, metadata):
    """Write named arrays as safetensors atomically.

    Parameters
    ----------
    path : path-like
    tensors : dict of str to numpy.ndarray
    metadata : dict
        JSON-serialisable values, stored in the file's header under the key ``prunesim``.
    """
    header = {"prunesim": json.dumps(metadata, sort_keys=True)}
    with atomic_path(path) as temporary:
        data = save({name: np.asarray(array, order="C") for name, array in tensors.items()}, header)
        temporary.write_bytes(data)


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
        If the file is missing, truncated or not safetensors.
    """
    with _opened(path) as file:
        tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
        return tensors, _metadata(file)


def load_metadata(path):
    """Return the metadata of a safetensors file without reading its tensors."""
    with _opened(path) as file:
        return _metadata(file)


def _metadata(file):
    return json.loads((file.metadata() or {}).get("prunesim", "{}"))


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
