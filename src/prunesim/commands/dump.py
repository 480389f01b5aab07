"""Dump the activations of a network."""

import json

from prunesim.activations.dump import dump_activations


def add_arguments(parser):
    parser.add_argument(
        "--settings", required=True, type=json.loads, help="JSON: seed, network, training, activations, layers"
    )
    parser.add_argument("--dataset", required=True, help="folder of the converted data set")
    parser.add_argument("--weights", required=True, help="the network, .safetensors")
    parser.add_argument("--output", required=True, help="folder for the activations")


def run(arguments):
    return dump_activations(arguments.settings, arguments.dataset, arguments.weights, arguments.output)
