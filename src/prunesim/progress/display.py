"""One calm display at the foot of a terminal, while everything else that is written there goes above it.

Whoever begins a run sees it without asking, and only on a terminal: files and CI get Snakemake's own lines, as without
it. Snakemake's log file is the same with and without it.
"""

import atexit
import contextlib
import logging
import os
import select
import sys
import threading
import time

from prunesim.errors import PrunesimError
from prunesim.progress.status import ALIVE, Watched
from prunesim.progress.words import screen, text

# Set to 0, there is none.
SWITCH = "PRUNESIM_DISPLAY"
SECONDS = 1.0
# Of the time at most so much goes into looking.
SHARE = 0.05
CLEAR = "\r\x1b[{}A\x1b[J"


class Display:
    """Lines at the foot of a terminal that are drawn anew in a thread, until `stop`.

    What any process writes to the stream's file meanwhile comes through a pipe and is printed above the lines.

    Parameters
    ----------
    stream : file object
        The terminal; its own number stays the same.
    frame : callable
        Takes the columns and rows of the terminal and returns a list of lines, None to keep those that are there.
    """

    def __init__(self, stream, frame):
        self.stream, self.frame = stream, frame
        self.shown, self.lines, self.partial, self.due = 0, [], b"", 0.0
        self.ended = threading.Event()
        stream.flush()
        self.terminal = os.dup(stream.fileno())
        self.reading, writing = os.pipe()
        os.dup2(writing, stream.fileno())
        os.close(writing)
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def stop(self):
        """Take the lines away and give the terminal back, once what was written has been printed."""
        if self.ended.is_set():
            return
        self.stream.flush()
        os.dup2(self.terminal, self.stream.fileno())
        self.ended.set()
        self.thread.join()

    def _work(self):
        while not self.ended.is_set():
            # Short, so that nobody waits for it to end.
            self._hear(0.1)
            if time.monotonic() >= self.due:
                began = time.monotonic()
                self._draw()
                self.due = time.monotonic() + max(SECONDS, (time.monotonic() - began) / SHARE)
        while self._hear(0):
            pass
        self._write(self._clear() + self.partial.decode(errors="replace"))

    def _hear(self, seconds):
        """Print what has been written within some seconds above the lines; return whether there was anything."""
        if not select.select([self.reading], [], [], seconds)[0]:
            return False
        heard = os.read(self.reading, 65536)
        *whole, self.partial = (self.partial + heard).split(b"\n")
        if whole:
            above = b"\n".join([*whole, b""]).decode(errors="replace")
            self._write(self._clear() + above + self._drawn())
        return bool(heard)  # nothing more comes once all who could write have ended

    def _draw(self):
        columns, rows = os.get_terminal_size(self.terminal)
        # The last column and row stay free, or the terminal would break lines and scroll.
        if (lines := self.frame(columns - 1, rows - 2)) is not None:
            self.lines = lines
        self._write(self._clear() + self._drawn())

    def _clear(self):
        """Return what takes the lines away; the cursor stands below them."""
        shown, self.shown = self.shown, 0
        return CLEAR.format(shown) if shown else ""

    def _drawn(self):
        self.shown = len(self.lines)
        return "".join(f"{line}\n" for line in self.lines)

    def _write(self, words):
        data = words.encode(self.stream.encoding or "utf-8", errors="replace")
        with contextlib.suppress(OSError):  # the terminal was closed
            while data:
                data = data[os.write(self.terminal, data) :]


def begin(folder, logger, settings):
    """Show what a study is doing on the terminal of this process, until it ends; then say how it ended.

    Nothing happens where Snakemake does not write to a terminal, or was told how it should.

    Parameters
    ----------
    folder : path-like
        ``results/<study>``.
    logger : logging.Logger
        Of Snakemake; its warnings and errors are still printed, above the display.
    settings : object
        Snakemake's settings of its output: ``quiet, verbose, printshellcmds, debug_dag``.
    """
    told = any(getattr(settings, name, None) for name in ("quiet", "verbose", "printshellcmds", "debug_dag", "stdout"))
    printing = [handler for handler in logger.handlers if getattr(handler, "stream", None) is sys.stderr]
    if told or not printing or not can_show(sys.stderr):
        return
    for handler in printing:
        handler.setLevel(logging.WARNING)
    watched = Watched(folder)
    display = Display(sys.stderr, frames(watched, sys.stderr))
    atexit.register(_end, display, watched)


def can_show(stream):
    """Return whether a stream is a terminal on which lines can be drawn again."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb" and os.environ.get(SWITCH) != "0"


def frames(watched, stream):
    """Return what `Display` draws of a study on a stream."""
    bar = "█░" if (stream.encoding or "").lower().startswith("utf") else "#-"

    def frame(columns, rows):
        # A file may vanish while it is looked at; the next look will do. A display ends no study.
        with contextlib.suppress(OSError, ValueError, PrunesimError):
            return screen(watched.status(), time.time(), columns, rows, bar)
        return None

    return frame


def follow(watched, stream):
    """Show what a study is doing until nothing of it runs any more; without a terminal, only wait.

    Returns
    -------
    dict
        Its last status.
    """
    result = watched.status()
    display = Display(stream, frames(watched, stream)) if result["state"] in ALIVE and can_show(stream) else None
    try:
        while result["state"] in ALIVE:
            time.sleep(SECONDS)
            result = watched.status()
    finally:
        if display:
            display.stop()
    return result


def _end(display, watched):
    display.stop()
    with contextlib.suppress(OSError, ValueError, PrunesimError):
        result = watched.status()
        print(text(result, time.time()), file=display.stream)
        print(f"Snakemake's log: {result['run']['log']}", file=display.stream)
