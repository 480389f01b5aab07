"""Running the verbs as a user does, and archives to order."""

import gzip
import hashlib
import io
import os
import subprocess
import sys
import tarfile

from pipeline.pipeline_runs import REPOSITORY

from prunesim.archive.packing import FORMAT, manifest_text


def call(folder, *words, **options):
    """Run prunesim in a folder, and return what came of it."""
    return subprocess.run(
        [sys.executable, "-m", "prunesim", *map(str, words)],
        cwd=folder,
        env={"PYTHONPATH": str(REPOSITORY / "src"), "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def prunesim(folder, *words):
    """Run prunesim in a folder, which must succeed, and return what it printed."""
    done = call(folder, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def refused(folder, *words):
    """Run prunesim in a folder, which must refuse, and return its one sentence."""
    done = call(folder, *words)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith(f"prunesim {words[0]}: ")
    return done.stderr


def listing(folder):
    """Return what is in a folder: names, kinds, contents and times."""
    found = {}
    for path in sorted(folder.rglob("*")):
        about = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[path.relative_to(folder).as_posix()] = (about.st_mode, content, about.st_mtime_ns if content else 0)
    return found


def entry(path, content=b"x", **changes):
    """Return what a manifest says of a file."""
    about = {"path": path, "size": len(content), "sha256": hashlib.sha256(content).hexdigest(), "mtime_ns": 10**18}
    return about | changes


def manifest_of(*entries, **changes):
    about = {"format": FORMAT, "study": "tiny", "contents": "all", "left_out": [], "files": list(entries)}
    return about | changes


def member(name, content=b"x", **changes):
    """Return a header and content for `write_tar`."""
    header = tarfile.TarInfo(name)
    header.size = len(content)
    for key, value in changes.items():
        setattr(header, key, value)
    return header, content


def tar_bytes(*members):
    """Return a tar with exactly these members; a text or mapping becomes a manifest."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for header, content in members:
            tar.addfile(header, io.BytesIO(content))
    return buffer.getvalue()


def write_archive(path, manifest, *members):
    """Write an archive with any manifest and members."""
    text = manifest if isinstance(manifest, bytes) else manifest_text(manifest)
    path.write_bytes(gzip.compress(tar_bytes(member("manifest.json", text), *members), mtime=0))
    return path
