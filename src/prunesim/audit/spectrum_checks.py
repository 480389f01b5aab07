"""What must hold of the canonical correlations of a pruned network with its dense one."""

from itertools import groupby, pairwise

from prunesim.storage.columns import SIMILARITY, SPECTRA
from prunesim.storage.csvfiles import read_rows

# Both are right to 1e-6 of the true value, and are summed in another order.
TOLERANCE = 1e-5


def check_spectrum(study, path):
    """Check the file of a network: whole spectra, largest first, with the mean ``cca_mean`` where that is known."""
    problems = []
    numbered = enumerate(read_rows(path, SPECTRA), start=2)
    for layer, found in groupby(numbered, key=lambda entry: entry[1]["layer"]):
        numbers, rows = zip(*found, strict=True)
        if not rows[0]["index"]:
            if len(rows) > 1 or rows[0]["correlation"] or not rows[0]["note"]:
                problems.append(f"{path}, line {numbers[0]}: a layer without correlations has one row, and a note.")
            continue
        rank = min(int(rows[0]["rank_a"]), int(rows[0]["rank_b"]))
        if [int(row["index"]) for row in rows] != list(range(1, rank + 1)):
            problems.append(f"{path}: {layer} must have the correlations 1 to {rank}, in this order.")
        for key in ("correlation", "null"):
            values = [float(row[key]) for row in rows if row[key]]
            if not all(0 <= value <= 1 for value in values) or any(a < b for a, b in pairwise(values)):
                problems.append(f"{path}: each {key} of {layer} must be from 0 to 1, and none above the one before it.")
        mean = sum(float(row["correlation"]) for row in rows) / len(rows)
        known = _measured(study / "comparisons" / "rounds" / path.relative_to(study / "spectra").with_suffix(""), layer)
        if known is not None and abs(known - mean) > TOLERANCE:
            problems.append(f"{path}: the mean of {layer} is {mean:.6f}, but cca_mean is {known:.6f}.")
    return problems


def _measured(folder, layer):
    """Return the measure ``cca_mean`` of the dense network and a round at a layer; None where it is not known."""
    path = folder / f"{layer}.csv"
    for row in read_rows(path, SIMILARITY) if path.exists() else ():
        if row["measure"] == "cca_mean" and row["round_a"] == "0" and row["value"]:
            return float(row["value"])
    return None
