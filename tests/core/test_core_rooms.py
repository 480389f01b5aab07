"""The rooms of the package: a folder may import itself and those below it, nothing else."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "prunesim"

# From the top down.
ROOMS = (
    "serving",
    "cli",
    "commands",
    "progress",
    "report",
    "forecast",
    "explorer",
    "figures",
    "archive",
    "results",
    "activations",
    "training",
    "similarity",
    "audit",
    "resolution",
    "datasets",
    "study",
    "pruning",
    "networks",
    "storage",
    "errors",
)
# The command line writes the record of a job, and Snakemake's entry is the command line.
OUTSIDE = {"__init__", "__main__"}


def room(path):
    """Return the folder of a module, or its own name where it lies beside the folders."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(path):
    """Return the rooms that a module imports, functions included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports name the whole package"
            # ``from prunesim import x`` names a room as well.
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("prunesim.")}
    return found


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if room(path) not in OUTSIDE)


@pytest.mark.parametrize("path", MODULES, ids=[str(path.relative_to(PACKAGE)) for path in MODULES])
def test_imports_run_downwards(path):
    above = ROOMS[: ROOMS.index(room(path))]
    assert not imported(path) & set(above)
    assert imported(path) <= set(ROOMS)


def test_every_room_is_in_the_table_and_says_what_it_is_for():
    found = {path.name for path in PACKAGE.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    found |= {path.stem for path in PACKAGE.glob("*.py")} - OUTSIDE
    assert found == set(ROOMS)
    for name in found - {"cli", "errors"}:
        assert ast.get_docstring(ast.parse((PACKAGE / name / "__init__.py").read_text(encoding="utf-8"))), name


def test_a_wrong_arrow_would_be_seen():
    assert "figures" in imported(PACKAGE / "commands" / "figure.py")
    assert ROOMS.index("study") > ROOMS.index("training") > ROOMS.index("commands")
