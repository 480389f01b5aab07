"""The command, the files that it writes, the catalogue and the captions."""

import ast
import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
import yaml
from docutils.core import publish_parts
from figures import synthetic
from jinja2 import Environment, StrictUndefined

from prunesim.cli import main
from prunesim.errors import PrunesimError
from prunesim.figures import style
from prunesim.figures.catalogue import FIGURES, SHEETS
from prunesim.results.reading import COLUMNS

ROOT = Path(__file__).parents[2]
CAPTIONS = ROOT / "workflow" / "report"


def run(name, tables, folder, pdf=False, **changes):
    files = {end: folder / f"{name}.{end}" for end in ("svg", "png", "csv", *(["pdf"] if pdf else []))}
    text = synthetic.settings(FIGURES[name]["settings"], **changes)
    words = [word for end, path in files.items() for word in (f"--{end}", str(path))]
    status = main(["figure", name, "--tables", str(tables), "--settings", text, *words])
    return status, *files.values()


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return synthetic.write(synthetic.study(replicates=2, rounds=3), tmp_path_factory.mktemp("study") / "tables")


@pytest.fixture(scope="module")
def shuffled(tmp_path_factory):
    """The same tables with rows in another order, except that layers.csv carries the order of the layers."""
    study = synthetic.study(replicates=2, rounds=3)
    for name in ("networks", "similarity"):
        study[name] = study[name].sample(frac=1, random_state=3)
    return synthetic.write(study, tmp_path_factory.mktemp("shuffled") / "tables")


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_files_are_the_same_bytes_whatever_the_order_of_rows_and_the_user_settings(name, tables, shuffled, tmp_path):
    status, *first = run(name, tables, tmp_path / "first")
    assert status == 0
    own = {
        "font.size": 30,
        "axes.labelpad": 20,
        "savefig.facecolor": "red",
        "svg.hashsalt": None,
        "legend.fancybox": False,
    }
    with matplotlib.rc_context(own):
        _, *second = run(name, shuffled, tmp_path / "second")
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert sorted(path.name for path in (tmp_path / "first").iterdir()) == [
        f"{name}.{end}" for end in ("csv", "png", "svg")
    ]


@pytest.mark.parametrize("name", ["similarity", "layers"])
def test_settings_change_the_files(name, tables, tmp_path):
    _, svg, *_ = run(name, tables, tmp_path / "first")
    for change in ({"palette": "mako"}, {"context": "talk"}, {"measure": "cka_linear"}):
        _, other, *_ = run(name, tables, tmp_path / "second", **change)
        assert other.read_bytes() != svg.read_bytes()


def test_svg_is_valid_and_holds_no_date_and_no_script(tables, tmp_path):
    _, svg, *_ = run("similarity", tables, tmp_path)
    text = svg.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    assert root.tag.endswith("svg")
    assert "<dc:date>" not in text
    assert "<script" not in text
    assert not re.search(r"\b20\d\d-\d\d-\d\d", text)
    # Letters are outlines, so no font has to be there.
    assert not root.findall(".//{http://www.w3.org/2000/svg}text")


def test_png_has_the_resolution_asked_for(tables, tmp_path):
    widths = []
    for dpi in (100, 200):
        _, _, png, _ = run("accuracy", tables, tmp_path, dpi=dpi)
        data = png.read_bytes()
        assert data.startswith(b"\x89PNG")
        assert b"tIME" not in data
        widths.append(int.from_bytes(data[16:20], "big"))
    assert widths == [350, 700]


def test_style_does_not_leak(tables, tmp_path):
    before = dict(matplotlib.rcParams)
    run("layers", tables, tmp_path, context="poster")
    assert dict(matplotlib.rcParams) == before
    with pytest.raises(ZeroDivisionError):
        style.render(lambda *_: 1 / 0, {}, synthetic.SETTINGS, tmp_path / "a.svg", tmp_path / "a.png", "a")
    assert dict(matplotlib.rcParams) == before
    assert not (tmp_path / "a.svg").exists()


def test_refusal_is_one_sentence_and_leaves_no_file(tables, tmp_path, capsys):
    status, svg, png, table = run("similarity", tables, tmp_path, palette="mud")
    assert status == 2
    assert not any(path.exists() for path in (svg, png, table))
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("prunesim figure: figures.palette is 'mud'")


def test_settings_must_be_those_that_the_figure_uses(tables, tmp_path, capsys):
    arguments = ["--tables", str(tables), "--svg", str(tmp_path / "a.svg"), "--png", str(tmp_path / "a.png")]
    arguments += ["--csv", str(tmp_path / "a.csv")]
    text = json.dumps({"context": "paper", "dpi": 100, "palette": "mako"})
    assert main(["figure", "accuracy", "--settings", text, *arguments]) == 2
    assert "'palette', which is not used here" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["figure", "acuracy", "--settings", "{}", *arguments])


def test_a_file_that_cannot_be_written_is_named(tables, tmp_path):
    (tmp_path / "figures").write_text("a file where a folder should be")
    with pytest.raises(PrunesimError, match=r"accuracy\.svg could not be written"):
        style.render(
            lambda *_: style.placeholder("Nothing."),
            {},
            synthetic.SETTINGS,
            tmp_path / "figures" / "accuracy.svg",
            tmp_path / "accuracy.png",
            "accuracy",
        )


def test_a_wrong_measure_is_refused_on_the_command_line(tables, tmp_path, capsys):
    status, svg, *_ = run("rounds", tables, tmp_path, measure="pwcca")
    assert status == 2
    assert "no measure 'pwcca'" in capsys.readouterr().err
    assert not svg.exists()


def test_catalogue_is_plain_data_from_the_standard_library():
    code = (
        "import sys; from prunesim.figures.catalogue import FIGURES; import json; json.dumps(FIGURES);"
        "print([name for name in ('numpy', 'pandas', 'matplotlib', 'seaborn') if name in sys.modules])"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    call = [sys.executable, "-c", code]
    assert subprocess.run(call, env=environment, capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("name", FIGURES)
def test_catalogue_entries_are_complete(name):
    entry = FIGURES[name]
    assert entry["module"] == f"prunesim.figures.{name}"
    module = importlib.import_module(entry["module"])
    assert callable(module.rows)
    assert callable(module.draw)
    assert set(entry["tables"]) <= {*COLUMNS}
    assert {"context", "dpi"} <= set(entry["settings"]) <= {"measure", "context", "palette", "dpi", "layers"}
    assert entry["category"]
    assert all(isinstance(value, str) for value in entry["labels"].values())


def test_no_module_imports_a_figure():
    """Editing one figure must not draw another one again."""
    figures = {entry["module"].rpartition(".")[2] for entry in FIGURES.values()}
    for path in (ROOT / "src" / "prunesim" / "figures").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("prunesim.figures"):
                assert not figures & {*(node.module or "").split("."), *(alias.name for alias in node.names)}, path
            if isinstance(node, ast.Import):
                assert not any(alias.name.startswith("prunesim.figures") for alias in node.names), path


@pytest.mark.parametrize("replicates", [1, 2, 3])
@pytest.mark.parametrize("name", [*FIGURES, "tables", "workflow"])
def test_captions_render_and_explain_n_and_interval(name, replicates):
    config = yaml.safe_load((ROOT / "config.yaml").read_text()) | {"replicates": replicates}
    text = (CAPTIONS / f"{name}.rst").read_text(encoding="utf-8")
    rendered = Environment(undefined=StrictUndefined).from_string(text).render(snakemake=SimpleNamespace(config=config))
    settings = {"halt_level": 2, "report_level": 2}
    words = publish_parts(rendered, writer_name="html", settings_overrides=settings)["html_body"]
    words = " ".join(re.sub("<[^>]+>", "", words).split())
    assert "{" not in words
    assert re.search(rf"\b{replicates} (replicate|time)", words)
    assert "interval" in words
    if replicates == 1:
        assert "replicates," not in words.split("interval")[0] or name == "workflow"


def test_every_figure_has_a_caption_and_no_caption_is_left_over():
    assert {path.stem for path in CAPTIONS.glob("*.rst")} == {*FIGURES, *SHEETS, "tables", "provenance", "workflow"}


def test_many_cells_make_a_small_svg(tmp_path):
    layers = [f"relu{index}" for index in range(12)]
    study = synthetic.study(replicates=1, rounds=25, layers=layers, measures=("cca_mean",))
    status, svg, *_ = run("round_pairs", synthetic.write(study, tmp_path / "tables"), tmp_path, layers=layers)
    assert status == 0
    assert svg.stat().st_size < 1_000_000


def test_tables_of_one_study_only_have_finite_numbers():
    """The synthetic tables themselves keep the contract, or the tests above would prove little."""
    study = synthetic.study()
    assert np.isfinite(study["similarity"]["value"]).all()
    assert study["networks"]["test_accuracy"].between(0, 1).all()
    assert study["layers"]["density"].between(0, 1).all()
    assert set(study["similarity"]["family"]) == {"rounds", "layers", "replicates", "functional"}
