"""Evaluate a network of a study with fewer weights and on corrupted images."""

import json

from prunesim.storage.columns import ROBUSTNESS
from prunesim.storage.csvfiles import write_rows
from prunesim.training.degrading import degrade


def add_arguments(parser):
    parser.add_argument("--settings", required=True, type=json.loads, help="JSON: seed, network, training, robustness")
    parser.add_argument("--dataset", required=True, help="folder of the converted data set")
    parser.add_argument("--replicate", required=True, type=int)
    parser.add_argument("--method", required=True)
    parser.add_argument("--round", required=True, type=int)
    parser.add_argument("--weights", required=True, help="the network, .safetensors")
    parser.add_argument("--mask", help="which of its weights are left, .safetensors")
    parser.add_argument("--output", required=True, help="the .csv file to write")


def run(arguments):
    rows, about = degrade(arguments.settings, arguments.dataset, arguments.weights, arguments.mask)
    who = {key: getattr(arguments, key) for key in ("replicate", "method", "round")}
    write_rows(arguments.output, ROBUSTNESS, [who | row for row in rows])
    return about
