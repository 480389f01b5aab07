"""``prunesim status``: what a study is doing, how far it is, or why it ended. Only reads, so it disturbs no run."""

import json
import time

from prunesim.forecast.words import duration
from prunesim.progress.status import study_status

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
SAID_BY_RULE = ("networks", "activations", "comparisons", "connectivity", "robustness", "concepts")


def add_arguments(parser):
    """Declare the arguments."""
    parser.add_argument("study", help="results/<study>")
    parser.add_argument(
        "--configfile", nargs="+", default=[], metavar="FILE", help="overlays (default: those of the last run)"
    )
    parser.add_argument(
        "--config", nargs="+", default=[], metavar="KEY=VALUE", help="settings (default: those of the last run)"
    )
    parser.add_argument("--directory", help="the clone with config.yaml and workflow (default: that of the last run)")
    parser.add_argument("--all", action="store_true", help="list every training, not the last of each method")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments):
    """Print the status; the exit status is 1 if a job has failed or the run was killed."""
    result = study_status(arguments.study, arguments.configfile, arguments.config, arguments.directory)
    now = time.time()
    print(json.dumps(result, indent=2) if arguments.json else text(result, now, arguments.all))
    return 1 if result["failed"] or result["state"] in ("failed", "killed") else 0


def text(result, now, every=False):
    """Return the status as text."""
    run = result["run"]
    lines = [f"Study {result['study']}: {HEADS[result['state']]}"]
    if run:
        lines += _of_run(result["state"], run, now)
    if result["jobs"]:
        lines.append(f"{result['recorded']:,} of the {result['jobs']:,} jobs of the study have left their results.")
    lines += _left(result)
    if result["running"]:
        lines += ["", "Runs now:", *_columns([(*_named(job), duration(job["seconds"])) for job in result["running"]])]
    for job in result["failed"]:
        lines += [
            "",
            f"Failed: {' '.join(_named(job))}, log {job['log']}",
            f"  {job['sentence']}",
            f"  {job['advice']}",
        ]
    if result["trainings"]:
        shown = result["trainings"] if every else _last(result["trainings"], result["running"])
        lines += ["", "Trainings:" if every else "Last training of each method:", *_columns(map(_training, shown))]
    advice = {"killed": [GOES_ON, UNLOCK], "stopped": [GOES_ON], "ended": [MORE if run else GOES_ON]}
    if result["state"] in advice:
        lines += ["", *advice[result["state"]]]
    return "\n".join(lines + [note for note in result["notes"] for note in ("", note)])


def _of_run(state, run, now):
    began = time.strftime("%Y-%m-%d %H:%M", time.localtime(run["began"]))
    jobs = f"{run['done']:,} of {run['jobs']:,} jobs done"
    if state in ("running", "halted", "unknown"):
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
