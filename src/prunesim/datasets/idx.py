"""MNIST, Fashion-MNIST and Kuzushiji-MNIST: four idx files, packed with gzip or not."""

import math
import struct

from prunesim.datasets import originals
from prunesim.datasets.source import Source, array_split, folder_of_originals, origin_of_files, record, verify
from prunesim.errors import PrunesimError

TORCHVISION_CLASSES = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "kmnist": "KMNIST"}
PREFIXES = {"train": "train", "test": "t10k"}
KINDS = {"images": ("images-idx3-ubyte", 3), "labels": ("labels-idx1-ubyte", 1)}


def read(settings, work, known, log):
    """Copy, check and read the four files; torchvision's class does the reading."""
    from torchvision import datasets

    dataset = getattr(datasets, TORCHVISION_CLASSES[settings["source"]])
    names = [f"{prefix}-{kind}.gz" for prefix in PREFIXES.values() for kind, _ in KINDS.values()]
    urls = {name: [mirror + name for mirror in dataset.mirrors] for name in names}
    folder, served = folder_of_originals(settings, urls, work, known, log)
    raw = work / dataset.__name__ / "raw"
    raw.mkdir(parents=True)
    files = []
    for prefix in PREFIXES.values():
        found = {}
        for kind, (ending, dimensions) in KINDS.items():
            stem = f"{prefix}-{ending}"
            path = _find(folder, dataset.__name__, stem)
            packed = path.suffix == ".gz"
            count, digests = copy_idx(path, packed, raw / stem, dimensions)
            original = {"sha256": originals.sha256(path)} if packed else digests
            # The unpacked content counts where its checksum is known: there are several ways to pack it.
            if stem in known or not packed:
                verified = verify(path, digests, known.get(stem), settings, log)
            else:
                verified = verify(path, original, known.get(f"{stem}.gz"), settings, log)
            files.append(record(path, folder, original["sha256"], verified, served))
            found[kind] = path, count
        (images, image_count), (labels, label_count) = found["images"], found["labels"]
        if image_count != label_count:
            raise PrunesimError(
                f"{labels} has {label_count} labels but {images} has {image_count} images; "
                "the two must come from the same data set."
            )
    splits = {}
    for split in PREFIXES:
        loaded = dataset(work, train=split == "train")
        splits[split] = array_split(split, loaded.data.numpy()[..., None], loaded.targets.numpy())
    return Source(list(dataset.classes), splits, lambda: origin_of_files(settings, served, files))


def copy_idx(path, packed, target, dimensions):
    """Copy an idx file, unpacked, and check its header against its size.

    Parameters
    ----------
    path : pathlib.Path
    packed : bool
        Whether it is gzip.
    target : pathlib.Path
    dimensions : int
        3 for images, 1 for labels; the values are unsigned bytes.

    Returns
    -------
    count : int
        Number of images or labels.
    digests : dict of str to str
        Of the unpacked content.

    Raises
    ------
    PrunesimError
        If the file is truncated, longer than its header says, empty, or no idx file of this kind.
    """
    pieces = originals.chunks(path, packed)
    first = next(pieces, b"")
    header = 4 + 4 * dimensions
    if first[:4] != bytes((0, 0, 8, dimensions)) or len(first) < header:
        raise PrunesimError(f"{path} is not an idx file of bytes in {dimensions} dimension(s); get the file again.")
    shape = struct.unpack(f">{dimensions}I", first[4:header])
    expected = header + math.prod(shape)
    if expected == header:
        raise PrunesimError(f"{path} is empty: its header gives the shape {shape}.")
    size = 0

    def bounded():
        nonlocal size
        piece = first
        while piece:
            size += len(piece)
            # Stops here, not at the end: a small gzip file can unpack to any size.
            if size > expected:
                raise PrunesimError(f"{path} has more than the {expected} bytes of the shape {shape} in its header.")
            yield piece
            piece = next(pieces, b"")

    digests = originals.write_hashed(bounded(), target)
    if size < expected:
        raise PrunesimError(
            f"{path} is truncated: its header gives the shape {shape}, {expected} bytes, but there are {size}."
        )
    return shape[0], digests


def _find(folder, name, stem):
    # Some copies of MNIST have a dot where the published name has a hyphen.
    candidates = [plain + packing for packing in (".gz", "") for plain in (stem, stem.replace("-idx", ".idx"))]
    return originals.find(folder, ("", "raw", name, f"{name}/raw"), candidates)
