"""Find which filters of a network go together, and refuse methods that cannot prune them."""

import json

from prunesim.datasets.converted import load_description
from prunesim.errors import PrunesimError
from prunesim.networks.build import build_network
from prunesim.networks.coupling import find_coupling
from prunesim.networks.weights import weight_kinds
from prunesim.pruning.catalogue import FILTER_NAMES
from prunesim.pruning.criteria import select_tensors
from prunesim.pruning.filters import check_criterion, select_groups
from prunesim.storage.files import write_json


def add_arguments(parser):
    parser.add_argument("--settings", required=True, type=json.loads, help="JSON: network, methods (their settings)")
    parser.add_argument("--dataset", required=True, help="folder of the converted data set")
    parser.add_argument("--output", required=True, help="the .json file to write")


def run(arguments):
    settings = arguments.settings
    description = load_description(arguments.dataset)
    height, width, channels = description["shape"]
    shape = (channels, height, width)
    network = build_network(settings["network"], shape, len(description["classes"]), seed=0)
    groups = find_coupling(network, shape, settings["network"]["name"])
    kinds = weight_kinds(network)
    for method, how in settings["methods"].items():
        try:
            chosen = select_groups(groups, select_tensors(kinds, how["types"], how["exclude"]))
            check_criterion(chosen, FILTER_NAMES[how["criterion"]])
        except PrunesimError as error:
            raise PrunesimError(f"methods.{method}: {error}") from None
    for group in groups:
        print(f"{group['name']}: {group['filters']} filters{', left alone: ' + group['why'] if group['why'] else ''}")
    write_json(arguments.output, {"groups": groups})
