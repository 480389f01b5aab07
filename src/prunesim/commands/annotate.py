"""Bring images with pixel-wise concepts into a study, from a folder or made for it."""

import json

from prunesim.datasets.annotated import annotate


def add_arguments(parser):
    parser.add_argument("--settings", required=True, type=json.loads, help="JSON: seed, concepts")
    parser.add_argument("--dataset", required=True, help="folder of the converted data set")
    parser.add_argument("--output", required=True, help="folder for the arrays")


def run(arguments):
    annotate(arguments.settings, arguments.dataset, arguments.output)
