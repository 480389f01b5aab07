"""When jobs run: a simulation of the pipeline on some cores and GPUs."""

import heapq


def simulate(jobs, cores, gpus):
    """Return the seconds that the jobs take together.

    A job starts as soon as all that it needs has ended and enough cores and GPUs are free; among those that could
    start, the one with the longest way to the end goes first.

    Parameters
    ----------
    jobs : list of prunesim.forecast.jobs.Job
        Each after those that it needs.
    cores, gpus : int
        Of all nodes together. A job that asks for more cores takes all there are, as with Snakemake.

    Returns
    -------
    float
    """
    rest = remaining(jobs)
    waiting = {job.name: len(set(job.needs)) for job in jobs}
    followers = {job.name: [] for job in jobs}
    for job in jobs:
        for name in set(job.needs):
            followers[name].append(job)
    order = {job.name: index for index, job in enumerate(jobs)}
    ready = [(-rest[job.name], order[job.name], job) for job in jobs if not job.needs]
    heapq.heapify(ready)
    running, now, free_cores, free_gpus = [], 0.0, cores, gpus
    while ready or running:
        blocked = []
        while ready and free_cores:
            entry = heapq.heappop(ready)
            job = entry[2]
            taken = min(job.cores, cores)
            if taken > free_cores or job.gpus > free_gpus:
                blocked.append(entry)
                continue
            free_cores, free_gpus = free_cores - taken, free_gpus - job.gpus
            heapq.heappush(running, (now + job.seconds, order[job.name], taken, job))
        for entry in blocked:
            heapq.heappush(ready, entry)
        now, _, taken, ended = heapq.heappop(running)
        free_cores, free_gpus = free_cores + taken, free_gpus + ended.gpus
        for job in followers[ended.name]:
            waiting[job.name] -= 1
            if not waiting[job.name]:
                heapq.heappush(ready, (-rest[job.name], order[job.name], job))
    return now


def remaining(jobs):
    """Return the seconds from the start of each job to the end of the longest chain that begins with it, by name."""
    rest, behind = {}, dict.fromkeys((job.name for job in jobs), 0.0)
    for job in reversed(jobs):
        rest[job.name] = job.seconds + behind[job.name]
        for name in job.needs:
            behind[name] = max(behind[name], rest[job.name])
    return rest
