"""Checking the artifacts of a study: what every file must be, whoever wrote it."""

from pathlib import Path

from prunesim.audit.activation_checks import check_activations
from prunesim.audit.checks import check_dataset, check_record, checksums, content, guarded
from prunesim.audit.look_checks import TABLES as TABLES_OF_LOOKS
from prunesim.audit.look_checks import check_annotated, check_robustness, check_units
from prunesim.audit.network_checks import check_network, check_sparse, network_folders, used_datasets
from prunesim.audit.spectrum_checks import check_spectrum
from prunesim.audit.table_checks import TABLES as TABLES_OF_STUDIES
from prunesim.audit.table_checks import check_line, check_similarity_table
from prunesim.audit.width_checks import check_width_rows, check_widths
from prunesim.errors import PrunesimError
from prunesim.storage.left_out import left_out_files

TABLES = {**TABLES_OF_STUDIES, **TABLES_OF_LOOKS}


def verify_study(study):
    """Check every artifact that is there, and what should be beside it.

    What an archive left out of a study need not be there.

    Parameters
    ----------
    study : path-like
        ``results/<study>``.

    Returns
    -------
    problems : list of str
        A sentence each, naming the file. Empty if the study is sound.
    counts : dict of str to int
        How many artifacts of each sort were read.

    Raises
    ------
    PrunesimError
        If there is no study.
    """
    study = Path(study)
    networks = network_folders(study)
    if not networks and not left_out_files(study):
        raise PrunesimError(f"{study} holds no networks/rep0; give the folder of a study, results/<study>.")
    problems = []
    checksum = checksums(study)
    for key in networks:
        problems += guarded(check_network, study, key, networks, checksum)
    for metrics in sorted((study / "networks").glob("rep*/*/sparse*/metrics.json")):
        problems += guarded(check_sparse, metrics, checksum)
    datasets = used_datasets(study, networks)
    for path in datasets:
        problems += guarded(check_dataset, path, checksum)
    activations = sorted((study / "activations").glob("**/activations.json"))
    problems += check_activations(study, networks, activations, checksum)
    checks = TABLES | {"widths": check_width_rows}
    tables = [path for path in map(study.joinpath, map("tables/{}.csv".format, checks)) if path.exists()]
    for path in tables:
        problems += guarded(checks[path.stem], study, path, networks)
    problems += [f"{path} is a leftover of an interrupted job; delete it." for path in sorted(study.rglob(".*.tmp"))]
    comparisons = sorted((study / "comparisons").rglob("*.csv"))
    for path in comparisons:
        problems += guarded(check_similarity_table, study, path, networks)
    spectra = sorted((study / "spectra").rglob("*.csv"))
    for path in spectra:
        problems += guarded(check_spectrum, study, path)
    lines = sorted((study / "connectivity").rglob("*.csv"))
    for path in lines:
        problems += guarded(check_line, study, path, networks)
    degraded = sorted((study / "robustness").rglob("*.csv"))
    for path in degraded:
        problems += guarded(check_robustness, study, path, networks)
    if (study / "concepts").exists():
        problems += guarded(check_annotated, study / "concepts" / "concepts.json", checksum)
    dissected = sorted((study / "concepts").rglob("units.csv"))
    for path in dissected:
        problems += guarded(check_units, path)
    widths, of_widths = check_widths(study, checksum)
    problems += widths
    records = sorted((study / "provenance").rglob("*.json"))
    for path in records:
        problems += guarded(check_record, study, path, checksum)
    given = sum(bool(content(folder / "metrics.json").get("given")) for folder in networks.values())
    counts = {
        "data sets": len(datasets),
        "networks": len(networks),
        **({"given networks": given} if given else {}),
        "activations": len(activations),
        "comparisons": len(comparisons),
        **({"spectra": len(spectra)} if spectra else {}),
        **({"lines": len(lines)} if lines else {}),
        **({"networks under strain": len(degraded)} if degraded else {}),
        **({"dissections": len(dissected)} if dissected else {}),
        **of_widths,
        "tables": len(tables),
        "records": len(records),
    }
    return list(dict.fromkeys(problems)), counts
