"""Loading a network function from a file of the user's, and saying in one sentence what went wrong in it."""

import contextlib
import importlib.util
import inspect
import sys
import traceback
from pathlib import Path

from prunesim.errors import PrunesimError

# Where PyTorch calls modules, and where it computes gradients.
_PASSES = ("torch/nn/modules/module.py", "torch/autograd/graph.py", "torch/autograd/__init__.py")
_HINTS = {
    "more than 1 value per channel": (
        "; batch normalisation needs two numbers of each channel: choose training.batch_size so that no batch is a "
        "single image, or larger images by dataset.resize"
    ),
    "does not have a deterministic implementation": "; set training.deterministic: false",
    "out of memory": "; choose a smaller training.batch_size",
}


@contextlib.contextmanager
def loaded(path):
    """Yield the module of a file, whose folder can be imported from meanwhile.

    What it imports from there is forgotten afterwards, so that files of the same name in two folders are not confused.
    """
    folder = str(Path(path).resolve().parent)
    before = set(sys.modules)
    sys.path.insert(0, folder)
    try:
        importlib.invalidate_caches()
        spec = importlib.util.spec_from_file_location(f"own_network_{Path(path).stem}", path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses look their module up there
        spec.loader.exec_module(module)
        yield module
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)
        for name in set(sys.modules) - before:
            if _lies_in(sys.modules[name], folder):
                del sys.modules[name]


def _lies_in(module, folder):
    places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
    inside = [place for place in places if place and Path(place).resolve().is_relative_to(folder)]
    return bool(inside) and not any("site-packages" in str(place) for place in inside)


def function_of(module, name, path):
    """Return a function of a module, or say which there are."""
    function = getattr(module, name, None)
    if not callable(function):
        functions = [key for key, value in vars(module).items() if inspect.isfunction(value)]
        functions = [key for key in functions if vars(module)[key].__module__ == module.__name__]
        raise PrunesimError(f"network.name: {path} has no function {name!r}; it has {', '.join(functions) or 'none'}.")
    return function


@contextlib.contextmanager
def told_briefly(name, doing):
    """Turn an exception in the user's code into one sentence with its place, without our own frames.

    Parameters
    ----------
    name : str
        ``network.name``.
    doing : str
        What was being done: "could not be loaded".
    """
    try:
        yield
    except PrunesimError:
        raise
    except (Exception, SystemExit) as error:
        raise PrunesimError(f"network.name: {name} {doing}: {last_line(error)}{place(error)}.") from error


@contextlib.contextmanager
def passes_told_briefly(name, doing):
    """Turn an exception in a pass through a network, forwards or backwards, into one sentence; others are let through.

    Parameters are those of `told_briefly`.
    """
    try:
        yield
    except (RuntimeError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError, AssertionError) as error:
        files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
        if not any(file.endswith(_PASSES) for file in files):
            raise
        hint = next((hint for words, hint in _HINTS.items() if words in str(error)), "")
        raise PrunesimError(f"network.name: {name} {doing}: {last_line(error)}{place(error)}{hint}.") from error


def last_line(error):
    """Return the type and the first line of an exception, as Python ends a traceback."""
    text = str(error).strip().partition("\n")[0].rstrip(". ")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def place(error):
    """Return `` (file:line, in function)`` of the last frame of an exception that is the user's own, or nothing."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({error.filename}:{error.lineno})"
    package = str(Path(__file__).resolve().parents[1])
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        foreign = frame.filename.startswith((package, "<")) or "site-packages" in frame.filename
        if not foreign and not frame.filename.startswith(sys.base_prefix):
            inside = "" if frame.name == "<module>" else f", in {frame.name}"
            return f" ({frame.filename}:{frame.lineno}{inside})"
    return ""
