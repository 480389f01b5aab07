"""Print the name of the study that a config describes, for scripts and the Makefile."""

from prunesim.resolution.overlays import read_config


def add_arguments(parser):
    parser.add_argument("--configfile", nargs="+", default=[], metavar="FILE", help="overlays, as for snakemake")
    parser.add_argument("--config", nargs="+", default=[], metavar="KEY=VALUE", help="as for snakemake")
    parser.add_argument("--directory", default=".", help="the clone with config.yaml and workflow (default: here)")


def run(arguments):
    print(read_config(arguments.directory, arguments.configfile, arguments.config, network=False)["study"])
