"""A forked job is what a job of its own would be, and ends when it should."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pipeline.pipeline_runs import REPOSITORY, copy_source, snakemake, start

from prunesim.serving.client import ADDRESS
from prunesim.serving.server import fits
from prunesim.study import forking

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).with_name("serving_jobs.py")
NOT_TAKEN = 99


class Served:
    """A server and what its clients need."""

    def __init__(self, folder):
        address = folder / "jobs"
        (folder / "threaded.py").write_text(
            "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        )
        self.environment = {
            **os.environ,
            "PYTHONPATH": f"{REPOSITORY / 'src'}:{folder}",
            ADDRESS: str(address),
            "TEST_TERMINAL": "3",
            "TEST_FILE": str(folder / "terminal"),
        }
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(address))
            listening.listen()
            self.server = subprocess.Popen(
                [sys.executable, PROGRAM, "serve", str(listening.fileno())],
                stdin=subprocess.PIPE,
                env=self.environment,
                pass_fds=[listening.fileno()],
            )

    def start(self, *words, **options):
        """Start a client."""
        environment = self.environment | options.pop("environment", {})
        # As in the rules: the terminal is another file of the job.
        command = ["bash", "-c", 'exec "$0" "$@" 3>> "$TEST_FILE"', sys.executable, PROGRAM, *words]
        return subprocess.Popen(command, env=environment, text=True, **options)

    def run(self, *words, **options):
        """Return the exit status of a client, and what it printed."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
        client = self.start(*words, **pipes | options)
        out, err = client.communicate(timeout=60)
        return client.returncode, out, err

    def end(self):
        """End the server as Snakemake's end does."""
        self.server.stdin.close()
        return self.server.wait(timeout=60)


@pytest.fixture
def served(tmp_path):
    """Return a server."""
    server = Served(tmp_path)
    yield server
    assert server.end() in (0, -signal.SIGKILL)


def sleeping(served, path):
    """Start a client whose job sleeps, and return it and the number of the job's process."""
    client = served.start("sleep", str(path), stderr=subprocess.PIPE)
    wait_for(lambda: path.exists() and path.read_text())
    return client, int(path.read_text())


def wait_for(condition, seconds=60):
    """Wait until something holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def is_gone(number):
    """Whether a process has ended; nobody may have asked how yet."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_job_has_what_its_client_has(served, tmp_path):
    inside, given = tmp_path / "in side", tmp_path / "given"
    inside.mkdir()
    given.write_text("input")
    with open(given) as standard_input:
        status, out, err = served.run(
            *("tell", "ä\udcff", ""),
            cwd=inside,
            umask=0o027,
            stdin=standard_input,
            environment={"TMPDIR": "elsewhere"},
        )
    assert (status, err) == (7, "an error\n")
    words = ("tell", "ä\udcff", "")
    assert out == f"{words[1:]!r} elsewhere {inside} 0o27 {list(words)!r} input\n"
    assert (tmp_path / "terminal").read_text() == "a sentence"


def test_the_end_of_a_job_is_that_of_its_client(served):
    assert served.run("die")[0] == -signal.SIGABRT
    status, _, err = served.run("fail")
    assert status == 1
    assert err.endswith("LookupError: of the job\n")
    assert served.run("draw")[0] == 0


def test_many_at_once(served):
    clients = [served.start("draw", stdout=subprocess.PIPE) for _ in range(12)]
    drawn = [client.communicate(timeout=60)[0] for client in clients]
    assert [client.returncode for client in clients] == [0] * 12
    # What is not seeded differs, of both generators.
    assert len({word for line in drawn for word in line.split()}) == 24


def test_what_jobs_import_is_there_for_those_that_follow(served, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "of_the_study.py").write_text("")
    said = [served.run("load", str(tmp_path / "own"))[1].split() for _ in range(2)]
    # A study's own code is never kept.
    assert said == [["False", "False"], ["True", "False"]]


def test_nothing_is_forked_beside_a_thread(served):
    assert served.run("draw")[0] == 0
    assert served.run("thread")[0] == NOT_TAKEN
    assert served.run("draw")[0] == NOT_TAKEN


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "LD_PRELOAD", "PYTHONHASHSEED"])
def test_another_environment_is_not_served(served, name):
    assert served.run("draw", environment={name: "0"})[0] == NOT_TAKEN


def test_which_environments_fit():
    ours = {"PATH": "a", "TMPDIR": "b", "OMP_NUM_THREADS": "1"}
    assert fits(ours | {"TMPDIR": "c", "_": "d"}, ours)
    assert not fits({"PATH": "a"}, ours)
    assert not fits(ours | {"MKL_CBWR": "AVX2"}, ours)


def test_an_unknown_verb_is_not_served(served):
    assert served.run("nonsense")[0] == NOT_TAKEN


def test_without_a_server_nothing_is_taken(served, tmp_path):
    assert served.run("draw", environment={ADDRESS: str(tmp_path / "nobody")})[0] == NOT_TAKEN
    served.end()
    assert served.run("draw")[0] == NOT_TAKEN


def test_a_signal_reaches_the_job(served, tmp_path):
    client, job = sleeping(served, tmp_path / "job")
    client.terminate()
    assert client.wait(timeout=60) == 43
    assert is_gone(job)


def test_a_job_dies_with_its_client(served, tmp_path):
    client, job = sleeping(served, tmp_path / "job")
    client.kill()
    client.wait()
    wait_for(lambda: is_gone(job))
    assert served.run("draw")[0] == 0


def test_a_job_dies_with_the_server(served, tmp_path):
    client, job = sleeping(served, tmp_path / "job")
    served.server.kill()
    assert client.communicate(timeout=60)[1] == "prunesim: the process that ran this job was killed.\n"
    assert client.returncode == 1
    wait_for(lambda: is_gone(job))


def test_all_end_with_snakemake(served, tmp_path):
    client, job = sleeping(served, tmp_path / "job")
    assert served.end() == 0
    wait_for(lambda: is_gone(job))
    client.communicate(timeout=60)


def test_where_forking_is_safe(monkeypatch):
    monkeypatch.delenv(forking.SWITCH, raising=False)
    monkeypatch.setattr(forking.sys, "platform", "linux")
    monkeypatch.setattr(forking, "_has_gpu", lambda: True)
    assert [forking.is_safe(device) for device in ("cpu", "auto", "cuda", "cuda:1", "mps")] == [True] + [False] * 4
    monkeypatch.setattr(forking, "_has_gpu", lambda: False)
    assert forking.is_safe("auto")
    monkeypatch.setenv(forking.SWITCH, "0")
    assert not forking.is_safe("cpu")
    monkeypatch.delenv(forking.SWITCH)
    monkeypatch.setattr(forking.sys, "platform", "darwin")
    assert not forking.is_safe("cpu")


# Through Snakemake

NETWORK = """
import os
from pathlib import Path

import torch


def net(shape, classes):
    with open(os.environ["HOME"] + "/parents", "a") as file:
        file.write(Path(f"/proc/{os.getppid()}/cmdline").read_text().replace("\\0", " ") + "\\n")
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 8), torch.nn.ReLU(), torch.nn.Linear(8, classes))
"""
OVERLAY = """
replicates: 1
network: {name: my.py:net}
methods: {imp: {exclude: ["3"]}}
comparison: {layers: ["2"]}
"""
TRAINED = "results/tiny/networks/rep0/dense/weights.safetensors"


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """Return a clone with a network that says which process has forked it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    copy_source(REPOSITORY, tmp_path / "clone")
    (tmp_path / "clone/my.py").write_text(NETWORK)
    return tmp_path / "clone"


def processes_in(folder):
    """Return the command lines of what runs in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve() == folder.resolve() and not is_gone(process.name):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def test_jobs_of_a_study_are_forked_unless_it_is_turned_off(clone, monkeypatch):
    for switch, forked in ((None, True), ("0", False)):
        if switch:
            monkeypatch.setenv(forking.SWITCH, switch)
        (clone.parent / "parents").unlink(missing_ok=True)
        options = ["--cores", "2", "--force"]
        status, printed = snakemake(clone, *options, config=[OVERLAY], targets=[TRAINED])
        assert status == 0, printed
        parents = (clone.parent / "parents").read_text().splitlines()
        assert any("prunesim.serving" in line for line in parents) == forked, parents
        assert processes_in(clone) == []


def test_nothing_is_left_of_a_killed_run(clone):
    process = start(clone, "--cores", "2", config=[OVERLAY, "training: {epochs: 2000}"], targets=[TRAINED])
    try:
        wait_for(lambda: list(clone.glob("results/tiny/checkpoints/rep0/*")) or process.poll() is not None)
        assert any("prunesim.serving" in line for line in processes_in(clone)), processes_in(clone)
        os.kill(process.pid, signal.SIGKILL)
        wait_for(lambda: not processes_in(clone))
    finally:
        process.kill()
        process.communicate()
