"""What ``python -m prunesim`` does first: hand its job to the server, if there is one that takes it."""

import os
import sys

# The address of the servers, in the environment of jobs.
ADDRESS = "PRUNESIM_JOBS"
# The verbs that import PyTorch. They have a server of their own: to fork a process that holds it costs more than most
# of the other jobs do.
WITH_TORCH = {
    *("train", "rewind", "given", "adopt", "score", "reinitialise", "sparsify", "coupling"),
    *("dump", "connect", "degrade", "annotate", "dissect"),
}
TAKEN = b"y"


def address_for(words):
    """Return the address of the server for the words of a command line; None where there is no server."""
    address = os.environ.get(ADDRESS)
    return f"{address}-torch" if address and words and words[0] in WITH_TORCH else address


def served(words, terminal):
    """Let the server run a verb of the command line in a child of its own.

    Parameters
    ----------
    words : list of str
        Of the command line.
    terminal : str
        The variable that says which file a job has open beside input, output and errors, if any.

    Returns
    -------
    int or None
        The exit status; None if nobody has taken the job, and nothing of it has been done.
    """
    address = address_for(words)
    if not address:
        return None
    import socket

    files = [0, 1, 2]
    if terminal in os.environ:
        files.append(int(os.environ[terminal]))
    umask = os.umask(0)
    os.umask(umask)
    told = [os.getcwd(), str(umask), " ".join(map(str, files)), str(len(words)), *words]
    told += [f"{name}={value}" for name, value in os.environ.items()]
    request = b"\0".join(map(os.fsencode, told))  # without a module of Python that takes as long as the connection
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(address)
        socket.send_fds(connection, [len(request).to_bytes(8)], files)
        connection.sendall(request)
        taken = connection.recv(1) == TAKEN
    except OSError:
        taken = False
    if not taken:
        connection.close()
        return None
    return _wait(connection)


def _wait(connection):
    """Return the exit status of a job that the server has begun; it ends with this process."""
    import signal

    def forward(number, frame):
        connection.send(bytes([number]))

    # An interrupt from the keyboard reaches the child by itself, which is of the same group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, forward)
    answer = b""
    while more := connection.recv(4):
        answer += more
    if len(answer) < 4:
        print("prunesim: the process that ran this job was killed.", file=sys.stderr)
        return 1
    status = int.from_bytes(answer, signed=True)
    if status < 0:
        if -status != signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status
