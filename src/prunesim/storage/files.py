"""Reading and writing artifacts: whole or not at all, and never by running code."""

import contextlib
import errno
import glob
import hashlib
import json
import os
import tempfile
from pathlib import Path

from prunesim.errors import PrunesimError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

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
        remove_leftovers(path)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        temporary = Path(name)
        lock(handle)
        yield temporary
        os.fsync(handle)
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
            os.close(handle)


def remove_leftovers(path):
    """Remove the temporary files that killed jobs left when they wrote `path`; those of a living job are locked."""
    for leftover in Path(path).parent.glob(f".{glob.escape(Path(path).name)}.*.tmp"):
        with contextlib.suppress(OSError), open(leftover, "rb") as file:
            if lock(file.fileno()):
                leftover.unlink()


def lock(handle):
    """Lock an open file or folder against other processes until it is closed; return whether that could be done."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # somebody else has it, or the file system has no locks
        return False
    return True


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
    """Write an object to `path` atomically, indented, ending in a newline.

    Its last key, ``checksum``, is the SHA-256 of the rest, so that `read_json` notices a damaged file.
    """
    sealed = value | {"checksum": _json_checksum(value)}
    write_text(path, json.dumps(sealed, indent=2, allow_nan=False) + "\n")


def read_json(path):
    """Return the content of a JSON file that `write_json` wrote, less its checksum.

    Raises
    ------
    PrunesimError
        If the file is missing, cannot be read, is not JSON, or its checksum is not that of its content.
    """
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise read_error(path, error) from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise PrunesimError(f"{path} is not valid JSON ({error}); delete it and run again to make it anew.") from error
    checksum = value.pop("checksum", None) if isinstance(value, dict) else None
    if checksum != _json_checksum(value):
        raise damaged(path)
    return value


def damaged(path):
    """Return the sentence for a file whose content is not what was written."""
    return PrunesimError(f"{path} is damaged (checksum); delete it and run again to make it anew.")


def _json_checksum(value):
    return hashlib.sha256(json.dumps(value, indent=2).encode()).hexdigest()


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
