"""The readers of original files, by source."""

from prunesim.datasets.cifar import read_cifar
from prunesim.datasets.digits import read_digits
from prunesim.datasets.idx import read_idx
from prunesim.datasets.image_folder import read_image_folder
from prunesim.datasets.svhn import read_svhn

# Each takes the checked settings, an empty working folder, the published checksums of the source and a log of lines,
# and returns a `prunesim.datasets.source.Source`.
READERS = {
    "digits": read_digits,
    "mnist": read_idx,
    "fashion_mnist": read_idx,
    "kmnist": read_idx,
    "cifar10": read_cifar,
    "cifar100": read_cifar,
    "svhn": read_svhn,
    "image_folder": read_image_folder,
}
