"""The display of a run: what it draws, what it lets through, and that it is only there on a terminal."""

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

import pytest
from pipeline.pipeline_runs import REPOSITORY, TINY, copy_source, snakemake

from prunesim.forecast.words import duration
from prunesim.progress import display
from prunesim.progress.display import Display, can_show
from prunesim.progress.words import HEADS, screen, text

TOKEN = re.compile(r"\x1b\[[\d;]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+")
FETCH = "results/datasets/digits-train200-test100-seed0/dataset.json"


def shown(written):
    """Return the lines that a terminal shows after all that was written to it."""
    lines, y, x = [""], 0, 0
    for token in TOKEN.findall(written):
        if token == "\r":
            x = 0
        elif token == "\n":
            y += 1
            lines += [""] * (y + 1 - len(lines))
        elif token.endswith("A") and token[0] == "\x1b":
            y -= int(token[2:-1])
        elif token.endswith("J") and token[0] == "\x1b":
            lines[y:] = [lines[y][:x]]
        elif token[0] != "\x1b":
            lines[y] = lines[y][:x] + token + lines[y][x + len(token) :]
            x += len(token)
    return lines


class Terminal:
    """A terminal and all that is written to it."""

    def __init__(self, columns=100, rows=40):
        self.controlling, self.number = pty.openpty()
        fcntl.ioctl(self.number, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.written = b""

    def read(self, until=None, seconds=0.0):
        """Return what is shown, once `until` has been written or some seconds have passed."""
        end = time.monotonic() + (60 if until else seconds)
        while (until is None or until not in self.written) and time.monotonic() < end:
            if select.select([self.controlling], [], [], 0.05)[0]:
                self.written += os.read(self.controlling, 65536)
        assert until is None or until in self.written, self.written
        while select.select([self.controlling], [], [], 0.05)[0]:
            self.written += os.read(self.controlling, 65536)
        return shown(self.written.decode())


@pytest.fixture
def terminal():
    terminal = Terminal()
    yield terminal
    os.close(terminal.controlling)
    os.close(terminal.number)


def test_what_others_write_goes_above_the_display(terminal):
    drawn = iter(range(1000))
    with os.fdopen(os.dup(terminal.number), "w", encoding="utf-8") as stream:
        live = Display(stream, lambda columns, rows: [f"{columns} x {rows}", f"drawn {next(drawn)}"])
        terminal.read(until=b"drawn 0")
        print("a warning\nof two lines", file=stream, flush=True)
        # A line that is not whole waits; a job writes to the number of the file.
        os.write(stream.fileno(), b"half a ")
        lines = terminal.read(until=b"two lines")
        assert lines[:3] == ["a warning", "of two lines", "99 x 38"]
        os.write(stream.fileno(), b"line\n")
        assert terminal.read(until=b"half a line")[2:4] == ["half a line", "99 x 38"]
        assert lines[-2].startswith("drawn ")
        live.due = 0  # now
        assert "drawn 1" in terminal.read(until=b"drawn 1")
        os.write(stream.fileno(), b"the end")
        live.stop()
        live.stop()
        # The lines are gone, and the terminal is what it was.
        assert terminal.read(seconds=0.1) == ["a warning", "of two lines", "half a line", "the end"]
        print(" indeed", file=stream, flush=True)
        assert terminal.read(until=b"indeed")[3] == "the end indeed"
        assert os.isatty(stream.fileno())


def test_a_frame_that_cannot_be_made_keeps_the_last_one(terminal):
    frames = iter([["first"], None, None])
    with os.fdopen(os.dup(terminal.number), "w") as stream:
        live = Display(stream, lambda columns, rows: next(frames, None))
        terminal.read(until=b"first")
        live.due = 0
        assert terminal.read(seconds=0.5) == ["first", ""]
        live.stop()


def status(**values):
    """Return what `study_status` says of a run in its middle."""
    training = {"replicate": 0, "method": "dense", "round": 0, "log": "d.log", "of": "test", "accuracy": 0.9833}
    job = {"rule": "retrain", "job": "networks/rep0/imp/round02", "log": "r.log", "seconds": 30.0}
    run = {"began": 100.0, "last": 160.0, "ended": False, "host": "here", "cores": 2, "log": "x.log", "jobs": 40}
    return {
        "study": "mine",
        "state": "running",
        "run": run | {"done": 10, "stopping": False},
        "jobs": 60,
        "recorded": 30,
        "running": [job],
        "failed": [],
        "left": {"forecast": 20.0, "measured": 70.0},
        "trainings": [training, training | {"method": "imp", "round": 2, "log": "r.log"}],
        "notes": [],
    } | values


def test_a_screen_says_what_the_status_says():
    result = status()
    lines = screen(result, 160.0, 100, 40)
    assert lines[0] == "Study mine: running"
    assert lines[1] == f"{'#' * 8}{'-' * 22}  10 of 40 jobs done in {duration(60)}"
    said = text(result, 160.0).splitlines()
    assert [line for line in lines[2:] if line not in said] == []
    assert {"Runs now:", "Last training of each method:"} < set(lines)
    assert "  retrain  rep0/imp/round02  30 s" in lines


def test_a_screen_fits_the_terminal():
    jobs = [{"rule": "dump", "job": f"activations/rep{n}/dense", "log": f"{n}.log", "seconds": 1.0} for n in range(50)]
    trainings = [status()["trainings"][0] | {"replicate": n} for n in range(50)]
    failed = [jobs[0] | {"sentence": "prunesim dump: no", "advice": "Put it right."}]
    for rows in range(1, 60):
        lines = screen(status(running=jobs, trainings=trainings, failed=failed), 160.0, 30, rows)
        assert len(lines) <= rows
        assert max(map(len, lines)) <= 30
    lines = screen(status(running=jobs, trainings=trainings, failed=failed), 160.0, 200, 30)
    assert "Failed: dump rep0/dense, log 0.log" in lines
    assert "  prunesim dump: no" in lines
    assert "Last training of each method:" in lines
    (more, _) = (line for line in lines if line.startswith("  ... and "))
    runs = [line for line in lines if line.startswith("  dump  rep")]
    assert more == f"  ... and {50 - len(runs)} more"


def test_every_state_has_its_words():
    for state in HEADS:
        assert screen(status(state=state), 160.0, 300, 40)[0] == f"Study mine: {HEADS[state]}"


def test_only_a_terminal_that_can_draw_has_a_display(terminal, monkeypatch, tmp_path):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv(display.SWITCH, raising=False)
    with os.fdopen(os.dup(terminal.number), "w") as stream, open(tmp_path / "file", "w") as file:
        assert can_show(stream)
        assert not can_show(file)
        monkeypatch.setenv(display.SWITCH, "0")
        assert not can_show(stream)
        monkeypatch.delenv(display.SWITCH)
        for name in ("dumb", None):
            monkeypatch.setenv("TERM", name) if name else monkeypatch.delenv("TERM")
            assert not can_show(stream)


def on_a_terminal(folder, *words):
    """Run Snakemake on a terminal and return its exit status, what it wrote and what is shown in the end."""
    child, controlling = pty.fork()
    if not child:
        os.chdir(folder)
        os.environ["TERM"] = "xterm"
        program = os.path.join(os.path.dirname(sys.executable), "snakemake")
        os.execv(program, ["snakemake", "--cores", "1", "--configfile", TINY, *words])
    fcntl.ioctl(controlling, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 200, 0, 0))
    written = b""
    while True:
        try:
            part = os.read(controlling, 65536)
        except OSError:  # the other side is closed
            part = b""
        if not part:
            break
        written += part
    os.close(controlling)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), written.decode(), shown(written.decode())


@pytest.mark.slow
def test_snakemake_on_a_terminal_and_elsewhere(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith(("PYTHON", "SNAKEMAKE", "PRUNESIM"))]:
        monkeypatch.delenv(name)
    clone = copy_source(REPOSITORY, tmp_path / "clone")
    code, written, lines = on_a_terminal(clone, "--", FETCH)
    assert code == 0, written
    # One display while it ran, instead of Snakemake's lines, and at the end the status as a text.
    assert "\x1b[J" in written
    assert "0 of 1 jobs done in" in written
    assert "rule fetch:" not in written
    assert "Study tiny: ended, with jobs left" in lines
    assert any(line.startswith("Snakemake's log: ") for line in lines)
    log = max((clone / ".snakemake/log").iterdir()).read_text()
    assert "rule fetch:" in log
    # A file, and whoever says how Snakemake should print, get its own lines.
    status_, printed = snakemake(clone, "--cores", "1", "--force", targets=[FETCH])
    assert (status_, "\x1b[" in printed, "rule fetch:" in printed) == (0, False, True)
    code, written, _ = on_a_terminal(clone, "--printshellcmds", "--force", "--", FETCH)
    assert (code, "\x1b[J" in written, "rule fetch:" in written) == (0, False, True)


@pytest.mark.slow
def test_errors_are_seen_and_the_end_says_what_to_do(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith(("PYTHON", "SNAKEMAKE", "PRUNESIM"))]:
        monkeypatch.delenv(name)
    clone = copy_source(REPOSITORY, tmp_path / "clone")
    (clone / "results").mkdir()
    (clone / "results/datasets").write_text("in the way")
    code, written, lines = on_a_terminal(clone, "--", FETCH)
    assert code == 1
    (failed,) = (place for place, line in enumerate(lines) if line.startswith("Failed: fetch"))
    assert lines[failed + 1].startswith("  prunesim fetch: "), written
    assert lines[failed + 2].startswith("  Put right what it says"), written
    assert "Error in rule fetch:" in lines
    assert "Study tiny: ended with an error" in lines
