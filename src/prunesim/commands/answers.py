"""Compare what networks answer to all test images, or tell how good the answers are."""

import json

from prunesim.errors import PrunesimError
from prunesim.results.answers import answers_table, classes_table, compare_functional
from prunesim.storage.columns import SIMILARITY
from prunesim.storage.csvfiles import write_rows

TABLES = {"answers": answers_table, "classes": classes_table}


def add_arguments(parser):
    parser.add_argument("what", choices=["compare", *TABLES])
    compared = parser.add_argument_group("compare: one network with those before it")
    compared.add_argument("--settings", type=json.loads, help="JSON: seed, blocks, null_draws")
    compared.add_argument("--activations", help="results/<study>/activations")
    compared.add_argument(
        "--dataset", help="folder of the converted data set, whose labels say which answers are right"
    )
    compared.add_argument("--replicate", type=int)
    compared.add_argument("--method")
    compared.add_argument("--round", type=int)
    tables = parser.add_argument_group("answers, classes: a table of the study")
    tables.add_argument("--study", help="results/<study>")
    tables.add_argument("--plan", type=json.loads, help="JSON: what the study consists of")
    parser.add_argument("--output", required=True, help="the .csv file to write")


def run(arguments):
    told = vars(arguments)
    needed = ("study", "plan")
    if arguments.what == "compare":
        needed = ("activations", "replicate", "method", "round", "dataset", "settings")
    missing = [f"--{key}" for key in needed if told[key] is None]
    if missing:
        raise PrunesimError(f"answers {arguments.what} needs {', '.join(missing)}.")
    given = [told[key] for key in needed]
    if arguments.what == "compare":
        columns, rows = SIMILARITY, compare_functional(*given)
    else:
        columns, rows = TABLES[arguments.what](*given)
    write_rows(arguments.output, columns, rows)
    print(f"{len(rows)} rows in {arguments.output}")
