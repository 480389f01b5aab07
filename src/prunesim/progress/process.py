"""Whether the process that writes a log is still there."""

import os
import socket
from pathlib import Path


def writer(log, host):
    """Return how the process is that has a log open.

    Parameters
    ----------
    log : path-like
    host : str
        The machine that it was started on.

    Returns
    -------
    str
        ``runs``, ``halted`` (by a signal), ``gone``, or ``unknown``: on another machine, of another user, or where
        the system does not say.
    """
    if not os.path.isdir("/proc/self/fd") or host not in (None, socket.gethostname()):
        return "unknown"
    wanted, me = os.path.realpath(log), os.getuid()
    if os.stat(wanted).st_uid != me and me != 0:
        return "unknown"
    for process in os.scandir("/proc"):
        if not process.name.isdigit():
            continue
        try:
            held = any(os.readlink(entry.path) == wanted for entry in os.scandir(f"{process.path}/fd"))
        except OSError:
            continue  # it has ended, or is somebody else's
        if held:
            # The state stands behind the name, which is in brackets and may hold anything.
            state = Path(process.path, "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            return "halted" if state[0] in "Tt" else "runs"
    return "gone"
