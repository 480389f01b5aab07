"""Which tables a study has, and their columns."""

from prunesim.storage import columns

COLUMNS = {
    "networks": columns.NETWORKS,
    "layers": columns.LAYERS,
    "similarity": columns.SIMILARITY,
    "spectra": columns.SPECTRA,
    "answers": columns.ANSWERS,
    "classes": columns.CLASSES,
    "connectivity": columns.CONNECTIVITY,
    "robustness": columns.ROBUSTNESS,
    "concepts": columns.CONCEPTS,
    "concept_layers": columns.CONCEPT_LAYERS,
    "sparsity": columns.SPARSITY,
    "training": columns.TRAINING,
    "overlap": columns.OVERLAP,
    "widths": columns.WIDTHS,
}
# Those that a study has for the figures that it asks for, which have their names.
MORE = ("training", "overlap")


def tables_of(config):
    """Return the tables that a study has, less that of its provenance."""
    answers = ["answers", "classes"] if "functional" in config["comparison"]["families"] else []
    spectra = ["spectra"] if config["comparison"]["spectra"] else []
    lines = ["connectivity"] if config["connectivity"]["pairs"] else []
    robust = ["robustness"] if asks_for_robustness(config) else []
    concepts = ["concepts", "concept_layers"] if config["concepts"]["source"] else []
    sparse = ["sparsity"] if any(method["sparsity"] for method in config["methods"].values()) else []
    widths = ["widths"] if config["widths"]["factors"] else []
    more = [name for name in MORE if name in config["figures"]["more"]]
    asked = [*answers, *spectra, *lines, *robust, *concepts, *sparse, *widths, *more]
    return ["networks", "layers", "similarity", *asked, "claims"]


def asks_for_robustness(config):
    """Return whether a study evaluates its networks under further pruning or on corrupted images."""
    return bool(config["robustness"]["shares"] or config["robustness"]["corruptions"])
