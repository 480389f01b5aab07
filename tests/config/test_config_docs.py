"""docs/config.md says what the schema says."""

import subprocess
import sys
from pathlib import Path

import pytest

from prunesim.cli import main
from prunesim.commands.config_docs import RECOMPUTES, config_markdown
from prunesim.study.config import load_yaml

ROOT = Path(__file__).parents[2]
SCHEMA_PATH = ROOT / "workflow" / "schemas" / "config.schema.yaml"
DOCS = ROOT / "docs" / "config.md"
SCHEMA = load_yaml(SCHEMA_PATH)


def leaves(schema, path=()):
    for name, child in schema.get("properties", {}).items():
        if child.get("type") != "object" or "default" in child:
            yield ".".join((*path, name)), child
        yield from leaves(child, (*path, name))
        if isinstance(child.get("additionalProperties"), dict):
            yield from leaves(child["additionalProperties"], (*path, name, f"<{name.removesuffix('s')}>"))


def test_documentation_is_current():
    assert config_markdown(SCHEMA) == DOCS.read_text(encoding="utf-8"), "prunesim config-docs > docs/config.md"


@pytest.mark.parametrize(("name", "schema"), list(leaves(SCHEMA)), ids=[name for name, _ in leaves(SCHEMA)])
def test_every_key_is_documented(name, schema):
    heading = f"## `{name}`" if name in ("methods", "chains", "claims") else f"### `{name}`"
    text = DOCS.read_text(encoding="utf-8")
    assert text.count(f"\n{heading}\n") == 1
    assert len(schema["description"]) > 10
    assert schema["x-recomputes"] in RECOMPUTES
    section = text.partition(f"\n{heading}\n")[2].partition("\n##")[0]
    assert " ".join(schema["description"].split()) in section


def test_introduction_fits_one_screen_and_describes_each_change():
    text = DOCS.read_text(encoding="utf-8").partition("**What a change costs.**")
    assert text[0].count("\n") < 50
    assert all(f"\n| {name} | " in text[2] for name in RECOMPUTES)


def test_check(tmp_path, capsys):
    copy = tmp_path / "config.md"
    copy.write_text(DOCS.read_text(encoding="utf-8"), encoding="utf-8")
    arguments = ["config-docs", "--schema", str(SCHEMA_PATH), "--check", str(copy)]
    assert main(arguments) == 0
    assert capsys.readouterr().out == ""
    copy.write_text(copy.read_text(encoding="utf-8").replace("Default: `20`", "Default: `21`"), encoding="utf-8")
    assert main(arguments) == 1
    printed = capsys.readouterr()
    assert "-- Default: `21`" in printed.out
    assert "+- Default: `20`" in printed.out
    assert f"prunesim config-docs > {copy}" in printed.err
    copy.unlink()
    assert main(arguments) == 2
    assert f"{copy} could not be read" in capsys.readouterr().err


def test_printed_without_the_heavy_packages():
    script = (
        "import sys; from prunesim.cli import main; status = main(['config-docs', '--schema', sys.argv[1]]);"
        "heavy = {'numpy', 'torch', 'pandas', 'jsonschema'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(SCHEMA_PATH)],
        cwd=ROOT / "src",
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == DOCS.read_text(encoding="utf-8")
