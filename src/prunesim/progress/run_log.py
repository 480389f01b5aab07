"""What Snakemake's log of a run says: the jobs that were due, that run, that are done and that failed."""

import ast
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

LOGS = ".snakemake/log"
JOB = re.compile(r"\s*(?:local)?(?:rule|checkpoint) (\w+):$")
FIELD = re.compile(r"\s+(output|log|jobid|threads): (.*)$")
ERROR = re.compile(r"\s*Error in rule (\w+):$")
FINISHED = re.compile(r"\s*Finished jobid: (\d+) \(Rule: (\w+)\)$")
STEPS = re.compile(r"(\d+) of (\d+) steps \(")
COUNT = re.compile(r"(\w+) +(\d+)$")
HEAD = re.compile(r"  (Command|Snakefile|Working directory|Host|Config file\(s\)): (.*)$")
CORES = re.compile(r"Provided (?:cores|remote nodes): (\d+)")
# Where each job starts a Python of its own: in conda environments, and on a cluster.
APART = re.compile(r"\s(--use-conda|--sdm|--software-deployment-method|--executor|-e)\s|profiles/slurm")
HINT = " (check log file(s) for error details)"


@dataclass
class JobRun:
    """A job of a run; times are seconds since the epoch, ``ended`` is None while it runs."""

    jobid: str
    rule: str
    outputs: list
    log: str
    started: float
    ended: float | None = None
    failed: bool = False

    def name(self, study):
        """Return the job as `prunesim.study.paths.jobs` names it, or else the first file that it makes."""
        start = f"results/{study}/provenance/"
        for output in self.outputs:
            if output.startswith(start) and output.endswith(".json"):
                return output.removeprefix(start).removesuffix(".json")
        return "fetch" if self.rule == "fetch" else (self.outputs or [self.rule])[0]


@dataclass
class Run:
    """A run of Snakemake as far as its log goes.

    Attributes
    ----------
    path : pathlib.Path
        The log.
    head : dict of str to str
        ``Command, Snakefile, Working directory, Host`` and ``Config file(s)``.
    cores : int
        Or nodes.
    due : dict of str to int
        How many jobs of each rule the run set out to do.
    jobs : dict of str to JobRun
        By the number that Snakemake gave them; those that were started.
    steps : tuple of int or None
        How many of how many are done, as Snakemake last said.
    stopping : bool
        It was asked to end after the jobs that run.
    ended : bool
        Snakemake has said its last words.
    nothing, locked : bool
        There was nothing to do; another run held the files.
    last : float
        When the log was last written to.
    """

    path: Path
    head: dict = field(default_factory=dict)
    cores: int = 1
    due: dict = field(default_factory=dict)
    jobs: dict = field(default_factory=dict)
    steps: tuple | None = None
    stopping: bool = False
    ended: bool = False
    nothing: bool = False
    locked: bool = False
    last: float = 0.0

    @property
    def began(self):
        return time.mktime(time.strptime(self.path.name[:17], "%Y-%m-%dT%H%M%S"))

    @property
    def forks(self):
        """Whether its jobs are forked from one process, where that is safe."""
        return not APART.search(f"{self.head.get('Command', '')} ")

    def running(self):
        """Return the jobs that have been started and have not ended, in their order."""
        return [job for job in self.jobs.values() if job.ended is None]

    def failed(self):
        return [job for job in self.jobs.values() if job.failed]

    def done(self):
        return [job for job in self.jobs.values() if job.ended is not None and not job.failed]

    def left(self):
        """Return how many jobs of each rule are still to be finished."""
        rest = dict(self.due)
        for job in self.done():
            rest[job.rule] = rest.get(job.rule, 0) - 1
        return {rule: count for rule, count in rest.items() if count > 0 and rule not in ("default", "all")}

    def config(self):
        """Return the overlays and the settings of the command line that this run was given, and its Snakefile's folder.

        Snakemake writes the command down without its quotes; a setting ends where the next ``key=`` or option begins.
        """
        root = Path(self.head.get("Snakefile", "")).parent
        folder = Path(self.head.get("Working directory", "."))
        files = [folder / file for file in _paths(self.head.get("Config file(s)", ""))]
        words = re.split(r"\s(?=-)", self.head.get("Command", ""))
        said = [word.split(maxsplit=1)[1] for word in words if re.match(r"(--config|-C)\s", word)]
        settings = [one for text in said for one in re.split(r"\s(?=[A-Za-z_]\w*=)", text)]
        return [file for file in files if file != root / "config.yaml"], settings, root


def _paths(text):
    """Return the paths in the text of a list of them, such as ``[PosixPath('a.yaml')]``."""
    found = re.findall(r"Path\(('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")\)", text)
    return [ast.literal_eval(one) for one in found]


def read_run(path):
    """Return the `Run` of a log of Snakemake, which may still be written to."""
    run = Run(Path(path), last=Path(path).stat().st_mtime)
    block, now, counting, errors, copied = None, run.last, False, False, 0

    def close():
        nonlocal block
        if block and "jobid" in block:
            _enter(run, block)
        block = None

    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            line = line.rstrip("\n")
            if copied:
                # The log of a failed job, between two lines of "=".
                copied -= bool(line) and not line.strip("=")
                continue
            if line.startswith("Logfile "):
                copied = 2 * line.endswith(":")
                continue
            if match := FIELD.match(line):
                if block is not None:
                    block.setdefault(match[1], match[2])
            elif match := JOB.match(line) or ERROR.match(line):
                close()
                block = {"rule": match[1], "failed": errors or "Error in" in line, "at": now}
            elif line[:1] == " ":
                errors = errors or line == "    jobs:"
                if match := HEAD.match(line):
                    run.head.setdefault(match[1], match[2])
            else:
                close()
                errors = False
                now = _time(line) or now
                counting = _count(run, line, counting)
                _note(run, line, now)
        close()
    return run


def _enter(run, block):
    jobid = block["jobid"]
    if block["failed"]:
        job = run.jobs.get(jobid) or JobRun(jobid, block["rule"], [], "", block["at"])
        job.failed, job.ended = True, block["at"]
    else:
        # A job that is tried again is a new one under the old number.
        job = JobRun(jobid, block["rule"], [], "", block["at"])
    job.outputs = job.outputs or [name for name in block.get("output", "").split(", ") if name]
    job.log = job.log or block.get("log", "").removesuffix(HINT).split(", ")[0]
    run.jobs[jobid] = job


def _time(line):
    if line[:1] == "[" and line[-1:] == "]":
        try:
            return time.mktime(time.strptime(line[1:-1]))
        except ValueError:
            return None
    return None


def _count(run, line, counting):
    """Read a line of the table of jobs; return whether the next one belongs to it."""
    if line == "Job stats:":
        return True
    if counting and (match := COUNT.match(line)) and match[1] != "total":
        run.due[match[1]] = int(match[2])
    return counting and not line.startswith("total ")


def _note(run, line, now):
    if match := FINISHED.match(line):
        if job := run.jobs.get(match[1]):
            job.ended, job.failed = now, False
    elif match := STEPS.match(line):
        run.steps = int(match[1]), int(match[2])
    elif match := CORES.match(line):
        run.cores = int(match[1])
    elif line.startswith("Will exit after finishing"):
        run.stopping = True
    elif line.startswith(("Complete log", "Exiting because", "WorkflowError", "Shutting down")):
        run.ended = run.ended or not line.startswith("Shutting")
    elif line.startswith("Nothing to be done"):
        run.nothing = True
    elif line.startswith(("LockException", "Error: Directory cannot be locked")):
        run.locked = run.ended = True


def study_runs(root, study):
    """Yield the runs of a study in a folder, the newest first.

    Parameters
    ----------
    root : path-like
        The folder that holds ``results`` and ``.snakemake``.
    study : str
    """
    for path in sorted((Path(root) / LOGS).glob("*.snakemake.log"), reverse=True):
        try:
            run = read_run(path)
        except OSError:
            continue  # removed since
        if not run.locked and (run.due or run.nothing or not run.ended) and _study_of(run) == study:
            yield run


def _study_of(run):
    """Return the name of the study that a run was for: what its jobs make, or else what its config says."""
    for job in run.jobs.values():
        for output in job.outputs:
            if match := re.match(r"results/([^/]+)/provenance/", output):
                return match[1]
    files, settings, root = run.config()
    for setting in settings:
        if setting.startswith("study="):
            return setting.removeprefix("study=").strip("'\" ")
    for file in [*reversed(files), root / "config.yaml"]:
        try:
            found = re.search(r"^study:[ \t]*['\"]?([\w.-]+)", file.read_text(encoding="utf-8"), re.MULTILINE)
        except (OSError, UnicodeDecodeError):
            continue
        if found:
            return found[1]
    return None
