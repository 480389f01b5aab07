"""Pack a finished study into one file."""

import os

from prunesim.archive.packing import CONTENTS
from prunesim.archive.study import archive_study


def add_arguments(parser):
    parser.add_argument("study", help="results/<study>")
    parser.add_argument("--output", required=True, metavar="FILE", help="the .tar.gz file to write")
    parser.add_argument(
        "--contents",
        choices=CONTENTS,
        default="all",
        help="results leaves images and weights out; figures keeps only tables, figures, explorer and provenance",
    )
    parser.add_argument(
        "--configfile", nargs="+", default=[], metavar="FILE", help="as Snakemake was given for the study"
    )
    parser.add_argument("--config", nargs="+", default=[], metavar="KEY=VALUE", help="as Snakemake was given")


def run(arguments):
    manifest = archive_study(
        arguments.study, arguments.output, arguments.contents, arguments.configfile, arguments.config
    )
    megabytes = os.path.getsize(arguments.output) / 1e6
    print(
        f"{arguments.output}: {len(manifest['files'])} files of {arguments.study} ({arguments.contents}), "
        f"{megabytes:.1f} MB; restore it in a clone with prunesim restore"
    )
