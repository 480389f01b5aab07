"""What the jobs of these tests are: a server that runs them, and a client of it."""

import importlib
import os
import signal
import sys
import threading
import time
from pathlib import Path


def tell(*words):
    """Say what a job sees."""
    print(words, os.environ.get("TMPDIR"), os.getcwd(), oct(os.umask(0)), sys.argv[1:], sys.stdin.read())
    print("an error", file=sys.stderr)
    os.write(3, b"a sentence")
    return 7


def sleep(path):
    """Write one's number, and wait for what may come."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(43))
    Path(path).write_text(str(os.getpid()))
    time.sleep(600)


def draw():
    """Draw without a seed."""
    import random

    import numpy as np

    print(random.random(), np.random.random())  # noqa: NPY002


def load(folder):
    """Import a module of Python and one of one's own, and say which were there."""
    print(*(name in sys.modules for name in ("colorsys", "of_the_study")))
    sys.path.insert(0, folder)
    importlib.import_module("colorsys")
    importlib.import_module("of_the_study")


def die():
    """End by a signal."""
    os.kill(os.getpid(), signal.SIGABRT)


def fail():
    """End by an exception that nobody catches."""
    raise LookupError("of the job")


def thread():
    """Import what starts a thread."""


JOBS = {"tell": tell, "sleep": sleep, "draw": draw, "load": load, "die": die, "fail": fail, "thread": thread}


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        import socket

        from prunesim.serving.__main__ import leave
        from prunesim.serving.server import Server

        modules = {**dict.fromkeys(JOBS, "json"), "thread": "threaded"}
        job = Server(socket.socket(fileno=int(sys.argv[2])), lambda words: modules.get(words[0])).serve()
        assert threading.active_count() == 1 or not job
        if job:
            leave(job(lambda words: JOBS[words[0]](*words[1:]) or 0))
    else:
        from prunesim.serving.client import served

        status = served(sys.argv[1:], "TEST_TERMINAL")
        sys.exit(99 if status is None else status)
