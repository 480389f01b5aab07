"""The command line: one verb, one module of `prunesim.commands`.

A command module has ``add_arguments(parser)`` and ``run(arguments)``, and may have ``arrange(words)``, through which
the command line goes before it is parsed. It is imported only when its verb is called, so a verb that needs no torch
does not pay for it. For the verbs of `JOBS`, ``run`` may return a dict of what only it knows of how the job went; for
those of `TOOLS`, an exit status.
"""

import argparse
import importlib
import importlib.util
import os
import sys
import time
from pathlib import Path

from prunesim.errors import PrunesimError
from prunesim.storage.terminal import say

# What the rules of the pipeline call.
JOBS = {
    "fetch": "convert a data set to arrays",
    "train": "train a dense network, or retrain a pruned one",
    "rewind": "make the rewind point of a dense network",
    "given": "check the networks that a study takes from outside",
    "adopt": "take a network that was trained elsewhere into a study",
    "score": "score the weights of a network before it is trained",
    "reinitialise": "draw other initial weights for a control",
    "sparsify": "train a network with a penalty that makes it sparse",
    "coupling": "find which filters of a network go together",
    "prune": "choose the weights that a round removes",
    "dump": "dump the activations of a network",
    "similarity": "compare networks of a study",
    "spectrum": "find all canonical correlations of a pruned network with its dense one",
    "connect": "evaluate the networks on the line between two networks",
    "degrade": "evaluate a network with fewer weights and on corrupted images",
    "annotate": "bring images with pixel-wise concepts into a study",
    "dissect": "find which concepts the units of a network agree with",
    "widths": "compare networks of several widths",
    "answers": "compare what networks answer, or tell how good it is",
    "table": "put together a table of a study",
    "claims": "hold the claims of the paper against a study",
    "figure": "draw a figure of a study",
    "sheet": "draw the best unit of each concept",
    "explore": "make the page in which a study, or two, are explored",
}
# What a user calls.
TOOLS = {
    "compare": "compare two activation files with each other",
    "layers": "list the layers of a network",
    "triangle": "print how alike representation, function and connectivity rank rounds",
    "verify": "check the artifacts of a study",
    "plan": "forecast the jobs, hours, disk and memory of a study",
    "status": "say what a study is doing, how far it is, or why it ended",
    "report": "write what a finished study found into one page",
    "robustness": "evaluate the networks of a study under further pruning and on corrupted images",
    "diff": "compare two studies artifact by artifact",
    "accept": "take results for what the present code would make of them",
    "export": "write a network of a study as a file that is read without prunesim",
    "shrink": "write a network of a study without the filters that pruning has emptied",
    "archive": "pack a study into one file",
    "restore": "bring back an archived study",
    "scenes": "make scenes of digits, colours and textures with the concepts of every pixel",
    "concepts": "find the units of the networks of a study that recognise concepts",
    "study": "print the name of the study that a config describes",
    "config-docs": "print the description of the config as Markdown",
}
VERBS = JOBS | TOOLS
# What the extra `pipeline` installs, by the names that are imported.
PIPELINE = (
    "PIL",
    "docutils",
    "jinja2",
    "jsonschema",
    "matplotlib",
    "pandas",
    "seaborn",
    "sklearn",
    "snakemake",
    "snakemake_executor_plugin_slurm",
    "torch",
    "torchvision",
    "yaml",
)


def main(argv=None):
    """Run one verb and return the exit status: 0 done, 1 found something wrong, 2 refused, 130 interrupted."""
    argv = sys.argv[1:] if argv is None else argv
    verb = argv[0] if argv and argv[0] in VERBS else None
    started = time.time()
    try:
        command, arguments = _parse(verb, argv)
        outcome = command.run(arguments)
        if verb not in JOBS:
            return outcome or 0
        if arguments.record:
            from prunesim.audit.provenance import write_record

            *outputs, record = arguments.record
            write_record(record, outputs, verb, vars(arguments), started, outcome)
        return 0
    except PrunesimError as error:
        say(f"prunesim {verb}: {error}")
        return 2
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        # A part that a package lacks is not the package, and a module of our own is a mistake of ours.
        if missing not in PIPELINE or importlib.util.find_spec(missing):
            raise
        say(
            f"prunesim {verb}: {missing} is not installed, which this verb needs; "
            'pip install "prunesim[pipeline]" brings all that the pipeline needs.'
        )
        return 2
    except MemoryError as error:
        say(f"prunesim {verb}: the memory of this machine is not enough ({str(error).rstrip('.') or 'no details'}).")
        return 2
    except BrokenPipeError:
        # Whoever reads has seen enough. What is still to be flushed at exit has nowhere to go either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        say(f"prunesim {verb}: interrupted.")
        return 130


def _parse(verb, argv):
    """Return the module of a verb and its arguments."""
    if verb is None:
        parser = argparse.ArgumentParser(prog="prunesim", description="What pruning does to each layer of a network.")
        parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
        verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
        for name, text in VERBS.items():
            verbs.add_parser(name, help=text)
        return None, parser.parse_args(argv)
    text = VERBS[verb]
    parser = argparse.ArgumentParser(prog=f"prunesim {verb}", description=text[0].upper() + text[1:] + ".")
    command = importlib.import_module(f"prunesim.commands.{verb.replace('-', '_')}")
    command.add_arguments(parser)
    if verb in JOBS:
        parser.add_argument(
            "--record", nargs="+", metavar="FILE", help="what the job makes, and last a record to write of that"
        )
    words = getattr(command, "arrange", list)(argv[1:])
    # Intermixed: files may stand before, between and behind options.
    return command, parser.parse_intermixed_args(words)


class _Version(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        print(f"prunesim {_version()}")
        parser.exit()


def _version():
    """Return the version in pyproject.toml of a clone, and else that of the installed package."""
    project = Path(__file__).resolve().parents[2] / "pyproject.toml"
    if project.is_file():
        import tomllib

        about = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {})
        if about.get("name") == "prunesim":
            return about["version"]
    from importlib.metadata import version

    return version("prunesim")
