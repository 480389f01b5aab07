"""The table of training curves: one row an epoch of every training of a network."""

from pathlib import Path

from prunesim.storage.columns import TRAINING
from prunesim.storage.csvfiles import read_rows
from prunesim.storage.histories import HISTORY
from prunesim.study import paths


def training_table(study, plan):
    """Return one row an epoch of each training of a network.

    Parameters
    ----------
    study : path-like
        ``results/<study>``.
    plan : dict
        ``replicates``, ``rounds`` and ``methods``, both by name.

    Returns
    -------
    columns : tuple of str
    rows : list of dict
    """
    rows = []
    for replicate, method, round_, folder in paths.networks(plan["replicates"], plan["methods"], plan["rounds"]):
        identity = {"replicate": replicate, "method": method, "round": round_}
        history = read_rows(Path(study) / "networks" / folder / "history.csv", HISTORY)
        rows += [{**identity, **{key: epoch[key] for key in TRAINING if key in epoch}} for epoch in history]
    return TRAINING, rows
