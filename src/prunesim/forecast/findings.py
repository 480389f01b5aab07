"""What breaks first: what a study asks for that the machine or the method does not have, and what to do about it."""

from typing import NamedTuple

from prunesim.forecast.classes import class_findings
from prunesim.forecast.costs import SNAKEMAKE
from prunesim.forecast.words import duration, size
from prunesim.similarity import MEASURES
from prunesim.similarity.checks import SAMPLES_PER_NEURON

NEED_SAMPLES = tuple(name for name, measure in MEASURES.items() if measure.needs_samples)
MANY_JOBS = 5000
TRAININGS = ("train_dense", "train_given", "train_width", "retrain")
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
        ``text`` and ``level``: ``stops``, jobs will fail; ``risks``, they may; ``lacks``, all jobs end, but numbers
        will be missing; ``slows``, it works, at a price.
    """
    found = {
        "stops": [
            *_gpu_memory(jobs, result, config, machine),
            *_memory(jobs, result, config, machine),
            *_disk(result, free_disk),
        ],
        "risks": _side_by_side(jobs, config, machine),
        "lacks": _no_samples(result, config),
        "slows": [
            *class_findings(result["dataset"], config),
            *_idle(jobs, result, machine),
            *_fetch(jobs),
            *_long_jobs(jobs),
            *_large_files(result),
            *_few_samples(result, config),
            *_job_count(result),
        ],
    }
    return [{"level": level, "text": text} for level, texts in found.items() for text in texts]


# Why a job needs its memory, by the largest part of it, and the settings that make that part smaller.
IMAGES = "dataset.resize or dataset.subset"
NARROWER = "dataset.resize or a narrower network"
HOLDS = {
    "loading": ("it copies the training images twice while it loads them", IMAGES),
    "images": ("it holds the whole data set as bytes", IMAGES),
    "weights": ("it holds weights, gradients and the state of the optimizer", "a narrower network"),
    "evaluation": ("it holds two outputs of the network for a batch of images, of one at least", NARROWER),
    "outputs": ("it holds the outputs of all layers for a batch of images, of one at least", NARROWER),
    "positions": ("it draws the positions at which large maps are sampled", "dataset.resize"),
}
OF_RULES = {
    "fetch": (
        "it reads the original files whole",
        "a machine with more memory for this job alone, or results/datasets copied from there",
    ),
    "prune": ("it holds all weights", "a narrower network"),
    "compare": ("it holds moments of blocks x neurons x neurons", "fewer comparison.blocks, or wide layers left out"),
}


def _why(rule, holds, config, trained):
    """Return why a job needs its memory, and what makes it need less."""
    part = max(holds, key=holds.get, default=None)
    if part == "batch":
        batch = min(config["training"]["batch_size"], trained)
        lower = f"a training.batch_size below {batch}, {IMAGES.split()[0]}" if batch > 1 else "dataset.resize"
        return f"the outputs of a batch of {batch} images wait for the backward pass", f"{lower} or a narrower network"
    if part in HOLDS:
        return HOLDS[part]
    return OF_RULES.get(rule.partition("_")[0], ("its libraries alone take that", "a machine with more memory"))


def _trained(result, config):
    train = result["dataset"]["train"]
    return train - round(config["training"]["validation"] * train)


def _gpu_memory(jobs, result, config, machine):
    largest = max(jobs, key=lambda job: job.gpu_memory)
    if machine.gpu_memory and largest.gpu_memory > machine.gpu_memory:
        why, cure = _why(largest.rule, largest.gpu_holds, config, _trained(result, config))
        yield (
            f"{largest.rule} needs {size(largest.gpu_memory)} on a GPU of {size(machine.gpu_memory)}: {why}. "
            f"What helps: {cure}."
        )


def _memory(jobs, result, config, machine):
    largest = {}
    for job in jobs:
        if machine.memory and job.memory > max(machine.memory, largest.get(job.rule, job._replace(memory=0)).memory):
            largest[job.rule] = job
    for rule, job in largest.items():
        why, cure = _why(rule, job.holds, config, _trained(result, config))
        yield f"{rule} needs {size(job.memory)} of a node's {size(machine.memory)}: {why}. What helps: {cure}."


def _side_by_side(jobs, config, machine):
    trainings = [job for job in jobs if job.rule in TRAININGS]
    if not trainings:
        return
    training = max(trainings, key=lambda job: job.memory)
    together = min(
        max(machine.cores // training.cores, 1),
        machine.gpus if training.gpus else machine.cores,
        -(-config["replicates"] * len(config["methods"]) // machine.nodes),
    )
    if machine.memory and training.memory <= machine.memory < together * training.memory:
        fit = int(machine.memory // training.memory)
        yield (
            f"{together} trainings side by side need {size(together * training.memory)} of a node's "
            f"{size(machine.memory)} if all are at their peak at once; {fit} fit. Give Snakemake --cores "
            f"{fit * training.cores}, or state the memory of a training: --set-resources "
            f"train_dense:mem_mb={-(-training.memory // 1e6):.0f} retrain:mem_mb={-(-training.memory // 1e6):.0f} "
            f"--resources mem_mb={machine.memory // 1e6:.0f}."
        )


def _disk(result, free):
    total = sum(result["disk"].values())
    if free is not None and total > free:
        kind = max(result["disk"], key=result["disk"].get)
        cure = "activations.megabytes" if kind == "activations" else "dataset.resize"
        yield f"The study needs {size(total)} of disk, but {size(free)} are free; most are {kind} ({cure})."


class _Sampled(NamedTuple):
    """A layer as a comparison takes it: how many samples of how many neurons, of `positions` of `every` an image."""

    name: str
    samples: int
    neurons: int
    positions: int
    every: int


def _sampled(result, config):
    """Yield what is compared by measures that need more samples than neurons, if anything is."""
    sampling, families = result["sampling"], config["comparison"]["families"]
    if not any(name in NEED_SAMPLES for name in config["comparison"]["measures"]):
        return
    for name, neurons in sampling["neurons"].items():
        positions, every = sampling["positions"][name], sampling["all_positions"][name]
        if {"rounds", "replicates"} & set(families):
            yield _Sampled(name, sampling["samples"][name], neurons, positions, every)
        # The family layers compares spatial means, of which an image has one.
        if "layers" in families and (every > 1 or len(families) == 1):
            yield _Sampled(f"{name} (spatial mean)" if every > 1 else name, sampling["images"], neurons, 1, 1)


def _no_samples(result, config):
    """Say where measures will have no value: centring takes a sample, and more must be left than neurons."""
    lost = [layer for layer in _sampled(result, config) if layer.samples - 1 <= layer.neurons]
    if lost:
        measures = [name for name in config["comparison"]["measures"] if name in NEED_SAMPLES]
        first, images = lost[0], f"{result['sampling']['images']:,} images"
        yield (
            f"{', '.join(measures)} will have no value at {_some([layer.name for layer in lost])}: {first.name} has "
            f"{first.neurons:,} neurons, so {first.neurons + 2:,} samples are needed, and there are "
            f"{f'{first.samples:,}, {images} of {first.positions} positions' if first.positions > 1 else images}. "
            f"{_more_samples(result, config, lost, 1, 2)}"
        )


def _few_samples(result, config):
    few = [
        layer
        for layer in _sampled(result, config)
        if layer.neurons < layer.samples - 1 and layer.samples < SAMPLES_PER_NEURON * layer.neurons
    ]
    if few:
        ratio = min(layer.samples / layer.neurons for layer in few)
        yield (
            f"There are only {ratio:.1f} samples a neuron at {_some([layer.name for layer in few])}, so that unrelated "
            "networks look alike there by canonical correlations; compare with the null. "
            f"{_more_samples(result, config, few, SAMPLES_PER_NEURON, 0)}"
        )


def _more_samples(result, config, short, factor, more):
    """Return which settings give these layers `factor` samples a neuron and `more`, as far as any does."""
    images, available = result["sampling"]["images"], result["sampling"]["test_images"]
    wanted = max(-(-(factor * layer.neurons + more) // layer.every) for layer in short)
    advice = []
    # Where not all positions are taken, more images alone would mean fewer positions of each.
    if any(layer.positions < layer.every for layer in short):
        advice.append("raise activations.megabytes")
    if images < min(wanted, available):
        advice.append(f"raise activations.images to {min(wanted, available):,}")
    if wanted > available:
        enough = f"{wanted:,} test images would be enough for all, and there are {available:,}"
        if (config["dataset"]["subset"] or {}).get("test"):
            advice.append(f"raise dataset.subset.test ({enough})")
        else:
            advice.append(f"{enough}: leave wide layers out of comparison.layers, or judge them by cka_linear")
    sentence = "; ".join(advice)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _idle(jobs, result, machine):
    if not any(job.rule in TRAININGS for job in jobs):
        return
    # Networks of other widths are trained side by side.
    chains = result["replicates"] * len(result["methods"]) + sum(job.rule == "train_width" for job in jobs)
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
