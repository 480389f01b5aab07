"""The columns of ``history.csv``, one row an epoch."""

HISTORY = ("epoch", "steps", "learning_rate", "train_loss", "validation_loss", "validation_accuracy")
SPARSE_HISTORY = (*HISTORY, "primal_residual", "dual_residual", "penalty", "zeros")
