"""Compare networks of two widths, or of one with each other, and write the rows of one comparison file."""

import json

from prunesim.results.width_pairs import compare_widths
from prunesim.storage.columns import WIDTH_PAIRS
from prunesim.storage.csvfiles import write_rows


def add_arguments(parser):
    """Declare the arguments."""
    parser.add_argument(
        "--settings",
        required=True,
        type=json.loads,
        help="JSON: seed, replicates, filters, measures, blocks, null_draws",
    )
    parser.add_argument("--study", required=True, help="results/<study>")
    parser.add_argument("--width", required=True, help="factor of the narrower networks")
    parser.add_argument("--other", required=True, help="factor of the wider networks; the same one for their own pairs")
    parser.add_argument("--layer", required=True)
    parser.add_argument("--output", required=True, help="the .csv file to write")


def run(arguments):
    """Compare and write."""
    rows = compare_widths(arguments.study, arguments.width, arguments.other, arguments.layer, arguments.settings)
    write_rows(arguments.output, WIDTH_PAIRS, rows)
    for row in rows:
        value = row["note"] if row["value"] is None else f"{row['value']:.4f}"
        pair = " and ".join(f"replicate {row[f'replicate_{x}']} of width {row[f'width_{x}']}" for x in "ab")
        print(f"{pair}, {'trained' if row['trained'] == 'yes' else 'untrained'}: {row['measure']} {value}")
