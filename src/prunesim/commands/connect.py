"""Evaluate the networks on the line between two networks of a study."""

import json

from prunesim.storage.columns import CONNECTIVITY
from prunesim.storage.csvfiles import write_rows
from prunesim.training.connecting import connect


def add_arguments(parser):
    parser.add_argument(
        "--settings", required=True, type=json.loads, help="JSON: seed, network, training, connectivity"
    )
    parser.add_argument("--dataset", required=True, help="folder of the converted data set")
    parser.add_argument(
        "--start", required=True, nargs=3, metavar=("REPLICATE", "METHOD", "ROUND"), help="where the line starts"
    )
    parser.add_argument("--replicate", required=True, type=int, help="of where it ends")
    parser.add_argument("--method", required=True)
    parser.add_argument("--round", required=True, type=int)
    parser.add_argument("--weights", required=True, nargs=2, metavar="FILE", help="of start and end, .safetensors")
    parser.add_argument("--output", required=True, help="the .csv file to write")


def run(arguments):
    rows, about = connect(arguments.settings, arguments.dataset, *arguments.weights)
    replicate, method, round_ = arguments.start
    ends = {"replicate_a": int(replicate), "method_a": method, "round_a": int(round_)}
    ends |= {f"{key}_b": getattr(arguments, key) for key in ("replicate", "method", "round")}
    write_rows(arguments.output, CONNECTIVITY, [ends | row for row in rows])
    return about
