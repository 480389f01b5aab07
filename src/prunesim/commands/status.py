"""``prunesim status``: what a study is doing, how far it is, or why it ended. Only reads, so it disturbs no run."""

import json
import sys
import time

from prunesim.progress.display import follow
from prunesim.progress.status import Watched
from prunesim.progress.words import text


def add_arguments(parser):
    """Declare the arguments."""
    parser.add_argument("study", help="results/<study>")
    parser.add_argument(
        "--configfile", nargs="+", default=[], metavar="FILE", help="overlays (default: those of the last run)"
    )
    parser.add_argument(
        "--config", nargs="+", default=[], metavar="KEY=VALUE", help="settings (default: those of the last run)"
    )
    parser.add_argument("--directory", help="the clone with config.yaml and workflow (default: that of the last run)")
    parser.add_argument("--all", action="store_true", help="list every training, not the last of each method")
    parser.add_argument("--follow", action="store_true", help="show it anew until the run ends (Ctrl-C: stop looking)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments):
    """Print the status; the exit status is 1 if a job has failed or the run was killed."""
    watched = Watched(arguments.study, arguments.configfile, arguments.config, arguments.directory)
    result = follow(watched, sys.stderr) if arguments.follow else watched.status()
    print(json.dumps(result, indent=2) if arguments.json else text(result, time.time(), arguments.all))
    return 1 if result["failed"] or result["state"] in ("failed", "killed") else 0
