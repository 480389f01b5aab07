"""A folder of images: train/<class>/* and test/<class>/*."""

import hashlib
import os
import warnings

import numpy as np

from prunesim.datasets import listing, originals
from prunesim.datasets.class_folders import (
    SPLITS,
    check_splits,
    left_out,
    left_out_sentence,
    links_outside,
    list_split,
    shown,
    under_names_of,
)
from prunesim.datasets.faults import ImageFault
from prunesim.datasets.pixel_format import lost_by_pillow
from prunesim.datasets.settings import BACKGROUNDS
from prunesim.datasets.source import Source, Split, reader_version
from prunesim.errors import PrunesimError
from prunesim.storage.terminal import warn

# Formats that are decoded; EPS and the like would start another program.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "AVIF", "JPEG2000", "PPM")
MAX_PIXELS = 2**26
# More than any 8-bit image of that many pixels takes; a sparse file or a link may be without end.
MAX_BYTES = 2**29
PROGRESS_IMAGES = 10_000
# Pillow's names of what becomes grey or colour, once nothing is transparent.
KEPT_MODES = ("1", "L", "RGB", "P", "CMYK", "YCbCr")
ORIENTATION = 0x0112


def read(settings, work, known, log):
    """List the images and read each when it is asked for.

    Classes are the folders of ``train``, in the order of their names, and ``test`` must have the same. Images lie
    directly in them, in the order of their names. Hidden files and what systems leave in folders are passed over; files
    whose names do not end like an image's are left out, counted and said; everything else must be an image.
    """
    folder = originals.existing_folder(settings["path"])
    check_splits(folder)
    seen = listing.scan(folder)
    listed, ignored = {}, []
    for split in SPLITS:
        listed[split], others = list_split(folder / split)
        ignored += others
    classes = list(listed["train"])
    listed["test"] = under_names_of(listed["train"], listed["test"], folder)
    if len(classes) < 2:
        raise PrunesimError(f"{folder / 'train'} has {len(classes)} class folder(s); there must be at least 2.")
    for split in SPLITS:
        log(f"{folder / split}: {sum(map(len, listed[split].values()))} images of {len(classes)} classes")
    groups = left_out(folder, ignored)
    if ignored:
        log(f"{folder}: {len(ignored)} files are not images by their names and are ignored, as {shown(ignored[0])}")
        warn(f"{folder}: {left_out_sentence(groups)}")
    if outside := links_outside(folder, listed):
        log(f"{folder}: {len(outside)} images are links to other folders, as {shown(outside[0])}")

    digests, pixels, unoriented = {}, {split: [] for split in SPLITS}, []

    def make_split(split):
        paths = [path for name in classes for path in listed[split][name]]

        def image(index):
            path = paths[index]
            array, digests[path], oriented = _decoded(path, settings["background"])
            pixels[split].append((_pixel_digest(array), path))
            if not oriented:
                unoriented.append(path)
            if len(digests) % PROGRESS_IMAGES == 0:
                log(f"{len(digests)} images read")
            return array

        counts = [len(listed[split][name]) for name in classes]
        labels = np.repeat(np.arange(len(classes), dtype=np.int64), counts)
        return Split(labels, image, lambda index: shown(paths[index]))

    def origin():
        trained = dict(pixels["train"])
        twins = [(path, trained[digest]) for digest, path in pixels["test"] if digest in trained]
        if twins:
            warn(
                f"{folder}: {_images(len(twins))} of test {'is' if len(twins) == 1 else 'are'} also in train, as "
                f"{shown(twins[0][0])} and {shown(twins[0][1])}; what was trained with says little of accuracy."
            )
        if unoriented:
            warn(
                f"{folder}: {_images(len(unoriented))} with damaged EXIF data, as {shown(unoriented[0])}; the pixels "
                "are taken as they lie in the file, whichever way up."
            )
        files = {"count": len(digests), "ignored": len(ignored), "sha256": digest_of_digests(folder, digests)}
        files |= {"left_out": groups} if groups else {}
        files |= {"in_train_and_test": len(twins)} if twins else {}
        return {"from": "folder", "path": settings["path"], "reader": reader_version("pillow"), "files": files}

    def keep(output):
        names = {path.relative_to(folder).as_posix(): sha256 for path, sha256 in digests.items()}
        listing.write_read_files(output, seen, names)

    return Source(classes, {split: make_split(split) for split in SPLITS}, origin, keep)


def read_image(path, background=None):
    """Decode an image file.

    Grey stays grey and everything else becomes red, green and blue (CMYK by Pillow's formula, without a profile). The
    orientation in a photo's EXIF data is applied, unless these data are damaged.

    Parameters
    ----------
    path : pathlib.Path
    background : str, optional
        One of `prunesim.datasets.settings.BACKGROUNDS`, put behind transparent pixels. Without it an image that has
        such pixels is refused.

    Returns
    -------
    image : numpy.ndarray
        uint8, H x W x 1 or H x W x 3.
    sha256 : str
        Of the file.

    Raises
    ------
    ImageFault
        If the file is not an image that can be read whole and kept as 8-bit grey or colour: damaged, larger than
        `MAX_PIXELS`, of several frames, partly transparent, or of more than 8 bits or more channels.
    """
    return _decoded(path, background)[:2]


def _decoded(path, background):
    """Return what `read_image` does, and whether the orientation could be asked for."""
    from PIL import Image

    name, lost = shown(path), None
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ImageFault(name, f"has more than {MAX_BYTES} bytes, too many for an image", "make it smaller")
        with open(path, "rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ImageFault(name, f"could not be read ({error.strerror or error})", "make it readable") from error
    try:
        with warnings.catch_warnings(), open(path, "rb") as file:
            warnings.simplefilter("ignore")
            lost = _lost_by_pillow(file)
            with Image.open(file, formats=FORMATS) as image:
                if lost:
                    kind = "" if image.mode in KEPT_MODES else f" (pixel format {image.mode})"
                    raise ImageFault(name, lost[0] + kind, lost[1])
                if image.width * image.height > MAX_PIXELS:
                    raise ImageFault(
                        name, f"has {image.width} x {image.height} pixels, too many", f"at most {MAX_PIXELS} are read"
                    )
                # A phone's JPEG may carry a second, smaller picture, which is not a frame.
                if getattr(image, "is_animated", False) and image.format != "MPO":
                    raise ImageFault(name, "has several frames", "save the one that counts")
                image.load()
                image, oriented = _upright(image)
                return np.ascontiguousarray(_grey_or_colour(image, name, background)), sha256, oriented
    except PrunesimError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageFault(name, f"has too many pixels ({error})", f"at most {MAX_PIXELS} are read") from error
    # Decoders raise many kinds of error for damaged files.
    except Exception as error:
        if lost:
            raise ImageFault(name, *lost) from error
        fault = f"could not be read as an image ({_reason(error)})"
        raise ImageFault(name, fault, "get or save it again as a whole image, or take it out of the folder") from error


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


def _lost_by_pillow(file):
    try:
        return lost_by_pillow(file)
    except Exception:  # a damaged header, for which Pillow has its own words
        return None
    finally:
        file.seek(0)


def _upright(image):
    """Return an image turned as its EXIF data say, and whether these could be read."""
    from PIL.Image import Exif, Transpose

    turns = {
        **{2: Transpose.FLIP_LEFT_RIGHT, 3: Transpose.ROTATE_180, 4: Transpose.FLIP_TOP_BOTTOM},
        **{5: Transpose.TRANSPOSE, 6: Transpose.ROTATE_270, 7: Transpose.TRANSVERSE, 8: Transpose.ROTATE_90},
    }
    try:
        # By itself, since what Pillow has once tried to read it takes for read.
        Exif().load(image.info.get("exif", b""))
        turn = turns.get(image.getexif().get(ORIENTATION))
    except Exception:  # Pillow raises many kinds of error for damaged EXIF data
        return image, False
    return (image if turn is None else image.transpose(turn)), True


def _grey_or_colour(image, name, background):
    from PIL import Image

    if image.mode == "La":
        image = image.convert("LA")
    if image.mode in ("LA", "RGBA", "PA") or "transparency" in image.info:
        grey = image.mode in ("1", "L", "LA")
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema()[0] < 255:
            if background is None:
                advice = "set dataset.background to the colour behind it, or save it without transparency"
                raise ImageFault(name, "is partly transparent", advice)
            behind = Image.new("RGBA", image.size, (BACKGROUNDS[background],) * 3 + (255,))
            image = Image.alpha_composite(behind, image)
        image = image.convert("L" if grey else "RGB")
    if image.mode not in KEPT_MODES:
        fault, advice = f"has the pixel format {image.mode}", "save it with 8 bits a channel, grey or colour"
        raise ImageFault(name, fault, advice)
    array = np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB"))
    return array[..., None] if array.ndim == 2 else array


def _pixel_digest(array):
    digest = hashlib.blake2b(str(array.shape).encode(), digest_size=16)
    digest.update(array)
    return digest.digest()


def _reason(error):
    """Return the words of a decoder on one line."""
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return f"it is none of {', '.join(FORMATS)}, or its header is damaged"
    return " ".join(str(error).split()) or type(error).__name__


def _images(count):
    return f"{count} image{'s' * (count != 1)}"
