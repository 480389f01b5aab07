"""Print how alike representation, function and connectivity rank the rounds of each method."""

from pathlib import Path

from prunesim.results.reading import read_table
from prunesim.results.triangle import rank_correlations, three_views


def add_arguments(parser):
    parser.add_argument(
        "study", help="results/<study>, with lines from the dense network (connectivity.pairs: [dense])"
    )
    parser.add_argument("--measure", default="cca_mean", help="of similarity between layers (default cca_mean)")
    parser.add_argument("--rounds", action="store_true", help="print the three views of each round instead")


def run(arguments):
    folder = Path(arguments.study) / "tables"
    tables = [read_table(folder, name) for name in ("similarity", "networks", "connectivity")]
    views = three_views(*tables, arguments.measure)
    print((views if arguments.rounds else rank_correlations(views)).to_csv(index=False, float_format="%.6g"), end="")
