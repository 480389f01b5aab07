"""Sentences reach whoever watches the pipeline, and no other file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import prunesim
from prunesim.storage.terminal import VARIABLE, warn

ROOT = Path(prunesim.__file__).parents[1]


def run(code, redirections, **variables):
    """Run Python with its output sent elsewhere by a shell, and return what the shell's own output got."""
    environment = {key: value for key, value in os.environ.items() if key != VARIABLE}
    environment |= {"PYTHONPATH": str(ROOT), "CODE": code, "PYTHON": sys.executable, **variables}
    command = f'"$PYTHON" -c "$CODE" {redirections}'
    done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=False)
    return done.stdout, done.stderr


WARN = "from prunesim.storage.terminal import warn; warn('so much.')"
SAY = "from prunesim.storage.terminal import say; say('so much.')"


def test_a_warning_is_in_the_log_and_on_the_terminal(tmp_path):
    out, err = run(WARN, f"3>&2 > '{tmp_path}/log' 2>&1", **{VARIABLE: "3"})
    assert (out, err) == ("", "prunesim: warning: so much.\n")
    assert (tmp_path / "log").read_text() == err


def test_without_the_workflow_no_other_file_is_written(tmp_path):
    out, err = run(WARN, f"3> '{tmp_path}/other'")
    assert (out, err) == ("", "prunesim: warning: so much.\n")
    assert (tmp_path / "other").read_bytes() == b""


@pytest.mark.parametrize("number", ["", "three", "99"])
def test_a_number_that_is_no_open_file_does_no_harm(monkeypatch, capfd, number):
    monkeypatch.setenv(VARIABLE, number)
    warn("so much.")
    assert capfd.readouterr().err == "prunesim: warning: so much.\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the device that is always full is Linux's")
@pytest.mark.parametrize(("code", "words"), [(WARN, "prunesim: warning: so much.\n"), (SAY, "so much.\n")])
def test_a_full_disk_under_the_log_hides_nothing(code, words):
    assert run(code, "3>&2 > /dev/full 2>&1", **{VARIABLE: "3"})[1] == words
