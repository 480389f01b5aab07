"""The readers of original files, by source.

They are named here, not imported, so that converting one data set does not depend on the readers of the others.
"""

import importlib

# Each module has a function ``read`` that takes the checked settings, an empty working folder, the published
# checksums of the source and a log of lines, and returns a `prunesim.datasets.source.Source`.
READERS = {
    "digits": "prunesim.datasets.digits",
    "mnist": "prunesim.datasets.idx",
    "fashion_mnist": "prunesim.datasets.idx",
    "kmnist": "prunesim.datasets.idx",
    "cifar10": "prunesim.datasets.cifar",
    "cifar100": "prunesim.datasets.cifar",
    "svhn": "prunesim.datasets.svhn",
    "image_folder": "prunesim.datasets.image_folder",
}


def reader(source):
    """Return the function that reads the original files of a source."""
    return importlib.import_module(READERS[source]).read
