"""Make the rewind point of a dense network."""

import json

from prunesim.training.run import save_rewind_point


def add_arguments(parser):
    parser.add_argument("--settings", required=True, type=json.loads, help="JSON: seed, network, training, rewind")
    parser.add_argument("--dataset", required=True, help="folder of the converted data set")
    parser.add_argument("--replicate", required=True, type=int)
    parser.add_argument("--initial", required=True, help="weights before training")
    parser.add_argument("--output", required=True, help="the .safetensors file to write")


def run(arguments):
    settings = arguments.settings
    return save_rewind_point(
        settings, arguments.dataset, arguments.replicate, settings["rewind"], arguments.initial, arguments.output
    )
