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
            waiting += [other for level, other in imports(found[name]) if not level and other.split(".")[0] == PACKAGE]
        if "." in name:
            waiting.append(name.rpartition(".")[0])
    return sorted({path for path in found.values() if path is not None})


def _file_of(name, root):
    base = root.joinpath(*name.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def imports(path):
    """Return what a source file imports, wherever in it: ``(level, name)`` each, level 0 unless the import is relative.

    Of ``from a import b``, both ``a`` and ``a.b`` are given, as b may be a module.
    """
    found = []
    for node in ast.walk(ast.parse(Path(path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = f"{node.module}." if node.module else ""
            found += [(node.level, node.module)] if node.module else []
            found += [(node.level, f"{base}{alias.name}") for alias in node.names]
    return found
