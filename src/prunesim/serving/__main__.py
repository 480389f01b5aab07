"""``python -m prunesim.serving NUMBER``: the server, with the number of its listening socket."""

import atexit
import os
import socket
import sys

from prunesim.cli import JOBS, main
from prunesim.serving.server import Server


def module_of(words):
    """Return the module that a job runs, None for what is no job."""
    return f"prunesim.commands.{words[0]}" if words and words[0] in JOBS else None


def leave(status):
    """End a child without taking apart what it shares with the server, for which all of that would be copied."""
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        status = status or 120  # as Python does
    os._exit(status)


if __name__ == "__main__":
    job = Server(socket.socket(fileno=int(sys.argv[1])), module_of).serve()
    if job:
        leave(job(main))
