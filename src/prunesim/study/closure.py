"""Which code a module needs, and what that code does: what tells a pipeline rule that it must run again."""

import ast
import contextlib
import functools
import hashlib
import sys
from pathlib import Path

from prunesim.errors import PrunesimError
from prunesim.storage.files import read_json, write_json

PACKAGE = "prunesim"
# What was read of each text, by its checksum. It lies where Python keeps what it has compiled, and for the same reason:
# to read the package anew takes a second, at every start of Snakemake and in every training.
READINGS = Path(__file__).parent / "__pycache__" / "closure.json"
MOST_READINGS = 2000
# What the grammar notes beside the meaning of a program.
UNSAID = ("kind", "type_comment", "type_ignores")


def source_files(module, root):
    """Return the files of this package that a module reaches by import, sorted.

    Imports inside functions count too. Modules loaded by a computed name do not: that is how the command line
    keeps the verbs apart.

    Parameters
    ----------
    module : str
        For example ``prunesim.commands.train``.
    root : path-like
        The folder that holds the package.

    Returns
    -------
    list of pathlib.Path
    """
    return sorted(_reached([module], Path(root), {}))


def code_identity(modules, root, seen=None):
    """Return a checksum of what the code that some modules reach by import does.

    Of the syntax tree: comments, docstrings and layout do not count.

    Parameters
    ----------
    modules : iterable of str
    root : path-like
        The folder that holds the package.
    seen : dict, optional
        What earlier calls have read, and later ones need not read again: for calls with the same root, between which
        no file changes.
    """
    root = Path(root)
    known = len(_readings())
    digest = hashlib.sha256()
    for path, meaning in sorted(_reached(modules, root, {} if seen is None else seen).items()):
        digest.update(f"{path.relative_to(root).as_posix()} {meaning}\n".encode())
    if len(_readings()) > known:
        _keep(_readings())
    return digest.hexdigest()[:32]


def code_text(modules, identity):
    """Return the parameter by which a rule names its code: modules, for looking it up, and identity."""
    return f"code: {' '.join(modules)} {identity}"


def _reached(modules, root, seen):
    """Return the checksum of the meaning of each file that some modules reach by import."""
    found, waiting = {}, list(modules)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        if name not in seen:
            path = _file_of(name, root)
            seen[name] = path, *(_read(path.read_text(encoding="utf-8")) if path else ([], None))
        _, imported, found[name] = seen[name]
        waiting += imported
        if "." in name:
            waiting.append(name.rpartition(".")[0])
    return {seen[name][0]: meaning for name, meaning in found.items() if meaning}


def _file_of(name, root):
    base = root.joinpath(*name.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def _read(text):
    """Return the modules of this package that a module imports, and a checksum of its meaning."""
    key = hashlib.sha256(text.encode()).hexdigest()
    if key not in _readings():
        _readings()[key] = _understood(text)
    return _readings()[key]


@functools.cache
def _readings():
    """Return what is known of texts by their checksum; nothing of what another version of this module has read."""
    with contextlib.suppress(PrunesimError):
        kept = read_json(READINGS)
        if kept["by"] == _own_version() and len(kept["readings"]) < MOST_READINGS:
            return kept["readings"]
    return {}


def _keep(readings):
    # Where that may not be written, it is found again.
    if not sys.dont_write_bytecode and READINGS.parent.is_dir():
        with contextlib.suppress(PrunesimError):
            write_json(READINGS, {"by": _own_version(), "readings": readings})


def _own_version():
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


def _understood(text):
    tree = ast.parse(text)
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    tokens = []
    _write(tree, tokens.append)
    meaning = hashlib.sha256("".join(tokens).encode()).hexdigest()
    return [name for name in names if name.partition(".")[0] == PACKAGE], meaning


def _write(node, write):
    """Write a syntax tree as text. Not by `ast.dump`, whose form differs between versions of Python."""
    if isinstance(node, list):
        write("[")
        for item in node:
            _write(item, write)
            write(",")
        write("]")
    elif isinstance(node, ast.AST):
        write(f"{type(node).__name__}(")
        for name in node._fields:
            value = getattr(node, name, None)
            if name == "body" and _has_docstring(node):
                value = value[1:]
            if value is not None and value != [] and name not in UNSAID:
                write(f"{name}=")
                _write(value, write)
                write(",")
        write(")")
    else:
        write(repr(node))


def _has_docstring(node):
    documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    return documented and ast.get_docstring(node, clean=False) is not None
