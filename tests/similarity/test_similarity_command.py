"""``prunesim compare``."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from prunesim.cli import main
from prunesim.similarity import MEASURES

from .data import EXPECTED, reference_case, related

SOURCE = Path(__file__).parents[2] / "src"


@pytest.fixture
def files(tmp_path):
    def write(**arrays):
        for name, array in arrays.items():
            np.save(tmp_path / f"{name}.npy", array)
        return [str(tmp_path / f"{name}.npy") for name in arrays]

    return write


def run(capsys, *arguments):
    status = main(["compare", *arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_json_has_every_measure(files, capsys):
    x, y = reference_case("unequal_widths")
    status, out, err = run(capsys, *files(a=x, b=y), "--json")
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert {key: found[key] for key in ("n", "p", "q", "rank_a", "rank_b")} == {
        "n": 1500,
        "p": 40,
        "q": 64,
        "rank_a": 40,
        "rank_b": 64,
    }
    assert set(found["measures"]) == set(MEASURES)
    for name, expected in EXPECTED["unequal_widths"].items():
        if name in MEASURES:
            assert found["measures"][name] == {"value": pytest.approx(expected, abs=1e-9)}


@pytest.mark.parametrize(
    "order",
    [
        "A B --measures cka_linear svcca",
        "A B --measures cka_linear,svcca",
        "--measures cka_linear svcca A B",
        "--measures cka_linear,svcca A B",
        "--measures cka_linear, svcca A B",
        "A --measures cka_linear svcca B",
        "A --measures=cka_linear,svcca B",
        "--json --measures cka_linear svcca --seed 3 A --draws 4 B",
        "--measures cka_linear svcca -- A B",
    ],
)
def test_options_and_files_come_in_any_order(files, capsys, order):
    a, b = files(a=related()[0], b=related()[1])
    status, out, err = run(
        capsys, *(order.replace("A", a).replace("B", b).split()), *["--json"] * ("--" not in order.split())
    )
    assert (status, err) == (0, "")
    if "--" in order.split():
        assert [line.split()[0] for line in out.splitlines()[1:]] == ["cka_linear", "svcca"]
    else:
        assert list(json.loads(out)["measures"]) == ["cka_linear", "svcca"]


def test_a_file_called_like_no_file_follows_the_measures(files, capsys, tmp_path, monkeypatch):
    files(a=related()[0])
    (tmp_path / "a.npy").rename(tmp_path / "plain")
    monkeypatch.chdir(tmp_path)
    status, out, _ = run(capsys, "--measures", "nbs", "plain", "plain")
    assert status == 0
    assert out.splitlines()[1].split() == ["nbs", "1.000000"]


@pytest.mark.parametrize("names", ["all cka_linear", "cka_linear,all", ",", "all,all"])
def test_all_stands_alone(files, capsys, names):
    pair = files(a=related()[0], b=related()[1])
    status, out, err = run(capsys, *pair, "--measures", *names.split())
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("prunesim compare: --measures ")
    assert "give all alone, or some of cca_mean, " in err


@pytest.mark.parametrize("order", ["A B --measures nope", "--measures nope A B", "A B --measures svcca nope"])
def test_a_wrong_name_is_refused_wherever_it_stands(files, capsys, order):
    a, b = files(a=related()[0], b=related()[1])
    status, _, err = run(capsys, *(order.replace("A", a).replace("B", b).split()))
    assert status == 2
    assert err.count("\n") == 1
    assert "'nope'" in err


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--view", "pool"], "--view"),
        (["--view", "channels"], "--view"),
        (["--size", "2", "2"], "--size"),
        (["--view", "pool", "--size", "2", "2"], "--view and --size"),
        ([], None),
    ],
)
def test_a_view_of_matrices_is_said_to_change_nothing(files, capsys, options, named):
    pair = files(a=related()[0], b=related()[1])
    _, expected, _ = run(capsys, *pair)
    status, out, err = run(capsys, *pair, *options)
    assert (status, out) == (0, expected)
    sentence = f"prunesim compare: {named} changed nothing, as all files are samples x neurons; "
    assert err.startswith(sentence) if named else err == ""
    maps, _ = files(maps=np.random.default_rng(0).normal(size=(200, 3, 4, 4)), b=related()[1])
    assert run(capsys, maps, maps, *options)[2] == ""


def test_text_has_every_measure_with_sizes_and_ranks(files, capsys):
    x, y = related()
    status, out, _ = run(capsys, *files(a=x, b=y), "--measures", "all", "--interval")
    assert status == 0
    lines = out.splitlines()
    assert lines[0] == "n = 200 samples, p = 7 and q = 9 neurons, ranks 7 and 9"
    assert [line.split()[0] for line in lines[2:]] == list(MEASURES)
    assert all(len(line.split()) >= 5 for line in lines[2:])


def test_settings_reach_the_measures(files, capsys):
    paths = files(a=related()[0], b=related()[1])
    plain = json.loads(run(capsys, *paths, "--json", "--details")[1])
    changed = json.loads(
        run(
            capsys, *paths, "--json", "--variance", "0.5", "--weights", "second", "--epsilon", "0.9", "--neighbours",
            "3", "--bandwidth", "0.5",
        )[1]
    )  # fmt: skip
    for name in ("svcca", "pwcca", "subspace_match", "mutual_knn", "cka_rbf"):
        assert changed["measures"][name] != plain["measures"][name], name
    assert changed["measures"]["cca_mean"] == plain["measures"]["cca_mean"]
    assert len(plain["details"]["canonical_correlations"]) == 7


def test_curvature_when_asked_for(files, capsys):
    paths = files(a=related(p=5)[0], b=related(p=5)[1])
    assert "curvature" not in json.loads(run(capsys, *paths, "--json")[1])
    found = json.loads(run(capsys, *paths, "--json", "--curvature", "--measures", "nbs")[1])["curvature"]
    assert 1 < found["dimension_a"] < 5
    assert 0 <= found["distance"] <= 1


def test_interval_and_null_in_json(files, capsys):
    x, y = related()
    found = json.loads(run(capsys, *files(a=x, b=y), "--json", "--interval", "--measures", "nbs", "cka_rbf")[1])
    for entry in found["measures"].values():
        assert set(entry) == {"value", "ci_low", "ci_high", "null"}
        assert entry["ci_low"] < entry["ci_high"]
        assert entry["null"] < entry["value"]


def test_maps_need_no_more_than_a_view(files, capsys):
    maps = np.random.default_rng(0).random((50, 3, 6, 6)).astype(np.float32)
    paths = files(a=maps, b=maps[:, :, ::2, ::2])
    for view, n, p in (("channels", 450, 3), ("pool", 50, 3), ("flatten", 50, 108)):
        found = json.loads(run(capsys, *paths, "--json", "--view", view, "--measures", "cka_linear")[1])
        assert (found["n"], found["p"]) == (n, p)


@pytest.mark.parametrize(
    ("x", "y", "extra", "message"),
    [
        (np.ones((5, 2)), np.ones((4, 2)), [], "5 rows.*4"),
        (np.ones((5, 2, 2)), np.ones((5, 2)), [], "2-D .* or 4-D"),
        (np.ones(5), np.ones((5, 2)), [], "2-D .* or 4-D"),
        (np.full((5, 2), np.nan), np.eye(5, 2), [], r"a\.npy holds NaN"),
        (np.eye(5, 2), np.full((5, 2), np.inf), [], r"b\.npy holds NaN, infinite"),
        (np.eye(5), np.eye(5), ["--measures", "cca_mean"], "5 samples for 5 and 5 neurons"),
        (np.eye(5), np.eye(5), ["--measures", "cka_linear", "svcca"], "5 samples for 5 and 5 neurons"),
        (np.eye(3), np.eye(3), ["--measures", "cka_linear_debiased"], "3 samples, at least 4"),
        (np.eye(5), np.eye(5), ["--measures", "mutual_knn"], "5 samples do not have 10 neighbours"),
        (np.eye(5), np.eye(5), ["--measures", "cka"], "'cka' is not known.*cka_linear"),
        (np.eye(5), np.eye(5), ["--epsilon", "2"], "epsilon is 2.0"),
        (np.array([["a"]]), np.eye(1), [], "real numbers"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_in_one_sentence(files, capsys, x, y, extra, message):
    status, out, err = run(capsys, *files(a=x, b=y), *extra)
    assert status == 2
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("prunesim compare: ")
    assert __import__("re").search(message, err), err


def test_files_that_are_not_arrays_are_refused(tmp_path, files, capsys):
    (good,) = files(good=np.eye(4))
    np.savez(tmp_path / "several.npz", a=np.eye(4))
    (tmp_path / "text.npy").write_text("0,1\n")
    np.save(tmp_path / "objects.npy", np.array([{}, {}]), allow_pickle=True)
    for name in ("several.npz", "text.npy", "objects.npy", "missing.npy"):
        status, _, err = run(capsys, str(tmp_path / name), good)
        assert status == 2, name
        assert name in err
        assert err.count("\n") == 1


def test_all_measures_say_which_ones_lack_samples(files, capsys):
    rng = np.random.default_rng(0)
    found = json.loads(run(capsys, *files(a=rng.random((20, 30)), b=rng.random((20, 25))), "--json")[1])
    for name, measure in MEASURES.items():
        entry = found["measures"][name]
        assert (entry["value"] is None) == measure.needs_samples
        assert ("20 samples for 30 and 25" in entry.get("note", "")) == measure.needs_samples


def test_a_dead_layer_has_no_value_but_a_reason(files, capsys):
    status, out, _ = run(capsys, *files(a=np.zeros((50, 3)), b=np.random.default_rng(0).random((50, 3))), "--json")
    assert status == 0
    for entry in json.loads(out)["measures"].values():
        assert entry["value"] is None
        assert "no variance" in entry["note"]


def test_the_library_alone_imports_no_more_than_numpy():
    code = (
        "import sys, prunesim.similarity; "
        "print(*sorted({name.split('.')[0] for name in sys.modules} & "
        "{'scipy', 'torch', 'pandas', 'sklearn', 'matplotlib', 'safetensors', 'yaml'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(SOURCE)}, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "")
