"""Sentences for whoever watches the pipeline.

The rules send what a job prints into its log. They keep Snakemake's own output open as another file, whose number the
workflow gives in `VARIABLE`; without it nothing is written there, since it may be the number of any other file.
"""

import contextlib
import os
import sys

VARIABLE = "PRUNESIM_TERMINAL"


def say(sentence):
    """Print a sentence as an error, on the terminal if the log of the job cannot take it."""
    try:
        print(sentence, file=sys.stderr, flush=True)
    except OSError:  # the log lies on the disk that is full
        _to_terminal(sentence)


def warn(sentence):
    """Print a warning, both into the log of the job and on the terminal."""
    text = f"prunesim: warning: {sentence}"
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)
    _to_terminal(text)


def _to_terminal(text):
    with contextlib.suppress(KeyError, ValueError, OSError):
        os.write(int(os.environ[VARIABLE]), f"{text}\n".encode(errors="backslashreplace"))
