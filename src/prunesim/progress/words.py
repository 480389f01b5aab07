"""What a study is doing, in words: as a text, and as the lines of a display."""

import time

from prunesim.forecast.words import duration
from prunesim.progress.status import ALIVE

# Signs of the bar of jobs.
BAR = 30
HEADS = {
    "not started": "not started",
    "running": "running",
    "halted": "halted by a signal (Ctrl-Z, or kill -STOP); `kill -CONT` or `fg` lets it go on",
    "unknown": "running, or was killed: the process of its run cannot be seen from here",
    "killed": "ended without a word: killed, or the machine went down",
    "failed": "ended with an error",
    "stopped": "stopped before its end",
    "ended": "ended, with jobs left",
    "finished": "finished",
}
MORE = "The last run was asked for no more than that; Snakemake without targets, and with this config, makes the rest."
GOES_ON = "Run the same command again: what is done is kept, and a training goes on from its last finished epoch."
UNLOCK = "If Snakemake says that the folder is locked, run it once with --unlock."

# Folders that the rule of a job tells already.
SAID_BY_RULE = ("networks", "activations", "comparisons", "spectra", "connectivity", "robustness", "concepts")


def text(result, now, every=False):
    """Return the status as text."""
    run = result["run"]
    lines = [f"Study {result['study']}: {HEADS[result['state']]}"]
    if run:
        lines += _of_run(result["state"], run, now)
    if result["jobs"]:
        lines.append(f"{result['recorded']:,} of the {result['jobs']:,} jobs of the study have left their results.")
    lines += _left(result)
    for section in (_running(result), _failures(result), _trainings(result, every)):
        lines += ["", *section] if section else []
    advice = {"killed": [GOES_ON, UNLOCK], "stopped": [GOES_ON], "ended": [MORE if run else GOES_ON]}
    if result["state"] in advice:
        lines += ["", *advice[result["state"]]]
    return "\n".join(lines + [note for note in result["notes"] for note in ("", note)])


def screen(result, now, columns, rows, bar="#-"):
    """Return the status of a run as the lines of a display that is drawn again and again.

    Parameters
    ----------
    result : dict
        From `prunesim.progress.status.study_status`.
    now : float
    columns, rows : int
        That there are; what does not fit is cut, and said to be more.
    bar : str
        Two signs, for what is done and what is not.

    Returns
    -------
    list of str
    """
    run = result["run"]
    lines = [f"Study {result['study']}: {HEADS[result['state']]}"]
    if run:
        share = run["done"] / run["jobs"] if run["jobs"] else 1.0
        full = round(share * BAR)
        ago = duration(max(now - run["began"], 0))
        lines.append(f"{bar[0] * full}{bar[1] * (BAR - full)}  {run['done']:,} of {run['jobs']:,} jobs done in {ago}")
    lines += _left(result)
    sections = [section for section in (_running(result), _failures(result), _trainings(result)) if section]
    for place, section in enumerate(sections):
        # Each takes what it needs, and leaves a few lines to those behind it.
        room = rows - len(lines) - 4 * (len(sections) - place - 1) - 1
        lines += ["", *_cut(section, room)] if room >= 2 else []
    return [line[:columns] for line in lines[:rows]]


def _cut(section, room):
    """Return the lines of a section that fit, and how many do not."""
    if len(section) <= room:
        return section
    return [*section[: room - 1], f"  ... and {len(section) - room + 1} more"]


def _running(result):
    rows = [(*_named(job), duration(job["seconds"])) for job in result["running"]]
    return ["Runs now:", *_columns(rows)] if rows else []


def _failures(result):
    lines = []
    for job in result["failed"]:
        lines += [""] if lines else []
        lines += [
            f"Failed: {' '.join(_named(job))}, log {job['log']}",
            f"  {job['sentence']}",
            f"  {job['advice']}",
        ]
    return lines


def _trainings(result, every=False):
    shown = result["trainings"] if every else _last(result["trainings"], result["running"])
    return (
        ["Trainings:" if every else "Last training of each method:", *_columns(map(_training, shown))] if shown else []
    )


def _of_run(state, run, now):
    began = time.strftime("%Y-%m-%d %H:%M", time.localtime(run["began"]))
    jobs = f"{run['done']:,} of {run['jobs']:,} jobs done"
    if state in ALIVE:
        ago, where = duration(max(now - run["began"], 0)), f"{run['cores']} cores of {run['host']}"
        yield f"Run of {began}, {ago} ago, on {where}: {jobs}."
        if run["stopping"]:
            yield "It was asked to stop, and ends after the jobs that run."
        if state == "unknown":
            yield f"Its log was last written to {duration(max(now - run['last'], 0))} ago: {run['log']}"
    elif state == "finished" and not run["jobs"]:
        yield f"Last run of {began}: nothing was left to do."
    else:
        yield f"Last run of {began}, {duration(max(run['last'] - run['began'], 0))} long: {jobs}."


def _left(result):
    measured, forecast = result["left"]["measured"], result["left"]["forecast"]
    if measured is not None:
        other = "" if forecast is None else f" The forecast alone says {duration(forecast)}."
        yield f"Time left: about {duration(measured)}, at the pace of the jobs that are done.{other}"
    elif forecast is not None:
        yield f"Time left: about {duration(forecast)} by the forecast; no job is done yet that would tell better."


def _named(job):
    """Return rule and job in words, without what the rule says already."""
    kind, _, rest = job["job"].partition("/")
    return job["rule"], rest if kind in SAID_BY_RULE else job["job"]


def _last(trainings, running):
    """Return the last training of each replicate and method, or the one that runs."""
    logs, last = {job["log"] for job in running}, {}
    for one in trainings:
        # Of networks of other widths, the last one of each width.
        who = one["width"] if "width" in one else one["replicate"]
        key, runs = (who, one["method"], "width" in one), one["log"] in logs
        if key not in last or last[key]["log"] not in logs or runs:
            last[key] = one
    return list(last.values())


def _training(one):
    more = f"width {one['width']}" if "width" in one else f"round {one['round']}" if one["round"] else ""
    where = (f"rep{one['replicate']}", one["method"], more)
    if one.get("of") == "test":
        return *where, f"test accuracy {one['accuracy']:.4f}"
    if "epoch" not in one:
        return *where, "no epoch done yet"
    values = f"train loss {one['train_loss']:.4f}"
    if "accuracy" in one:
        values += f", validation accuracy {one['accuracy']:.4f}"
    return *where, f"epoch {one['epoch']} of {one['epochs']}: {values}"


def _columns(rows):
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
