"""The last accuracy of each training, from its log."""

import re
from pathlib import Path

EPOCH = re.compile(r"epoch (\d+)/(\d+) ")
VALIDATION = re.compile(r"validation loss \S+ accuracy ([\d.]+)")
LOSS = re.compile(r"train loss (\S+)")
TEST = re.compile(r"test loss \S+ accuracy ([\d.]+)")
# Of a log this much is read, from its end.
TAIL_BYTES = 4096


def trainings(study):
    """Return how far each training of a study is, the dense networks of a replicate before its rounds.

    Parameters
    ----------
    study : path-like
        ``results/<study>``.

    Returns
    -------
    list of dict
        ``replicate, method, round``, of networks of another width ``width``, ``log`` from the folder that holds
        ``results``, and as far as they are known ``epoch, epochs, train_loss, accuracy`` and ``of``: ``test`` once the
        training has ended, else ``validation``.
    """
    folder = Path(study) / "logs" / "networks"
    logs = [*folder.glob("rep*/dense.log"), *folder.glob("rep*/*/round*.log")]
    found = [_identity(path.relative_to(folder)) | _shown(path, study) | progress(path) for path in logs]
    order = sorted(found, key=lambda one: (one["replicate"], one["method"] != "dense", one["method"], one["round"]))
    others = (Path(study) / "logs" / "widths").glob("*/rep*/dense.log")
    wide = [
        {"width": path.parts[-3]} | _identity(path.relative_to(path.parents[1])) | _shown(path, study) | progress(path)
        for path in others
    ]
    return order + sorted(wide, key=lambda one: (float(one["width"]), one["replicate"]))


def _identity(path):
    replicate, *method = path.with_suffix("").parts
    round_ = int(method[1].removeprefix("round")) if len(method) > 1 else 0
    return {"replicate": int(replicate.removeprefix("rep")), "method": method[0], "round": round_}


def _shown(path, study):
    return {"log": path.relative_to(Path(study).parents[1]).as_posix()}


def progress(path):
    """Return what the last lines of the log of a training say; see `trainings`."""
    text, found = tail(path), {}
    if epochs := EPOCH.findall(text):
        found["epoch"], found["epochs"] = map(int, epochs[-1])
    for key, pattern in (("train_loss", LOSS), ("accuracy", VALIDATION)):
        if values := pattern.findall(text):
            found[key] = float(values[-1])
    if "accuracy" in found:
        found["of"] = "validation"
    if values := TEST.findall(text):
        found |= {"accuracy": float(values[-1]), "of": "test"}
    return found


def tail(path):
    """Return the end of a text file; nothing if it is not there."""
    try:
        with open(path, "rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
