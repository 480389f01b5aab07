"""``prunesim explore``: one HTML file in which the tables of a study, or of two, are explored."""

from pathlib import Path

from prunesim.explorer.page import named, write_explorer


def add_arguments(parser):
    """Declare the arguments."""
    parser.add_argument("studies", nargs="+", metavar="STUDY", help="results/<study>, or two of them side by side")
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="HTML file to write; STUDY/explorer.html for one study, explorer-A-B.html in this folder for two",
    )


def run(arguments):
    """Write the page."""
    studies = named(arguments.studies)
    one = Path(arguments.studies[0]) / "explorer.html"
    two = Path(f"explorer-{'-'.join(path.resolve().name for path in studies.values())}.html")
    output = arguments.output or (one if len(studies) == 1 else two)
    size = write_explorer(arguments.studies, output)
    print(f"{output}: {' and '.join(studies)}, {size / 1e6:.1f} MB; open it in a browser")
