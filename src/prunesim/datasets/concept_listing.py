"""What a folder of images with concepts holds, by names and sizes. Only the standard library, for the Snakefile."""

import hashlib
import json
import os
import re
from pathlib import Path

from prunesim.errors import PrunesimError
from prunesim.storage.files import read_error

INDEX = "concepts.json"
MOST_LABELS = 65_535
_CATEGORY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_IMAGE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\.png")
_LINE = re.compile(r"\d+ files of concepts, names and sizes [0-9a-f]{32}")


def check_folder(folder, made):
    """Refuse a folder whose ``concepts.json`` cannot be read, unless the study has what was made of it.

    Raises
    ------
    PrunesimError
    """
    if not os.path.exists(made):
        categories_of(Path(folder).expanduser() / INDEX)


def concepts_line(folder, recorded):
    """Return the line that stands for the files of a folder, for Snakemake to compare.

    Names and sizes make it, and the text of ``concepts.json``; a mask that is painted over keeps neither, as a rule.

    Parameters
    ----------
    folder : path-like
    recorded : sequence of str or None
        The parameters that Snakemake recorded of the job that read the folder. Where the folder is gone, the line
        among them stays: a study is finished also where its images are not.

    Raises
    ------
    PrunesimError
        If the folder is not there and has not been read, or lacks an image or a mask of each category.
    """
    folder = Path(folder).expanduser()
    known = next((match[0] for text in recorded or () if (match := _LINE.fullmatch(text.strip("'")))), None)
    if known and not folder.is_dir():
        return known
    index = folder / INDEX
    parts = [folder / "images", *(folder / "masks" / category for category in categories_of(index))]
    digest, count = hashlib.sha256(index.read_bytes()), 0
    for part, what in zip(parts, ["image", *["mask"] * len(parts)], strict=False):
        for name in listed(part, what):
            size = (part / name).stat().st_size
            digest.update(os.fsencode(f"{part.relative_to(folder).as_posix()}/{name}") + b"\0%d\0" % size)
            count += 1
    return f"{count} files of concepts, names and sizes {digest.hexdigest()[:32]}"


def categories_of(path):
    """Return the labels of each category that a ``concepts.json`` names.

    Raises
    ------
    PrunesimError
        If it is not as `prunesim.datasets.concept_folder` says.
    """
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise read_error(path, error) from error
    except (ValueError, RecursionError) as error:
        raise PrunesimError(f"{path} is not valid JSON ({error}).") from error
    categories = about.get("categories") if isinstance(about, dict) else None
    if not isinstance(categories, dict) or not categories or set(about) - {"categories", "about"}:
        raise PrunesimError(
            f'{path} must be an object with "categories", {{category: [label, ...]}}, and at most "about" beside it.'
        )
    for category, labels in categories.items():
        if not _CATEGORY.fullmatch(category):
            raise PrunesimError(
                f"{path}: category {category!r} is the name of a folder; letters, digits, '_', '.' and '-' are right."
            )
        right = isinstance(labels, list) and labels and all(isinstance(x, str) and _is_label(x) for x in labels)
        if not right or len(set(labels)) < len(labels):
            raise PrunesimError(f"{path}: category {category!r} needs a list of labels, texts of one line, each once.")
    if sum(map(len, categories.values())) > MOST_LABELS:
        raise PrunesimError(f"{path} names more than {MOST_LABELS} labels.")
    return categories


def _is_label(text):
    return text.strip() == text != "" and text.isprintable()


def listed(folder, what):
    """Return the names of the PNG files of a folder in order; hidden files are passed over."""
    try:
        names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise read_error(folder, error) from error
    for name in names:
        if not _IMAGE.fullmatch(name) or not (folder / name).is_file():
            raise PrunesimError(f"{str(folder / name)!r} is no {what}; files are called 0000.png and so on.")
    if not names:
        raise PrunesimError(f"{folder} holds no {what}.")
    return names
