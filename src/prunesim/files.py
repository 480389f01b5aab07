"""Reading and writing artifacts: whole or not at all, and never by running code."""

import contextlib
import errno
import hashlib
import json
import os
import tempfile
from pathlib import Path

from prunesim.errors import PrunesimError

CHUNK_BYTES = 1 << 20


@contextlib.contextmanager
def atomic_path(path):
    """Yield a temporary path beside `path` that replaces it when the block ends well.

    Parameters
    ----------
    path : path-like
        The file to write. Missing parent folders are made.

    Yields
    ------
    pathlib.Path
        Where to write. Removed if the block raises; `path` is then as it was.

    Raises
    ------
    PrunesimError
        If the file system refuses (full, read-only, no permission), naming `path`.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_error(path, error):
    """Return the sentence for an `OSError` met while writing `path`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return PrunesimError(f"The disk is full: {path} could not be written; free some space and run again.")
    return PrunesimError(f"{path} could not be written: {error.strerror or error}.")


def read_error(path, error):
    """Return the sentence for an `OSError` met while reading `path`."""
    if isinstance(error, FileNotFoundError):
        return PrunesimError(f"{path} does not exist.")
    return PrunesimError(f"{path} could not be read: {error.strerror or error}.")


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path, text):
    """Write `text` to `path` atomically, as UTF-8."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path, value):
    """Write `value` to `path` atomically, indented, ending in a newline."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path):
    """Return the content of a JSON file.

    Raises
    ------
    PrunesimError
        If the file is missing, cannot be read, or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise read_error(path, error) from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise PrunesimError(f"{path} is not valid JSON ({error}); delete it and run again to make it anew.") from error


def sha256_file(path):
    """Return the SHA-256 of a file as a hexadecimal string."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise read_error(path, error) from error
    return digest.hexdigest()
