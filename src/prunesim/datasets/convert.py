"""From original files to the arrays of a study."""

import contextlib
import math
import tempfile
from pathlib import Path

import numpy as np

from prunesim.datasets.known import KNOWN
from prunesim.datasets.readers import reader
from prunesim.datasets.settings import check_settings
from prunesim.errors import PrunesimError
from prunesim.storage.files import atomic_path, sha256_file, write_error, write_json
from prunesim.study.seeds import derive_seed

SPLITS = ("train", "test")
BUFFER_BYTES = 1 << 22


def fetch(settings, output, known=KNOWN, log=print):
    """Read a data set, convert it, and write its arrays and ``dataset.json``.

    Parameters
    ----------
    settings : dict
        The ``dataset`` section of the config.
    output : path-like
        Folder for ``{train,test}_images.npy`` (uint8, N x H x W x C), ``{train,test}_labels.npy`` (int64, N) and
        ``dataset.json``, which is written last.
    known : dict of str to dict
        Published checksums by source; tests bring their own.
    log : callable
        Takes a line.

    Returns
    -------
    dict
        The content of ``dataset.json``.

    Raises
    ------
    PrunesimError
        If the data are missing, damaged or not what they should be, or cannot be written. What was in `output`
        before is then still there.
    """
    settings = check_settings(settings)
    output = Path(output)
    with _working_folder(output) as work:
        source = reader(settings["source"])(settings, work, known.get(settings["source"], {}), log)
        chosen = {split: _choose(source, split, settings["subset"]) for split in SPLITS}
        with contextlib.ExitStack() as files:
            sha256, shapes = {}, {}
            for split in SPLITS:
                half, indices = source.splits[split], chosen[split]
                names = f"{split}_images.npy", f"{split}_labels.npy"
                images, labels = (files.enter_context(atomic_path(output / name)) for name in names)
                with _naming(output / names[0]):
                    histogram, shapes[split] = write_images(images, half, indices, settings)
                with _naming(output / names[1]):
                    write_npy(labels, half.labels[indices])
                sha256 |= {names[0]: sha256_file(images), names[1]: sha256_file(labels)}
                if split == "train":
                    mean, std = mean_and_std(histogram)
            if shapes["train"] != shapes["test"]:
                raise PrunesimError(
                    f"The training images have the shape {shapes['train']} but the test images {shapes['test']}; "
                    "set dataset.resize to [height, width], or dataset.channels to 1 or 3."
                )
            # It describes the arrays that are about to be replaced.
            (output / "dataset.json").unlink(missing_ok=True)
    counts = {
        split: np.bincount(source.splits[split].labels[chosen[split]], minlength=len(source.classes))
        for split in SPLITS
    }
    description = {
        "name": settings["name"],
        "source": settings["source"],
        "classes": source.classes,
        "shape": list(shapes["train"]),
        "counts": {split: int(counts[split].sum()) for split in SPLITS},
        "class_counts": {split: counts[split].tolist() for split in SPLITS},
        "mean": mean,
        "std": std,
        "sha256": sha256,
        "origin": source.origin() | {key: settings[key] for key in ("resize", "channels", "subset")},
    }
    write_json(output / "dataset.json", description)
    log(f"{output}: {description['counts']['train']} training and {description['counts']['test']} test images")
    return description


def balanced_subset(labels, classes, count, seed):
    """Choose images so that the classes are as even as the data allow.

    Every class gives the same number, or all it has if that is fewer; what then remains comes from
    one image more of some classes. A smaller subset with the same seed is part of a larger one.

    Parameters
    ----------
    labels : numpy.ndarray
        In [0, classes), shape (images,).
    classes : int
    count : int
        At most the number of images.
    seed : int

    Returns
    -------
    numpy.ndarray
        `count` ascending indices.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(classes)
    available = np.bincount(labels, minlength=classes)
    level = 0
    while np.minimum(available, level + 1).sum() <= count and level < available.max():
        level += 1
    quota = np.minimum(available, level)
    larger = order[available[order] > level]
    quota[larger[: count - quota.sum()]] += 1
    members = (rng.permutation(np.flatnonzero(labels == label)) for label in range(classes))
    return np.sort(np.concatenate([taken[:n] for taken, n in zip(members, quota, strict=True)]))


def convert_image(image, channels, resize):
    """Return an image with the channels and size that the settings ask for.

    Parameters
    ----------
    image : numpy.ndarray
        uint8, H x W x 1 or H x W x 3.
    channels : int or None
        1 makes colour grey by its luma (ITU-R BT.601), 3 repeats grey; None keeps what there is.
    resize : sequence of int or None
        Height and width; bilinear with antialiasing, without keeping the proportions.

    Returns
    -------
    numpy.ndarray
        uint8, H x W x C.
    """
    to_grey = channels == 1 and image.shape[2] == 3
    if to_grey or (resize is not None and tuple(resize) != image.shape[:2]):
        from PIL import Image

        picture = Image.fromarray(np.ascontiguousarray(image if image.shape[2] == 3 else image[..., 0]))
        if to_grey:
            picture = picture.convert("L")
        if resize is not None:
            picture = picture.resize((resize[1], resize[0]), Image.Resampling.BILINEAR)
        image = np.asarray(picture).reshape(picture.height, picture.width, -1)
    return np.repeat(image, 3, axis=2) if channels == 3 and image.shape[2] == 1 else image


def write_images(path, split, indices, settings):
    """Convert the chosen images of a split one by one and write them as one ``.npy`` file.

    Parameters
    ----------
    path : path-like
    split : prunesim.datasets.source.Split
    indices : numpy.ndarray
    settings : dict
        ``channels`` and ``resize`` are used.

    Returns
    -------
    histogram : numpy.ndarray
        int64, channels x 256: how often each value occurs.
    shape : tuple of int
        Of one image.
    """

    def converted(index):
        return convert_image(split.image(index), settings["channels"], settings["resize"])

    first = converted(indices[0])
    shape = first.shape
    histogram = np.zeros((shape[2], 256), dtype=np.int64)
    buffer = np.empty((max(1, BUFFER_BYTES // first.size), *shape), dtype=np.uint8)

    def blocks():
        for start in range(0, len(indices), len(buffer)):
            block = buffer[: len(indices) - start]
            for offset in range(len(block)):
                position = start + offset
                image = converted(indices[position]) if position else first
                if image.shape != shape:
                    raise PrunesimError(_difference(split, indices[0], shape, indices[position], image.shape))
                block[offset] = image
            for channel in range(shape[2]):
                histogram[channel] += np.bincount(block[..., channel].ravel(), minlength=256)
            yield block

    write_npy_blocks(path, np.dtype(np.uint8), (len(indices), *shape), blocks())
    return histogram, shape


def mean_and_std(histogram):
    """Return mean and standard deviation of each channel for images scaled to [0, 1].

    Parameters
    ----------
    histogram : numpy.ndarray
        channels x 256 counts. The sums are whole numbers, so the result does not depend on any order.

    Returns
    -------
    mean, std : list of float
    """
    mean, std = [], []
    for counts in histogram.tolist():
        n = sum(counts)
        total = sum(value * count for value, count in enumerate(counts))
        squares = sum(value * value * count for value, count in enumerate(counts))
        mean.append(total / (255 * n))
        std.append(math.sqrt(n * squares - total * total) / (255 * n))
    return mean, std


def write_npy(path, array):
    """Write one array as ``.npy``."""
    write_npy_blocks(path, array.dtype, array.shape, [array])


def write_npy_blocks(path, dtype, shape, blocks):
    """Write blocks of rows as one ``.npy`` file.

    Plain writes: on a full disk a memory map would end the program with a signal instead of an error.
    """
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for block in blocks:
            file.write(np.ascontiguousarray(block))


def _choose(source, split, subset):
    """Return the ascending indices of the images to take, after checking the labels."""
    labels, classes = source.splits[split].labels, len(source.classes)
    wrong = labels[(labels < 0) | (labels >= classes)]
    if wrong.size:
        raise PrunesimError(
            f"The {split} labels hold the value {wrong[0]}; the {classes} classes are numbered from 0 to {classes - 1}."
        )
    wanted = subset and subset[split]
    if not wanted:
        return np.arange(labels.size)
    if wanted > labels.size:
        raise PrunesimError(
            f"dataset.subset.{split} is {wanted}, but there are only {labels.size} {split} images; take fewer."
        )
    if wanted < classes:
        raise PrunesimError(
            f"dataset.subset.{split} is {wanted}, but there are {classes} classes; give at least one image of each."
        )
    return balanced_subset(labels, classes, wanted, derive_seed(subset["seed"], "subset", split))


def _difference(split, index, shape, other_index, other_shape):
    sentence = f"{split.describe(other_index)} has the shape {other_shape} but {split.describe(index)} has {shape}"
    if other_shape[2] != shape[2]:
        return f"{sentence} (height, width, channels); set dataset.channels to 1 (grey) or 3 (colour)."
    return f"{sentence} (height, width, channels); set dataset.resize to [height, width]."


@contextlib.contextmanager
def _working_folder(output):
    """Make a folder beside `output`, on the same disk, and remove it at the end."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.fetch-")
    except OSError as error:
        raise write_error(output, error) from error
    with folder as name:
        yield Path(name)


@contextlib.contextmanager
def _naming(path):
    """Name the file that was meant in an error of writing a temporary one."""
    try:
        yield
    except OSError as error:
        raise write_error(path, error) from error
