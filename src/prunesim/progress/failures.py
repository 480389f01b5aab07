"""Why a job failed, in its own sentence, and what to do about it."""

import re

from prunesim.progress.trainings import tail

SENTENCE = re.compile(r"prunesim [a-z-]+: (?!warning:)")
EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning)\b")


def failure(log, shown):
    """Return what the log of a failed job says.

    Parameters
    ----------
    log : path-like
        The file.
    shown : str
        What to call it.

    Returns
    -------
    sentence, advice : str
    """
    lines = [line for line in tail(log).splitlines() if line.strip()]
    said = [line for line in lines if SENTENCE.match(line)]
    if said:
        return said[-1], "Put right what it says and run again; what is done is kept."
    if "Traceback (most recent call last):" in lines:
        last = next((line for line in reversed(lines) if EXCEPTION.match(line)), lines[-1])
        return last, f"{shown} has the lines of code that led there; what is done is kept for the next run."
    return (
        "It ended without a word of its own" + (f", after: {lines[-1].strip()}" if lines else "."),
        "It was probably killed, for its memory or its time; `prunesim plan` says what it needs. Run again, with "
        "fewer --cores or more memory; what is done is kept.",
    )
