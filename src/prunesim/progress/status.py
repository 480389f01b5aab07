"""What a study is doing, put together from its config, its records and the log of its last run."""

import os
import time
from pathlib import Path

from prunesim.datasets.settings import dataset_id
from prunesim.errors import PrunesimError
from prunesim.networks.builtin import NETWORKS
from prunesim.progress.failures import failure
from prunesim.progress.left import left_by_forecast, left_by_pace
from prunesim.progress.process import writer
from prunesim.progress.run_log import study_runs
from prunesim.progress.trainings import trainings
from prunesim.study.forking import is_safe

STATES = ("not started", "running", "halted", "unknown", "killed", "failed", "stopped", "ended", "finished")
# In which a run may still do something.
ALIVE = ("running", "halted", "unknown")


def study_status(folder, files=(), settings=(), root=None, now=None):
    """Return what a study is doing.

    Nothing is written, locked or run.

    Parameters
    ----------
    folder : path-like
        ``results/<study>``, which need not be there yet.
    files, settings : list of str
        Overlays and ``key=value``, as for Snakemake; by default those of the last run.
    root : path-like, optional
        The clone; by default that of the last run, else the folder that holds ``results``.
    now : float, optional
        Seconds since the epoch.

    Returns
    -------
    dict
        JSON-serialisable: ``study``; ``state``, one of `STATES`; ``run``, what its last run was (``began, ended,
        host, cores, log, jobs, done, stopping``) or None; ``jobs`` and ``recorded`` of the study, where its config
        tells; ``running`` and ``failed``, lists of jobs; ``left``, seconds by ``forecast`` and ``measured``;
        ``trainings``; ``notes``.

    Raises
    ------
    PrunesimError
        If this is no folder of a study, or there is a mistake in the config that is given.
    """
    return Watched(folder, files, settings, root).status(now)


class Watched:
    """A study that is asked more than once what it is doing; parameters as of `study_status`.

    The jobs of its config are counted once a run.
    """

    def __init__(self, folder, files=(), settings=(), root=None):
        self.folder = Path(os.path.abspath(folder))
        if self.folder.parent.name != "results":
            raise PrunesimError(f"{self.folder} is no folder of a study; give results/<study>.")
        self.config, self.counted = (files, settings, root), None

    def status(self, now=None):
        """Return what the study is doing now; see `study_status`."""
        now = time.time() if now is None else now
        folder, place, study = self.folder, self.folder.parents[1], self.folder.name
        run = next(study_runs(place, study), None)
        if self.counted is None or self.counted[0] != (run and run.path):
            self.counted = run and run.path, _jobs(place, study, run, *self.config)
        jobs, dataset, notes = self.counted[1]
        recorded = _recorded(folder, {job.name for job in jobs}, dataset)
        if run is None and not jobs and not folder.is_dir():
            raise PrunesimError(f"There is no {folder}, and no run of it. {' '.join(notes)}".strip())
        state = _state(run, jobs, recorded)
        running = run.running() if run and state in ALIVE else []
        result = {
            "study": study,
            "state": state,
            "run": run and _run(run),
            "jobs": len(jobs) or None,
            "recorded": len(recorded) if jobs else None,
            "running": [_job(job, study) | {"seconds": max(now - job.started, 0.0)} for job in running],
            "failed": [_failed(job, study, place) for job in (run.failed() if run else [])],
            "left": {"forecast": None, "measured": None},
            "trainings": trainings(folder),
            "notes": notes,
        }
        if state in ALIVE:
            forecast, measured = left_by_forecast(run, study, jobs, recorded, now) if jobs else (None, None)
            if forecast is None:
                measured = left_by_pace(run, now)
            result["left"] = {"forecast": forecast, "measured": measured}
        return result


def _jobs(place, study, run, files, settings, root):
    """Return all jobs of the study as the forecast has them, the folder of its images, and what is to be said.

    Jobs and folder are none where the config does not tell.
    """
    given = bool(files or settings)
    if run and not given:
        files, settings, started = run.config()
        root = root or started
    root = Path(root or place)
    # These take a third of a second, and only a study whose jobs are counted needs them.
    from prunesim.resolution.overlays import read_config

    try:
        config = read_config(root, files, settings, network=False)
        if config["study"] != study:
            raise PrunesimError(
                f"The config is that of the study {config['study']!r}; give --configfile as for snakemake."
            )
        if config["network"]["name"] not in NETWORKS:
            # To count them the network would have to be run.
            return [], None, ["The network is one of your own, so the forecast is left to `prunesim plan`."]
        config = read_config(root, files, settings)
        return _forecast(config, place, run), place / "results" / "datasets" / dataset_id(config["dataset"]), []
    except PrunesimError as error:
        if given:
            raise
        return [], None, [f"No forecast: {str(error).rstrip('.')}."]


def _forecast(config, place, run):
    from prunesim.forecast.images import image_sizes
    from prunesim.forecast.jobs import Machine, study_jobs
    from prunesim.forecast.profile import network_profile

    images = image_sizes(config["dataset"], {}, place / "results")
    profile = network_profile(config["network"], images.shape, images.classes, place)
    device, here = config["training"]["device"], run is None or run.forks
    machine = Machine(
        cores=run.cores if run else 1,
        gpus=0 if device in ("auto", "cpu") else 1,
        forked=here and is_safe(device),
    )
    return study_jobs(config, images, profile, machine)


def _recorded(folder, names, dataset):
    """Return the jobs that have left their record."""
    found = {name for name in names if (folder / "provenance" / f"{name}.json").is_file()}
    if "tables/provenance" in names and (folder / "tables" / "provenance.csv").is_file():
        found.add("tables/provenance")
    return found | ({"fetch"} if dataset and (dataset / "provenance.json").is_file() else set())


def _state(run, jobs, recorded):
    complete = bool(jobs) and len(recorded) == len(jobs)
    if run is None:
        return "finished" if complete else "ended" if recorded else "not started"
    if not run.ended and not run.nothing:
        process = writer(run.path, run.head.get("Host"))
        return {"runs": "running", "gone": "killed"}.get(process, process)
    if run.failed():
        return "failed"
    if run.nothing:
        # Snakemake does not miss what only others needed that are there, such as activations.
        complete = complete or "tables/provenance" in recorded
    if run.nothing or (run.steps and run.steps[0] == run.steps[1]):
        return "finished" if complete or not jobs else "ended"
    return "stopped"


def _run(run):
    done, due = run.steps or (0, sum(run.due.values()))
    about = {"began": run.began, "last": run.last, "ended": run.ended, "host": run.head.get("Host")}
    return about | {"cores": run.cores, "log": str(run.path), "jobs": due, "done": done, "stopping": run.stopping}


def _job(job, study):
    return {"rule": job.rule, "job": job.name(study), "log": job.log}


def _failed(job, study, place):
    sentence, advice = failure(place / job.log, job.log)
    return _job(job, study) | {"sentence": sentence, "advice": advice}
