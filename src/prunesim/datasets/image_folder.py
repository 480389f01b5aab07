"""A folder of images: train/<class>/* and test/<class>/*."""

import hashlib
import os
import stat
import unicodedata
import warnings

import numpy as np

from prunesim.datasets import originals
from prunesim.datasets.source import Source, Split, reader_version
from prunesim.errors import PrunesimError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pbm", ".pgm", ".ppm")
# Formats that are decoded; EPS and the like would start another program.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
MAX_PIXELS = 2**26
# More than any 8-bit image of that many pixels takes; a sparse file or a link may be without end.
MAX_BYTES = 2**29
PROGRESS_IMAGES = 10_000
SPLITS = ("train", "test")


def read(settings, work, known, log):
    """List the images and read each when it is asked for.

    Classes are the folders of ``train``, in the order of their names, and ``test`` must have the same. Images lie
    directly in them, in the order of their names. Hidden files and files whose names do not end like an image's
    are ignored and counted; everything else must be an image.
    """
    folder = originals.existing_folder(settings["path"])
    for split in SPLITS:
        if not (folder / split).is_dir():
            raise PrunesimError(
                f"{folder} has no folder {split}; image_folder reads train/<class>/* and test/<class>/*."
            )
    listed, ignored = {}, []
    for split in SPLITS:
        listed[split], others = list_split(folder / split)
        ignored += others
    classes = list(listed["train"])
    if set(classes) != set(listed["test"]):
        differences = [
            f"only {split} has {', '.join(sorted(set(listed[split]) - set(listed[other])))}"
            for split, other in (SPLITS, SPLITS[::-1])
            if set(listed[split]) - set(listed[other])
        ]
        raise PrunesimError(
            f"The classes of {folder / 'train'} and {folder / 'test'} differ: {'; '.join(differences)}."
        )
    if len(classes) < 2:
        raise PrunesimError(f"{folder / 'train'} has {len(classes)} class folder(s); there must be at least 2.")
    for split in SPLITS:
        log(f"{folder / split}: {sum(map(len, listed[split].values()))} images of {len(classes)} classes")
    if ignored:
        log(f"{folder}: {len(ignored)} files are not images by their names and are ignored, as {_shown(ignored[0])}")
    if outside := _links_outside(folder, listed):
        log(f"{folder}: {len(outside)} images are links to other folders, as {_shown(outside[0])}")

    digests = {}

    def make_split(images):
        paths = [path for name in classes for path in images[name]]

        def image(index):
            array, digests[paths[index]] = read_image(paths[index])
            if len(digests) % PROGRESS_IMAGES == 0:
                log(f"{len(digests)} images read")
            return array

        labels = np.repeat(np.arange(len(classes), dtype=np.int64), [len(images[name]) for name in classes])
        return Split(labels, image, lambda index: str(paths[index]))

    def origin():
        return {
            "from": "folder",
            "path": settings["path"],
            "reader": reader_version("pillow"),
            "files": {"count": len(digests), "ignored": len(ignored), "sha256": digest_of_digests(folder, digests)},
        }

    return Source(classes, {split: make_split(listed[split]) for split in SPLITS}, origin)


def list_split(folder):
    """Return the image files of each class folder, and the files that are no images.

    Parameters
    ----------
    folder : pathlib.Path
        ``train`` or ``test``.

    Returns
    -------
    classes : dict of str to list of pathlib.Path
        Classes and files in the order of their names.
    ignored : list of pathlib.Path

    Raises
    ------
    PrunesimError
        For an image outside a class folder, a folder inside one, an empty class, or a link or special file that
        cannot be an image.
    """
    classes, ignored = {}, []
    for entry, is_folder in _entries(folder):
        if is_folder:
            classes[entry.name] = []
            for image, is_subfolder in _entries(entry):
                if is_subfolder:
                    raise PrunesimError(
                        f"{image} is a folder inside a class folder; put the images directly in {entry}."
                    )
                (classes[entry.name] if _is_image(image) else ignored).append(image)
            if not classes[entry.name]:
                raise PrunesimError(f"{entry} has no images; a class folder needs one whose name ends in {_endings()}.")
        elif _is_image(entry):
            raise PrunesimError(f"{entry} lies outside the class folders; put it in {folder}/<class>.")
        else:
            ignored.append(entry)
    return classes, ignored


def read_image(path):
    """Decode an image file.

    Grey stays grey and everything else becomes red, green and blue. The orientation in a photo's EXIF data is applied.

    Returns
    -------
    image : numpy.ndarray
        uint8, H x W x 1 or H x W x 3.
    sha256 : str
        Of the file.

    Raises
    ------
    PrunesimError
        If the file is not an image that can be read whole and kept as 8-bit grey or colour: damaged, larger than
        `MAX_PIXELS`, of several frames, partly transparent, or of more than 8 bits.
    """
    from PIL import Image, ImageOps

    _refuse_if(path.stat().st_size > MAX_BYTES, path, f"has more than {MAX_BYTES} bytes, too many for an image")
    sha256 = originals.sha256(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as image:
                _refuse_if(
                    image.width * image.height > MAX_PIXELS,
                    path,
                    f"has {image.width} x {image.height} pixels, too many",
                )
                # A phone's JPEG may carry a second, smaller picture, which is not a frame.
                several = getattr(image, "is_animated", False) and image.format != "MPO"
                _refuse_if(several, path, "has several frames; save the one that counts")
                image = ImageOps.exif_transpose(image)
                return np.ascontiguousarray(_grey_or_colour(image, path)), sha256
    except PrunesimError:
        raise
    except Image.DecompressionBombError as error:
        raise PrunesimError(f"{path} has too many pixels ({error}).") from error
    # Decoders raise many kinds of error for damaged files.
    except Exception as error:
        raise PrunesimError(f"{path} could not be read as an image ({error}); repair or remove it.") from error


def digest_of_digests(folder, digests):
    """Return the SHA-256 of the lines that ``sha256sum`` prints for the files, sorted by path.

    Parameters
    ----------
    folder : pathlib.Path
        What the paths in the lines are relative to.
    digests : dict of pathlib.Path to str
    """
    named = {os.fsencode(path.relative_to(folder)): sha256.encode() for path, sha256 in digests.items()}
    lines = (_line(name, named[name]) for name in sorted(named))
    return hashlib.sha256(b"".join(lines)).hexdigest()


def _line(name, sha256):
    if b"\\" in name:
        return b"\\" + sha256 + b"  " + name.replace(b"\\", b"\\\\") + b"\n"
    return sha256 + b"  " + name + b"\n"


def _grey_or_colour(image, path):
    if image.mode in ("LA", "RGBA", "PA") or "transparency" in image.info:
        grey = image.mode in ("1", "L", "LA")
        image = image.convert("RGBA")
        _refuse_if(
            image.getchannel("A").getextrema()[0] < 255, path, "is partly transparent; save it without transparency"
        )
        image = image.convert("L" if grey else "RGB")
    _refuse_if(
        image.mode not in ("1", "L", "RGB", "P", "CMYK", "YCbCr"),
        path,
        f"has the pixel format {image.mode}; save it with 8 bits a channel, grey or colour",
    )
    array = np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB"))
    return array[..., None] if array.ndim == 2 else array


def _refuse_if(condition, path, fault):
    if condition:
        raise PrunesimError(f"{path} {fault}.")


def _links_outside(folder, listed):
    """Return the images that are links to, or lie in linked folders of, some place outside `folder`."""
    root, outside = folder.resolve(), []
    for split, classes in listed.items():
        for name, images in classes.items():
            parents = (folder / split, folder / split / name)
            linked = any(parent.is_symlink() for parent in parents)
            outside += [
                image for image in images if (linked or image.is_symlink()) and not image.resolve().is_relative_to(root)
            ]
    return outside


def _shown(path):
    """Return a path as text that any terminal takes, also if its bytes are no text."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _entries(folder):
    """Return the visible entries of a folder by name, each with whether it is a folder."""
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise PrunesimError(f"{folder} could not be read: {error.strerror or error}.") from error
    entries = []
    for path in paths:
        if any(unicodedata.category(character) == "Cc" for character in path.name):
            raise PrunesimError(
                f"{folder} has an entry with a control character in its name, {path.name!r}; rename it."
            )
        try:
            mode = path.stat().st_mode
        except OSError as error:
            raise PrunesimError(f"{path} is a link that leads nowhere or cannot be read ({error.strerror}).") from error
        if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
            raise PrunesimError(f"{path} is neither a file nor a folder; remove it.")
        entries.append((path, stat.S_ISDIR(mode)))
    return entries


def _is_image(path):
    return path.suffix.lower() in SUFFIXES


def _endings():
    return ", ".join(SUFFIXES)
