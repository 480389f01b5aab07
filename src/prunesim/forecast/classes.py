"""What the classes of a data set say beforehand: files that are left out, and classes without validation images."""

from pathlib import Path

from prunesim.datasets.settings import dataset_id
from prunesim.forecast.images import PUBLISHED
from prunesim.storage.files import read_json
from prunesim.training.validation import validation_gaps


def class_counts(settings, results="results"):
    """Return how many training images each class has, and which files of a folder are left out.

    Parameters
    ----------
    settings : dict
        The ``dataset`` section of the config.
    results : path-like
        See `prunesim.forecast.images.image_sizes`.

    Returns
    -------
    dict
        ``class_counts`` by class, for published data sets as if all classes were as large as the mean, and ``left_out``
        (see `prunesim.datasets.class_folders.left_out`); both are empty where nothing is known.
    """
    description = Path(results) / "datasets" / dataset_id(settings) / "dataset.json"
    if description.is_file():
        found = read_json(description)
        counts = dict(zip(found["classes"], found["class_counts"]["train"], strict=True))
        return {"class_counts": counts, "left_out": _of_folder(found["origin"])}
    wanted = (settings["subset"] or {}).get("train")
    source = settings["source"] or settings["name"]
    if source in PUBLISHED:
        train, *_, classes = PUBLISHED[source]
        counts = {f"class {label}": (wanted or train) // classes for label in range(classes)}
        return {"class_counts": counts, "left_out": {}}
    return _listed(settings, wanted)


def class_findings(dataset, config):
    """Yield what to know before the study is started.

    Parameters
    ----------
    dataset : dict
        With what `class_counts` returns, and ``train``: how many training images there are in all.
    config : dict
    """
    from prunesim.datasets.class_folders import left_out_sentence

    if dataset["left_out"]:
        yield f"{config['dataset']['path']}: {left_out_sentence(dataset['left_out'])}"
    # Numbers given by hand may be others than those of the folder.
    if sum(dataset["class_counts"].values()) <= dataset["train"]:
        for sentence in validation_gaps(dataset["class_counts"], config["training"]["validation"]):
            yield sentence[0].upper() + sentence[1:]


def _of_folder(origin):
    files = origin.get("files")
    return files.get("left_out", {}) if isinstance(files, dict) else {}


def _listed(settings, wanted):
    import numpy as np

    from prunesim.datasets.class_folders import SPLITS, left_out, list_split
    from prunesim.datasets.convert import chosen_images

    folder = Path(settings["path"]).expanduser()
    listed, ignored = {"train": {}}, []
    for split in SPLITS:
        if (folder / split).is_dir():
            listed[split], others = list_split(folder / split)
            ignored += others
    counts = {name: len(images) for name, images in listed["train"].items()}
    if wanted and len(counts) <= wanted < sum(counts.values()):
        labels = np.repeat(np.arange(len(counts)), list(counts.values()))
        chosen = chosen_images(labels, len(counts), settings["subset"], "train")
        counts = dict(zip(counts, np.bincount(labels[chosen], minlength=len(counts)).tolist(), strict=True))
    return {"class_counts": counts, "left_out": left_out(folder, ignored)}
