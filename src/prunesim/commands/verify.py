"""Check the artifacts of a study."""

from prunesim.audit.network_checks import vanished_layers
from prunesim.audit.verify import verify_study


def add_arguments(parser):
    parser.add_argument("study", help="results/<study>")


def run(arguments):
    problems, counts = verify_study(arguments.study)
    for problem in problems:
        print(problem)
    read = ", ".join(f"{count} {name}" for name, count in counts.items())
    print(f"{arguments.study}: {read} checked; {len(problems) or 'no'} problem{'s' * (len(problems) != 1)} found")
    for note in vanished_layers(arguments.study):
        print(note)
    if counts.get("given networks"):
        print(
            f"{counts['given networks']} networks were made elsewhere: pruned weights of theirs must be zero, "
            "counts and checksums right, but not that masks are nested or remove an exact number."
        )
    return 1 if problems else 0
