"""What pruning does to the representations of a convolutional network, layer by layer."""

import importlib

# By a computed name, so that no job of the pipeline depends on what only a user's own code opens.
_LAZY = {"open_study": "prunesim.results.opened"}
__all__ = ["open_study"]


def __getattr__(name):
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)
