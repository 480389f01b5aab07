"""Find all canonical correlations of a pruned network of a study with its dense one."""

import json

from prunesim.results.spectra import spectra_rows
from prunesim.storage.columns import SPECTRA
from prunesim.storage.csvfiles import write_rows


def add_arguments(parser):
    parser.add_argument("--settings", required=True, type=json.loads, help="JSON: seed, null_draws")
    parser.add_argument("--activations", required=True, help="results/<study>/activations")
    parser.add_argument("--replicate", required=True, type=int)
    parser.add_argument("--method", required=True)
    parser.add_argument("--round", required=True, type=int)
    parser.add_argument("--layer", required=True, nargs="+")
    parser.add_argument("--output", required=True, help="the .csv file to write")


def run(arguments):
    where = arguments.activations, arguments.replicate, arguments.method, arguments.round
    rows = spectra_rows(*where, arguments.layer, arguments.settings)
    write_rows(arguments.output, SPECTRA, rows)
    for layer in arguments.layer:
        found = [row for row in rows if row["layer"] == layer]
        count = sum("index" in row for row in found)
        print(f"{layer}: {f'{count} canonical correlations' if count else found[0]['note']}")
