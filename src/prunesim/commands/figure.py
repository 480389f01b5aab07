"""``prunesim figure``: draw one figure from the tables of a study."""

import importlib

from prunesim.figures import plotted, style
from prunesim.figures.catalogue import FIGURES
from prunesim.results.reading import parse_settings, read_table


def add_arguments(parser):
    """Declare the arguments."""
    parser.add_argument("name", choices=list(FIGURES), metavar="NAME", help=f"one of {', '.join(FIGURES)}")
    parser.add_argument("--tables", required=True, metavar="DIR", help="folder of networks.csv, similarity.csv, ...")
    parser.add_argument(
        "--settings", required=True, metavar="JSON", help="the section figures of the config that this figure uses"
    )
    parser.add_argument("--svg", required=True, metavar="FILE", help="SVG file to write")
    parser.add_argument("--png", required=True, metavar="FILE", help="PNG file to write")
    parser.add_argument("--csv", required=True, metavar="FILE", help="table to write, of exactly the numbers drawn")
    parser.add_argument("--pdf", nargs="?", metavar="FILE", help="PDF file to write, if any")


def run(arguments):
    """Draw the figure and write its files."""
    entry = FIGURES[arguments.name]
    settings = parse_settings(arguments.settings, entry["settings"], optional=("width",))
    tables = {name: read_table(arguments.tables, name) for name in entry["tables"]}
    # By name, so that a figure does not depend on the modules of the others.
    module = importlib.import_module(entry["module"])
    shown = module.rows(tables, settings)
    files = (arguments.svg, arguments.png)
    style.render(plotted.drawing_of(module.draw), shown, settings, *files, title=arguments.name, pdf=arguments.pdf)
    plotted.write_plotted(shown.rows, arguments.csv)
