"""What breaks first: what a study asks for that the machine or the method does not have, and what to do about it."""

from prunesim.forecast.classes import class_findings
from prunesim.forecast.costs import SNAKEMAKE
from prunesim.forecast.words import duration, size

# The measures that have no value unless there are more samples than neurons.
CCA_MEASURES = ("cca_mean", "cca_mean_98", "svcca", "pwcca", "linear_r2")
# Below this, canonical correlations of unrelated networks are far from 0 (their mean square is the inverse).
SAMPLES_PER_NEURON = 5
MANY_JOBS = 5000
LONG_FETCH = 1800
LONG_JOB = 12 * 3600
# Up to this size profiles/default has Snakemake recognise a file by its content.
CHECKSUM_BYTES = 1e9


def findings(result, config, jobs, machine, free_disk=None):
    """Return what to know before a study is started, the worst first.

    Parameters
    ----------
    result : dict
        From `prunesim.forecast.forecast.forecast`, but for this.
    config : dict
    jobs : list of prunesim.forecast.jobs.Job
    machine : prunesim.forecast.jobs.Machine
    free_disk : int, optional
        Bytes.

    Returns
    -------
    list of dict
        ``level`` (``stops``: jobs will fail or a number will be missing; ``slows``: it works, at a price) and ``text``.
    """
    stops = [
        *_gpu_memory(jobs, config, machine),
        *_memory(jobs, config, machine),
        *_disk(result, free_disk),
        *_samples(result, config),
    ]
    slows = [
        *class_findings(result["dataset"], config),
        *_idle(jobs, result, machine),
        *_fetch(jobs),
        *_long_jobs(jobs),
        *_few_samples(result, config),
        *_job_count(result),
    ]
    return [{"level": level, "text": text} for level, texts in (("stops", stops), ("slows", slows)) for text in texts]


def _gpu_memory(jobs, config, machine):
    largest = max(jobs, key=lambda job: job.gpu_memory)
    if machine.gpu_memory and largest.gpu_memory > machine.gpu_memory:
        yield (
            f"{largest.rule} needs {size(largest.gpu_memory)} on a GPU of {size(machine.gpu_memory)}: a training job "
            f"holds the whole data set as bytes, and batches of {config['training']['batch_size']}. Make the images "
            "smaller with dataset.resize, take a dataset.subset, or lower training.batch_size."
        )


def _memory(jobs, config, machine):
    if not machine.memory:
        return
    largest = {}
    for job in jobs:
        if job.memory > machine.memory and job.memory > largest.get(job.rule, (0,))[0]:
            largest[job.rule] = (job.memory, job)
    for rule, (memory, _) in largest.items():
        why, cure = (
            ("it copies the training images twice while it loads them", "dataset.resize or dataset.subset")
            if rule in ("train_dense", "rewind_point", "retrain", "fetch")
            else ("it holds the outputs of all layers for a batch", "a larger node, or dataset.resize")
            if rule == "dump"
            else ("it holds moments of blocks x neurons x neurons", "comparison.blocks, or leave wide layers out")
        )
        yield f"{rule} needs {size(memory)} of a node's {size(machine.memory)}: {why}. What helps: {cure}."
    if largest:
        return
    trainings = [job for job in jobs if job.rule in ("train_dense", "retrain")]
    together = min(
        max(machine.cores // trainings[0].cores, 1),
        machine.gpus if trainings[0].gpus else machine.cores,
        -(-config["replicates"] * len(config["methods"]) // machine.nodes),
    )
    if together * trainings[0].memory > machine.memory:
        fit = int(machine.memory // trainings[0].memory)
        yield (
            f"{together} trainings side by side need {size(together * trainings[0].memory)} of a node's "
            f"{size(machine.memory)}; {fit} fit. Give Snakemake the memory as a resource, or fewer cores."
        )


def _disk(result, free):
    total = sum(result["disk"].values())
    if free is not None and total > free:
        kind = max(result["disk"], key=result["disk"].get)
        cure = "activations.megabytes" if kind == "activations" else "dataset.resize"
        yield f"The study needs {size(total)} of disk, but {size(free)} are free; most are {kind} ({cure})."


def _samples(result, config):
    measures = [name for name in config["comparison"]["measures"] if name in CCA_MEASURES]
    samples, neurons = result["sampling"]["samples"], result["sampling"]["neurons"]
    lost = [name for name in samples if samples[name] <= neurons[name]]
    if lost and measures:
        yield (
            f"{', '.join(measures)} will have no value at {_some(lost)}: {result['sampling']['images']} images of "
            f"{result['sampling']['positions_cap']} positions at most are no more samples than neurons "
            f"({samples[lost[0]]} and {neurons[lost[0]]}). Raise activations.images or activations.megabytes."
        )


def _few_samples(result, config):
    samples, neurons = result["sampling"]["samples"], result["sampling"]["neurons"]
    few = [name for name in samples if neurons[name] < samples[name] < SAMPLES_PER_NEURON * neurons[name]]
    if few and any(name in CCA_MEASURES for name in config["comparison"]["measures"]):
        ratio = min(samples[name] / neurons[name] for name in few)
        yield (
            f"There are only {ratio:.1f} samples a neuron at {_some(few)}, so that unrelated networks look alike there "
            "by canonical correlations; compare with the null, or raise activations.images or activations.megabytes."
        )


def _idle(jobs, result, machine):
    chains = result["replicates"] * len(result["methods"])
    gpus = machine.nodes * machine.gpus
    if any(job.gpus for job in jobs) and chains < gpus:
        yield (
            f"The rounds of a chain follow each other and a training runs on one GPU, so at most {chains} of {gpus} "
            f"GPUs train at a time; more GPUs make nothing faster. {gpus} chains, by more replicates or methods, would "
            "take hardly longer."
        )
    elif not any(job.gpus for job in jobs):
        cores = machine.nodes * machine.cores // jobs[1].cores
        if chains < cores:
            yield (
                f"The rounds of a chain follow each other, so at most {chains} trainings of {jobs[1].cores} thread(s) "
                f"run at a time on {machine.nodes * machine.cores} cores; training.threads could be "
                f"{min(machine.nodes * machine.cores // chains, machine.cores)}."
            )


def _fetch(jobs):
    if jobs[0].seconds > LONG_FETCH:
        yield (
            f"The data set is converted by one job on one core, {duration(jobs[0].seconds)} before anything else can "
            "start. It is done once for all studies."
        )


def _long_jobs(jobs):
    longest = max(jobs, key=lambda job: job.seconds)
    if longest.seconds > LONG_JOB:
        yield (
            f"A job of {longest.rule} takes {duration(longest.seconds)}. A queue with a shorter limit kills it; a "
            "training then goes on from its last finished epoch when it is submitted again."
        )


def _large_files(result):
    dataset = result["dataset"]
    channels, height, width = dataset["shape"]
    stored = dataset["train"] * channels * height * width
    if stored > CHECKSUM_BYTES:
        yield (
            f"train_images.npy has {size(stored)}, more than max-checksum-file-size in profiles/default, so Snakemake "
            "knows it by its time and not by its content: whoever copies or touches it, trains everything again."
        )


def _job_count(result):
    if result["jobs"] > MANY_JOBS:
        seconds = result["jobs"] * SNAKEMAKE["job"]
        yield (
            f"{result['jobs']:,} jobs: starting them alone takes Snakemake {duration(seconds)}. Fewer "
            "comparison.layers make fewer comparisons; on a cluster, group the small jobs."
        )


def _some(names):
    return ", ".join(names) if len(names) <= 3 else f"{names[0]}, ... {names[-1]} ({len(names)} layers)"
