"""The command line: one verb, one module of `prunesim.commands`.

A command module has ``add_arguments(parser)`` and ``run(arguments)``. It is imported only when its verb is called, so a
verb that needs no torch does not pay for it. For the verbs of `JOBS`, ``run`` may return a dict of what only it knows
of how the job went; for those of `TOOLS`, an exit status.
"""

import argparse
import importlib
import sys
import time

from prunesim.errors import PrunesimError
from prunesim.terminal import say

# What the rules of the pipeline call.
JOBS = {
    "fetch": "convert a data set to arrays",
    "train": "train a dense network, or retrain a pruned one",
    "rewind": "make the rewind point of a dense network",
    "prune": "choose the weights that a round removes",
    "dump": "dump the activations of a network",
    "similarity": "compare networks of a study",
    "table": "put together a table of a study",
    "claims": "hold the claims of the paper against a study",
    "figure": "draw a figure of a study",
}
# What a user calls.
TOOLS = {
    "compare": "compare two activation files with each other",
    "layers": "list the layers of a network",
    "verify": "check the artifacts of a study",
    "plan": "forecast the jobs, hours, disk and memory of a study",
    "diff": "compare two studies artifact by artifact",
    "archive": "pack a study into one file",
    "restore": "bring back an archived study",
    "config-docs": "print the description of the config as Markdown",
}
VERBS = JOBS | TOOLS


def main(argv=None):
    """Run one verb and return the exit status: 0 done, 1 found something wrong, 2 refused, 130 interrupted."""
    argv = sys.argv[1:] if argv is None else argv
    verb = argv[0] if argv and argv[0] in VERBS else None
    parser = argparse.ArgumentParser(prog="prunesim", description="What pruning does to each layer of a network.")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, text in VERBS.items():
        subparser = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if name == verb:
            command = importlib.import_module(f"prunesim.commands.{name.replace('-', '_')}")
            command.add_arguments(subparser)
            if name in JOBS:
                subparser.add_argument(
                    "--record", nargs="+", metavar="FILE", help="what the job makes, and last a record to write of that"
                )
    arguments = parser.parse_args(argv)
    started = time.time()
    try:
        outcome = command.run(arguments)
        if verb not in JOBS:
            return outcome or 0
        if arguments.record:
            from prunesim.provenance import write_record

            *outputs, record = arguments.record
            write_record(record, outputs, verb, vars(arguments), started, outcome)
        return 0
    except PrunesimError as error:
        say(f"prunesim {verb}: {error}")
        return 2
    except KeyboardInterrupt:
        say(f"prunesim {verb}: interrupted.")
        return 130
