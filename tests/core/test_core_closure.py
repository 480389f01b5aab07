"""What a rule takes for its code: everything reached by import, nothing else, and of that what it does."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import prunesim
from prunesim.cli import JOBS, VERBS
from prunesim.serving.client import WITH_TORCH
from prunesim.study import closure
from prunesim.study.closure import code_identity, source_files

ROOT = Path(prunesim.__file__).parents[1]


def package(root, **files):
    """Write modules of a package called prunesim; double underscores stand for slashes."""
    for name, text in files.items():
        path = root / "prunesim" / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def reached(root, module):
    return [str(path.relative_to(root / "prunesim")) for path in source_files(module, root)]


def test_every_form_of_import_is_followed(tmp_path):
    package(
        tmp_path,
        start="import json\nimport prunesim.plain\nfrom prunesim.names import v\nfrom prunesim import module as m\n",
        plain="import prunesim.deep.inner as inner",
        names="value = 1",
        module="",
        deep__inner="from prunesim.names import v",
        unused="",
        deep__unused="",
    )
    (tmp_path / "prunesim" / "deep" / "__init__.py").write_text("from prunesim.of_package import x")
    package(tmp_path, of_package="x = 1")
    expected = ["deep/__init__.py", "deep/inner.py", "module.py", "names.py", "of_package.py", "plain.py", "start.py"]
    assert reached(tmp_path, "prunesim.start") == expected


def test_lazy_imports_count_and_computed_ones_do_not(tmp_path):
    package(
        tmp_path,
        start="def f():\n    from prunesim.lazy import x\n    importlib.import_module(f'prunesim.{name}')\n"
        "    __import__('prunesim.computed')\n",
        lazy="if False:\n    import prunesim.conditional",
        conditional="",
        computed="",
    )
    assert reached(tmp_path, "prunesim.start") == ["conditional.py", "lazy.py", "start.py"]


def test_a_name_imported_from_a_module_is_not_a_file(tmp_path):
    package(tmp_path, start="from prunesim.a import b", a="b = 1", b="")
    assert reached(tmp_path, "prunesim.start") == ["a.py", "start.py"]


def test_circles_end(tmp_path):
    package(tmp_path, a="import prunesim.b", b="import prunesim.a")
    assert reached(tmp_path, "prunesim.a") == ["a.py", "b.py"]


def test_strings_and_comments_are_not_imports(tmp_path):
    package(tmp_path, a='"""import prunesim.b"""\n# import prunesim.b\n', b="")
    assert reached(tmp_path, "prunesim.a") == ["a.py"]


def test_other_packages_of_a_similar_name_are_not_followed(tmp_path):
    package(tmp_path, a="import prunesim_extra\nimport prunesimilar.b\nfrom numpy import b", b="")
    assert reached(tmp_path, "prunesim.a") == ["a.py"]


BEFORE = '''"""A module."""
import json

class C:
    """A class."""
    def f(self, x: int = 1):  # a comment
        """Do."""
        return f"{x}" + "text"
'''
SAME = {
    "comments": BEFORE.replace("# a comment", "# another one"),
    "docstrings": BEFORE.replace('"""Do."""', '"""Do\\n\\nmuch."""').replace("A class.", "A kind."),
    "no docstring": BEFORE.replace('"""A module."""\n', ""),
    "layout": BEFORE.replace("import json\n\n", "import json\n\n\n\n").replace("x: int = 1", "x : int=1"),
    "quotes": BEFORE.replace('"text"', "'text'"),
}
OTHER = {
    "a value": BEFORE.replace('"text"', '"texts"'),
    "a default": BEFORE.replace("= 1", "= 1.0"),
    "a name": BEFORE.replace("f(self", "g(self"),
    "an import": BEFORE.replace("import json", "import math"),
    "a statement": BEFORE + "x = 1\n",
    "an annotation": BEFORE.replace("x: int", "x: float"),
    "a text that is no docstring": BEFORE.replace('"""Do."""\n', '"""Do."""\n        "more"\n'),
}


@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_what_code_does_is_not_its_comments_docstrings_and_layout(tmp_path, text):
    package(tmp_path, a=BEFORE)
    before = code_identity(["prunesim.a"], tmp_path)
    package(tmp_path, a=text)
    assert text != BEFORE
    assert code_identity(["prunesim.a"], tmp_path) == before


@pytest.mark.parametrize("text", OTHER.values(), ids=OTHER)
def test_what_code_does_is_everything_else(tmp_path, text):
    package(tmp_path, a="import prunesim.b", b=BEFORE, c=BEFORE)
    before = code_identity(["prunesim.a"], tmp_path)
    package(tmp_path, c=text)
    assert code_identity(["prunesim.a"], tmp_path) == before
    package(tmp_path, b=text)
    assert code_identity(["prunesim.a"], tmp_path) != before


def test_modules_loaded_by_name_count_where_they_are_given(tmp_path):
    package(tmp_path, a="x = 1", b="y = 1")
    both = code_identity(["prunesim.a", "prunesim.b"], tmp_path)
    assert both == code_identity(["prunesim.b", "prunesim.a"], tmp_path) != code_identity(["prunesim.a"], tmp_path)


@pytest.fixture
def identify(tmp_path, monkeypatch):
    """Return a function that identifies a package as another process would, by what is kept in a file of the test."""
    monkeypatch.setattr(closure, "READINGS", tmp_path / "kept" / "closure.json")
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / "kept").mkdir()
    package(tmp_path, a="import prunesim.b", b=BEFORE)

    def identify():
        closure._readings.cache_clear()
        return code_identity(["prunesim.a"], tmp_path)

    yield identify
    closure._readings.cache_clear()


def test_what_was_read_once_is_not_read_again(identify, tmp_path, monkeypatch):
    first = identify()
    monkeypatch.setattr(closure, "_understood", lambda text: pytest.fail(f"read again: {text}"))
    assert identify() == first
    monkeypatch.undo()
    package(tmp_path, b=OTHER["a value"])
    monkeypatch.setattr(closure, "READINGS", tmp_path / "kept" / "closure.json")
    assert identify() != first


@pytest.mark.parametrize("damage", ["cut", "of another version", "changed", "no folder", "not to be written"])
def test_readings_that_are_of_no_use_are_made_anew(identify, tmp_path, monkeypatch, damage):
    first, path = identify(), closure.READINGS
    text = path.read_text()
    if damage == "cut":
        path.write_text(text[:-20])
    elif damage == "changed":
        path.write_text(text.replace('"prunesim.b"', '"prunesim.c"'))
    elif damage == "no folder":
        shutil.rmtree(path.parent)
    elif damage == "not to be written":
        path.unlink()
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
    else:
        monkeypatch.setattr(closure, "_own_version", lambda: "another")
    found = []
    understood = closure._understood
    monkeypatch.setattr(closure, "_understood", lambda text: found.append(text) or understood(text))
    assert identify() == first
    assert len(found) == 2
    assert path.exists() == (damage not in ("no folder", "not to be written"))


def test_the_package_has_no_relative_imports():
    # source_files does not follow them.
    for path in ROOT.rglob("prunesim/**/*.py"):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        assert not [node for node in nodes if isinstance(node, ast.ImportFrom) and node.level], path


SLOW = """
import json, sys
before = set(sys.modules)
import prunesim.commands.{verb}
files = [getattr(module, "__file__", None) for name, module in sys.modules.items() if name.split(".")[0] == "prunesim"]
print(json.dumps([sorted(filter(None, files)), sorted(set(sys.modules) - before)]))
"""


def imported(verb):
    import json

    code = SLOW.format(verb=verb.replace("-", "_"))
    call = [sys.executable, "-c", code]
    result = subprocess.run(call, capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT)})
    files, modules = json.loads(result.stdout)
    return {Path(file) for file in files}, set(modules)


@pytest.mark.parametrize("verb", ["prune", "table"])
def test_verbs_without_networks_import_neither_torch_nor_the_drawing_packages(verb):
    files, modules = imported(verb)
    assert not modules & {"torch", "torchvision", "pandas", "seaborn", "matplotlib", "sklearn", "scipy"}
    assert files <= set(source_files(f"prunesim.commands.{verb}", ROOT))


def test_the_jobs_with_torch_have_a_server_of_their_own():
    torch = re.compile(r"^\s*(import|from) torch(vision)?\b", re.MULTILINE)
    closures = {verb: source_files(f"prunesim.commands.{verb}", ROOT) for verb in JOBS}
    assert {verb for verb, files in closures.items() if any(torch.search(f.read_text()) for f in files)} == WITH_TORCH


@pytest.mark.parametrize("verb", ["train", "rewind", "dump", "layers"])
def test_what_is_imported_is_in_the_closure(verb):
    # In this process: torch is loaded already, and the package's own modules are what counts.
    module = __import__(f"prunesim.commands.{verb}", fromlist=["run"])
    closure = set(source_files(module.__name__, ROOT))
    waiting, seen = [module], set()
    while waiting:
        current = waiting.pop()
        if current.__name__ in seen:
            continue
        seen.add(current.__name__)
        assert Path(current.__file__) in closure
        for value in vars(current).values():
            owner = sys.modules.get(getattr(value, "__module__", None) or "")
            for found in (value, owner):
                if type(found) is type(sys) and found.__name__.split(".")[0] == "prunesim" and found.__file__:
                    waiting.append(found)


def names_of(verb):
    return {str(file.relative_to(ROOT / "prunesim")) for file in source_files(f"prunesim.commands.{verb}", ROOT)}


def test_the_closures_keep_the_stages_of_a_study_apart():
    assert {"training/loop.py", "training/run.py", "pruning/masks.py", "networks/build.py"} <= names_of("train")
    assert {"pruning/criteria.py", "pruning/masks.py"} <= set(names_of("prune"))
    for verb, strangers in {
        "train": (
            "pruning/criteria",
            "similarity/",
            "figures/",
            "activations/",
            "results/",
            "commands/prune",
            "cli.py",
        ),
        "prune": ("training/", "networks/", "similarity/", "figures/", "datasets/"),
        "dump": ("training/loop.py", "training/run.py", "pruning/", "similarity/", "figures/"),
        "similarity": ("training/", "networks/", "pruning/criteria", "figures/", "datasets/"),
        "table": ("training/", "networks/", "similarity/", "figures/"),
    }.items():
        assert not [name for name in names_of(verb) if name.startswith(strangers)], verb


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_a_module_with_its_two_functions(verb):
    path = ROOT / "prunesim" / "commands" / f"{verb.replace('-', '_')}.py"
    functions = {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
    assert {"add_arguments", "run"} <= functions
