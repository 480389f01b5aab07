import fcntl
import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from slurm_runs import cluster


@pytest.fixture(scope="module")
def slurm():
    """Start a Slurm cluster of one node, which is this test process's alone, and stop it afterwards."""
    with open(Path(tempfile.gettempdir()) / f"prunesim-slurm-{os.getuid()}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            cluster("start")
        except subprocess.CalledProcessError as error:
            # What the script refuses is a matter of the machine, and a machine for tests must have it.
            if error.returncode != 2 or os.environ.get("CI") == "true":
                pytest.fail(error.stderr)
            pytest.skip(error.stderr.strip())
        yield
        cluster("stop")
