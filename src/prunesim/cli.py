"""The command line: one verb, one module of `prunesim.commands`.

A command module has ``add_arguments(parser)`` and ``run(arguments)``, which
returns an exit status or None. It is imported only when its verb is called, so a verb that needs
no torch does not pay for it.
"""

import argparse
import importlib
import sys

from prunesim.errors import PrunesimError

VERBS = {
    "compare": "compare two activation files with each other",
}


def main(argv=None):
    """Run one verb and return the exit status: 0 done, 1 found something wrong, 2 refused."""
    argv = sys.argv[1:] if argv is None else argv
    verb = argv[0] if argv and argv[0] in VERBS else None
    parser = argparse.ArgumentParser(prog="prunesim", description="What pruning does to each layer of a network.")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, text in VERBS.items():
        subparser = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if name == verb:
            command = importlib.import_module(f"prunesim.commands.{name.replace('-', '_')}")
            command.add_arguments(subparser)
    arguments = parser.parse_args(argv)
    try:
        return command.run(arguments) or 0
    except PrunesimError as error:
        print(f"prunesim {verb}: {error}", file=sys.stderr)
        return 2
