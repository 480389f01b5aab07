"""Where a round of retraining starts: weights, step and learning rate.

The setting ``rewind`` is ``init`` (Frankle and Carbin 2019), ``{"epoch": n}`` or ``{"step": n}`` (Frankle et al.
2020), ``lr`` (learning-rate rewinding, Renda et al. 2020) or ``none`` (fine-tuning, Han et al. 2015).
"""


def rewind_file(rewind):
    """Return the name of the file, beside the dense network, that holds the rewind point.

    Returns
    -------
    str or None
        None when a round starts from the weights of the round before it.
    """
    if rewind in ("lr", "none"):
        return None
    if rewind == "init":
        return "initial.safetensors"
    ((unit, count),) = rewind.items()
    return f"rewind_{unit}{count}.safetensors" if count else "initial.safetensors"


def first_step(rewind, steps_per_epoch):
    """Return the step of the schedule at which a round starts."""
    if isinstance(rewind, str):
        return 0
    ((unit, count),) = rewind.items()
    return count * steps_per_epoch if unit == "epoch" else count


def round_training(training, method):
    """Return the training settings of a pruning round.

    Parameters
    ----------
    training : dict
        The ``training`` section of the config.
    method : dict
        One of ``methods``: ``rewind``, ``fine_tune_learning_rate`` and ``fine_tune_epochs`` are read.
    """
    if method["rewind"] != "none":
        return training
    return {
        **training,
        "schedule": "constant",
        "learning_rate": method["fine_tune_learning_rate"],
        "epochs": method["fine_tune_epochs"] or training["epochs"],
    }
