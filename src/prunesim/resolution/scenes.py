"""Whether scenes can be made of the images of a study, as far as its config says."""

from prunesim.datasets.known import PUBLISHED
from prunesim.study.words import refuse

# `prunesim.datasets.scenes.LEAST_QUADRANT`, which is not imported since it needs NumPy.
LEAST_SIDE = 8


def check_scenes(config):
    """Refuse scenes of images in colour, and such as are too small for four things.

    Of a folder of images nothing is known before it is read; the job that makes scenes refuses those.

    Raises
    ------
    PrunesimError
    """
    asked, dataset = config["concepts"], config["dataset"]
    source = dataset["source"] or dataset["name"]
    if asked["source"] != "scenes" or source not in PUBLISHED:
        return
    _, _, channels, *size, _ = PUBLISHED[source]
    problems = []
    if asked["objects"] == "dataset" and channels == 3:
        problems.append(
            f"concepts.objects is dataset, but the images of {dataset['name']} are in colour, so what in them is the "
            "thing and what the background cannot be told; take digits."
        )
    side = min(dataset["resize"] or size)
    if side * asked["multiple"] < LEAST_SIDE:
        problems.append(
            f"concepts.multiple is {asked['multiple']}, which makes scenes of {side * asked['multiple']} pixels, too "
            f"few for four things; take at least {-(-LEAST_SIDE // side)}."
        )
    refuse(problems)
