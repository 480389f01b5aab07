"""What the jobs take that look at networks once more: with fewer weights, on worse images, on images with concepts."""

from prunesim.networks.spec import DUMPED

# Concepts of scenes and of a folder whose size is not known; images of that folder.
CONCEPTS, FOLDER_IMAGES = 24, 1000


def degraded_images(asked, images):
    """Return how many images a network is run over that is evaluated with fewer weights and on worse images.

    Parameters
    ----------
    asked : dict
        From `prunesim.study.looks.robustness_of`.
    images : prunesim.forecast.images.Images
    """
    changed = sum(share < 1 for share in asked["shares"])
    changed += len(asked["corruptions"]) * sum(severity > 0 for severity in asked["severities"])
    return images.test * (1 + changed)


def concept_images(config, images):
    """Return how many images with concepts there are, and their pixels; of a folder neither is known beforehand."""
    asked, pixels = config["concepts"], images.shape[1] * images.shape[2]
    if asked["source"] == "folder":
        return FOLDER_IMAGES, pixels
    return asked["count"], pixels * asked["multiple"] ** 2


def annotated_bytes(config, images):
    """Return the size of the arrays of images with concepts: channels, and five categories."""
    count, pixels = concept_images(config, images)
    return count * pixels * (images.shape[0] + 5)


def dissected_units(config, profile):
    """Return about how many units are looked at: there are as many convolutions as dumped maps after them."""
    mapped = [shape[0] for shape in profile.layers.values() if len(shape) == 3]
    return sum(mapped) * max(1, len(set(config["concepts"]["layers"]) & {"conv", *DUMPED}))


def dissecting_work(config, pixels, units):
    """Return the work of counting: every pixel of every unit is resampled, and held against each concept and draw."""
    looks = 1 + config["concepts"]["draws"]
    return {"resampled": pixels * units, "held": pixels * units * CONCEPTS * looks, "labelled": pixels * looks}
