"""How long a run still takes: from the forecast, and from what its jobs have taken so far."""

from prunesim.forecast.schedule import simulate

# A rule's own mean is taken once so many of its jobs are done.
ENOUGH = 1


def rates(run, expected):
    """Return how many times as long as forecast the jobs of each rule took, and all of them together.

    Parameters
    ----------
    run : prunesim.progress.run_log.Run
    expected : dict of str to float
        Seconds of a job by rule, as forecast.

    Returns
    -------
    by_rule : dict of str to float
    overall : float or None
        None before any job is done.
    """
    taken = {}
    for job in run.done():
        taken.setdefault(job.rule, []).append(max(job.ended - job.started, 0.5))
    known = {rule: times for rule, times in taken.items() if expected.get(rule)}
    by_rule = {
        rule: sum(times) / (len(times) * expected[rule]) for rule, times in known.items() if len(times) >= ENOUGH
    }
    total = sum(expected[rule] * len(times) for rule, times in known.items())
    return by_rule, sum(map(sum, known.values())) / total if total else None


def left_by_forecast(run, study, jobs, recorded, now):
    """Return the seconds that a run still takes, as forecast and at the pace of the jobs that are done.

    Parameters
    ----------
    run : prunesim.progress.run_log.Run
    study : str
    jobs : list of prunesim.forecast.jobs.Job
        All of the study.
    recorded : collection of str
        Names of the jobs that have left a record.
    now : float

    Returns
    -------
    forecast, measured : float or None
        Both None where the run does jobs that the study does not have: it has another config. ``measured`` is None
        before a job is done.
    """
    due = _due(run, study, jobs, recorded)
    if due is None:
        return None, None
    expected, counts = {}, {}
    for job in jobs:
        expected[job.rule] = expected.get(job.rule, 0) + job.seconds
        counts[job.rule] = counts.get(job.rule, 0) + 1
    by_rule, overall = rates(run, {rule: seconds / counts[rule] for rule, seconds in expected.items()})
    since = {job.name(study): now - job.started for job in run.running()}

    def simulated(rate):
        left = [job._replace(seconds=max(rate(job.rule) * job.seconds - since.get(job.name, 0), 0)) for job in due]
        return simulate(left, run.cores, max(job.gpus for job in left)) if left else 0.0

    measured = None if overall is None else simulated(lambda rule: by_rule.get(rule, overall))
    return simulated(lambda rule: 1), measured


def _due(run, study, jobs, recorded):
    """Return the jobs that are still to be finished, each needing only others of them.

    The log says how many of each rule: those that run, those without a record, and of others, whose results are of an
    earlier config or code, the last ones.
    """
    left, done = run.left(), {job.name(study) for job in run.done()}
    running = {job.name(study) for job in run.running()}
    of_rule = {}
    for place, job in enumerate(jobs):
        if job.name not in done:
            order = (job.name not in running, job.name in recorded, place if job.name not in recorded else -place)
            of_rule.setdefault(job.rule, []).append((order, job))
    if any(count > len(of_rule.get(rule, [])) for rule, count in left.items()):
        return None
    chosen = {job.name for rule, count in left.items() for _, job in sorted(of_rule[rule])[:count]}
    return [job._replace(needs=[name for name in job.needs if name in chosen]) for job in jobs if job.name in chosen]


def left_by_pace(run, now):
    """Return the seconds that a run still takes if each job takes as long as those of its rule did, without a forecast.

    Returns
    -------
    float or None
        None before any job is done.
    """
    times = {}
    for job in run.done():
        times.setdefault(job.rule, []).append(job.ended - job.started)
    if not times:
        return None
    every = sum(map(sum, times.values())) / sum(map(len, times.values()))
    work = sum(count * (sum(times[r]) / len(times[r]) if r in times else every) for r, count in run.left().items())
    work -= sum(now - job.started for job in run.running())
    return max(work, 0.0) / max(run.cores, 1)
