"""Original files: found, downloaded, copied and checked, before anything opens them."""

import contextlib
import errno
import gzip
import hashlib
import http.client
import socket
import zlib
from pathlib import Path

from prunesim.errors import PrunesimError
from prunesim.storage.files import CHUNK_BYTES, write_error

ALGORITHMS = ("sha256", "md5")
STALL_SECONDS = 60


def existing_folder(path):
    """Return `path` (``dataset.path``) as a `Path`, refused unless it is a folder."""
    folder = Path(path).expanduser()
    if not folder.exists():
        raise PrunesimError(f"dataset.path is {path}, which does not exist; give the folder with the data files.")
    if not folder.is_dir():
        raise PrunesimError(f"dataset.path is {path}, which is a file; give the folder that holds it.")
    return folder


def find(folder, places, names):
    """Return the first regular file with one of `names` in one of the sub-folders `places`.

    Raises
    ------
    PrunesimError
        If there is none; it lists what was looked for.
    """
    for place in places:
        for name in names:
            if (folder / place / name).is_file():
                return folder / place / name
    where = ", ".join(str(folder / place) for place in places)
    raise PrunesimError(
        f"No file {' or '.join(names)} was found in {where}; dataset.path must be the folder that has it."
    )


def chunks(path, packed=False):
    """Yield the bytes of a file piece by piece, unpacked if it is gzip.

    Raises
    ------
    PrunesimError
        If the file cannot be read, or is truncated or damaged gzip.
    """
    try:
        with (gzip.open if packed else open)(path, "rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise PrunesimError(f"{path} is truncated or damaged ({error}); get the file again.") from error
    except OSError as error:
        raise PrunesimError(f"{path} could not be read: {error.strerror or error}.") from error


def write_hashed(pieces, target):
    """Write pieces of bytes to a file and return their checksums.

    Returns
    -------
    dict of str to str
        ``sha256`` and ``md5``, hexadecimal.
    """
    # md5 is only compared with what torchvision publishes.
    digests = {name: hashlib.new(name, usedforsecurity=False) for name in ALGORITHMS}
    try:
        with open(target, "wb") as copy:
            for piece in pieces:
                copy.write(piece)
                for digest in digests.values():
                    digest.update(piece)
    except OSError as error:
        raise write_error(target, error) from error
    return {name: digest.hexdigest() for name, digest in digests.items()}


def sha256(path):
    """Return the SHA-256 of a file the user gave, as a hexadecimal string."""
    digest = hashlib.sha256()
    for chunk in chunks(path):
        digest.update(chunk)
    return digest.hexdigest()


def check(path, digests, expected, advice):
    """Compare a file with its published checksum.

    Parameters
    ----------
    path : path-like
        Named in the message.
    digests : dict of str to str
        What was found, by algorithm.
    expected : str or None
        ``"sha256:<hex>"`` or ``"md5:<hex>"``; None if nothing is published.
    advice : str or None
        What the user can do about a difference; None accepts it.

    Returns
    -------
    bool
        Whether the file is known to be the published one.

    Raises
    ------
    PrunesimError
        If it differs and there is an `advice`.
    """
    if expected is None:
        return False
    algorithm, _, wanted = expected.partition(":")
    if digests[algorithm] == wanted:
        return True
    if advice is None:
        return False
    raise PrunesimError(
        f"{path} has the {algorithm} {digests[algorithm]}, but the published file has {wanted}; {advice}."
    )


def download(name, urls, folder, expected, log):
    """Download one file through torchvision, from the first address that gives the right bytes.

    Parameters
    ----------
    name : str
        File name to save it under.
    urls : list of str
    folder : pathlib.Path
    expected : str
        ``"sha256:<hex>"``.
    log : callable
        Takes a line.

    Returns
    -------
    str
        The address that served it.

    Raises
    ------
    PrunesimError
        If no address does.
    """
    from torchvision.datasets.utils import download_url

    problems = []
    for url in urls:
        log(f"downloading {url}")
        # torchvision takes a file that is already there, be it what another address gave.
        (folder / name).unlink(missing_ok=True)
        try:
            with _timeout(STALL_SECONDS):
                download_url(url, folder, name)
        except (OSError, RuntimeError, http.client.HTTPException) as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise write_error(folder / name, error) from error
            problems.append(f"{url}: {error or type(error).__name__}")
            continue
        found = sha256(folder / name)
        if found == expected.removeprefix("sha256:"):
            return url
        problems.append(f"{url}: the sha256 is {found}, not {expected.removeprefix('sha256:')}")
    raise PrunesimError(
        f"{name} could not be downloaded ({'; '.join(problems)}); get it on a machine that can, and give its folder as "
        "dataset.path."
    )


@contextlib.contextmanager
def _timeout(seconds):
    # torchvision opens its connections without one, and a dead connection would wait for ever.
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
