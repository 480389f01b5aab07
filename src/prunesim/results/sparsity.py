"""The table of the trainings that make networks sparse before they are pruned."""

from pathlib import Path

from prunesim.storage.columns import SPARSITY
from prunesim.storage.csvfiles import read_rows
from prunesim.storage.files import read_json
from prunesim.storage.histories import SPARSE_HISTORY
from prunesim.study import paths


def sparsity_table(study, plan):
    """Return one row an epoch of each sparse training.

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
        ``round`` is 0 for a training that all rounds of a method share. ``iteration`` counts those of ADMM and stands,
        with the residuals, in the last epoch of each. A note on the outcome stands in the last row of its training.
    """
    rows = []
    for replicate, method, round_, folder in paths.sparse_networks(plan["replicates"], plan["methods"], plan["rounds"]):
        folder = Path(study) / "networks" / folder
        history = read_rows(folder / "history.csv", SPARSE_HISTORY)
        identity = {"replicate": replicate, "method": method, "round": round_, "iteration": None, "note": None}
        rows += [{**identity, **{key: epoch[key] for key in SPARSITY if key in epoch}} for epoch in history]
        mine = rows[-len(history) :]
        for number, row in enumerate((row for row in mine if row["primal_residual"]), start=1):
            row["iteration"] = number
        mine[-1]["note"] = read_json(folder / "metrics.json").get("note")
    return SPARSITY, rows
