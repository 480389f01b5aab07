"""`prunesim diff` on copies of a real small study, in which one thing was changed."""

import csv
import io
import json
import os
import shutil

import numpy as np
import pytest

from prunesim.cli import main
from prunesim.storage.arrays import load_array, load_tensors, save_array, save_tensors
from prunesim.storage.files import read_json, write_json

MASK = "networks/rep0/imp/round01/mask.safetensors"
WEIGHTS = "networks/rep1/imp/round02/weights.safetensors"
METRICS = "networks/rep0/dense/metrics.json"
HISTORY = "networks/rep0/dense/history.csv"
RELU = "activations/rep0/dense/relu1.npy"
INDEX = "activations/rep0/dense/activations.json"
TABLE = "tables/networks.csv"
SIMILARITY = "tables/similarity.csv"
COMPARISON = "comparisons/layers/rep0/imp/round02.csv"
FIGURES = ("figures/accuracy.svg", "figures/accuracy.png")


@pytest.fixture
def studies(finished, tmp_path):
    """Return a study and a copy of it, of which a test may change the copy."""
    shutil.copytree(finished / "results/tiny", tmp_path / "tiny")
    return finished / "results/tiny", tmp_path / "tiny"


@pytest.fixture
def diff(capsys):
    """Return a function that compares two studies and returns the exit status, the lines and the summary."""

    def call(*studies):
        status = main(["diff", *map(str, studies)])
        captured = capsys.readouterr()
        assert captured.err == ""
        *lines, summary = captured.out.splitlines()
        return status, lines, summary

    return call


def test_the_same(studies, diff):
    status, lines, summary = diff(*studies)
    assert (status, lines) == (0, [])
    count = sum(path.is_file() for name in FOLDERS for path in (studies[0] / name).rglob("*")) - 1  # provenance.csv
    assert summary == f"{count} artifacts of {studies[0]} and {studies[1]} compared; all are the same"
    assert count > 150


FOLDERS = ("networks", "activations", "comparisons", "tables", "figures")


def test_what_varies_is_ignored(studies, diff):
    _, copy = studies
    metrics = read_json(copy / METRICS)
    write_json(copy / METRICS, metrics | {"seconds": metrics["seconds"] + 1})
    edit_cell(copy / TABLE, 1, "seconds", "123.5")
    for name in ("provenance", "logs"):
        shutil.rmtree(copy / name)
    (copy / "tables/provenance.csv").write_text("x")
    (copy / "checkpoints").mkdir(exist_ok=True)
    (copy / "checkpoints/x.safetensors").write_text("x")
    (copy / "report.html").write_text("x")
    (copy / "networks/rep0/dense/.weights.safetensors.x.tmp").write_text("x")
    assert diff(*studies)[:2] == (0, [])
    assert diff(*studies[::-1])[:2] == (0, [])


def rows_of(path):
    return list(csv.reader(io.StringIO(path.read_text())))


def edit_cell(path, line, column, value):
    rows = rows_of(path)
    rows[line][rows[0].index(column)] = value
    write_rows(path, rows)


def write_rows(path, rows):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    path.write_text(text.getvalue())


def edit_tensors(path, change):
    tensors, metadata = load_tensors(path)
    change(tensors, metadata)
    save_tensors(path, tensors, metadata)


def edit_array(path, change):
    array = load_array(path).copy()
    save_array(path, change(array))


def setting(index, value):
    def change(array):
        array.flat[index] = value
        return array

    return change


def replace(path, old, new):
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


def flip_last_entries(tensors, metadata):
    tensors["conv2.weight"].flat[-3:] ^= 1


def move_weights(tensors, metadata):
    tensors["conv1.weight"].flat[0] += 2.0
    tensors["conv1.weight"].flat[1] -= 0.5
    tensors["bn1.bias"].flat[0] = np.nan
    del tensors["fc1.bias"]


CHANGES = {
    "a mask": (
        MASK,
        lambda path: edit_tensors(path, flip_last_entries),
        "conv2.weight: 3 of 144 entries differ, by 1 ",
    ),
    "weights": (
        WEIGHTS,
        lambda path: edit_tensors(path, move_weights),
        "bn1.bias: 1 of 4 entries differ, by not a number at most; conv1.weight: 2 of 36 entries differ, by 2 at most; "
        "fc1.bias: only in ",
    ),
    "the type of a mask": (
        MASK,
        lambda path: edit_tensors(path, lambda t, _: t.update({name: t[name].astype(np.int8) for name in t})),
        "conv1.weight: uint8 of shape (4, 1, 3, 3), and int8 of shape (4, 1, 3, 3); ",
    ),
    "metadata of a mask": (
        MASK,
        lambda path: edit_tensors(path, lambda t, about: about["settings"].update(fraction=0.3)),
        "metadata: settings.fraction: 0.2 and 0.3",
    ),
    "an activation": (
        RELU,
        lambda path: edit_array(path, setting(5, 1e3)),
        " of 20480 entries differ, by 1e+03 at most",
    ),
    "the sign of zero": (
        RELU,
        lambda path: edit_array(path, lambda array: np.where(array == 0, -array, array)),
        " entries differ, by 0 at most",
    ),
    "the number of samples": (
        RELU,
        lambda path: edit_array(path, lambda array: array[:-1]),
        "float32 of shape (5120, 4), and float32 of shape (5119, 4)",
    ),
    "the precision": (
        RELU,
        lambda path: edit_array(path, lambda array: array.astype(np.float64)),
        "float32 of shape (5120, 4), and float64 of shape (5120, 4)",
    ),
    "the order in memory": (
        RELU,
        lambda path: np.save(path, np.asfortranarray(load_array(path)), allow_pickle=False),
        "is the first that differs",
    ),
    "an accuracy": (
        METRICS,
        lambda path: write_json(path, read_json(path) | {"test_accuracy": 2}),
        "test_accuracy: 0.",
    ),
    "a key": (METRICS, lambda path: write_json(path, read_json(path) | {"more": [1]}), "more: none and [1]"),
    "an image": (
        INDEX,
        lambda path: write_json(path, read_json(path) | {"images": [7, *read_json(path)["images"][1:-1]]}),
        "images[0]: 0 and 7; 2 keys differ",
    ),
    "a cell": (SIMILARITY, lambda path: edit_cell(path, 3, "value", "0.5"), "line 4, column value: '0."),
    "a column": (
        COMPARISON,
        lambda path: write_rows(path, [row[:-1] for row in rows_of(path)]),
        "line 1, column note: 'note' and none; ",
    ),
    "a row": (HISTORY, lambda path: write_rows(path, rows_of(path)[:-1]), "line 3, column epoch: '2' and none; "),
    "the name of the column of seconds": (
        TABLE,
        lambda path: edit_cell(path, 0, "seconds", "hours"),
        "line 1, column seconds: 'seconds' and 'hours'",
    ),
    "a figure": (FIGURES[0], lambda path: replace(path, b"<svg ", b"<svG "), "byte "),
    "a longer figure": (
        FIGURES[1],
        lambda path: path.write_bytes(path.read_bytes() + b"x"),
        " is the first that differs; ",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_named(studies, diff, change):
    path, make, words = CHANGES[change]
    make(studies[1] / path)
    status, lines, summary = diff(*studies)
    assert status == 1
    assert len(lines) == 1
    assert lines[0].startswith(f"{path}: ")
    assert words in lines[0]
    assert summary.endswith("compared; 1 differ")


# An artifact of each kind, and where a byte of it may be: at both ends and in the middle.
EVERY_KIND = (MASK, WEIGHTS, METRICS, INDEX, HISTORY, RELU, TABLE, SIMILARITY, COMPARISON, *FIGURES)


@pytest.mark.parametrize("path", EVERY_KIND)
@pytest.mark.parametrize("place", [0, 0.3, 0.5, 0.77, 1])
def test_one_byte_of_every_kind(studies, diff, path, place):
    content = bytearray((studies[1] / path).read_bytes())
    position = int(place * (len(content) - 1))
    # The seconds of a training may differ, so their digits are passed over.
    while place and any(start <= position < end for start, end in seconds_in(path, bytes(content))):
        position += 1
    content[position] ^= 0x04
    (studies[1] / path).write_bytes(bytes(content))
    status, lines, summary = diff(*studies)
    assert (status, len(lines)) == (1, 1)
    assert lines[0].startswith(f"{path}: ")
    assert summary.endswith("1 differ")


def seconds_in(path, content):
    if path == METRICS:
        start = content.index(b'"seconds": ') + len(b'"seconds": ')
        return [(start, content.index(b",", start))]
    if path == TABLE:
        ends = [end for end in range(len(content)) if content[end : end + 1] == b"\n"]
        return [(content.rindex(b",", 0, end) + 1, end) for end in ends[1:]]
    return []


def test_missing_ones_on_either_side(studies, diff):
    first, second = studies
    (second / MASK).unlink()
    (second / "figures/own.svg").write_text("x")
    status, lines, summary = diff(first, second)
    assert status == 1
    assert lines == [f"figures/own.svg: not in {first}", f"{MASK}: not in {second}"]
    assert summary.endswith("2 differ")


def test_what_an_archive_left_out_is_not_missing(studies, diff):
    first, second = studies
    (second / WEIGHTS).unlink()
    (second / MASK).unlink()
    write_json(second / "archive.json", {"contents": "results", "left_out": [WEIGHTS]})
    for pair in ((first, second), (second, first)):
        status, lines, summary = diff(*pair)
        assert (status, lines) == (1, [f"{MASK}: not in {second}"])
        assert ", 1 that were left out of an archive are not; 1 differ" in summary


def test_another_name_of_the_study(studies, diff):
    os.rename(studies[1], studies[1].with_name("renamed"))
    assert diff(studies[0], studies[1].with_name("renamed"))[:2] == (0, [])


def test_damaged_ones_are_named_too(studies, diff):
    for path in (MASK, RELU, METRICS):
        content = (studies[1] / path).read_bytes()
        (studies[1] / path).write_bytes(content[: len(content) // 2])
    status, lines, _ = diff(*studies)
    assert status == 1
    assert [line.split(": ")[0] for line in lines] == [RELU, METRICS, MASK]
    assert all("is the first that differs; " in line and " bytes (" in line for line in lines)


@pytest.mark.parametrize("empty", [0, 1])
def test_what_is_no_study_is_refused(studies, tmp_path, capsys, empty):
    pair = [*studies]
    pair[empty] = tmp_path / "nothing"
    assert main(["diff", *map(str, pair)]) == 2
    assert capsys.readouterr().err == (
        f"prunesim diff: {tmp_path / 'nothing'} holds no results; give the folder of a study, results/<study>.\n"
    )


def test_json_numbers_are_told_apart(studies, diff):
    path = studies[1] / METRICS
    metrics = read_json(path)
    write_json(path, metrics | {"epochs": float(metrics["epochs"])})
    assert diff(*studies)[1] == [f"{METRICS}: epochs: 2 and 2.0"]
    assert json.loads(path.read_text())["epochs"] == 2
