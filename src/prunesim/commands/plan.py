"""Forecast the jobs, hours, disk and memory of a study before it runs."""

import json
import os
import shutil
from pathlib import Path

from prunesim.errors import PrunesimError
from prunesim.forecast.costs import MEASURED_ON
from prunesim.forecast.forecast import forecast
from prunesim.forecast.jobs import Machine
from prunesim.forecast.words import duration, scaled, size
from prunesim.resolution.overlays import read_config
from prunesim.study.forking import is_safe


def add_arguments(parser):
    study = parser.add_argument_group("the study, as for snakemake")
    study.add_argument("--configfile", nargs="+", default=[], metavar="FILE", help="overlays on config.yaml")
    study.add_argument("--config", nargs="+", default=[], metavar="KEY=VALUE", help="settings that win over all files")
    study.add_argument("--directory", default=".", help="the clone with config.yaml and workflow (default: here)")
    machine = parser.add_argument_group("the machine; of a node where there are several")
    machine.add_argument("--nodes", type=_count, default=1, help="how many nodes (default 1)")
    machine.add_argument("--cores", type=_count, help="CPU cores (default: those of this machine)")
    machine.add_argument("--gpus", type=_count_or_none, default=0, help="GPUs (default 0: training on the CPU)")
    machine.add_argument(
        "--memory", type=_positive, metavar="GB", help="of a node (default: this machine's, if 1 node)"
    )
    machine.add_argument("--gpu-memory", type=_positive, default=80.0, metavar="GB", help="of a GPU (default 80)")
    machine.add_argument(
        "--throughput", type=_positive, metavar="TFLOPS", help="that a GPU sustains in training (default: by precision)"
    )
    machine.add_argument(
        "--overhead", type=_overhead, default=0.0, metavar="SECONDS", help="a job: queue, container, environment"
    )
    images = parser.add_argument_group("the data set, where it is not there yet")
    images.add_argument("--images", type=_count, metavar="N", help="training images")
    images.add_argument("--test-images", type=_count, metavar="N")
    images.add_argument("--shape", type=_count, nargs=3, metavar=("C", "H", "W"), help="of an image")
    images.add_argument("--classes", type=_count, metavar="N")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments):
    shape = tuple(arguments.shape) if arguments.shape else None
    known = {"shape": shape, "classes": arguments.classes}
    config = read_config(arguments.directory, arguments.configfile, arguments.config, known)
    machine = _machine(arguments, config["training"]["device"])
    given = {"train": arguments.images, "test": arguments.test_images, "shape": shape, "classes": arguments.classes}
    results = Path(arguments.directory) / "results"
    free = shutil.disk_usage(results if results.is_dir() else arguments.directory).free if machine.nodes == 1 else None
    result = forecast(config, machine, given, results, free)
    print(json.dumps(result, indent=2, allow_nan=False) if arguments.json else text(result))


def _machine(arguments, device):
    here = arguments.nodes == 1
    memory = arguments.memory * 1e9 if arguments.memory else (_memory_here() if here else None)
    if device.startswith(("cuda", "mps")) and not arguments.gpus:
        raise PrunesimError(f"training.device is {device}; say with --gpus how many GPUs a node has.")
    return Machine(
        nodes=arguments.nodes,
        cores=arguments.cores or _cores_here(),
        gpus=arguments.gpus,
        memory=memory,
        gpu_memory=arguments.gpu_memory * 1e9,
        tflops=arguments.throughput,
        overhead=arguments.overhead,
        # As the workflow decides it, which asks where it runs.
        forked=here and not arguments.gpus and is_safe(device),
    )


def _cores_here():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory_here():
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def _count(word):
    return _number(word, int, 1)


def _count_or_none(word):
    return _number(word, int, 0)


def _overhead(word):
    return _number(word, float, 0)


def _positive(word):
    return _number(word, float, 1e-9)


def _number(word, kind, least):
    value = kind(word)
    if not least <= value < float("inf"):
        raise ValueError
    return value


def text(result):
    """Return a forecast as text."""
    machine, dataset, network = result["machine"], result["dataset"], result["network"]
    on_gpu = machine["training_on"] == "gpu"
    channels, height, width = dataset["shape"]
    methods = ", ".join(result["methods"])
    most = "up to " if len({*result["method_rounds"].values()}) > 1 else ""
    lines = [
        f"Study {result['study']}: {result['replicates']} replicates, {most}{result['rounds']} rounds of {methods}",
        f"Data set {dataset['name']}: {dataset['train']:,} training and {dataset['test']:,} test images of "
        f"{channels} x {height} x {width}, {dataset['classes']:,} classes ({dataset['origin']})",
        f"Network {network['name']}: {scaled(network['parameters'])} parameters, {scaled(network['macs'])} "
        f"multiply-adds an image, {network['compared_layers']} of {network['dumped_layers']} layers compared",
        _machine_line(machine, on_gpu),
        "",
    ]
    heads = ["rule", "jobs", "time a job", "longest", "CPU hours"]
    heads += ["GPU hours"] * on_gpu + ["memory"] + ["on the GPU"] * on_gpu
    rows = [_cells(rule, on_gpu) for rule in _shown(result["rules"])]
    total = ["all", f"{result['jobs']:,}", "", "", _hours(result["cpu_hours"])]
    rows.append(total + [_hours(result["gpu_hours"])] * on_gpu + [""] * (1 + on_gpu))
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in [heads, *rows]:
        cells = [
            cell.ljust(size_) if i == 0 else cell.rjust(size_)
            for i, (cell, size_) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    disk = ", ".join(f"{kind} {size(count)}" for kind, count in result["disk"].items())
    lines += [
        "",
        f"Time: {duration(result['wall_seconds'])}; the longest chain of jobs that need each other takes "
        f"{duration(result['chain_seconds'])}",
        f"Disk: {size(sum(result['disk'].values()))} ({disk})",
        "",
    ]
    if result["findings"]:
        lines.append("What breaks first:")
        lines += [f"{number}. [{found['level']}] {found['text']}" for number, found in enumerate(result["findings"], 1)]
    else:
        lines.append("Nothing found that would stop or slow it.")
    return "\n".join(lines)


def _machine_line(machine, on_gpu):
    nodes = f"{machine['nodes']} node{'s' * (machine['nodes'] > 1)} of {machine['cores']} cores"
    memory = f", {size(machine['memory'])}" if machine["memory"] else ""
    if not on_gpu:
        return f"Machine: {nodes}{memory}; prices measured on {MEASURED_ON}"
    gpus = f"{machine['gpus']} GPU{'s' * (machine['gpus'] > 1)} of {size(machine['gpu_memory'])}"
    return f"Machine: {nodes}{memory}, {gpus} at {machine['tflops']:g} TFLOPS; CPU prices measured on {MEASURED_ON}"


def _shown(rules):
    """Return the rules with all figures in one line."""
    figures = [rule for rule in rules if rule["rule"].startswith("figure_")]
    shown = [rule for rule in rules if rule not in figures]
    jobs = sum(rule["jobs"] for rule in figures)
    together = {key: sum(rule[key] for rule in figures) for key in ("jobs", "cpu_hours", "gpu_hours")}
    together |= {key: max(rule[key] for rule in figures) for key in ("longest_seconds", "memory", "gpu_memory")}
    seconds = sum(rule["seconds"] * rule["jobs"] for rule in figures) / jobs
    return [*shown, {"rule": "figure_*", "seconds": seconds, **together}]


def _cells(rule, on_gpu):
    cells = [rule["rule"], f"{rule['jobs']:,}", duration(rule["seconds"]), duration(rule["longest_seconds"])]
    cells += [_hours(rule["cpu_hours"])] + [_hours(rule["gpu_hours"])] * on_gpu + [size(rule["memory"])]
    return cells + [size(rule["gpu_memory"]) if rule["gpu_memory"] else ""] * on_gpu


def _hours(hours):
    return f"{hours:,.0f}" if hours >= 100 else f"{hours:.2g}" if hours >= 0.001 else f"{hours:.1g}"
