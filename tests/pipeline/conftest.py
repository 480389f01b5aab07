import fcntl
import os
import shutil

import pytest
from pipeline_runs import REPOSITORY, copy_all, copy_source, run


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """Return a clone in which the tiny study has run on two cores. It is made once, and no test may change it."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    # What a path may hold: blanks, and what a shell would take for its own.
    clone, done = shared / "a clone's $HOME & more", shared / "finished"
    with open(shared / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(clone, ignore_errors=True)
            run(copy_source(REPOSITORY, clone))
            done.touch()
    return clone


@pytest.fixture
def clone(finished, tmp_path):
    """Return a copy of the finished clone, in another place, for one test."""
    yield copy_all(finished, tmp_path / "moved 'here'")
    shutil.rmtree(tmp_path)
