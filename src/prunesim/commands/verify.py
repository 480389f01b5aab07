"""Check the artifacts of a study."""

from prunesim.audit.verify import verify_study


def add_arguments(parser):
    parser.add_argument("study", help="results/<study>")


def run(arguments):
    problems, counts = verify_study(arguments.study)
    for problem in problems:
        print(problem)
    read = ", ".join(f"{count} {name}" for name, count in counts.items())
    print(f"{arguments.study}: {read} checked; {len(problems) or 'no'} problem{'s' * (len(problems) != 1)} found")
    return 1 if problems else 0
