"""The figures of a study as plain data: standard library only, so that a workflow can read it at no cost.

Each figure is one module with the functions ``rows(tables, settings)``, what it shows, and ``draw(shown, settings)``
(see `prunesim.figures.plotted`). Modules are named here, not imported: a figure is drawn again when its own module
changes, not when another one does.
"""

FIGURES = {
    "claims": {
        "module": "prunesim.figures.claims",
        "tables": ["claims"],
        "settings": ["context", "dpi"],
        "category": "Claims",
        "labels": {"figure": "claims of the literature, held against this study"},
    },
    "accuracy": {
        "module": "prunesim.figures.accuracy",
        "tables": ["networks"],
        "settings": ["context", "dpi"],
        "category": "Accuracy",
        "labels": {"figure": "accuracy against remaining weights"},
    },
    "similarity": {
        "module": "prunesim.figures.similarity",
        "tables": ["similarity", "networks"],
        "settings": ["measure", "context", "palette", "dpi", "layers"],
        "category": "Similarity",
        "labels": {"figure": "dense network against each round, by layer"},
    },
    "rounds": {
        "module": "prunesim.figures.rounds",
        "tables": ["similarity"],
        "settings": ["measure", "context", "palette", "dpi", "layers"],
        "category": "Similarity",
        "labels": {"figure": "dense network against each round, layer by round"},
    },
    "round_pairs": {
        "module": "prunesim.figures.round_pairs",
        "tables": ["similarity"],
        "settings": ["measure", "context", "palette", "dpi", "layers"],
        "category": "Similarity",
        "labels": {"figure": "all pairs of rounds, by layer"},
    },
    "layers": {
        "module": "prunesim.figures.layers",
        "tables": ["similarity"],
        "settings": ["measure", "context", "palette", "dpi", "layers"],
        "category": "Similarity",
        "labels": {"figure": "dense network against the last round, layer by layer"},
    },
    "spectra": {
        "module": "prunesim.figures.spectra",
        "tables": ["spectra"],
        "settings": ["context", "palette", "dpi", "layers"],
        "category": "Similarity",
        "labels": {"figure": "all canonical correlations of dense and pruned layers"},
    },
    "functional": {
        "module": "prunesim.figures.functional",
        "tables": ["similarity", "networks", "answers"],
        "settings": ["context", "dpi"],
        "category": "Answers",
        "labels": {"figure": "agreement with the dense network against remaining weights"},
    },
    "classes": {
        "module": "prunesim.figures.classes",
        "tables": ["classes"],
        "settings": ["context", "dpi"],
        "category": "Answers",
        "labels": {"figure": "accuracy lost, class by class"},
    },
    "connectivity": {
        "module": "prunesim.figures.connectivity",
        "tables": ["connectivity", "networks"],
        "settings": ["context", "palette", "dpi"],
        "category": "Connectivity",
        "labels": {"figure": "error on the lines between networks, and barriers"},
    },
    "robustness": {
        "module": "prunesim.figures.robustness",
        "tables": ["robustness"],
        "settings": ["context", "dpi"],
        "category": "Robustness",
        "labels": {"figure": "accuracy under further pruning and on worse images"},
    },
    "concepts": {
        "module": "prunesim.figures.concepts",
        "tables": ["concept_layers"],
        "settings": ["context", "palette", "dpi"],
        "category": "Concepts",
        "labels": {"figure": "detectors and distinct concepts against remaining weights"},
    },
    "widths": {
        "module": "prunesim.figures.widths",
        "tables": ["widths"],
        "settings": ["context", "palette", "dpi"],
        "category": "Widths",
        "labels": {"figure": "similarity of networks of one width against the width"},
    },
    "density": {
        "module": "prunesim.figures.density",
        "tables": ["layers"],
        "settings": ["context", "palette", "dpi"],
        "category": "Pruning",
        "labels": {"figure": "remaining weights by layer and round"},
    },
    "triangle": {
        "module": "prunesim.figures.triangle",
        "tables": ["similarity", "networks", "connectivity"],
        "settings": ["measure", "context", "dpi"],
        "category": "Similarity",
        "labels": {"figure": "representation, function and connectivity"},
    },
    "residuals": {
        "module": "prunesim.figures.residuals",
        "tables": ["sparsity"],
        "settings": ["context", "palette", "dpi"],
        "category": "Pruning",
        "labels": {"figure": "residuals of ADMM"},
    },
    "yardstick": {
        "module": "prunesim.figures.yardstick",
        "tables": ["similarity", "networks"],
        "settings": ["measure", "context", "dpi", "layers"],
        "category": "Similarity",
        "labels": {"figure": "pruning beside another training, layer by layer"},
    },
    "measures": {
        "module": "prunesim.figures.measures",
        "tables": ["similarity"],
        "settings": ["context", "palette", "dpi", "layers"],
        "category": "Similarity",
        "labels": {"figure": "measures side by side, and how alike they rank"},
    },
    "training": {
        "module": "prunesim.figures.training",
        "tables": ["training"],
        "settings": ["context", "palette", "dpi"],
        "category": "Accuracy",
        "labels": {"figure": "training curves of each round"},
    },
    "overlap": {
        "module": "prunesim.figures.overlap",
        "tables": ["overlap"],
        "settings": ["context", "dpi"],
        "category": "Pruning",
        "labels": {"figure": "what masks have in common, beside chance"},
    },
}
# Those that a study has where ``figures.more`` names them.
MORE = ("yardstick", "measures", "training", "overlap")

# Figures that a rule of their own draws, because they show more than tables hold, by the table that goes with each.
SHEETS = {"concept_sheet": "concepts"}


def sheets_of(tables):
    """Return the figures of a study that are drawn from more than its tables; see `SHEETS`."""
    return [name for name, table in SHEETS.items() if table in tables]


def figures_of(tables, methods, more=()):
    """Return the figures of a study by its tables and methods, as in `FIGURES`; those of ADMM only where there is some.

    Parameters
    ----------
    tables : collection of str
    methods : dict of str to dict
        Their settings; ``sparsity`` is read.
    more : collection of str
        Those of `MORE` that the study asks for.
    """
    admm = any(method["sparsity"] and method["sparsity"]["admm"] for method in methods.values())
    found = {name: about for name, about in FIGURES.items() if set(about["tables"]) <= set(tables)}
    left_out = {*MORE} - {*more} | (set() if admm else {"residuals"})
    return {name: about for name, about in found.items() if name not in left_out}
