"""The columns of the tables, in their order."""

NETWORKS = (
    "replicate",
    "method",
    "round",
    "density",
    "prunable_weights",
    "remaining_weights",
    "parameters",
    "nonzero_parameters",
    "macs",
    "train_loss",
    "test_loss",
    "test_accuracy",
    "epochs",
    "seconds",
)
LAYERS = ("replicate", "method", "round", "layer", "weights", "remaining_weights", "density")
SIMILARITY = (
    "family",
    "measure",
    "value",
    "ci_low",
    "ci_high",
    "null",
    "calibrated",
    "p_value",
    "n_images",
    "n_samples",
    "rank_a",
    "rank_b",
    "replicate_a",
    "method_a",
    "round_a",
    "layer_a",
    "replicate_b",
    "method_b",
    "round_b",
    "layer_b",
    "note",
)
SPARSITY = (
    "replicate",
    "method",
    "round",
    "epoch",
    "iteration",
    "primal_residual",
    "dual_residual",
    "penalty",
    "zeros",
    "note",
)
ANSWERS = ("replicate", "method", "round", "images", "accuracy", "cross_entropy", "ece")
CLASSES = ("replicate", "method", "round", "class", "images", "accuracy")
CONNECTIVITY = (
    "replicate_a",
    "method_a",
    "round_a",
    "replicate_b",
    "method_b",
    "round_b",
    "alpha",
    "train_error",
    "test_error",
    "recalibrated",
)
ROBUSTNESS = ("replicate", "method", "round", "kind", "severity", "accuracy")
# Of the file of a network: draw 0 holds units against the masks of their own images, others against permuted ones.
CONCEPT_UNITS = ("replicate", "method", "round", "layer", "unit", "silent", "draw", "concept", "iou")
CONCEPTS = ("replicate", "method", "round", "layer", "unit", "concept", "iou", "detector")
CONCEPT_LAYERS = (
    "replicate",
    "method",
    "round",
    "density",
    "layer",
    "units",
    "silent",
    "detectors",
    "concepts",
    "chance_detectors",
    "chance_concepts",
)
PROVENANCE = (
    "artifact",
    "sha256",
    "verb",
    "replicate",
    "method",
    "round",
    "seed",
    "threads",
    "device",
    "started",
    "seconds",
    "peak_megabytes",
    "commit",
    "dirty",
    "python",
    "torch",
    "numpy",
    "scipy",
    "host",
    "processor",
    "platform",
    "accepted",
)
