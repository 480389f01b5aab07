"""``prunesim report``: one HTML file that tells what a finished study found."""

from pathlib import Path

from prunesim.archive.due import rule_graph
from prunesim.errors import PrunesimError
from prunesim.report.report import write_report
from prunesim.resolution.overlays import read_config


def add_arguments(parser):
    """Declare the arguments."""
    parser.add_argument("study", help="results/<study>")
    parser.add_argument("--output", metavar="FILE", help="HTML file to write (default: report.html in the study)")
    parser.add_argument(
        "--configfile", nargs="+", default=[], metavar="FILE", help="as Snakemake was given for the study"
    )
    parser.add_argument("--config", nargs="+", default=[], metavar="KEY=VALUE", help="as Snakemake was given")


def run(arguments):
    """Write the report."""
    study, root = Path(arguments.study), Path()
    config = read_config(root, arguments.configfile, arguments.config)
    if config["study"] != study.resolve().name:
        raise PrunesimError(
            f"The config describes the study {config['study']!r}, not {study}; give its --configfile and --config."
        )
    graph = rule_graph(root, arguments.configfile, arguments.config)
    output = arguments.output or study / "report.html"
    size = write_report(study, config, root, graph, output)
    print(f"{output}: {size / 1e6:.1f} MB; open it in a browser")
