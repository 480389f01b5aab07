"""Folders of images are hostile input: links, special files, names, and formats that start other programs."""

import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from prunesim.cli import main
from prunesim.datasets import image_folder
from prunesim.datasets.image_folder import read_image
from prunesim.errors import PrunesimError

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 9\n%%EndComments\n(pwned) (w) file closefile\nshowpage\n%%EOF\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="9"><script>alert(1)</script></svg>'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a sound folder of images; the test works beside it."""
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        for name in ("a", "b"):
            (tmp_path / "data" / split / name).mkdir(parents=True)
            for number in range(2):
                image = Image.fromarray(rng.integers(0, 256, (9, 8), dtype=np.uint8))
                image.save(tmp_path / "data" / split / name / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


def fetch(capsys):
    status = main(["fetch", "--settings", '{"name": "x", "source": "image_folder", "path": "data"}', "--output", "out"])
    return status, capsys.readouterr()


def refused(capsys):
    status, printed = fetch(capsys)
    assert status == 2
    assert printed.err.count("\n") == 1
    assert not os.path.exists("out") or os.listdir("out") == []
    return printed.err


def png(width, height, *chunks):
    """Return a PNG whose header declares a size, with any chunks after it."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), *chunks, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@pytest.mark.parametrize(
    "content", [EPS, SVG, b"%PDF-1.4\n", b"\xc5\xd0\xd3\xc6" + struct.pack("<6I", 30, 200, 0, 0, 0, 0) + EPS]
)
@pytest.mark.parametrize("name", ["9.png", "9.jpg", "9.tif"])
def test_no_other_program_is_started(folder, capsys, monkeypatch, content, name):
    """Programs that Pillow would call for these formats are put first on the path, and leave a mark."""
    (folder.parent / "bin").mkdir()
    for program in ("gs", "gswin32c", "gswin64c", "rsvg-convert", "djpeg", "ppmquant", "ppmtogif", "xv", "xdg-open"):
        script = folder.parent / "bin" / program
        script.write_text(f"#!/bin/sh\n: > '{folder.parent}/started'\n")
        script.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder.parent / "bin"))
    subprocess.run(["gs"], check=True)
    (folder.parent / "started").unlink()
    (folder / "train/a" / name).write_bytes(content)
    assert f"{name} could not be read as an image" in refused(capsys)
    assert not (folder.parent / "started").exists()


@pytest.mark.parametrize("name", ["9.eps", "9.svg", "9.pdf", "9.ps", "9.wmf", "9.npy", "9.pkl", "9.pt"])
def test_other_formats_are_not_opened(folder, capsys, name):
    (folder / "train/a" / name).write_bytes(EPS)
    status, printed = fetch(capsys)
    assert status == 0
    assert f"1 files are not images by their names and are ignored, as data/train/a/{name}" in printed.out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (png(2**31 - 1, 2**31 - 1), "pixels"),
        (png(2**13, 2**13 + 1), "pixels"),
        (png(0, 5), "could not be read"),
        # 100 MB of text in 100 kB, of which Pillow unpacks at most 1 MB
        (png(8, 9, (b"zTXt", b"k\0\0" + zlib.compress(bytes(100_000_000), 9))), "could not be read"),
        (png(8, 9, (b"iCCP", b"k\0\0" + zlib.compress(bytes(100_000_000), 9))), "could not be read"),
    ],
)
def test_bombs(folder, capsys, content, words):
    assert len(content) < 200_000
    (folder / "train/a/9.png").write_bytes(content)
    sentence = refused(capsys)
    assert "data/train/a/9.png" in sentence
    assert words in sentence


def test_a_sparse_file_is_not_read_to_its_end(folder, capsys):
    with open(folder / "train/a/9.png", "wb") as file:
        file.truncate(2**40)
    assert "data/train/a/9.png has more than" in refused(capsys)


def test_the_limit_of_bytes_is_exact(folder, monkeypatch):
    path = folder / "train/a/0.png"
    monkeypatch.setattr(image_folder, "MAX_BYTES", path.stat().st_size)
    read_image(path)
    monkeypatch.setattr(image_folder, "MAX_BYTES", path.stat().st_size - 1)
    with pytest.raises(PrunesimError, match="too many for an image"):
        read_image(path)


@pytest.mark.skipif(sys.platform != "linux", reason="device files under these names are Linux's")
@pytest.mark.parametrize("target", ["/dev/zero", "/dev/tty", "/proc/self/fd", "/dev/stdin"])
def test_links_to_devices_are_not_opened(folder, capsys, monkeypatch, target):
    # Standard input is a pipe here that nobody writes to.
    reading, writing = os.pipe()
    saved = os.dup(0)
    os.dup2(reading, 0)
    try:
        (folder / "train/a/9.png").symlink_to(target)
        sentence = refused(capsys)
    finally:
        os.dup2(saved, 0)
        for number in (reading, writing, saved):
            os.close(number)
    assert "train/a/9.png" in sentence


def test_links_that_leave_the_folder_are_said(folder, capsys):
    """Data sets are often made of links, so they are followed, but not silently."""
    secret = folder.parent / "secret.png"
    (folder / "train/a/0.png").rename(secret)
    (folder / "train/a/0.png").symlink_to("../../../secret.png")
    (folder / "train/a/2.png").symlink_to("1.png")
    (folder / "test/b").rename(folder.parent / "elsewhere")
    (folder / "test/b").symlink_to("../../elsewhere")
    status, printed = fetch(capsys)
    assert status == 0
    assert "data: 3 images are links to other folders, as data/train/a/0.png" in printed.out


def test_a_link_to_what_is_no_image_tells_nothing_of_it(folder, capsys):
    (folder.parent / "secret").write_text("the password")
    (folder / "train/a/9.png").symlink_to("../../../secret")
    sentence = refused(capsys)
    assert "train/a/9.png could not be read as an image" in sentence
    assert "password" not in sentence


@pytest.mark.parametrize(
    "name", ["9\n.png", "9.png\nprunesim fetch: all well.png", "9\r.png", "9\x1b[2J.png", "9\x7f.png"]
)
@pytest.mark.parametrize("place", ["train/a", "test"])
def test_names_that_would_forge_lines(folder, capsys, name, place):
    (folder / place / name).write_bytes(b"")
    sentence = refused(capsys)
    assert "a control character in its name" in sentence
    assert repr(name) in sentence
    assert "\x1b" not in sentence


def test_names_that_a_shell_or_a_terminal_would_take_for_its_own(folder, capsys):
    path = folder / "train/a/0.png"
    odd = ["$(touch pwned).png", "`id`.png", "a;b.png", "-rf.png", "'.png", '".png', "é ü.png", "a\\nb.png", "%s{}.png"]
    for name in odd:
        (folder / "train/a" / name).write_bytes(path.read_bytes())
    (folder / "train/c $HOME;`").mkdir()
    (folder / "test/c $HOME;`").mkdir()
    for split in ("train", "test"):
        (folder / split / "c $HOME;`" / "0.png").write_bytes(path.read_bytes())
    status, printed = fetch(capsys)
    assert status == 0, printed
    assert "out: 14 training and 5 test images" in printed.out
    assert sorted(os.listdir()) == ["data", "out"]


def test_names_that_are_no_text(folder):
    """In a process of its own, whose output takes only UTF-8."""
    image = (folder / "train/a/0.png").read_bytes()
    for name in (b"\xff\xfe.png", b"\xff.txt"):
        with open(os.path.join(os.fsencode(folder / "train/a"), name), "wb") as file:
            file.write(image)
    settings = '{"name": "x", "source": "image_folder", "path": "data"}'
    command = [sys.executable, "-m", "prunesim", "fetch", "--settings", settings, "--output", "out"]
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(image_folder.__file__)) + "/.."}
    environment |= {"PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert rb"as data/train/a/\xff.txt" in done.stdout


def test_a_deep_tree_is_not_walked(folder, capsys):
    deep = folder / "train/a/x"
    deep.mkdir()
    for _ in range(50):
        deep = deep / ("x" * 50)
        deep.mkdir()
    assert "data/train/a/x is a folder inside a class folder" in refused(capsys)
