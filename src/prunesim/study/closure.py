"""Which source files a module needs: what a pipeline rule lists as its code."""

import ast
from pathlib import Path

PACKAGE = "prunesim"


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
    root = Path(root)
    found, waiting = {}, [module]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = _file_of(name, root)
        if found[name] is not None:
            waiting += _imports(found[name])
        if "." in name:
            waiting.append(name.rpartition(".")[0])
    return sorted({path for path in found.values() if path is not None})


def _file_of(name, root):
    base = root.joinpath(*name.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def _imports(path):
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.split(".")[0] == PACKAGE]
