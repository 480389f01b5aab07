"""Draw other initial weights for a control."""

import json

from prunesim.training.scoring import reinitialise


def add_arguments(parser):
    parser.add_argument("--settings", required=True, type=json.loads, help="JSON: seed, network, training")
    parser.add_argument("--dataset", required=True, help="folder of the converted data set")
    parser.add_argument("--replicate", required=True, type=int)
    parser.add_argument("--method", required=True, help="name of the control")
    parser.add_argument("--output", required=True, help="the .safetensors file to write")


def run(arguments):
    return reinitialise(arguments.settings, arguments.dataset, arguments.replicate, arguments.method, arguments.output)
