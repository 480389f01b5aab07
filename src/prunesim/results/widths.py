"""The table of networks of several widths."""

from pathlib import Path

from prunesim.audit.records import read_made, record_path
from prunesim.storage.columns import WIDTH_PAIRS, WIDTHS
from prunesim.storage.csvfiles import read_rows
from prunesim.storage.files import read_json
from prunesim.study.width_paths import width_comparisons, width_networks


def widths_table(study, plan):
    """Return the rows of all comparisons, with the test accuracy of both networks where they are trained.

    Parameters
    ----------
    study : path-like
        ``results/<study>``.
    plan : dict
        ``widths``, see `prunesim.study.widths.width_growth`.

    Returns
    -------
    columns : tuple of str
    rows : list of dict
    """
    study, growth = Path(study), plan["widths"]
    accuracy = {
        (factor, str(replicate)): read_json(study / folder / "dense" / "metrics.json")["test_accuracy"]
        for factor, replicate, folder in width_networks(growth["factors"], growth["replicates"])
    }
    rows = []
    for *_, file in width_comparisons(**growth):
        read_made(study, record_path(file.removesuffix(".csv")))
        for row in read_rows(study / file, WIDTH_PAIRS):
            if row["trained"] == "yes":
                row |= {f"test_accuracy_{x}": accuracy[row[f"width_{x}"], row[f"replicate_{x}"]] for x in "ab"}
            rows.append(row)
    return WIDTHS, rows
