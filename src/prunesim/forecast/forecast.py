"""The forecast of a study: jobs, hours, disk, memory, and what breaks first."""

from pathlib import Path

from prunesim.activations.sampling import positions_of
from prunesim.forecast import costs
from prunesim.forecast.classes import class_counts
from prunesim.forecast.findings import findings
from prunesim.forecast.images import image_sizes
from prunesim.forecast.jobs import sampled, study_jobs
from prunesim.forecast.profile import network_profile
from prunesim.forecast.schedule import remaining, simulate
from prunesim.networks.spec import compared_layers
from prunesim.study.methods import method_rounds

DISK_KINDS = ("data set", "networks", "activations", "records")


def forecast(config, machine, given=None, results="results", free_disk=None):
    """Return what a study will take.

    Parameters
    ----------
    config : dict
        From `prunesim.resolution.overlays.read_config`.
    machine : prunesim.forecast.jobs.Machine
    given : dict, optional
        What is known of the data set, see `prunesim.forecast.images.image_sizes`.
    results : path-like
        The folder ``results``.
    free_disk : int, optional
        Bytes that are free there.

    Returns
    -------
    dict
        JSON-serialisable: ``study``, ``replicates``, ``rounds`` (the most of a method), ``method_rounds``, ``methods``,
        ``dataset``, ``network``, ``machine``, ``rules`` (a dict for each, in the order of the pipeline), ``jobs``,
        ``cpu_hours``, ``gpu_hours``, ``wall_seconds``, ``chain_seconds``, ``disk`` (bytes by kind), ``sampling`` (by
        compared layer), ``findings``.
    """
    images = image_sizes(config["dataset"], given or {}, results)
    profile = network_profile(config["network"], images.shape, images.classes, Path(results).parent)
    jobs = study_jobs(config, images, profile, machine)
    dumped = min(config["activations"]["images"], images.test)
    positions, cap = sampled(profile, dumped, config["activations"]["megabytes"])
    layers = compared_layers(config["network"], config["comparison"]["layers"])
    rounds = method_rounds(config)
    wall = simulate(jobs, machine.nodes * machine.cores, machine.nodes * machine.gpus)
    result = {
        "study": config["study"],
        "replicates": config["replicates"],
        "rounds": max(rounds.values(), default=config["rounds"]),
        "method_rounds": rounds,
        "methods": [*config["methods"], *config["chains"]],
        "dataset": {
            "name": config["dataset"]["name"],
            **images._asdict(),
            **class_counts(config["dataset"], results),
        },
        "network": {
            "name": config["network"]["name"],
            "parameters": profile.parameters,
            "macs": profile.macs,
            "prunable_layers": len(profile.weights),
            "dumped_layers": len(profile.layers),
            "compared_layers": len(layers),
        },
        "machine": {
            **machine._asdict(),
            "training_on": "gpu" if any(job.gpus for job in jobs) else "cpu",
            "tflops": machine.tflops or costs.GPU_TFLOPS[config["training"]["precision"]],
            "prices_measured_on": costs.MEASURED_ON,
        },
        "rules": _by_rule(jobs),
        "jobs": len(jobs),
        "cpu_hours": sum(job.seconds * job.cores for job in jobs) / 3600,
        "gpu_hours": sum(job.seconds * job.gpus for job in jobs) / 3600,
        "wall_seconds": costs.SNAKEMAKE["start"] + max(wall, costs.SNAKEMAKE["job"] * len(jobs)),
        "chain_seconds": max(remaining(jobs).values()),
        "disk": {kind: sum(job.writes.get(kind, 0) for job in jobs) for kind in DISK_KINDS},
        "sampling": {
            "images": dumped,
            "positions_cap": cap,
            "test_images": images.test,
            "positions": {name: positions[name] for name in layers},
            "all_positions": {name: positions_of({"shape": profile.layers[name]}) for name in layers},
            "samples": {name: dumped * positions[name] for name in layers},
            "neurons": {name: profile.layers[name][0] for name in layers},
        },
    }
    return result | {"findings": findings(result, config, jobs, machine, free_disk)}


def _by_rule(jobs):
    rules = {}
    for job in jobs:
        rules.setdefault(job.rule, []).append(job)
    return [
        {
            "rule": rule,
            "jobs": len(members),
            "seconds": sum(job.seconds for job in members) / len(members),
            "longest_seconds": max(job.seconds for job in members),
            "cpu_hours": sum(job.seconds * job.cores for job in members) / 3600,
            "gpu_hours": sum(job.seconds * job.gpus for job in members) / 3600,
            "memory": max(job.memory for job in members),
            "gpu_memory": max(job.gpu_memory for job in members),
        }
        for rule, members in rules.items()
    ]
