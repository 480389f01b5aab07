"""Check all networks that a study takes from outside, before anything is trained."""

import json

from prunesim.training.adopting import check_given


def add_arguments(parser):
    parser.add_argument("--settings", required=True, type=json.loads, help="JSON: network, given, exclude")
    parser.add_argument("--dataset", required=True, help="folder of the converted data set")
    parser.add_argument("--output", required=True, help="the .json file to write")


def run(arguments):
    check_given(arguments.settings, arguments.dataset, arguments.output)
