"""Write one network of a study as a file that is read without prunesim."""

from prunesim.results.exporting import FORMATS, export_network
from prunesim.results.opened import open_study


def add_arguments(parser):
    parser.add_argument("study", help="results/<study>")
    parser.add_argument("--replicate", type=int, default=0, help="default 0")
    parser.add_argument("--method", default="dense", help="default dense")
    parser.add_argument("--round", type=int, default=0, help="default 0, the dense network")
    formats = "; ".join(f"{ending}: {what}" for ending, what in FORMATS.items())
    parser.add_argument("--output", required=True, metavar="FILE", help=f"{formats}; its model card lies beside it")


def run(arguments):
    written = export_network(
        open_study(arguments.study),
        arguments.output,
        replicate=arguments.replicate,
        method=arguments.method,
        round=arguments.round,
    )
    for path in written:
        print(path)
