"""``prunesim robustness``: accuracy of the networks of a study under further pruning and on corrupted images."""

from pathlib import Path

from prunesim.errors import PrunesimError
from prunesim.results.opened import open_study
from prunesim.results.robustness import COLUMNS, SEVERITIES, SHARES, robustness_rows
from prunesim.storage.csvfiles import write_rows


def add_arguments(parser):
    """Declare the arguments."""
    parser.add_argument("study", help="results/<study>, finished or not")
    parser.add_argument("--replicate", type=int, nargs="+", metavar="N", help="only these (default: all)")
    parser.add_argument("--method", nargs="+", metavar="NAME", help="only these; dense is one (default: all)")
    parser.add_argument("--round", type=int, nargs="+", metavar="N", help="only these; dense is 0 (default: all)")
    shares = ",".join(f"{share:g}" for share in SHARES)
    parser.add_argument(
        "--densities",
        type=lambda text: _numbers(text, float),
        default=SHARES,
        metavar="LIST",
        help=f"shares of the remaining weights to keep, or none (default {shares})",
    )
    parser.add_argument(
        "--severities",
        type=lambda text: _numbers(text, int),
        default=SEVERITIES,
        metavar="LIST",
        help=f"of the corruptions, 0 for the images as they are, or none (default {','.join(map(str, SEVERITIES))})",
    )
    parser.add_argument("--output", required=True, metavar="FILE.csv", help="table to write")
    parser.add_argument("--figure", metavar="FILE.png", help="figure to write, as PNG and, beside it, as SVG")


def run(arguments):
    """Write the table, and the figure if one is asked for."""
    output, figure = Path(arguments.output), arguments.figure and Path(arguments.figure)
    if output.suffix != ".csv":
        raise PrunesimError(f"--output is {output}; a name that ends in .csv is right.")
    if figure and figure.suffix not in (".png", ".svg"):
        raise PrunesimError(f"--figure is {figure}; a name that ends in .png or .svg is right.")
    rows = robustness_rows(
        open_study(arguments.study),
        arguments.densities,
        arguments.severities,
        replicates=arguments.replicate,
        methods=arguments.method,
        rounds=arguments.round,
    )
    write_rows(output, COLUMNS, rows)
    networks = len({tuple(row[key] for key in COLUMNS[:3]) for row in rows})
    print(f"{output}: {len(rows)} accuracies of {networks} networks")
    if figure:
        from prunesim.figures import plotted, robustness, style
        from prunesim.results.reading import read_whole_table

        files = figure.with_suffix(".svg"), figure.with_suffix(".png")
        settings = {"context": "paper", "dpi": 200}
        shown = robustness.rows({"robustness": read_whole_table(output)}, settings)
        style.render(plotted.drawing_of(robustness.draw), shown, settings, *files, title="robustness")
        print(*files, sep="\n")


def _numbers(text, kind):
    """Return the numbers of a list such as ``1,0.5``; ``1..5`` is short for whole numbers, ``none`` is an empty one."""
    if text == "none":
        return []
    numbers = []
    for word in text.split(","):
        first, dots, last = word.partition("..")
        numbers += range(int(first), int(last) + 1) if dots and kind is int else [kind(word)]
    return numbers
