"""How much faster a network is without its pruned filters: against itself under the mask, and before pruning.

    python benchmarks/structured.py [--quick] [--output docs/performance.md]

All three take turns on the same images and the same thread, so that a busy machine slows all alike.
"""

import argparse
import copy
import statistics
import time

import torch
from similarity import machine, publish

from prunesim.networks.build import build_network
from prunesim.networks.coupling import find_coupling
from prunesim.networks.describe import cost_of
from prunesim.networks.state import load_arrays, network_arrays
from prunesim.networks.weights import weight_kinds
from prunesim.pruning.filters import prune_filters
from prunesim.pruning.masks import apply_mask
from prunesim.results.shrinking import shrink

SHAPE, CLASSES, FRACTION = (3, 32, 32), 10, 0.5
NETWORKS = ("vgg_svhn", "resnet20", "resnet9")
HEADS = (
    *("network", "parameters", "multiply-adds", "times fewer", "images", "before pruning, ms", "masked, ms"),
    *("shrunk, ms", "masked / shrunk"),
)


def masked_and_shrunk(name):
    """Return a network, itself with half of the filters of each layer masked, and itself without them."""
    settings = {"name": name, "width": 0, "arguments": {}}
    network = build_network(settings, SHAPE, CLASSES, seed=0).eval()
    arrays, masked = network_arrays(network), copy.deepcopy(network)
    mask, _ = prune_filters(
        *(arrays, {}, find_coupling(network, SHAPE)),
        **{"names": weight_kinds(network), "fraction": FRACTION, "scope": "layer", "criterion": "l1", "seed": 0},
    )
    load_arrays(masked, apply_mask(arrays, mask), name)
    return network, masked, shrink(masked, SHAPE, name).network


def cpu_seconds(network, images, passes):
    # Of one thread: what others do on the machine counts less.
    start = time.process_time()
    with torch.no_grad():
        for _ in range(passes):
            network(images)
    return (time.process_time() - start) / passes


def rows_of(name, turns):
    """Return the rows of one network: with many images at a time, and with one."""
    networks = masked_and_shrunk(name)
    (parameters, macs), (fewer, less) = cost_of(networks[1], SHAPE), cost_of(networks[2], SHAPE)
    rows = []
    for count, passes in ((64, 1), (1, 20)):
        images = torch.randn(count, *SHAPE, generator=torch.Generator().manual_seed(0))
        times = [[cpu_seconds(network, images, passes) for network in networks] for _ in range(turns + 1)][1:]
        before, masked, shrunk = (1e3 * statistics.median(column) for column in zip(*times, strict=True))
        ratio = statistics.median(turn[1] / turn[2] for turn in times)
        counts = [f"{parameters:,} to {fewer:,}", f"{macs:,} to {less:,}", f"{macs / less:.2f}"]
        rows.append([name, *counts, count, *(f"{ms:.2f}" for ms in (before, masked, shrunk)), f"**{ratio:.2f}**"])
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few turns, only to see that it runs")
    parser.add_argument("--output", help="Markdown file to write the table to")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    turns = 2 if arguments.quick else 15
    rows = [row for name in NETWORKS for row in rows_of(name, turns)]
    lines = [
        "## Networks without their pruned filters",
        "",
        *machine(),
        f"Half of the filters of each layer pruned by their L1 norm, images of {' x '.join(map(str, SHAPE))}, a "
        f"forward pass in float32, CPU time of one thread of PyTorch {torch.__version__.partition('+')[0]}. Medians of "
        f"{turns} turns; the ratio is the median of ratios within a turn. A mask alone makes nothing faster: zeros are "
        "multiplied like other numbers. `prunesim shrink` writes the network without them, whose answers are the same.",
        "",
        f"| {' | '.join(HEADS)} |",
        f"|{'---|' * len(HEADS)}",
        *(f"| {' | '.join(map(str, row))} |" for row in rows),
        "",
    ]
    publish(lines, arguments.output, "structured")


if __name__ == "__main__":
    main()
