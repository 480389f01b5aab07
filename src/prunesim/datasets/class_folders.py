"""Folders of images, one a class: what lies in ``train/<class>`` and ``test/<class>``, and what is left out."""

import os
import stat
import unicodedata
from collections import Counter

from prunesim.datasets import listing
from prunesim.errors import PrunesimError
from prunesim.storage.terminal import warn

SPLITS = ("train", "test")
VALIDATION_NAMES = ("val", "valid", "validation", "dev")
# What a build of Pillow may lack, and the endings that are then left out.
OPTIONAL = {"webp": (".webp",), "avif": (".avif",), "jpg_2000": (".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c")}
SHOWN = 3


def check_splits(folder):
    """Refuse a folder without ``train`` or ``test``, and say if it has validation images, which are not read."""
    for split in SPLITS:
        if (folder / split).is_dir():
            continue
        found = next((name for name in VALIDATION_NAMES if split == "test" and (folder / name).is_dir()), None)
        hint = (
            f"; it has {found}, but validation images are held out of train (training.validation), and test images "
            f"select nothing: if that is what those of {found} are for, rename it to test"
            if found
            else ""
        )
        raise PrunesimError(
            f"{folder} has no folder {split}; image_folder reads train/<class>/* and test/<class>/*{hint}."
        )
    if found := next((name for name in VALIDATION_NAMES if (folder / name).is_dir()), None):
        warn(f"{folder / found} is not read: validation images are held out of train (training.validation).")


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
        For an image outside a class folder, a folder inside one, an empty class, one of which half of the files or
        more would be left out, a name that is there twice, or a link or special file that cannot be an image.
    """
    endings = readable_endings()
    classes, ignored = {}, []
    for entry, is_folder in _entries(folder):
        if is_folder:
            images, others = [], []
            for file, is_subfolder in _entries(entry):
                if is_subfolder:
                    raise PrunesimError(
                        f"{file} is a folder inside a class folder; put the images directly in {entry}."
                    )
                (images if listing.suffix(file.name) in endings else others).append(file)
            _check_class(entry, images, others, endings)
            classes[entry.name] = images
            ignored += others
        elif listing.suffix(entry.name) in endings:
            raise PrunesimError(f"{entry} lies outside the class folders; put it in {folder}/<class>.")
        else:
            ignored.append(entry)
    by_name = {}
    for name in classes:
        if (other := by_name.setdefault(_composed(name), name)) != name:
            raise PrunesimError(
                f"{folder} has the class {_composed(name)} twice, its accents being written in two ways ({other!a} and "
                f"{name!a}); put the images into one folder."
            )
    return classes, ignored


def readable_endings():
    """Return the endings of names that are images to this build of Pillow."""
    from PIL import features

    lacking = {ending for feature, endings in OPTIONAL.items() if not features.check(feature) for ending in endings}
    return tuple(ending for ending in listing.SUFFIXES if ending not in lacking)


def under_names_of(train, test, folder):
    """Return the classes of ``test`` under their names in ``train``, which may write an accent in another way."""
    names = {_composed(name): name for name in train}
    renamed = {names.get(_composed(name), name): images for name, images in test.items()}
    listed = {"train": train, "test": renamed}
    differences = [
        f"only {split} has {', '.join(sorted(set(listed[split]) - set(listed[other])))}"
        for split, other in (SPLITS, SPLITS[::-1])
        if set(listed[split]) - set(listed[other])
    ]
    if differences:
        raise PrunesimError(
            f"The classes of {folder / 'train'} and {folder / 'test'} differ: {'; '.join(differences)}."
        )
    return renamed


def left_out(folder, ignored):
    """Count the files that are left out by where they lie and by their endings.

    Returns
    -------
    dict of str to dict of str to int
        For example ``{"train/dog": {".heic": 40}}``; a name without an ending counts as ``""``.
    """
    groups = {}
    for path in ignored:
        place = shown(path.parent.relative_to(folder))
        groups.setdefault(place, Counter())[shown(listing.suffix(path.name))] += 1
    return {place: dict(sorted(counts.items())) for place, counts in groups.items()}


def left_out_sentence(groups):
    """Say what `left_out` counted."""
    total = sum(sum(counts.values()) for counts in groups.values())
    places = [f"{place} ({_counted(counts)})" for place, counts in list(groups.items())[:SHOWN]]
    more = f" and {len(groups) - SHOWN} more folders" if len(groups) > SHOWN else ""
    return (
        f"{total} file{'s' * (total != 1)} left out, not being named like an image that can be read: "
        f"{', '.join(places)}{more}."
    )


def links_outside(folder, listed):
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


def shown(path):
    """Return a path as text that any terminal takes, also if its bytes are no text."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _check_class(folder, images, others, endings):
    """Refuse a class that has no images, or of which half of the files would be left out."""
    # What goes with an image, such as the boxes in it, has its name.
    stems = {image.stem for image in images}
    lost = [file for file in others if file.stem not in stems]
    if images and len(lost) < len(images):
        return
    counts = _counted(Counter(shown(listing.suffix(file.name)) for file in lost))
    known = ", ".join(endings)
    if not images:
        has = f" but {counts}" if lost else ""
        raise PrunesimError(f"{folder} has no images{has}; a class folder needs one whose name ends in {known}.")
    raise PrunesimError(
        f"{folder} has {len(images)} images and {len(lost)} files that would be left out ({counts}); convert them to "
        f"PNG, or move to another folder what is no image (read are {known})."
    )


def _entries(folder):
    """Return the visible entries of a folder by name, each with whether it is a folder."""
    try:
        paths = sorted(path for path in folder.iterdir() if not listing.is_hidden(path.name))
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
            raise PrunesimError(f"{path} is neither a file nor a folder; take it out of the folder.")
        entries.append((path, stat.S_ISDIR(mode)))
    return entries


def _composed(name):
    return unicodedata.normalize("NFC", name)


def _counted(counts):
    return ", ".join(f"{count} {ending or 'without an ending'}" for ending, count in sorted(counts.items()))
