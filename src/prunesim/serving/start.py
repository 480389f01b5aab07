"""Beginning the server of jobs beside Snakemake, where that is safe."""

import atexit
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from prunesim.serving.client import ADDRESS

# Set to 0, no job is forked.
SWITCH = "PRUNESIM_FORK"
# Snakemake tells every job its threads in these; libraries read them when they are loaded.
THREADS = ("OMP", "GOTO", "OPENBLAS", "MKL")
MAXIMA = ("VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS")
# The kernel takes 107 bytes.
LONGEST_ADDRESS = 100


def is_safe(device):
    """Return whether jobs on this machine may be forked from one process.

    Fork is safe with the libraries of Linux, not with those of macOS, and not after a GPU was asked for.

    Parameters
    ----------
    device : str
        ``training.device`` of the config.
    """
    if sys.platform != "linux" or os.environ.get(SWITCH) == "0":
        return False
    return device == "cpu" or (device == "auto" and not _has_gpu())


def _has_gpu():
    return Path("/dev/kfd").exists() or any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/dxg").exists()


def start(source):
    """Start the server for the jobs of this process, and end it with this process.

    Parameters
    ----------
    source : path-like
        The folder that holds the package.
    """
    folder = tempfile.mkdtemp(prefix="prunesim-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    address = os.path.join(folder, "jobs")
    if len(os.fsencode(address)) > LONGEST_ADDRESS:
        return
    threads = dict.fromkeys([*(f"{name}_NUM_THREADS" for name in THREADS), *MAXIMA], "1")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen(128)
        os.environ[ADDRESS] = address
        # Killing the process group of Snakemake kills the server as well; where only Snakemake dies, the pipe closes.
        server = subprocess.Popen(
            ["python", "-m", "prunesim.serving", str(listening.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(source), **threads},
            pass_fds=[listening.fileno()],
        )
    atexit.register(_end, server)


def _end(server):
    server.stdin.close()
    try:
        server.wait(timeout=10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
