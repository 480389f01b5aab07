"""Take results for what the present code would make, after an edit that cannot have changed them."""

from prunesim.audit.accept import accept


def add_arguments(parser):
    parser.add_argument("study", help="results/<study>, in the clone whose code was edited")
    parser.add_argument(
        "--why", required=True, help="the reason, which the provenance of the study keeps beside each artifact"
    )


def run(arguments):
    counts = accept(arguments.study, arguments.why)
    if not counts:
        print(f"{arguments.study}: made by the present code, nothing to accept")
        return
    kinds = ", ".join(f"{count} of {verb}" for verb, count in sorted(counts.items()))
    print(f"{arguments.study}: {sum(counts.values())} artifacts accepted ({kinds})")
