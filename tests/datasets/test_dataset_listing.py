"""The listing by which a changed folder of images is noticed, and what is not a change."""

import os
import shutil

import pytest
from dataset_files import python

from prunesim.datasets.listing import fingerprint, recorded_line, scan, watched, write_read_files
from prunesim.storage.files import sha256_file

SETTINGS = {"name": "pets", "source": "image_folder", "path": "pets"}


@pytest.fixture
def line(tmp_path, monkeypatch):
    """Return the line of a folder that was read as a whole; the test works beside it."""
    monkeypatch.chdir(tmp_path)
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            os.makedirs(f"pets/{split}/{name}")
            for number in range(3):
                with open(f"pets/{split}/{name}/{number}.png", "wb") as file:
                    file.write(f"{split} {name} {number}".ljust(12).encode())
    os.mkdir("out")
    files = scan("pets")
    write_read_files("out", files, {name: sha256_file(f"pets/{name}") for name in files})
    found, sentence = watched(SETTINGS, "out", None)
    assert (found, sentence) == (fingerprint(files), None)
    assert found.startswith("12 image files, names and sizes ")
    return found


def touch():
    for name in scan("pets"):
        os.utime(f"pets/{name}", ns=(1, 1))


def test_what_is_no_image_is_not_listed(line):
    before = scan("pets")
    for name in ("train/list.csv", "train/cat/a.txt", "train/cat/.b.png", "val.png"):
        with open(f"pets/{name}", "wb"):
            pass
    os.makedirs("pets/train/__MACOSX")
    shutil.copy("pets/train/cat/0.png", "pets/train/__MACOSX/0.png")
    os.makedirs("pets/val/cat")
    shutil.copy("pets/train/cat/0.png", "pets/val/cat/0.png")
    assert scan("pets") == before


def write(mode):
    with open("pets/test/cat/1.png", mode) as file:
        file.write(b"x")


CHANGES = {
    "moved to another class": (
        lambda: os.rename("pets/train/cat/1.png", "pets/train/dog/9.png"),
        "1 added (train/dog/9.png), 1 gone (train/cat/1.png)",
    ),
    "removed": (lambda: os.remove("pets/test/cat/1.png"), "1 gone (test/cat/1.png)"),
    "added": (lambda: shutil.copy("pets/test/cat/1.png", "pets/test/cat/9.png"), "1 added (test/cat/9.png)"),
    "longer": (lambda: write("ab"), "1 changed (test/cat/1.png)"),
    "another content of the same size": (
        lambda: write("r+b"),
        "1 changed (test/cat/1.png)",
    ),
    "two of one size and time swapped": (
        lambda: [
            os.rename(f"pets/train/{old}", f"pets/train/{new}")
            for old, new in (("cat/1.png", "x"), ("dog/1.png", "cat/1.png"), ("x", "dog/1.png"))
        ],
        "2 changed (train/cat/1.png, train/dog/1.png)",
    ),
    "many": (
        lambda: [os.remove(f"pets/train/{name}/{number}.png") for name in ("cat", "dog") for number in range(2)],
        "4 gone (train/cat/0.png, train/cat/1.png, train/dog/0.png, ...)",
    ),
}


@pytest.mark.parametrize(("change", "words"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_noticed_and_said(line, change, words):
    change()
    found, sentence = watched(SETTINGS, "out", line)
    assert found == fingerprint(scan("pets")) != line
    assert sentence == f"The images of pets are not those that out was made of: {words}."


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_noticed_after_other_times_were_found_to_be_none(line, change):
    touch()
    assert watched(SETTINGS, "out", line) == (line, None)
    change[0]()
    assert watched(SETTINGS, "out", line)[0] != line


def test_other_times_are_no_change(line):
    shutil.move("pets", "elsewhere")
    shutil.copytree("elsewhere", "pets", copy_function=shutil.copyfile)
    assert fingerprint(scan("pets")) != line
    assert watched(SETTINGS, "out", line) == (line, None)


def test_contents_are_compared_once(line, monkeypatch):
    touch()
    assert watched(SETTINGS, "out", line) == (line, None)
    monkeypatch.setattr("prunesim.datasets.listing.sha256_file", None)
    assert watched(SETTINGS, "out", line) == (line, None)


def test_files_that_a_subset_left_out_may_change(line):
    files = scan("pets")
    write_read_files("out", files, {name: sha256_file(f"pets/{name}") for name in files if "cat" in name})
    with open("pets/train/dog/1.png", "r+b") as file:
        file.write(b"y")
    assert watched(SETTINGS, "out", line) == (line, None)
    with open("pets/train/cat/1.png", "r+b") as file:
        file.write(b"y")
    assert watched(SETTINGS, "out", line)[1].endswith("1 changed (train/cat/1.png).")


@pytest.mark.parametrize("gone", ["the folder", "its content", "the arrays", "both"])
def test_what_is_not_there_is_no_change(line, gone):
    if gone in ("the folder", "both"):
        shutil.rmtree("pets")
    if gone == "its content":  # as where a disk is not mounted
        shutil.rmtree("pets")
        os.makedirs("pets/train")
    if gone in ("the arrays", "both"):
        shutil.rmtree("out")
    assert watched(SETTINGS, "out", line) == (line, None)


def test_names_and_sizes_decide_where_nothing_else_is_known(line):
    """As in a study that was restored from an archive."""
    shutil.rmtree("out")
    touch()
    assert watched(SETTINGS, "out", line) == (line, None)
    os.remove("pets/train/cat/1.png")
    found, sentence = watched(SETTINGS, "out", line)
    assert found != line
    assert sentence == "The images of pets are not those that out was made of: other names or sizes."


@pytest.mark.parametrize(
    "damage", [lambda content: b"", lambda content: content[:-9], lambda content: b"\xff" + content]
)
def test_damaged_notes_are_none(line, damage):
    with open("out/.read_files.json", "r+b") as file:
        content = file.read()
        file.seek(0)
        file.truncate()
        file.write(damage(content))
    touch()
    assert watched(SETTINGS, "out", line) == (line, None)
    os.remove("pets/train/cat/1.png")
    assert watched(SETTINGS, "out", line)[1].endswith("other names or sizes.")


def test_other_sources_have_no_listing():
    assert watched({"name": "digits", "source": None, "path": None}, "out", None) == ("", None)
    assert watched({"name": "mnist", "source": None, "path": "pets"}, "out", None) == ("", None)


def test_the_line_is_found_among_recorded_parameters(line):
    recorded = ["'pets'", '\'{"path": "12 image files, names and sizes 0, times 0"}\'', repr(line)]
    assert recorded_line(recorded) == line
    assert recorded_line(recorded[:2]) is None
    assert recorded_line(None) is None


def test_names_that_are_no_text_or_forge_lines(line):
    with open(b"pets/train/cat/\xff\n.png", "wb"):
        pass
    assert watched(SETTINGS, "out", line)[1].endswith(r"1 added (train/cat/\udcff\n.png).")


def test_the_listing_needs_only_the_standard_library():
    script = "import sys, prunesim.datasets.listing; sys.exit(len({'numpy', 'PIL'} & set(sys.modules)))"
    done = python("-c", script)
    assert done.returncode == 0, done.stderr
