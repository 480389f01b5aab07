"""Write one of the tables of a study."""

import json

from prunesim.results.tables import TABLES
from prunesim.storage.csvfiles import write_rows


def add_arguments(parser):
    parser.add_argument("name", choices=TABLES)
    parser.add_argument("--study", required=True, help="results/<study>")
    parser.add_argument("--plan", required=True, type=json.loads, help="JSON: what the study consists of")
    parser.add_argument("--output", required=True, help="the .csv file to write")


def run(arguments):
    columns, rows = TABLES[arguments.name](arguments.study, arguments.plan)
    write_rows(arguments.output, columns, rows)
    print(f"{len(rows)} rows in {arguments.output}")
