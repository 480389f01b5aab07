"""Write one network of a study without the filters that pruning has emptied."""

from prunesim.commands.export import add_arguments as add_export_arguments
from prunesim.results.opened import open_study
from prunesim.results.shrinking import shrink_network


def add_arguments(parser):
    add_export_arguments(parser)


def run(arguments):
    written, report = shrink_network(
        open_study(arguments.study),
        arguments.output,
        replicate=arguments.replicate,
        method=arguments.method,
        round=arguments.round,
    )
    for line in report:
        print(line)
    for path in written:
        print(path)
