"""The process that has imported the libraries, and forks a child for every job.

It runs no operation of a library itself, so that no thread and no random number of it is shared. A child has the
environment, folder, files and words of its client, and dies with it. What the children of a verb had to import, the
server imports before it forks for that verb again.
"""

import contextlib
import ctypes
import fcntl
import gc
import importlib
import os
import random
import selectors
import signal
import socket
import sys
import sysconfig
from functools import partial
from pathlib import Path

from prunesim.serving.client import TAKEN

# In which the environment of a job may differ from the server's.
OWN = {"TMPDIR", "TMP", "TEMPDIR", "TEMP", "_", "PWD", "OLDPWD", "SHLVL"}
PACKAGE = Path(__file__).resolve().parents[1]
DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl
ABOVE = 100  # numbers of files that no job names


class Server:
    """Forks children for the clients of a listening socket, until its input ends.

    Parameters
    ----------
    listening : socket.socket
    module_of : callable
        Returns the name of the module of a verb, None for what is not run here.
    """

    def __init__(self, listening, module_of):
        self.listening, self.module_of = listening, module_of
        self.selector = selectors.DefaultSelector()
        self.clients = {}  # by process number of the child
        self.wanted = {}  # what the children of each verb have imported themselves

    def serve(self):
        """Serve until there is nobody left to serve.

        Returns
        -------
        callable or None
            In a child, its job: it takes the function that runs the words of a command line. None in the server.
        """
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing)
        self.selector.register(reading, selectors.EVENT_READ, partial(os.read, reading, 1024))
        self.selector.register(self.listening, selectors.EVENT_READ, self.accept)
        self.selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
        while True:
            for key, _ in self.selector.select():
                if key.data is None:  # Snakemake has ended
                    for child in self.clients:
                        os.kill(child, signal.SIGKILL)
                    return None
                if callable(job := key.data()):
                    return job
            self.reap()

    def accept(self):
        """Take a job or refuse it; return it in the child that has been forked for it."""
        client, _ = self.listening.accept()
        try:
            request, files = _receive(client)
        except (OSError, ValueError):
            client.close()
            return None
        module = self.module_of(request["words"])
        if module and fits(request["environment"], os.environ) and self.prepare(module):
            job = self.fork(client, module, request, files)
            if job:
                return job
        else:
            client.close()
        for number in files:
            os.close(number)
        return None

    def prepare(self, module):
        """Import what the jobs of a verb need; return whether forking is still safe."""
        missing = [name for name in (module, *self.wanted.pop(module, ())) if name not in sys.modules]
        for name in missing:
            with contextlib.suppress(Exception):  # the job meets it as well, and says so
                importlib.import_module(name)
        if missing:
            gc.collect()
            gc.freeze()
        return len(os.listdir("/proc/self/task")) == 1

    def fork(self, client, module, request, files):
        """Fork a child, and there return its job."""
        parent = os.getpid()
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            ctypes.CDLL(None).prctl(DIES_WITH_PARENT, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)
            os.close(reading)
            for ours in (self.selector, self.listening, client, *self.clients.values()):
                ours.close()
            return partial(_work, request, files, writing)
        os.close(writing)
        with contextlib.suppress(OSError):  # a client that is gone is heard of below
            client.sendall(TAKEN)
        self.clients[child] = client
        self.selector.register(client, selectors.EVENT_READ, partial(self.hear, client, child))
        self.selector.register(reading, selectors.EVENT_READ, partial(self.learn, reading, module))
        return None

    def hear(self, client, child):
        """Pass signals on to a child, and kill it if its client is gone."""
        try:
            numbers = client.recv(16)
        except OSError:
            numbers = b""
        for number in numbers or [signal.SIGKILL]:
            os.kill(child, number)
        if not numbers:
            self.selector.unregister(client)

    def learn(self, reading, module):
        """Note what a child has imported."""
        if told := os.read(reading, 65536):
            self.wanted[module] = [*self.wanted.get(module, ()), *told.decode().split()]
        else:
            self.selector.unregister(reading)
            os.close(reading)

    def reap(self):
        """Tell the clients of children that have ended how they did."""
        while self.clients:
            child, status = os.waitpid(-1, os.WNOHANG)
            if not child:
                return
            client = self.clients.pop(child)
            with contextlib.suppress(OSError):
                client.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, signed=True))
            with contextlib.suppress(KeyError):
                self.selector.unregister(client)
            client.close()


def fits(environment, ours):
    """Return whether a job may run with what libraries have read from our environment as they were loaded."""
    names = (environment.keys() | ours.keys()) - OWN
    return all(environment.get(name) == ours.get(name) for name in names)


def _receive(client):
    """Return the request of a client and the numbers of its files here."""
    size, files, _, _ = socket.recv_fds(client, 8, 16)
    left, parts = int.from_bytes(size), []
    while left and (part := client.recv(left)):
        parts.append(part)
        left -= len(part)
    if left or not files:
        for number in files:
            os.close(number)
        raise ValueError("cut off")
    folder, umask, targets, count, *told = map(os.fsdecode, b"".join(parts).split(b"\0"))
    request = {"folder": folder, "umask": int(umask), "files": [int(number) for number in targets.split()]}
    request["words"] = told[: int(count)]
    request["environment"] = dict(variable.split("=", 1) for variable in told[int(count) :])
    return request, files


def _work(request, files, writing, main):
    """Do a job, in the child, as ``python -m prunesim`` would."""
    writing = fcntl.fcntl(writing, fcntl.F_DUPFD_CLOEXEC, ABOVE)
    files = [fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, ABOVE) for number in files]
    for number, target in zip(files, request["files"], strict=True):
        os.dup2(number, target)
        os.close(number)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.umask(request["umask"])
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv[1:] = request["words"]
    # Otherwise all children would draw the same from what is not seeded.
    random.seed()
    if numpy_random := sys.modules.get("numpy.random"):
        numpy_random.seed()
    before = set(sys.modules)
    status = main(request["words"])
    names = [name for name, module in list(sys.modules.items()) if name not in before and _is_installed(module)]
    with contextlib.suppress(OSError):
        os.write(writing, " ".join([*names, ""]).encode())
    return status


def _is_installed(module):
    """Return whether a module is of this package, of Python, or of an installed library: what a study brings is not."""
    origin = getattr(getattr(module, "__spec__", None), "origin", None)
    if origin is None or not os.path.isabs(origin):
        return False
    homes = [PACKAGE, *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))]
    return any(Path(origin).is_relative_to(home) for home in homes)
