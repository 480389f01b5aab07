"""CIFAR-10 and CIFAR-100: the archive for Python, or the folder of batches that it unpacks to.

The batches are pickles, which could run code when they are opened. Two things stand against that, and either is enough:
no file is opened before its checksum was found to be the published one, whatever the name of the data set; and it is
then read as plain data (`prunesim.datasets.pickled`). Names, addresses and layout are those of torchvision's classes.
"""

import tarfile
import zlib

import numpy as np

from prunesim.datasets import originals, pickled
from prunesim.datasets.source import Source, array_split, folder_of_originals, origin_of_files, record
from prunesim.errors import PrunesimError

TORCHVISION_CLASSES = {"cifar10": "CIFAR10", "cifar100": "CIFAR100"}
LABELS = {"cifar10": "labels", "cifar100": "fine_labels"}
SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32
ADVICE = "its content is pickled and could run code, so only the published file is opened; get it again"


def read(settings, work, known, log):
    """Copy, check and read the batches."""
    from torchvision import datasets

    dataset = getattr(datasets, TORCHVISION_CLASSES[settings["source"]])
    train, test = ([name for name, _ in batches] for batches in (dataset.train_list, dataset.test_list))
    names = [*train, *test, dataset.meta["filename"]]
    folder, served = folder_of_originals(settings, {dataset.filename: [dataset.url]}, work, known, log)
    target = work / dataset.base_folder
    target.mkdir()
    if place := _complete_place(folder, (dataset.base_folder, ""), names):
        files = _copy_batches(folder, place, names, target, known, served)
    else:
        archive = _find_archive(folder, dataset.filename, dataset.base_folder, names)
        sha256 = originals.sha256(archive)
        originals.check(archive, {"sha256": sha256}, known[archive.name], ADVICE)
        unpack(archive, dataset.base_folder, names, target, known)
        files = [record(archive, folder, sha256, True, served)]
    for entry in files:
        log(f"{folder / entry['file']}: checksum as published")

    classes = read_classes(target / dataset.meta["filename"], dataset.meta["key"])
    splits = {
        split: array_split(split, *read_batches([target / name for name in batches], LABELS[settings["source"]]))
        for split, batches in (("train", train), ("test", test))
    }
    return Source(classes, splits, lambda: origin_of_files(settings, served, files) | {"reader": "prunesim"})


def read_batches(paths, key):
    """Return the images (uint8, N x 32 x 32 x 3) and labels of some batches.

    Parameters
    ----------
    paths : list of pathlib.Path
    key : str
        What the labels are called in them.

    Raises
    ------
    PrunesimError
        If a file is not a batch of images and labels.
    """
    images, labels = [], []
    for path in paths:
        batch = pickled.load_dict(path)
        data, numbers = batch.get("data"), batch.get(key)
        if not isinstance(data, np.ndarray) or data.shape[1:] != (PIXELS,):
            raise PrunesimError(f"{path.name} has no array `data` of {PIXELS} bytes an image; get the file again.")
        if not _are_labels(numbers, len(data)):
            raise PrunesimError(f"{path.name} has no list `{key}` of {len(data)} labels; get the file again.")
        images.append(data)
        labels += numbers
    pixels = np.concatenate(images).reshape(-1, *SHAPE).transpose(0, 2, 3, 1)
    return pixels, np.array(labels, np.int64)


def _are_labels(numbers, count):
    return isinstance(numbers, list) and len(numbers) == count and all(type(n) is int and 0 <= n < 100 for n in numbers)


def read_classes(path, key):
    """Return the names of the classes, in the order of the labels."""
    names = pickled.load_dict(path).get(key)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise PrunesimError(f"{path.name} has no list `{key}` of names; get the file again.")
    return names


def unpack(archive, base_folder, names, target, known):
    """Copy the named batches out of a tar archive and check them.

    Only contents are taken, under names that are given here, so nothing in the archive chooses where it is written.
    """
    wanted = {f"{base_folder}/{name}": name for name in names}
    try:
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                if member.isreg() and member.name in wanted:
                    name = wanted.pop(member.name)
                    content = tar.extractfile(member)
                    pieces = iter(lambda content=content: content.read(originals.CHUNK_BYTES), b"")
                    digests = originals.write_hashed(pieces, target / name)
                    originals.check(f"{archive}: {member.name}", digests, known[name], ADVICE)
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise PrunesimError(f"{archive} is truncated or damaged ({error}); get the file again.") from error
    if wanted:
        raise PrunesimError(f"{archive} has no {', '.join(wanted)}; get the file again.")


def _complete_place(folder, places, names):
    return next((folder / place for place in places if all((folder / place / name).is_file() for name in names)), None)


def _find_archive(folder, filename, base_folder, names):
    if (folder / filename).is_file():
        return folder / filename
    raise PrunesimError(
        f"Neither {filename} nor all of {', '.join(names)} were found in {folder} or {folder / base_folder}; "
        "dataset.path must be the folder that has them."
    )


def _copy_batches(folder, place, names, target, known, served):
    files = []
    for name in names:
        digests = originals.write_hashed(originals.chunks(place / name), target / name)
        originals.check(place / name, digests, known[name], ADVICE)
        files.append(record(place / name, folder, digests["sha256"], True, served))
    return files
