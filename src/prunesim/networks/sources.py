"""Which files of the user's a network is made of: its own and those beside it that it imports. Without PyTorch."""

import ast
import contextlib
import os
from pathlib import Path

from prunesim.networks.spec import own_file


def network_files(name, root="."):
    """Return the files of ``path/to/file.py:function``: that file, and what it imports from its folder.

    Parameters
    ----------
    name : str
        ``network.name``.
    root : path-like
        The folder that a relative path starts from; imports are looked for in it too, as jobs run there.

    Returns
    -------
    list of str
        The file itself first, as it is named, then the others in order; empty for a network of another kind. Relative
        to `root` if the file is. The file need not exist.
    """
    path = own_file(name)
    if not path:
        return []
    start = Path(root) / path
    places = [start.parent, Path(root)]
    found, waiting = set(), [start]
    while waiting:
        file = waiting.pop()
        if file in found or not file.is_file():
            continue
        found.add(file)
        with contextlib.suppress(SyntaxError, ValueError):  # loading it says so
            for level, module in _imports(file):
                waiting += _files_of(module, [file.parents[level - 1]] if level else places)
    shown = {_shown(file, path, root) for file in found} - {path}
    return [path, *sorted(shown)]


def _imports(path):
    """Yield what a source file imports, wherever in it: ``(level, name)`` each, level 0 unless the import is relative.

    Of ``from a import b``, both ``a`` and ``a.b`` are given, as b may be a module.
    """
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = f"{node.module}." if node.module else ""
            yield from [(node.level, node.module)] if node.module else []
            yield from ((node.level, f"{base}{alias.name}") for alias in node.names)


def _files_of(name, places):
    """Return the files that importing a name runs: packages on the way, and the module."""
    for place in places:
        parts = name.split(".")
        files = [place.joinpath(*parts[:n], "__init__.py") for n in range(1, len(parts) + 1)]
        files.append(place.joinpath(*parts).with_suffix(".py"))
        if there := [file for file in files if file.is_file()]:
            return there
    return []


def _shown(file, path, root):
    return str(file) if os.path.isabs(path) else os.path.relpath(file, root)
