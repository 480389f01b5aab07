"""Settings that all tests share, and the study that several of them start from."""

import fcntl
import itertools
import os
import shutil
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings
from pipeline.pipeline_runs import LOOKS, REPOSITORY, compile_sources, copy_source, run

# A busy machine is slow, not wrong.
settings.register_profile("prunesim", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("prunesim")


MEMORY = Path("/dev/shm")  # Linux' file system in memory
ROOM = 8e9  # bytes; all tests together leave about 2 GB
IN_MEMORY = pytest.StashKey()
# The longest first. Slurm's are done by one worker, which waits for most of the time.
LONGEST = ("slurm", "faults", "conda", "pipeline", "networks")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """Compile the package once, before any clone of it is made; and make them in memory, where there is much of it.

    The tests write a hundred thousand small files, for which a disk may take longer than for what is in them.
    """
    if hasattr(config, "workerinput"):
        return
    compile_sources()
    if config.option.basetemp is None and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
        config.option.basetemp = tempfile.mkdtemp(prefix="prunesim-tests-", dir=MEMORY)
        config.stash[IN_MEMORY] = config.option.basetemp


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    """Give the memory back, unless somebody will want to see why a test failed."""
    folder = session.config.stash.get(IN_MEMORY, None)
    if folder and not exitstatus:
        shutil.rmtree(folder, ignore_errors=True)


THREADS = torch.get_num_threads()


@pytest.fixture(autouse=True)
def torch_as_it_was():
    """Undo what `prunesim.training.device.make_exact` sets for the whole process, in fixtures of a session too."""

    def undo():
        torch.set_deterministic_debug_mode("default")
        torch.set_num_threads(THREADS)
        torch.backends.cuda.matmul.fp32_precision = "none"
        torch.backends.cudnn.conv.fp32_precision = torch.backends.cudnn.rnn.fp32_precision = "tf32"
        os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)

    undo()
    yield
    undo()


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


def pytest_collection_modifyitems(config, items):
    """Deal what takes longest to the beginnings of the workers' shares, so that none is left alone with it at the end.

    A worker begins with an equal share of the tests in their order, and takes from the ends of others' when it is done.
    """
    workers = getattr(config, "workerinput", {"workercount": 1})["workercount"]
    suites, others = {name: [] for name in LONGEST}, []
    for item in items:
        suites.get(item.path.parent.name, others).append(item)
    rest, dealt = iter(others), []
    for worker in range(workers):
        begun = [item for name in LONGEST[worker::workers] for item in suites[name]]
        dealt += [*begun, *itertools.islice(rest, max(0, len(items) // workers - len(begun)))]
    items[:] = [*dealt, *rest]


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


@pytest.fixture(scope="session")
def all_methods(made_once):
    """Return a clone in which the tiny study has run with every method and control; no test may change it."""
    overlay = (REPOSITORY / "tests/methods/all.yaml").read_text()
    return made_once("all methods", lambda clone: run(copy_source(REPOSITORY, clone), config=[overlay]))


@pytest.fixture(scope="session")
def looked(made_once):
    """Return a clone in which the tiny study has looked at its networks once more; no test may change it."""
    return made_once("looks", lambda clone: run(copy_source(REPOSITORY, clone), config=[LOOKS]))
