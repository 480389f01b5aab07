"""No source file runs what it reads: a scan of every call in src/ and workflow/."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sorted((ROOT / "src").rglob("*.py"))
RULES = [ROOT / "Snakefile", ROOT / "workflow/Snakefile", *sorted((ROOT / "workflow/rules").glob("*.smk"))]

# By the end of a dotted name: what runs code or a shell, or opens what can.
FORBIDDEN = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "getoutput", "getstatusoutput"),
    *("pickle.load", "pickle.loads", "marshal.load", "marshal.loads", "shelve.open", "joblib.load", "torch.load"),
    *("torch.jit.load", "hub.load", "read_pickle", "yaml.unsafe_load", "yaml.full_load", "yaml.load_all"),
    *(
        "exec_module",
        "runpy.run_path",
        "ZipFile",
        "extractall",
        "extract",
        "unpack_archive",
        "mktemp",
        "create_subprocess_shell",
        "jinja2.Template",
    ),
}
# Modules that nothing may import, and the one module that may.
IMPORTS = {
    # The second for the name of an error.
    "pickle": {"src/prunesim/datasets/pickled.py", "src/prunesim/networks/given_weights.py"},
    "_pickle": set(),
    "dill": set(),
    "cloudpickle": set(),
    "marshal": set(),
    "shelve": set(),
    "joblib": set(),
    # For the name of an error, or for what a zip file of another program has in it.
    "zipfile": {
        "src/prunesim/similarity/moments.py",
        "src/prunesim/storage/given.py",
        "src/prunesim/networks/given_weights.py",
    },
    "tarfile": {"src/prunesim/archive/packing.py", "src/prunesim/datasets/cifar.py"},
}
ALLOWED = {
    # The user's own network is code by nature.
    ("exec_module", "src/prunesim/networks/own_code.py"),
    # Weights that a user brings: tensors alone (see below), and the names of what a zip file holds.
    ("load", "src/prunesim/networks/given_weights.py"),
    ("ZipFile", "src/prunesim/networks/given_weights.py"),
    # The C library that Python itself has loaded.
    ("CDLL", "src/prunesim/serving/server.py"),
}
SUBPROCESS = ("run", "Popen", "call", "check_call", "check_output")


def dotted(node):
    """Return the dotted name of a call, without what is called or indexed on the way."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def ends_with(name, ends):
    return any(name == end or name.endswith(f".{end}") for end in ends)


def problems_of(text, path=""):
    """Return a sentence for each construct in some source that could run what it reads."""
    problems = []
    for node in ast.walk(ast.parse(text)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
            problems += [f"imports {n.name} by itself" for n in node.names if f"{node.module}.{n.name}" in FORBIDDEN]
        for name in names:
            top = name.split(".")[0]
            if top in IMPORTS and path not in IMPORTS[top]:
                problems.append(f"line {node.lineno}: imports {top}")
        if not isinstance(node, ast.Call):
            continue
        name, keywords = dotted(node.func), {keyword.arg: keyword.value for keyword in node.keywords}
        where = f"line {node.lineno}: {name}"
        # A method of an object of our own, such as `pattern.compile`, is told apart by what it hangs on.
        calls_forbidden = name in FORBIDDEN or ends_with(name, FORBIDDEN - {"eval", "exec", "compile"})
        if calls_forbidden and (name.rpartition(".")[2], path) not in ALLOWED:
            problems.append(f"{where} is called")
        if ends_with(name, ["torch.load"]) and not is_constant(keywords.get("weights_only"), True):
            problems.append(f"{where} without weights_only=True")
        if ends_with(name, ["np.load", "numpy.load"]) and not is_constant(keywords.get("allow_pickle"), False):
            problems.append(f"{where} without allow_pickle=False")
        if "allow_pickle" in keywords and not is_constant(keywords["allow_pickle"], False):
            problems.append(f"{where} with allow_pickle")
        loads = ends_with(name, ["np.fromregex", "np.memmap", "ctypes.CDLL", "cdll.LoadLibrary"])
        if loads and (name.rpartition(".")[2], path) not in ALLOWED:
            problems.append(f"{where} is called")
        if ends_with(name, ["yaml.load"]) and "SafeLoader" not in ast.unparse(keywords.get("Loader", ast.Constant(0))):
            problems.append(f"{where} without a safe loader")
        if "shell" in keywords and not is_constant(keywords["shell"], False):
            problems.append(f"{where} with a shell")
        starts_program = name.startswith("subprocess.") and name.split(".")[1] in SUBPROCESS
        if starts_program and isinstance(node.args[0], ast.Constant | ast.JoinedStr | ast.BinOp):
            problems.append(f"{where} with a text instead of a list")
    return problems


def is_constant(node, value):
    return isinstance(node, ast.Constant) and node.value is value


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: path.relative_to(ROOT / "src").as_posix())
def test_no_source_runs_what_it_reads(path):
    assert problems_of(path.read_text(), path.relative_to(ROOT).as_posix()) == []


@pytest.mark.parametrize(
    "text",
    [
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "numpy.lib.npyio.load(path, allow_pickle=flag)",
        "torch.load(path, weights_only=True)",
        "import pickle",
        "from pickle import loads",
        "import joblib.numpy_pickle",
        "yaml.load(text, Loader=yaml.Loader)",
        "yaml.load(text)",
        "eval(text)",
        "exec(text)",
        "os.system(command)",
        "from os import system",
        "subprocess.run(command, shell=True)",
        "subprocess.run(f'ls {x}')",
        "subprocess.check_output('ls')",
        "tar.extractall(path)",
        "import tarfile",
        "shutil.unpack_archive(path)",
        "pandas.read_pickle(path)",
    ],
)
def test_the_scan_sees_what_it_forbids(text):
    assert problems_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "np.load(path, allow_pickle=False)",
        "yaml.load(text, Loader=yaml.SafeLoader)",
        "re.compile(text)",
        "network.eval()",
        "subprocess.run(['ls', path], check=True)",
        "json.load(file)",
    ],
)
def test_the_scan_lets_pass_what_is_safe(text):
    assert problems_of(text) == []


def rules_of(path):
    """Return the shell commands of the rules in a file, by the line that they begin on."""
    text = path.read_text()
    pattern = r"^ +shell:\n((?: +[^\n]*\n)+?)(?=\n|\Z|^ *[a-z]+:)"
    return {
        text[: match.start()].count("\n") + 1: command_of(match[1])
        for match in re.finditer(pattern, text, re.MULTILINE)
    }


def command_of(text):
    """Return a shell command as a rule writes it: text, or what the workflow's own `prunesim` is given."""
    node = ast.parse(f"({text})").body[0].value
    if isinstance(node, ast.Call):
        assert node.func.id == "prunesim"
        (node,) = node.args
    return ast.literal_eval(node)


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_rules_have_only_shell_commands(path):
    text = path.read_text()
    assert not re.search(r"^ *(run|script|notebook|wrapper|template_engine|cwl):", text, re.MULTILINE)
    assert len(rules_of(path)) == len(re.findall(r"^ +shell:", text, re.MULTILINE))
    # Python in a rules file reads nothing either.
    assert not re.search(r"\b(eval|exec|os\.system|subprocess|pickle)\b", text)
