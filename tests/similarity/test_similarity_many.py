"""Several arrays at once: in Python, and as files and folders of ``prunesim compare``."""

import json

import numpy as np
import pytest
from PIL import Image

from prunesim.cli import main
from prunesim.commands.compare import short_names
from prunesim.similarity import compare, compare_many, pairs_of
from prunesim.storage.files import write_json
from prunesim.storage.given import files_in

from .data import related


@pytest.fixture
def arrays():
    x, y = related(n=120, p=6, q=8)
    return {"a": x, "b": y, "c": x + y[:, :6]}


@pytest.fixture
def folders(tmp_path, arrays):
    """Two folders of the same three layers."""
    for name in ("dense", "pruned"):
        (tmp_path / name).mkdir()
        for layer, array in arrays.items():
            noise = 0.1 * np.random.default_rng(len(name)).standard_normal(array.shape)
            np.save(tmp_path / name / f"{layer}.npy", array + noise)
            np.save(tmp_path / name / f"{layer}.pooled.npy", array[::2])
    return tmp_path / "dense", tmp_path / "pruned"


def run(capsys, *arguments):
    status = main(["compare", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_which_pairs():
    assert pairs_of(3, ["cka_linear", "nbs"]) == [(0, 1), (0, 2), (1, 2)]
    assert pairs_of(3, ["cka_linear", "pwcca"]) == [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]
    assert pairs_of(5, "all", first_group=2) == [(0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4)]


@pytest.mark.parametrize("interval", [False, True])
def test_each_pair_is_as_compared_alone(arrays, interval):
    names, values = list(arrays), list(arrays.values())
    measures = ["cca_mean", "linear_r2", "mutual_knn"]
    for found in compare_many(values, pairs_of(3, measures), measures, names=names, interval=interval):
        a, b = found.pop("a"), found.pop("b")
        alone = compare(arrays[a], arrays[b], measures, interval=interval)
        assert {key: found[key] for key in ("n", "p", "q", "rank_a", "rank_b")} == {
            key: alone[key] for key in ("n", "p", "q", "rank_a", "rank_b")
        }
        for measure in measures:
            entry, expected = found["measures"][measure], alone["measures"][measure]
            assert entry["value"] == pytest.approx(expected["value"], abs=1e-12)
            assert set(entry) == set(expected)
            if interval and expected["ci_low"] is not None:
                assert entry["ci_low"] == pytest.approx(expected["ci_low"], abs=1e-9)


def test_maps_are_arranged_pair_by_pair():
    maps = np.random.default_rng(0).random((40, 3, 8, 8))
    sizes = [maps, maps[:, :, :6, :6], maps[:, :, :4, :4]]
    found = compare_many(sizes, [(0, 1), (0, 2)], ["cka_linear"], names="abc")
    assert [entry["n"] for entry in found] == [40 * 36, 40 * 16]
    assert "averaged to 4 x 4" in found[1]["notes"][0]


def test_all_pairs_of_files_in_one_table(folders, capsys):
    files = [folders[0] / f"{layer}.npy" for layer in "abc"]
    status, out, err = run(capsys, *files, "--measures", "cka_linear", "nbs")
    assert (status, err) == (0, "")
    head, *rows = out.splitlines()
    assert head.split() == ["cka_linear", "nbs"]
    assert [row.split()[:2] for row in rows] == [["a", "b"], ["a", "c"], ["b", "c"]]
    alone = json.loads(run(capsys, files[0], files[2], "--json")[1])["measures"]["nbs"]["value"]
    assert float(rows[1].split()[3]) == pytest.approx(alone, abs=1e-6)


def test_a_folder_is_its_files_and_two_folders_are_layers_by_layers(folders, capsys):
    one = json.loads(run(capsys, folders[0], "--measures", "nbs", "--json")[1])["pairs"]
    assert len(one) == 3
    two = json.loads(run(capsys, *folders, "--measures", "nbs", "--json")[1])["pairs"]
    assert len(two) == 9
    assert {(entry["a"].split("/")[-2], entry["b"].split("/")[-2]) for entry in two} == {("dense", "pruned")}
    assert two[0]["n"] == 120
    pooled = json.loads(run(capsys, *folders, "--measures", "nbs", "--json", "--pooled")[1])["pairs"]
    assert pooled[0]["n"] == 60


def test_with_intervals_a_row_is_a_pair_and_a_measure(folders, capsys):
    _, out, _ = run(capsys, folders[0], "--measures", "nbs", "cca_mean", "--interval")
    head, *rows = out.splitlines()
    assert head.split() == ["measure", "value", "low", "high", "null"]
    assert len(rows) == 6
    assert rows[0].split()[:3] == ["a", "b", "nbs"]


def test_what_has_no_value_is_said_below_the_table(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for name, width in (("x", 5), ("y", 50), ("z", 5)):
        np.save(tmp_path / f"{name}.npy", rng.standard_normal((30, width)))
    status, out, _ = run(capsys, tmp_path, "--measures", "cca_mean", "cka_linear")
    assert status == 0
    assert out.splitlines()[1].split()[2] == "-"
    assert "x and y: cca_mean: no value: 30 samples for 5 and 50 neurons" in out


@pytest.mark.parametrize("ending", ["svg", "png", "pdf"])
def test_a_figure_of_all_pairs(folders, tmp_path, capsys, ending):
    path = tmp_path / f"figure.{ending}"
    assert run(capsys, *folders, "--measures", "nbs", "cka_linear", "--figure", path)[0] == 0
    content = path.read_bytes()
    assert content.startswith({"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}[ending])
    run(capsys, *folders, "--measures", "nbs", "cka_linear", "--figure", path)
    assert path.read_bytes() == content
    if ending == "png":
        assert len(set(Image.open(path).convert("RGB").get_flattened_data())) > 50


def test_the_files_of_a_study_are_in_the_order_of_its_layers(tmp_path):
    for layer in ("z1", "a2", "a10"):
        np.save(tmp_path / f"{layer}.npy", np.eye(3))
    assert [path.name for path in files_in(tmp_path)] == ["a2.npy", "a10.npy", "z1.npy"]
    write_json(tmp_path / "activations.json", {"layers": {"z1": {}, "a10": {}, "a2": {}}})
    assert [path.name for path in files_in(tmp_path)] == ["z1.npy", "a10.npy", "a2.npy"]


def test_names_are_as_short_as_tells_them_apart():
    assert short_names(["x/dense/relu1.npy", "x/pruned/relu1.npy"]) == ["dense/relu1", "pruned/relu1"]
    assert short_names(["x/a.pooled.npy", "x/b.pooled.npy"]) == ["a", "b"]
    assert short_names(["a.npy", "a.npy"]) == ["a.npy", "a.npy"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["dense/a.npy"], "is one array; give two or more"),
        (["dense", "--details"], "--details is of two files"),
        (["dense", "--curvature"], "--curvature is of two files"),
        (["dense", "pruned", "--figure", "x.gif"], "a figure ends in .svg, .png, .pdf"),
        (["dense", "--layout", "channels_last", "channels_first"], "give one for all"),
        (["empty"], "holds no .npy files"),
        (["dense", "dense/missing.npy"], "does not exist"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(folders, tmp_path, monkeypatch, capsys, words, message):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    status, out, err = run(capsys, *words)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
