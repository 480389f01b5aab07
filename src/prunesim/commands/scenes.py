"""``prunesim scenes``: scenes with pixel-wise concepts, of the size that the networks of a study take."""

from prunesim.datasets.concept_folder import write_annotated
from prunesim.datasets.scenes import categories, compose, digits, things
from prunesim.errors import PrunesimError
from prunesim.results.opened import open_study


def add_arguments(parser):
    """Declare the arguments."""
    parser.add_argument("--study", required=True, metavar="FOLDER", help="results/<study>, whose networks see them")
    parser.add_argument("--count", type=int, default=500, help="scenes (default 500)")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    parser.add_argument(
        "--multiple", type=int, default=1, help="canvas and things so many times as high and wide (default 1)"
    )
    parser.add_argument(
        "--objects", choices=("digits", "study"), default="digits", help="scikit-learn's digits, or the test images"
    )
    parser.add_argument("--output", required=True, metavar="FOLDER", help="folder to write; must not be there")


def run(arguments):
    """Write the folder."""
    for name in ("count", "multiple"):
        if getattr(arguments, name) < 1:
            raise PrunesimError(f"--{name} is {getattr(arguments, name)}; 1 or more is right.")
    study = open_study(arguments.study)
    about = study.description()
    if arguments.objects == "digits":
        images, labels, classes = digits()
    else:
        images, labels = things(*study.pixels("test"), study.name)
        classes = [str(name) for name in about["classes"]]
    known = categories(classes, about["shape"][2])
    scenes = compose(arguments.count, tuple(about["shape"]), images, labels, arguments.seed, arguments.multiple)
    how = {"made by": "prunesim scenes", "study": study.name}
    how |= {name: getattr(arguments, name) for name in ("count", "seed", "multiple", "objects")}
    count = write_annotated(arguments.output, scenes, known, how)
    listed = ", ".join(f"{len(labels)} of {category}" for category, labels in known.items())
    print(f"{arguments.output}: {count} scenes; concepts: {listed}")
