"""The ``dataset`` section of a config: its checks, and the folder that it names.

Only the standard library, so that the Snakefile can import it.
"""

import re

from prunesim.errors import PrunesimError

SOURCES = ("digits", "mnist", "fashion_mnist", "kmnist", "cifar10", "cifar100", "svhn", "image_folder")

DEFAULTS = {
    **{"source": None, "path": None, "resize": None, "fit": "stretch"},
    **{"channels": None, "background": None, "subset": None},
}
FITS = ("stretch", "pad", "crop")
# What is put behind transparent pixels and beside padded images, in all channels.
BACKGROUNDS = {"black": 0, "grey": 128, "white": 255}
SUBSET_DEFAULTS = {"train": None, "test": None, "seed": 0}
MAX_SIDE = 4096
CHANNEL_SUFFIXES = {1: "-grey", 3: "-colour"}


def check_settings(settings):
    """Return the ``dataset`` section complete and checked.

    Parameters
    ----------
    settings : dict
        ``name`` and any of ``source``, ``path``, ``resize``, ``fit``, ``channels``, ``background``, ``subset``.

    Returns
    -------
    dict
        All eight keys. ``source`` is one of `SOURCES`; ``subset`` is None or has ``train``, ``test`` and ``seed``.

    Raises
    ------
    PrunesimError
        For an unknown key, a missing name or a value that cannot be meant.
    """
    _require(isinstance(settings, dict), f"the dataset settings must be a mapping, not {settings!r}")
    _only(settings, ("name", *DEFAULTS), "dataset")
    checked = {"name": settings.get("name"), **DEFAULTS, **settings}
    name = checked["name"]
    _require(
        isinstance(name, str) and re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name),
        f"dataset.name is {name!r}; it must be a word of letters, digits and underscores that starts with a letter",
    )
    checked["source"] = source = name if checked["source"] is None else checked["source"]
    _require(
        isinstance(source, str) and source in SOURCES,
        f"dataset.source is {source!r}, which is not one of {', '.join(SOURCES)}"
        + (
            "; a data set with a name of its own needs one of these as its source"
            if settings.get("source") is None
            else ""
        ),
    )
    _require(
        name not in SOURCES or name == source,
        f"dataset.name is {name} but dataset.source is {source}; give the data set a name of its own",
    )
    _check_path(checked["path"], source)
    resize = checked["resize"]
    _require(
        resize is None or (isinstance(resize, list | tuple) and len(resize) == 2 and all(map(_side, resize))),
        f"dataset.resize is {resize!r}; it must be null or [height, width], both whole numbers from 1 to {MAX_SIDE}",
    )
    _require(
        checked["channels"] is None or (_positive(checked["channels"]) and checked["channels"] in CHANNEL_SUFFIXES),
        f"dataset.channels is {checked['channels']!r}; it must be null, 1 (grey) or 3 (colour)",
    )
    _check_fit(checked)
    checked["subset"] = _check_subset(checked["subset"])
    return checked


def dataset_id(settings):
    """Return the name of the folder under ``results/datasets`` for a ``dataset`` section.

    The name, then a suffix for each setting that changes the arrays, in this order: ``-<h>x<w>`` for
    ``resize``, ``-pad`` or ``-crop`` for ``fit``, ``-grey`` or ``-colour`` for ``channels`` 1 or 3, ``-on_<colour>``
    for ``background``, ``-train<n>``, ``-test<n>`` and ``-seed<s>`` for ``subset`` (the seed only with at least one of
    the others). ``source`` and ``path`` are not part of it: moving the
    files changes nothing, and two data sets need two names. Names have no hyphen, so no two sections that
    differ in one of these settings share a folder.

    Examples
    --------
    >>> dataset_id({"name": "fashion_mnist", "subset": {"train": 2000, "test": 500}})
    'fashion_mnist-train2000-test500-seed0'
    >>> dataset_id({"name": "cells", "source": "image_folder", "path": "cells", "resize": [32, 32], "channels": 1})
    'cells-32x32-grey'
    """
    checked = check_settings(settings)
    suffix = ""
    if checked["resize"]:
        suffix += "-{}x{}".format(*checked["resize"])
    if checked["fit"] != DEFAULTS["fit"]:
        suffix += f"-{checked['fit']}"
    if checked["channels"]:
        suffix += CHANNEL_SUFFIXES[checked["channels"]]
    if checked["background"]:
        suffix += f"-on_{checked['background']}"
    if checked["subset"]:
        suffix += "".join(f"-{key}{checked['subset'][key]}" for key in ("train", "test") if checked["subset"][key])
        suffix += f"-seed{checked['subset']['seed']}"
    return checked["name"] + suffix


def _check_path(path, source):
    _require(
        path is None or (isinstance(path, str) and path),
        f"dataset.path is {path!r}; it must be null or a folder's path",
    )
    _require(path is None or source != "digits", "dataset.path must be null for digits, which come with scikit-learn")
    _require(
        path is not None or source != "image_folder",
        "dataset.path must be given for image_folder: the folder that holds train/<class>/ and test/<class>/",
    )


def _check_fit(settings):
    fit, background, source = (settings[key] for key in ("fit", "background", "source"))
    _require(isinstance(fit, str) and fit in FITS, f"dataset.fit is {fit!r}; it must be {_one_of(FITS)}")
    _require(
        fit == DEFAULTS["fit"] or settings["resize"] is not None,
        f"dataset.fit is {fit}, but dataset.resize is null; give the height and width to {fit} the images to",
    )
    _require(
        background is None or (isinstance(background, str) and background in BACKGROUNDS),
        f"dataset.background is {background!r}; it must be {_one_of((*BACKGROUNDS, 'null'))}",
    )
    _require(
        background is None or source == "image_folder" or fit == "pad",
        f"dataset.background is {background}, but images of {source} have no transparent pixels and are not padded; "
        "it must be null",
    )


def _check_subset(subset):
    if subset is None:
        return None
    _require(
        isinstance(subset, dict), f"dataset.subset is {subset!r}; it must be null or {{train: n, test: n, seed: n}}"
    )
    _only(subset, SUBSET_DEFAULTS, "dataset.subset")
    subset = {**SUBSET_DEFAULTS, **subset}
    for split in ("train", "test"):
        _require(
            subset[split] is None or _positive(subset[split]),
            f"dataset.subset.{split} is {subset[split]!r}; it must be null or a whole number above 0",
        )
    seed = subset["seed"]
    _require(
        isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0,
        f"dataset.subset.seed is {seed!r}; it must be a whole number of at least 0",
    )
    return subset if subset["train"] or subset["test"] else None


def _one_of(words):
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _positive(value):
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _side(value):
    return _positive(value) and value <= MAX_SIDE


def _only(settings, known, section):
    unknown = [str(key) for key in settings if key not in known]
    _require(not unknown, f"{section} has no key {', '.join(unknown)}; its keys are {', '.join(known)}")


def _require(condition, sentence):
    if not condition:
        raise PrunesimError(f"{sentence}.")
