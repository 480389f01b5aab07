"""Linear connectivity: the table of errors along the lines of a study, and the barriers that they hold."""

from pathlib import Path

import numpy as np
import pandas as pd

ENDS = [f"{key}_{side}" for side in "ab" for key in ("replicate", "method", "round")]
SPLITS = ("train", "test")


def barrier_over_mean(alphas, errors):
    """Return the largest error on a line less the mean of those of its ends.

    Frankle et al. 2020, "Linear mode connectivity and the lottery ticket hypothesis", there called instability;
    networks below 0.02 are called stable.

    Parameters
    ----------
    alphas : array_like
        From 0 to 1, both among them.
    errors : array_like
        Of the same length.
    """
    errors = _ordered(alphas, errors)[1]
    return float(errors.max() - (errors[0] + errors[-1]) / 2)


def barrier_over_line(alphas, errors):
    """Return by how much the error on a line passes the straight line between those of its ends; 0 at least.

    Entezari et al. 2022, "The role of permutation invariance in linear mode connectivity of neural networks", and
    REPAIR (Jordan et al. 2023). See `barrier_over_mean`.
    """
    alphas, errors = _ordered(alphas, errors)
    return float((errors - ((1 - alphas) * errors[0] + alphas * errors[-1])).max())


def _ordered(alphas, errors):
    alphas, errors = np.asarray(alphas, dtype=float), np.asarray(errors, dtype=float)
    order = np.argsort(alphas, kind="stable")
    alphas, errors = alphas[order], errors[order]
    if len(alphas) < 2 or (alphas[0], alphas[-1]) != (0, 1):
        raise ValueError("a line needs the errors of both its ends, alpha 0 and 1")
    return alphas, errors


def barriers(connectivity):
    """Return the barriers of all lines of ``connectivity.csv``.

    Parameters
    ----------
    connectivity : pandas.DataFrame
        The table.

    Returns
    -------
    pandas.DataFrame
        One row a line, whether batch normalisation was recalibrated, and split (``train`` or ``test``), with
        ``over_mean`` (`barrier_over_mean`) and ``over_line`` (`barrier_over_line`).
    """
    rows = []
    for who, line in connectivity.groupby([*ENDS, "recalibrated"], sort=False):
        for split in SPLITS:
            along = line["alpha"], line[f"{split}_error"]
            found = {"over_mean": barrier_over_mean(*along), "over_line": barrier_over_line(*along)}
            rows.append(dict(zip([*ENDS, "recalibrated"], who, strict=True)) | {"split": split} | found)
    return pd.DataFrame(rows, columns=[*ENDS, "recalibrated", "split", "over_mean", "over_line"])


def read_barriers(study):
    """Return the barriers of a finished study, ``results/<study>``; see `barriers`."""
    from prunesim.results.reading import read_whole_table

    return barriers(read_whole_table(Path(study) / "tables" / "connectivity.csv"))
