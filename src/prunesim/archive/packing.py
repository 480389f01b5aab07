"""The file format of archives, and what is refused in one.

An archive is a ``.tar.gz`` whose first member, ``manifest.json``, says what the others are. Archives are hostile input:
only the content of a member is taken, under a name that was checked; what is read is bounded by what the manifest
declares; and nothing is written before all of the archive has been found to be what its manifest says.
"""

import gzip
import hashlib
import io
import json
import os
import posixpath
import re
import tarfile
from pathlib import Path

from prunesim.errors import PrunesimError
from prunesim.storage.files import CHUNK_BYTES, atomic_path, read_error, sha256_file, write_error
from prunesim.storage.snakemake_records import RECORDS, recorded_output

FORMAT = "prunesim archive 1"
MANIFEST = "manifest.json"
CONTENTS = ("all", "results", "figures")
MAX_MANIFEST_BYTES = 1 << 26
MAX_RECORD_BYTES = 1 << 24
MAX_HEADER_BYTES = 1 << 14  # of a member: its header, and the extended one with its time and a long name
MAX_PADDING_BYTES = 1 << 16

_STUDY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}")
_RECORD_PART = re.compile(r"@?[A-Za-z0-9_=-]{1,254}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def pack(output, files, about):
    """Write an archive, atomically.

    Parameters
    ----------
    output : path-like
    files : dict of str to path-like
        What to pack, by the path relative to a clone to which it is restored.
    about : dict
        What else the manifest says: ``study``, ``contents``, ``left_out``, ``created``, ``commit``,
        ``network_file``, ``network_imports``, and whatever a reader may want to know.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    PrunesimError
        If a file cannot be packed, changes meanwhile, or the archive cannot be written.
    """
    members = [_described(path, files[path]) for path in sorted(files)]
    manifest = {"format": FORMAT, **about, "files": members}
    try:
        check_manifest(manifest)
    except _RefusedError as error:
        raise PrunesimError(f"{about['study']} cannot be archived: {error}.") from error
    with (
        atomic_path(output) as temporary,
        open(temporary, "wb") as raw,
        # Neither name nor time, so that the same files make the same archive but for what the manifest tells.
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        _add_text(tar, manifest_text(manifest))
        for member in members:
            _add_file(tar, member, files[member["path"]])
    return manifest


def check(path):
    """Read all of an archive and return its manifest.

    Raises
    ------
    PrunesimError
        If it is not an archive of this format, truncated, damaged, or not what its manifest says.
    """
    return _read(path, _check_member)


def unpack(path, targets):
    """Write files of an archive that was checked, to new places.

    Parameters
    ----------
    path : path-like
    targets : dict of str to path-like
        Where to write a member, by its path; the others are left out. Folders are made.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    PrunesimError
        As `check`, or if a file cannot be written.
    """

    def write(entry, chunks):
        if entry["path"] in targets:
            _write(targets[entry["path"]], chunks, entry["mtime_ns"])
        else:
            for _ in chunks:
                pass

    return _read(path, write)


def manifest_text(manifest):
    """Return a manifest as it is packed; the last key is the checksum of the others."""
    return json.dumps(manifest | {"checksum": _checksum(manifest)}, indent=1).encode()


def _checksum(manifest):
    return hashlib.sha256(json.dumps(manifest).encode()).hexdigest()


def check_manifest(manifest):
    """Refuse a manifest that does not describe the files of one study."""
    if not isinstance(manifest, dict) or not isinstance(manifest.get("format"), str):
        raise _RefusedError("its manifest does not say what it is")
    if manifest["format"] != FORMAT:
        raise _RefusedError(f"its format is {manifest['format']!r:.80}, not {FORMAT!r}")
    study, contents, files = (manifest.get(key) for key in ("study", "contents", "files"))
    if not isinstance(study, str) or not _STUDY.fullmatch(study) or study == "datasets":
        raise _RefusedError(f"its manifest names the study {study!r:.80}")
    if contents not in CONTENTS:
        raise _RefusedError(f"its manifest says that it holds {contents!r:.80}, not one of {', '.join(CONTENTS)}")
    if not isinstance(files, list):
        raise _RefusedError("its manifest lists no files")
    left_out = manifest.get("left_out")
    if not isinstance(left_out, list) or not all(isinstance(path, str) for path in left_out):
        raise _RefusedError("its manifest does not list what it leaves out")
    for key in ("created", "commit", "network_file"):  # they are shown on a terminal
        value = manifest.get(key)
        if value is not None and not (isinstance(value, str) and value.isprintable() and len(value) < 1000):
            raise _RefusedError(f"its manifest has no text for {key}")
    for key in ("given_files", "network_imports"):
        paths = manifest.get(key, {})
        words = [*paths, *paths.values()] if isinstance(paths, dict) else [None]
        if not all(isinstance(word, str) and word.isprintable() and len(word) < 1000 for word in words):
            raise _RefusedError(f"its manifest has no texts for {key}")
    for path in left_out:
        _check_place(posixpath.normpath(f"results/{study}/{path}"), study)
    for entry in files:
        _check_entry(entry, study)
    _check_distinct([entry["path"] for entry in files])


class _RefusedError(Exception):
    """What is wrong with an archive, as the rest of a sentence."""


def _check_entry(entry, study):
    if not isinstance(entry, dict) or entry.keys() != {"path", "size", "sha256", "mtime_ns"}:
        raise _RefusedError("its manifest describes a file by other keys than path, size, sha256 and mtime_ns")
    path, sha256 = entry["path"], entry["sha256"]
    if not isinstance(path, str) or not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise _RefusedError("its manifest has a file without a path or checksum")
    if any(type(entry[key]) is not int or not 0 <= entry[key] < 1 << 62 for key in ("size", "mtime_ns")):
        raise _RefusedError(f"its manifest gives no size or time for {path!r:.200}")
    if path.startswith(f"{RECORDS}/"):
        record = path.removeprefix(f"{RECORDS}/")
        if not all(map(_RECORD_PART.fullmatch, record.split("/"))) or entry["size"] > MAX_RECORD_BYTES:
            raise _RefusedError(f"{path!r:.200} is no record of Snakemake's")
        try:
            _check_place(recorded_output(record), study)
        except ValueError as error:
            raise _RefusedError(f"{path!r:.200} is no record of Snakemake's") from error
    else:
        _check_place(path, study)


def _check_place(path, study):
    """Refuse a path outside the folders of the study and of data sets."""
    parts = path.split("/")
    inside = parts[:2] == ["results", study] and len(parts) > 2
    of_data = parts[:2] == ["results", "datasets"] and len(parts) > 3
    if not (inside or of_data) or not all(map(_PART.fullmatch, parts)) or len(path) > 1000:
        raise _RefusedError(f"{path!r:.200} is not a place for the files of results/{study} or its data set")


def _check_distinct(paths):
    """Refuse names that are one file on disks that do not tell upper from lower case, and files that are folders."""
    files, seen = set(), {}
    for path in paths:
        if path in files:
            raise _RefusedError(f"{path!r:.200} is there twice")
        files.add(path)
        parts = path.split("/")
        for end in range(1, len(parts) + 1):
            name = "/".join(parts[:end])
            other = seen.setdefault(name.casefold(), (name, end == len(parts)))
            # Base64 tells upper from lower case everywhere, or Snakemake would not work there.
            if other != (name, end == len(parts)) and not path.startswith(f"{RECORDS}/"):
                raise _RefusedError(f"{name!r:.200} and {other[0]!r:.200} would be the same on some disks")


# --- Packing -------------------------------------------------------------------------------------------------------


def _described(path, file):
    try:
        about = os.stat(file)
    except OSError as error:
        raise read_error(file, error) from error
    return {"path": path, "size": about.st_size, "sha256": sha256_file(file), "mtime_ns": about.st_mtime_ns}


def _add_text(tar, text):
    tar.addfile(_header(MANIFEST, len(text), 0), io.BytesIO(text))


def _add_file(tar, member, file):
    changed = PrunesimError(f"{file} changed while it was packed; wait for what writes it, and run again.")
    with _opened(file) as source:
        content = _Hashed(source)
        try:
            # Seconds as a fraction: other programs that unpack the archive keep the order of the times, too.
            tar.addfile(_header(member["path"], member["size"], member["mtime_ns"] / 1e9), content)
        except OSError as error:
            raise (changed if error.errno is None else error) from error
        if content.digest.hexdigest() != member["sha256"] or source.read(1):
            raise changed


def _opened(file):
    try:
        return open(file, "rb")
    except OSError as error:
        raise read_error(file, error) from error


def _header(name, size, mtime):
    header = tarfile.TarInfo(name)
    header.size, header.mtime, header.mode = size, mtime, 0o644
    return header


class _Hashed:
    """A file that is hashed while it is read."""

    def __init__(self, file):
        self.file, self.digest = file, hashlib.sha256()

    def read(self, size):
        data = self.file.read(size)
        self.digest.update(data)
        return data


# --- Reading -------------------------------------------------------------------------------------------------------


def _read(path, use):
    """Read all of an archive, calling `use` with the entry and the chunks of each member, and return its manifest."""
    try:
        with open(path, "rb") as raw, gzip.GzipFile(fileobj=raw, mode="rb") as stream:
            return _read_members(_Bounded(stream, MAX_MANIFEST_BYTES + MAX_HEADER_BYTES), use)
    except PrunesimError:
        raise
    except _RefusedError as error:
        raise PrunesimError(f"{path} is not an archive that can be restored: {error}.") from error
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise read_error(path, error) from error
    # The libraries raise many kinds of error for damaged or malicious files.
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise PrunesimError(f"{path} is not an archive, or truncated or damaged ({reason}); get it again.") from error


def _read_members(stream, use):
    with tarfile.TarFile(fileobj=stream, mode="r") as tar:
        first = tar.next()
        if first is None or first.name != MANIFEST or not _is_plain(first) or first.size > MAX_MANIFEST_BYTES:
            raise _RefusedError(f"its first member is not {MANIFEST}")
        manifest = json.loads(b"".join(_chunks(tar, first)))
        checksum = manifest.pop("checksum", None) if isinstance(manifest, dict) else None
        check_manifest(manifest)
        if checksum != _checksum(manifest):
            raise _RefusedError("its manifest is damaged (checksum)")
        waiting = {entry["path"]: entry for entry in manifest["files"]}
        stream.allow(sum(entry["size"] + MAX_HEADER_BYTES for entry in waiting.values()) + MAX_PADDING_BYTES)
        while (member := tar.next()) is not None:
            entry = waiting.pop(member.name, None)
            if entry is None:
                raise _RefusedError(f"{member.name!r:.200} is not in its manifest, or there twice")
            if not _is_plain(member) or member.size != entry["size"]:
                raise _RefusedError(f"{member.name!r:.200} is not a plain file of {entry['size']} bytes")
            use(entry, _verified(_chunks(tar, member), entry))
        if waiting:
            raise _RefusedError(f"{len(waiting)} of its files are missing, such as {next(iter(waiting))!r:.200}")
        # To the end, where gzip keeps its own checksum; a tar ends in zeros.
        while padding := stream.read(CHUNK_BYTES):
            if padding.strip(b"\0"):
                raise _RefusedError("something follows after its last member")
    return manifest


def _is_plain(member):
    return member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and member.sparse is None and member.size >= 0


def _chunks(tar, member):
    with tar.extractfile(member) as content:
        while chunk := content.read(CHUNK_BYTES):
            yield chunk


def _verified(chunks, entry):
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
        yield chunk
    if size != entry["size"] or digest.hexdigest() != entry["sha256"]:
        raise _RefusedError(f"{entry['path']!r:.200} is not the file that its manifest describes (checksum)")


def _check_member(entry, chunks):
    if not entry["path"].startswith(f"{RECORDS}/"):
        for _ in chunks:
            pass
    elif not isinstance(json.loads(b"".join(chunks)), dict):
        raise _RefusedError(f"{entry['path']!r:.200} is no record of Snakemake's")


def _write(target, chunks, mtime_ns):
    try:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        with open(target, "xb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        os.utime(target, ns=(mtime_ns, mtime_ns))
    except OSError as error:
        raise write_error(target, error) from error


class _Bounded:
    """A stream that is read forwards, in pieces, and not further than is allowed."""

    def __init__(self, stream, limit):
        self.stream, self.limit, self.position = stream, limit, 0

    def allow(self, size):
        self.limit = self.position + size

    def tell(self):
        return self.position

    def seek(self, position):
        if position < self.position:
            raise _RefusedError("it points back to what was read")
        while self.position < position:
            if not self.read(min(CHUNK_BYTES, position - self.position)):
                raise EOFError("it ends early")

    def read(self, size):
        if not 0 <= size <= CHUNK_BYTES:
            raise _RefusedError("it has a header that is too long")
        data = self.stream.read(size)
        self.position += len(data)
        if self.position > self.limit:
            raise _RefusedError("it holds more than its manifest says")
        return data
