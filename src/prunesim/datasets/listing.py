"""Which image files a folder holds, cheaply: by names, sizes and times, without opening one.

Snakemake compares one line that stands for the folder with the line of the run that read it. Times alone are no change
of the images (a copy of the folder has other times), so where only they differ, the contents are compared with what was
read. Only the standard library, so that the Snakefile can import it.
"""

import hashlib
import json
import os
import re
from pathlib import Path
from typing import NamedTuple

from prunesim.errors import PrunesimError
from prunesim.storage.files import sha256_file, write_text

SPLITS = ("train", "test")
SUFFIXES = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".bmp", ".gif", ".tif", ".tiff", ".webp"),
    *(".avif", ".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c", ".pbm", ".pgm", ".ppm", ".pnm"),
)
# What operating systems and NAS boxes leave in folders, besides hidden files.
SYSTEM_NAMES = (
    *("__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found"),
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"),
)
# What was read, beside the arrays. Hidden, so not part of an archive: without it, names and sizes decide.
READ_FILES = ".read_files.json"
SHOWN = 3
_LINE = re.compile(r"\d+ image files, names and sizes [0-9a-f]{32}, times [0-9a-f]{32}")


class Entry(NamedTuple):
    """A file as a folder lists it: bytes, and the nanoseconds of its last change and of its last move or change."""

    size: int
    modified: int
    changed: int


def is_hidden(name):
    """Return whether a file or folder is none of the user's: hidden, or left there by a system."""
    return name.startswith(".") or name.lower() in SYSTEM_NAMES


def suffix(name):
    """Return the ending of a file's name in lower case, with its dot; empty if it has none."""
    return os.path.splitext(name)[1].lower()


def scan(folder):
    """Return the image files of ``train/<class>`` and ``test/<class>``.

    Parameters
    ----------
    folder : path-like
        What cannot be read counts as not there.

    Returns
    -------
    dict of str to Entry
        By path relative to `folder`, with slashes.
    """
    found = {}
    for split in SPLITS:
        for class_folder in _scandir(os.path.join(folder, split)):
            for file in _scandir(class_folder.path):
                if suffix(file.name) in SUFFIXES:
                    try:
                        status = file.stat()
                    except OSError:
                        continue
                    name = f"{split}/{class_folder.name}/{file.name}"
                    found[name] = Entry(status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return found


def fingerprint(files):
    """Return the line that stands for the files of `scan`."""
    names, times = hashlib.sha256(), hashlib.sha256()
    for name in sorted(files):
        size, *stamps = files[name]
        names.update(os.fsencode(name) + b"\0%d\0" % size)
        times.update(b"%d %d\0" % tuple(stamps))
    return f"{len(files)} image files, names and sizes {names.hexdigest()[:32]}, times {times.hexdigest()[:32]}"


def recorded_line(params):
    """Return the line of `fingerprint` among the parameters that Snakemake recorded of a job, or None."""
    return next((match[0] for text in params or () if (match := _LINE.fullmatch(text.strip("'")))), None)


def write_read_files(output, files, digests):
    """Keep beside the arrays what was read.

    Parameters
    ----------
    output : path-like
        The folder of the arrays.
    files : dict of str to Entry
        From `scan`, before the first file was read.
    digests : dict of str to str
        The SHA-256 of each file that was read, which with a subset are not all.
    """
    rows = [[name, *entry, digests.get(name)] for name, entry in files.items()]
    text = json.dumps(rows)
    write_text(Path(output) / READ_FILES, f"{_checksum(text)}\n{text}\n")


def watched(settings, output, recorded):
    """Return the line for Snakemake to compare, and a sentence if the images are not those that were read.

    Parameters
    ----------
    settings : dict
        The ``dataset`` section of the config.
    output : path-like
        The folder of the arrays.
    recorded : str or None
        The line of the run that made them; None if there was none.

    Returns
    -------
    line : str
        That of the run before while the images are the same, or while there are none: a study is finished also
        where its images are not. Empty for a data set that is no folder of images.
    sentence : str or None
    """
    if (settings["source"] or settings["name"]) != "image_folder":
        return "", None
    folder = Path(settings["path"]).expanduser()
    files = scan(folder)
    if not files:
        return recorded or "", None
    line = fingerprint(files)
    if recorded is None or line == recorded:
        return line, None
    rows = _rows(output)
    if rows is None:
        same = recorded.rpartition(", times ")[0] == line.rpartition(", times ")[0]
        differences = None if same else "other names or sizes"
    else:
        differences = _differences(folder, files, rows)
        if differences is None:
            _refresh(output, files, rows)
    if differences is None:
        return recorded, None
    return line, f"The images of {folder} are not those that {output} was made of: {differences}."


def _scandir(folder):
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not is_hidden(entry.name)]
    except OSError:
        return []


def _rows(output):
    """Return what `write_read_files` has left, as a dict from name to `Entry` and SHA-256; None if it is damaged."""
    try:
        checksum, _, text = (Path(output) / READ_FILES).read_text(encoding="utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    if checksum != _checksum(text.rstrip("\n")):
        return None
    return {name: (Entry(*stamps), sha256) for name, *stamps, sha256 in json.loads(text)}


def _checksum(text):
    return hashlib.sha256(text.encode()).hexdigest()


def _differences(folder, files, rows):
    """Say how the files differ from those that were read, or return None."""
    gone, new = rows.keys() - files.keys(), files.keys() - rows.keys()
    changed = {name for name in rows.keys() & files.keys() if _is_other(folder / name, files[name], *rows[name])}
    parts = [
        f"{len(names)} {what} ({', '.join(_shown(name) for name in sorted(names)[:SHOWN])}"
        f"{', ...' if len(names) > SHOWN else ''})"
        for names, what in ((new, "added"), (gone, "gone"), (changed, "changed"))
        if names
    ]
    return ", ".join(parts) or None


def _is_other(file, entry, read, sha256):
    # A file that a subset left out is not part of the arrays.
    if entry == read or sha256 is None:
        return False
    try:
        return entry.size != read.size or sha256_file(file) != sha256
    except PrunesimError:
        return True


def _refresh(output, files, rows):
    """Keep the new times, so that the contents need not be compared again."""
    try:
        write_read_files(output, files, {name: sha256 for name, (_, sha256) in rows.items()})
    except PrunesimError:
        return


def _shown(name):
    """Return a name as text that any terminal takes, also if its bytes are no text or would move the cursor."""
    return name if name.isprintable() else ascii(name)[1:-1]
