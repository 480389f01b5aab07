"""Draw the best unit of each concept of a network of a study."""

from prunesim.figures import concept_sheet, style
from prunesim.results.concept_examples import load_examples
from prunesim.results.reading import parse_settings


def add_arguments(parser):
    parser.add_argument("--network", required=True, help="its name in the figure")
    parser.add_argument("--examples", required=True, metavar="FOLDER", help="what `prunesim dissect` wrote of it")
    parser.add_argument("--settings", required=True, metavar="JSON", help="threshold, context, dpi")
    parser.add_argument("--svg", required=True, metavar="FILE", help="SVG file to write")
    parser.add_argument("--png", required=True, metavar="FILE", help="PNG file to write")


def run(arguments):
    settings = parse_settings(arguments.settings, ["threshold", "context", "dpi"])
    tables = {"units": load_examples(arguments.examples, settings["threshold"]), "network": arguments.network}
    style.render(concept_sheet.draw, tables, settings, arguments.svg, arguments.png, title="concept sheet")
