"""Beginning the servers of jobs beside Snakemake, where that is safe (`prunesim.study.forking`)."""

import atexit
import os
import shutil
import socket
import subprocess
import tempfile

from prunesim.serving.client import ADDRESS, address_for

# Snakemake tells every job its threads in these; libraries read them when they are loaded.
THREADS = ("OMP", "GOTO", "OPENBLAS", "MKL")
MAXIMA = ("VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS")
# The kernel takes 107 bytes.
LONGEST_ADDRESS = 100


def start(source):
    """Start the servers for the jobs of this process, and end them with this process.

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
    os.environ[ADDRESS] = address
    for words in ([], ["train"]):
        atexit.register(_end, _serve(address_for(words), source))


def _serve(address, source):
    threads = dict.fromkeys([*(f"{name}_NUM_THREADS" for name in THREADS), *MAXIMA], "1")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen(128)
        # Killing the process group of Snakemake kills the server as well; where only Snakemake dies, the pipe closes.
        return subprocess.Popen(
            ["python", "-m", "prunesim.serving", str(listening.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(source), **threads},
            pass_fds=[listening.fileno()],
        )


def _end(server):
    server.stdin.close()
    try:
        server.wait(timeout=10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
