"""Settings that all tests share, and the study that several of them start from."""

import fcntl
import os
import shutil

import pytest
from hypothesis import HealthCheck, settings
from pipeline.pipeline_runs import REPOSITORY, copy_source, run

# A busy machine is slow, not wrong.
settings.register_profile("prunesim", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("prunesim")


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """Return a function that makes a folder once for all processes that test: ``made_once(name, make)``."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def made(name, make):
        folder, done = shared / name, shared / f"{name} done"
        with open(shared / f"{name} lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)
                make(folder)
                done.touch()
        return folder

    return made


@pytest.fixture(scope="session")
def finished(made_once):
    """Return a clone in which the tiny study has run on two cores. It is made once, and no test may change it."""
    # What a path may hold: blanks, and what a shell would take for its own.
    return made_once("a clone's $HOME & more", lambda clone: run(copy_source(REPOSITORY, clone)))


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter):
    """Print how many of the faults of tests/faults were survived."""
    faults = {
        outcome: [
            report
            for report in terminalreporter.getreports(outcome)
            if ("fault", "survived") in getattr(report, "user_properties", []) and report.when == "call"
        ]
        for outcome in ("passed", "failed")
    }
    count = sum(map(len, faults.values()))
    if count:
        terminalreporter.write_line(f"faults survived: {len(faults['passed'])} of {count}")
