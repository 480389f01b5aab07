"""Compare two studies artifact by artifact."""

from prunesim.audit.diff import diff_studies


def add_arguments(parser):
    parser.add_argument("first", metavar="A", help="results/<study>")
    parser.add_argument("second", metavar="B", help="the other study")


def run(arguments):
    differences, counts = diff_studies(arguments.first, arguments.second)
    for line in differences:
        print(line)
    left_out = f", {counts['left_out']} that were left out of an archive are not" if counts["left_out"] else ""
    found = f"{len(differences)} differ" if differences else "all are the same"
    print(f"{counts['compared']} artifacts of {arguments.first} and {arguments.second} compared{left_out}; {found}")
    return 1 if differences else 0
