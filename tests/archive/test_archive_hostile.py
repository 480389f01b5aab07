"""A damaged, foreign or malicious archive is refused in one sentence before anything is written."""

import contextlib
import gzip
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tarfile
import tracemalloc
import zlib

import pytest
from archive_runs import entry, listing, manifest_of, member, tar_bytes, write_archive
from pipeline.pipeline_runs import REPOSITORY

from prunesim.archive import packing
from prunesim.archive import study as archive
from prunesim.archive.packing import MANIFEST, manifest_text
from prunesim.archive.study import restore_study
from prunesim.errors import PrunesimError
from prunesim.storage.files import sha256_file
from prunesim.storage.snakemake_records import RECORDS, record_path, recorded_output

TABLE = "results/tiny/tables/networks.csv"
RECORD = f"{RECORDS}/{record_path(TABLE)}"


@pytest.fixture
def root(tmp_path):
    """Return a folder that is a clone as far as restoring asks, with a file that must not be touched."""
    for name in ("Snakefile", "src/prunesim/__init__.py", "results/README.md", "precious"):
        (tmp_path / "clone" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "clone" / name).write_text("as it was\n")
    return tmp_path / "clone"


def refused(root, path):
    """Restore, which must refuse and change nothing, and return the sentence."""
    before = listing(root.parent)
    with pytest.raises(PrunesimError) as caught:
        restore_study(path, root)
    assert listing(root.parent) == before
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert sentence.isprintable()
    assert len(sentence) < 1000
    return sentence


def archived(root, manifest, *members):
    return write_archive(root.parent / "hostile.tar.gz", manifest, *members)


def test_a_small_archive_is_restored(root):
    """What the others are variations of."""
    record = json.dumps({"rule": "x"}).encode()
    path = archived(root, manifest_of(entry(TABLE), entry(RECORD, record)), member(TABLE), member(RECORD, record))
    assert restore_study(path, root)[1] == {"written": 1, "kept": 0}
    assert (root / TABLE).read_bytes() == b"x"
    assert (root / TABLE).stat().st_mtime_ns == 10**18
    assert (root / RECORD).read_bytes() == record
    assert sorted(os.listdir(root / "results")) == ["README.md", "tiny"]
    assert sorted(os.listdir(root / ".snakemake")) == ["incomplete", "metadata"]


PLACES = [
    "/etc/passwd",
    "//results/tiny/x",
    "../results/tiny/x",
    "results/tiny/../../precious",
    "results/tiny/..",
    "results/tiny/./x",
    "results//tiny/x",
    "results/tiny/",
    "results/tiny",
    "results/README.md",
    "results/other/x",
    "results/datasets/x",
    "results/tinyx/x",
    "Results/tiny/x",
    "precious",
    "src/prunesim/cli.py",
    ".git/hooks/post-checkout",
    ".snakemake/conda/x",
    ".snakemake/scripts/x.py",
    ".snakemake/metadata/../scripts/x",
    "results/tiny/.hidden",
    "results/tiny/a\\..\\b",
    "results/tiny/a\nb",
    "results/tiny/a\x1b[2J",
    "results/tiny/a\x00b",
    "results/tiny/ü",
    "results/tiny/ ",
    "results/tiny/-rf",
    "results/tiny/C:x",
    "results/tiny/" + "x" * 256,
    "results/tiny/" + "x/" * 600 + "x",
    "",
]


@pytest.mark.parametrize("place", PLACES)
def test_no_place_outside_the_study(root, place):
    """Neither where the manifest says so nor where it does not."""
    members = [] if "\0" in place else [member(place)]
    sentence = refused(root, archived(root, manifest_of(entry(place)), *members))
    assert "is not a place for the files of results/tiny" in sentence or "no record of Snakemake's" in sentence
    if members:
        assert "is not in its manifest" in refused(root, archived(root, manifest_of(), *members))


@pytest.mark.parametrize(
    "output",
    ["results/other/tables/networks.csv", "../precious", "/etc/passwd", "results/tiny", "src/prunesim/cli.py"],
)
def test_no_record_of_what_is_not_of_the_study(root, output):
    path = f"{RECORDS}/{record_path(output)}"
    sentence = refused(root, archived(root, manifest_of(entry(path)), member(path)))
    assert f"{output!r} is not a place for the files of results/tiny" in sentence


@pytest.mark.parametrize("name", ["x", "====", "cmVz*", record_path(TABLE).rstrip("=") + "==", record_path(TABLE)[:-1]])
def test_no_record_under_another_name(root, name):
    path = f"{RECORDS}/{name}"
    assert "no record of Snakemake's" in refused(root, archived(root, manifest_of(entry(path)), member(path)))


def test_a_record_that_is_no_object(root):
    path = archived(root, manifest_of(entry(RECORD, b"[1]")), member(RECORD, b"[1]"))
    assert "no record of Snakemake's" in refused(root, path)


@pytest.mark.parametrize(
    "kind",
    [
        *(tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE),
        *(tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE, b"?"),
    ],
)
@pytest.mark.parametrize("listed", [True, False])
def test_only_plain_files(root, kind, listed):
    special = member(TABLE, b"", type=kind, linkname="/etc/passwd")
    manifest = manifest_of(entry(TABLE, b"")) if listed else manifest_of()
    sentence = refused(root, archived(root, manifest, special))
    assert re.search("not a plain file|not in its manifest|damaged", sentence)


def test_a_link_and_then_a_file_through_it(root):
    manifest = manifest_of(entry("results/tiny/a/x"), entry("results/tiny/b/x"))
    link = member("results/tiny/a", b"", type=tarfile.SYMTYPE, linkname="../..")
    files = [member("results/tiny/a/x"), member("results/tiny/b/x")]
    assert "is not in its manifest" in refused(root, archived(root, manifest, link, *files))


def test_a_sparse_file_by_extended_headers(root):
    headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "1000000000000"}
    sparse = member(TABLE, b"1\n0\n1\n" + bytes(506), pax_headers=headers | {"GNU.sparse.name": TABLE})
    manifest = manifest_of(entry(TABLE, bytes(512)))
    assert "results/tiny" in refused(root, archived(root, manifest, sparse))


MANIFESTS = {
    "not JSON": (b"{", "truncated or damaged"),
    "changed afterwards": (manifest_text(manifest_of()).replace(b"tiny", b"evil"), "its manifest is damaged"),
    "not an object": (b"[]", "does not say what it is"),
    "nothing": (b"{}", "does not say what it is"),
    "too deep": (b"[" * 100_000, "truncated or damaged"),
    "not UTF-8": (b"\xff\xfe", "truncated or damaged"),
    "another format": (manifest_of(format="prunesim archive 2"), "its format is 'prunesim archive 2'"),
    "another program's": (manifest_of(format=None), "does not say what it is"),
    "no files": (manifest_of(files=None), "lists no files"),
    "a study above": (manifest_of(study=".."), "names the study '..'"),
    "the folder of data sets": (manifest_of(study="datasets"), "names the study 'datasets'"),
    "a study in a study": (manifest_of(study="a/b"), "names the study 'a/b'"),
    "a study that is no text": (manifest_of(study=["tiny"]), "names the study"),
    "unknown contents": (manifest_of(contents="some"), "holds 'some'"),
    "contents that are a list": (manifest_of(contents=["all"]), "holds ['all']"),
    "left out elsewhere": (manifest_of(left_out=["../../precious"]), "is not a place"),
    "left out, no list": (manifest_of(left_out="x"), "does not list what it leaves out"),
    "a date for the terminal": (manifest_of(created="\x1b[2J"), "no text for created"),
    "a commit for the terminal": (manifest_of(commit="a\nb"), "no text for commit"),
    "a file that is a list": (manifest_of([TABLE]), "describes a file by other keys"),
    "a file with a mode": (manifest_of(entry(TABLE, mode=0o4755)), "describes a file by other keys"),
    "a negative size": (manifest_of(entry(TABLE, size=-1)), "no size or time"),
    "a size that is true": (manifest_of(entry(TABLE, size=True)), "no size or time"),
    "a size that is text": (manifest_of(entry(TABLE, size="1")), "no size or time"),
    "a size beyond any disk": (manifest_of(entry(TABLE, size=1 << 70)), "no size or time"),
    "a time before time": (manifest_of(entry(TABLE, mtime_ns=-1)), "no size or time"),
    "a checksum of another kind": (manifest_of(entry(TABLE, sha256="md5")), "without a path or checksum"),
    "a path that is a number": (manifest_of(entry(TABLE) | {"path": 5}), "without a path or checksum"),
    "twice the same": (manifest_of(entry(TABLE), entry(TABLE)), "is there twice"),
    "two that differ in case": (
        manifest_of(entry(TABLE), entry(TABLE.replace("net", "Net"))),
        "the same on some disks",
    ),
    "folders that differ in case": (
        manifest_of(entry("results/tiny/A/x"), entry("results/tiny/a/y")),
        "the same on some disks",
    ),
    "a file that is a folder": (manifest_of(entry(TABLE), entry(f"{TABLE}/x")), "the same on some disks"),
    "a folder that is a file": (manifest_of(entry(f"{TABLE}/x"), entry(TABLE)), "the same on some disks"),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifests(root, name):
    manifest, words = MANIFESTS[name]
    assert words in refused(root, archived(root, manifest, member(TABLE)))


CONTENT = {
    "a missing file": ([entry(TABLE)], [], "1 of its files are missing"),
    "a file too many": ([], [member(TABLE)], "is not in its manifest"),
    "a file twice": ([entry(TABLE)], [member(TABLE), member(TABLE)], "or there twice"),
    "a second manifest": ([], [member(MANIFEST)], "is not in its manifest"),
    "another content": ([entry(TABLE)], [member(TABLE, b"y")], "is not the file that its manifest describes"),
    "a longer content": ([entry(TABLE)], [member(TABLE, b"xx")], "not a plain file of 1 bytes"),
    "a shorter content": ([entry(TABLE)], [member(TABLE, b"")], "not a plain file of 1 bytes"),
}


@pytest.mark.parametrize("name", CONTENT)
def test_members(root, name):
    entries, members, words = CONTENT[name]
    assert words in refused(root, archived(root, manifest_of(*entries), *members))


def test_manifest_must_be_first(root):
    text = manifest_text(manifest_of(entry(TABLE)))
    for members in ([member(TABLE), member(MANIFEST, text)], [], [member(MANIFEST, text, type=tarfile.SYMTYPE)]):
        path = root.parent / "hostile.tar.gz"
        path.write_bytes(gzip.compress(tar_bytes(*members)))
        assert re.search("its first member is not manifest.json|is not an archive", refused(root, path))


@pytest.mark.parametrize("content", [b"", b"hello", b"\x1f\x8b", b"PK\x03\x04" + bytes(100), gzip.compress(b"no tar")])
def test_other_files(root, content):
    path = root.parent / "hostile.tar.gz"
    path.write_bytes(content)
    assert f"{path} is not an archive" in refused(root, path)


def test_what_is_not_there(root):
    assert "does not exist" in refused(root, root.parent / "no.tar.gz")
    assert "could not be read" in refused(root, root)


def test_every_truncation_and_many_damages(root):
    manifest = manifest_of(*(entry(f"results/tiny/tables/{n}.csv", bytes([n]) * 300) for n in range(3)))
    files = [member(f"results/tiny/tables/{n}.csv", bytes([n]) * 300) for n in range(3)]
    whole = archived(root, manifest, *files).read_bytes()
    path = root.parent / "hostile.tar.gz"
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        refused(root, path)
    path.write_bytes(whole[:-1])
    refused(root, path)
    for position in range(12, len(whole), 5):
        damaged = bytearray(whole)
        damaged[position] ^= 0x10
        path.write_bytes(bytes(damaged))
        if unpacked(damaged) != gzip.decompress(whole):
            refused(root, path)


def unpacked(content):
    """Return what gzip unpacks, or nothing if it refuses; a few bits of its format mean nothing."""
    with contextlib.suppress(OSError, EOFError, zlib.error):
        return gzip.decompress(content)


def test_damage_below_the_checksum_of_gzip(root):
    """A flipped bit of the tar, packed anew."""
    manifest = manifest_of(entry(TABLE, b"x" * 600))
    whole = tar_bytes(member(MANIFEST, manifest_text(manifest)), member(TABLE, b"x" * 600))
    accepted = 0
    for position in range(0, whole.rindex(b"x") + 1, 11):
        damaged = bytearray(whole)
        damaged[position] ^= 0x01
        path = root.parent / "hostile.tar.gz"
        path.write_bytes(gzip.compress(bytes(damaged)))
        try:
            found = packing.check(path)
        except PrunesimError:
            continue
        # Padding, for example: what is restored is the same.
        assert found == manifest
        accepted += 1
        packing.unpack(path, {TABLE: root.parent / f"{position}"})
        assert (root.parent / f"{position}").read_bytes() == b"x" * 600
    assert accepted < 50


def test_something_after_the_end(root):
    tar = tar_bytes(member(MANIFEST, manifest_text(manifest_of(entry(TABLE)))), member(TABLE))
    path = root.parent / "hostile.tar.gz"
    for trailer in (b"hello", tar, bytes(100_000) + b"x"):
        path.write_bytes(gzip.compress(tar + trailer))
        assert re.search("something follows|holds more than its manifest says", refused(root, path))
        path.write_bytes(gzip.compress(tar) + gzip.compress(trailer))
        assert re.search("something follows|holds more than its manifest says", refused(root, path))
    path.write_bytes(gzip.compress(tar) + b"hello")
    assert "truncated or damaged" in refused(root, path)


BOMB = 1 << 29


def zeros(size):
    """Return a gzip stream of zeros that is much smaller than what it unpacks to."""
    packer = zlib.compressobj(9, wbits=31)
    pieces = [packer.compress(bytes(1 << 20)) for _ in range(size >> 20)]
    return b"".join([*pieces, packer.flush()])


def header(name, size, kind=tarfile.REGTYPE):
    about = tarfile.TarInfo(name)
    about.size, about.type = size, kind
    return about.tobuf(tarfile.USTAR_FORMAT)


@pytest.fixture(scope="module")
def bomb():
    return zeros(BOMB)


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ([header(MANIFEST, BOMB)], "its first member is not manifest.json"),
        ([header("x", BOMB, tarfile.XHDTYPE)], "a header that is too long"),
        ([header("x", BOMB, tarfile.XGLTYPE)], "a header that is too long"),
        ([header("x", BOMB, tarfile.GNUTYPE_LONGNAME)], "a header that is too long"),
        ([MANIFEST], "1 of its files are missing"),
        ([MANIFEST, header(TABLE, BOMB)], "not a plain file of 1 bytes"),
        ([MANIFEST, header("x", BOMB, tarfile.XHDTYPE)], "a header that is too long"),
        ([MANIFEST, header(TABLE, 1), b"x", bytes(511)], "holds more than its manifest says"),
    ],
)
def test_bombs(root, bomb, before, words):
    """500 MB of zeros in 500 kB, at every place: neither written nor held in memory."""
    text = manifest_text(manifest_of(entry(TABLE)))
    manifest = header(MANIFEST, len(text)) + text + bytes(-len(text) % 512)
    start = b"".join(manifest if part == MANIFEST else part for part in before)
    path = root.parent / "hostile.tar.gz"
    path.write_bytes(gzip.compress(start) + bomb)
    assert path.stat().st_size < 1_000_000
    tracemalloc.start()
    try:
        assert words in refused(root, path)
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()


def test_a_manifest_that_promises_more_than_the_disk_has(root, monkeypatch):
    path = archived(root, manifest_of(entry(TABLE)), member(TABLE))
    monkeypatch.setattr(archive, "_free_bytes", lambda root: 0)
    assert "needs 1 bytes, but only 0 are free" in refused(root, path)


# --- What is there already -----------------------------------------------------------------------------------------

FILES = {f"results/tiny/{name}": name.encode() for name in ("tables/a.csv", "tables/b.csv", "figures/c.svg")}


@pytest.fixture
def sound(root):
    manifest = manifest_of(*(entry(path, content) for path, content in FILES.items()))
    return archived(root, manifest, *(member(path, content) for path, content in FILES.items()))


def test_other_files_are_not_overwritten(root, sound):
    restore_study(sound, root)
    for path in FILES:
        (root / path).write_text("edited")
    sentence = refused(root, sound)
    for path in FILES:
        assert path in sentence
    shutil.rmtree(root / "results/tiny")
    restore_study(sound, root)


def test_only_what_is_missing_is_written(root, sound):
    restore_study(sound, root)
    (root / "results/tiny/tables/a.csv").unlink()
    (root / "results/tiny/tables/own.csv").write_text("mine")
    os.utime(root / "results/tiny/tables/b.csv")
    assert restore_study(sound, root)[1] == {"written": 1, "kept": 2}
    assert {path: (root / path).read_bytes() for path in FILES} == FILES
    assert (root / "results/tiny/tables/own.csv").read_text() == "mine"
    # As old as it was, or what is made from it would be made again.
    assert (root / "results/tiny/tables/b.csv").stat().st_mtime_ns == 10**18


@pytest.mark.parametrize("place", ["results/tiny", "results/tiny/tables", "results/tiny/tables/a.csv"])
@pytest.mark.parametrize("kind", ["file", "folder", "dangling", "device"])
def test_what_is_in_the_way(root, sound, place, kind):
    target = root / place
    target.parent.mkdir(parents=True, exist_ok=True)
    if kind == "folder":
        target.mkdir()
        if not place.endswith("a.csv"):
            restore_study(sound, root)
            return
    elif kind == "file":
        target.write_text("other")
    else:
        target.symlink_to("nowhere" if kind == "dangling" else "/dev/null")
    assert place in refused(root, sound)


def test_results_on_another_disk(root, sound):
    """A link that the user made is followed: many keep their results on a scratch disk."""
    (root / "results").rename(root.parent / "scratch")
    (root / "results").symlink_to(root.parent / "scratch")
    restore_study(sound, root)
    assert {path: (root / path).read_bytes() for path in FILES} == FILES
    assert (root.parent / "scratch/tiny").is_dir()


def test_only_in_a_clone(root, sound):
    (root / "Snakefile").unlink()
    assert "is not a clone of the repository" in refused(root, sound)


def test_not_while_snakemake_is_at_work(root, sound):
    (root / ".snakemake/locks").mkdir(parents=True)
    (root / ".snakemake/locks/0.input.lock").touch()
    assert "Snakemake is at work" in refused(root, sound)


def test_records_follow_their_files(root):
    """A record of a file that is there stays; one of a file that is gone, and the mark of an interrupted job, go."""
    record = b'{"rule": "new"}'
    path = archived(root, manifest_of(entry(TABLE), entry(RECORD, record)), member(TABLE), member(RECORD, record))
    marker = root / ".snakemake/incomplete" / record_path(TABLE)
    for there in (False, True):
        (root / RECORD).parent.mkdir(parents=True, exist_ok=True)
        (root / RECORD).write_text('{"rule": "old"}')
        marker.parent.mkdir(exist_ok=True)
        marker.touch()
        assert (root / TABLE).exists() == there
        restore_study(path, root)
        assert json.loads((root / RECORD).read_text())["rule"] == ("old" if there else "new")
        assert not marker.exists()


@pytest.mark.parametrize("length", [1, 150, 183, 184, 185, 190, 191, 192, 400, 900])
def test_names_of_records_are_snakemake_s(tmp_path, length):
    from snakemake.persistence.file import FilePersistence

    output = ("results/tiny/" + "x" * 1000)[: max(length, 14)]
    theirs = FilePersistence._record_path(type("Stub", (), {"_fetch_max_len": lambda *_: 255})(), "", output)
    assert record_path(output) == theirs
    assert recorded_output(theirs) == output


# --- Interrupted ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", range(1, 7))
def test_interrupted_at_any_moment(root, sound, monkeypatch, moment):
    """Every file is then whole or not there, nothing temporary is left, and the next time it goes on."""
    calls = []

    def stop(function):
        def counted(*arguments, **options):
            calls.append(arguments)
            if len(calls) == moment:
                raise KeyboardInterrupt
            return function(*arguments, **options)

        return counted

    (root / "results/tiny/tables").mkdir(parents=True)  # so that files are moved one by one
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", stop(os.fsync))
        patched.setattr(os, "replace", stop(os.replace))
        if moment <= 5:
            with pytest.raises(KeyboardInterrupt):
                restore_study(sound, root)
    for path, content in FILES.items():
        assert not (root / path).exists() or (root / path).read_bytes() == content
    assert list(root.rglob(".*.tmp")) == []
    restore_study(sound, root)
    assert {path: (root / path).read_bytes() for path in FILES} == FILES


def test_leftovers_of_a_killed_restore_are_removed(root, sound):
    script = "import os\nfrom prunesim.archive import study as archive\n"
    script += "archive.os.replace = lambda *a: os.kill(os.getpid(), 9)\n"
    script += f"archive.restore_study({str(sound)!r}, {str(root)!r})\n"
    environment = {"PYTHONPATH": str(REPOSITORY / "src")}
    killed = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=False)
    assert killed.returncode == -9, killed.stderr
    assert len(list(root.rglob(".restore.*.tmp"))) == 2
    assert not (root / "results/tiny").exists()
    restore_study(sound, root)
    assert list(root.rglob(".*.tmp")) == []
    assert {path: (root / path).read_bytes() for path in FILES} == FILES


def test_a_file_that_cannot_be_written_whole(root, sound):
    """The largest file that the process may write is too small, which is what a full disk does too."""
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (12, limits[1]))
        with pytest.raises(PrunesimError, match="could not be written"):
            restore_study(sound, root)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert os.listdir(root / "results") == ["README.md"]
    assert list(root.rglob(".*.tmp")) == []


DISK = """
set -eu
mount -t tmpfs -o size=300k none {results}
{python} || echo "status $?"
find {results} -mindepth 1 -printf 'left %P\\n'
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mount namespaces are Linux's")
@pytest.mark.parametrize("hidden", [False, True])
def test_full_disk(root, hidden):
    """A file system that is too small is mounted for the results, in a namespace of this test."""
    content = os.urandom(400_000)
    path = archived(root, manifest_of(entry(TABLE, content)), member(TABLE, content))
    script = "from prunesim import cli\nfrom prunesim.archive import study as archive\n"
    script += "archive._free_bytes = lambda root: 10**12\n" if hidden else ""
    script += f"raise SystemExit(cli.main(['restore', {str(path)!r}]))"
    (root / "script.py").write_text(script)
    words = DISK.format(results=root / "results", python=f"{sys.executable} script.py")
    namespace = ["unshare", "--mount"] + (["--map-root-user"] if os.geteuid() else [])
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "src")}
    done = subprocess.run(
        [*namespace, "sh", "-c", words], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == ["status 2"], done.stdout + done.stderr
    assert done.stderr.count("\n") == 1
    assert ("The disk is full: " if hidden else "needs 400000 bytes, but only") in done.stderr


def test_what_is_restored_is_what_was_checked(root, sound, monkeypatch):
    """The archive is changed between the two times that it is read."""
    other = manifest_of(entry(TABLE, b"evil"))
    check = packing.check

    def swap(path):
        manifest = check(path)
        write_archive(path, other, member(TABLE, b"evil"))
        return manifest

    monkeypatch.setattr(packing, "check", swap)
    with pytest.raises(PrunesimError, match="changed while it was read"):
        restore_study(sound, root)
    assert not (root / "results/tiny").exists()
    assert sha256_file(root / "precious") == sha256_file(root / "Snakefile")


def test_tar_of_the_system_can_unpack_it(root, sound, tmp_path):
    subprocess.run(["tar", "xzf", sound], cwd=tmp_path, check=True)
    assert {path: (tmp_path / path).read_bytes() for path in FILES} == FILES
