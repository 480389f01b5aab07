"""Whether the jobs of a study on one machine may be forked from one process (`prunesim.serving`)."""

import os
import sys
from pathlib import Path

# Set to 0, no job is forked.
SWITCH = "PRUNESIM_FORK"


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
