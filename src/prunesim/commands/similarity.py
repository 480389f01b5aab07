"""Compare networks of a study and write the rows of one comparison file."""

import json

from prunesim.results.comparison import compare_layers, compare_replicates, compare_rounds
from prunesim.storage.columns import SIMILARITY
from prunesim.storage.csvfiles import write_rows

FAMILIES = {"rounds": compare_rounds, "layers": compare_layers, "replicates": compare_replicates}


def add_arguments(parser):
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("--settings", required=True, type=json.loads, help="JSON: seed, measures, blocks, null_draws")
    parser.add_argument("--activations", required=True, help="results/<study>/activations")
    parser.add_argument("--replicate", required=True, type=int)
    parser.add_argument("--method", required=True)
    parser.add_argument("--round", required=True, type=int)
    parser.add_argument("--layer", required=True, nargs="+", help="one layer; all layers for the family layers")
    parser.add_argument("--output", required=True, help="the .csv file to write")


def run(arguments):
    layers = arguments.layer if arguments.family == "layers" else arguments.layer[0]
    compare = FAMILIES[arguments.family]
    where = arguments.activations, arguments.replicate, arguments.method, arguments.round
    rows = compare(*where, layers, arguments.settings)
    write_rows(arguments.output, SIMILARITY, rows)
    for row in rows:
        value = row["note"] if row["value"] is None else f"{row['value']:.4f}"
        pair = " and ".join(f"{row[f'layer_{side}']} of round {row[f'round_{side}']}" for side in "ab")
        print(f"{pair}: {row['measure']} {value}")
