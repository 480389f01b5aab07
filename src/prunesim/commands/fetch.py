"""``prunesim fetch``: read a data set and write the arrays that a study works on."""

import json

from prunesim.datasets.convert import fetch
from prunesim.errors import PrunesimError


def add_arguments(parser):
    """Add the arguments of the verb."""
    parser.add_argument("--settings", required=True, metavar="JSON", help="the dataset section of the config, as JSON")
    parser.add_argument("--output", required=True, metavar="FOLDER", help="folder for the arrays and dataset.json")


def run(arguments):
    """Run the verb."""
    try:
        settings = json.loads(arguments.settings)
    except json.JSONDecodeError as error:
        raise PrunesimError(
            f"--settings is not valid JSON ({error}); give the dataset section of the config, as JSON."
        ) from error
    fetch(settings, arguments.output, log=_print)


def _print(line):
    # At once, so that the log of a job shows where it is.
    print(line, flush=True)
