"""The tables of a study, put together from what its jobs wrote."""

from pathlib import Path

from prunesim.audit.records import acceptances, read_made, record_path
from prunesim.pruning.criteria import select_tensors
from prunesim.results.overlap import overlap_table
from prunesim.results.recognition import concept_layers_table, concepts_table
from prunesim.results.sparsity import sparsity_table
from prunesim.results.training import training_table
from prunesim.results.widths import widths_table
from prunesim.storage.columns import CONNECTIVITY, LAYERS, NETWORKS, PROVENANCE, ROBUSTNESS, SIMILARITY, SPECTRA
from prunesim.storage.csvfiles import read_rows
from prunesim.storage.files import read_json
from prunesim.study import paths

# What a study consists of beside networks, activations and comparisons.
OF_NO_COMPARISON = ("given", "connectivity", "robustness", "concepts", "widths", "spectra")


def networks_table(study, plan):
    """Return one row a network.

    Parameters
    ----------
    study : path-like
        ``results/<study>``.
    plan : dict
        ``replicates``, ``rounds``, ``methods`` (name to settings), ``layers`` and ``families``; where networks come
        from outside also ``chains`` and ``given``, see `prunesim.study.paths.jobs`.

    Returns
    -------
    columns : tuple of str
    rows : list of dict
        ``prunable_weights`` counts the weights that the method selects; for a dense network, that the first
        method selects.
    """
    chains = [{"types": ["conv", "linear"], **chain} for chain in plan.get("chains", {}).values()]
    first = next(iter([*plan["methods"].values(), *chains]), None)
    rows = []
    for metrics in _all_metrics(study, plan):
        pruned = [layer for layer in metrics["layers"] if layer["pruned"]]
        if metrics["method"] == "dense":
            pruned = _selected(metrics["layers"], first)
        weights = sum(layer["weights"] for layer in pruned)
        remaining = sum(layer["remaining_weights"] for layer in pruned)
        counts = {"density": remaining / weights, "prunable_weights": weights, "remaining_weights": remaining}
        rows.append({**{key: metrics.get(key) for key in NETWORKS}, **counts})
    return NETWORKS, rows


def layers_table(study, plan):
    """Return one row a network and layer with weights, pruned or not; see `networks_table`."""
    rows = []
    for metrics in _all_metrics(study, plan):
        for layer in metrics["layers"]:
            row = {key: (layer if key in layer else metrics).get(key) for key in LAYERS}
            rows.append({**row, "density": layer["remaining_weights"] / layer["weights"]})
    return LAYERS, rows


def similarity_table(study, plan):
    """Return the rows of all comparison files, in the order of the plan; see `networks_table`."""
    rows = []
    for file in paths.comparisons(
        **{key: value for key, value in _growth(plan).items() if key not in OF_NO_COMPARISON}
    ):
        read_made(study, record_path(f"comparisons/{file.removesuffix('.csv')}"))
        rows += read_rows(Path(study) / "comparisons" / file, SIMILARITY)
    return SIMILARITY, rows


def spectra_table(study, plan):
    """Return the canonical correlations of all pruned networks with their dense ones; see `networks_table`."""
    rows = []
    for *_, round_, folder in paths.networks(plan["replicates"], plan["methods"], plan["rounds"], plan.get("chains")):
        if round_:
            read_made(study, record_path(f"spectra/{folder}"))
            rows += read_rows(Path(study) / "spectra" / f"{folder}.csv", SPECTRA)
    return SPECTRA, rows


def connectivity_table(study, plan):
    """Return the rows of all lines between networks; ``plan`` also has ``connectivity``, see `networks_table`."""
    keys = ("replicates", "methods", "rounds", "chains")
    rows = []
    for name in paths.connections(plan["connectivity"], **{key: plan[key] for key in keys if key in plan}):
        read_made(study, record_path(f"connectivity/{name}"))
        rows += read_rows(Path(study) / "connectivity" / f"{name}.csv", CONNECTIVITY)
    return CONNECTIVITY, rows


def robustness_table(study, plan):
    """Return the accuracies of all networks with fewer weights and on worse images; see `networks_table`."""
    rows = []
    for *_, folder in paths.networks(plan["replicates"], plan["methods"], plan["rounds"], plan.get("chains")):
        read_made(study, record_path(f"robustness/{folder}"))
        rows += read_rows(Path(study) / "robustness" / f"{folder}.csv", ROBUSTNESS)
    return ROBUSTNESS, rows


def provenance_table(study, plan):
    """Return one row an artifact: who made it; see `networks_table`.

    Parameters
    ----------
    plan : dict
        Also ``dataset`` (its folder, relative to the folder above the study; left out of the table if it is gone),
        ``tables``, ``figures`` and ``pages``.

    Raises
    ------
    PrunesimError
        If a table, figure or page, which no other job reads, is not what its job made.
    """
    study = Path(study)
    drawn = [*(f"{kind}/{name}" for kind in ("tables", "figures") for name in plan[kind]), *plan["pages"]]
    rows = []
    dataset = study.parent / plan["dataset"] / "provenance.json"
    if dataset.exists():
        rows += _provenance_rows(read_json(dataset), f"../{plan['dataset']}/")
    for job in paths.jobs(**_growth(plan)):
        rows += _provenance_rows(read_json(study / record_path(job)))
    for job in drawn:
        rows += _provenance_rows(read_made(study, record_path(job)))
    accepted = _accepted(study)
    return PROVENANCE, [row | {"accepted": accepted.get(row["artifact"])} for row in rows]


TABLES = {
    "networks": networks_table,
    "layers": layers_table,
    "similarity": similarity_table,
    "spectra": spectra_table,
    "sparsity": sparsity_table,
    "connectivity": connectivity_table,
    "robustness": robustness_table,
    "concepts": concepts_table,
    "concept_layers": concept_layers_table,
    "training": training_table,
    "overlap": overlap_table,
    "widths": widths_table,
    "provenance": provenance_table,
}


def _growth(plan):
    known = ("families", "replicates", "methods", "rounds", "layers", "chains", *OF_NO_COMPARISON)
    return {key: plan[key] for key in known if key in plan}


def _provenance_rows(record, prefix=""):
    about = {**record, **record["packages"]}
    return [
        {key: about.get(key) for key in PROVENANCE} | {"artifact": prefix + name, "sha256": sha256}
        for name, sha256 in record["outputs"].items()
    ]


def _accepted(study):
    """Return when and why each artifact was taken for what later code would make of it, by its name in the table."""
    words = {}
    for acceptance in acceptances(study):
        text = f"{acceptance['when']}: {acceptance['why']}"
        for output in acceptance["artifacts"]:
            name = output.removeprefix(f"results/{study.name}/")
            name = name if name != output else f"../{output.removeprefix('results/')}"
            words[name] = "; ".join(filter(None, (words.get(name), text)))
    return words


def _all_metrics(study, plan):
    networks = paths.networks(plan["replicates"], plan["methods"], plan["rounds"], plan.get("chains"))
    return [read_json(Path(study) / "networks" / folder / "metrics.json") for *_, folder in networks]


def _selected(layers, method):
    if method is None:
        return layers
    kinds = {layer["layer"]: layer["kind"] for layer in layers}
    names = set(select_tensors(kinds, method["types"], method["exclude"]))
    return [layer for layer in layers if layer["layer"] in names]
