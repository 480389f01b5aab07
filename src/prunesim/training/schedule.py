"""Learning rates: one number a step, known before training starts, so that a round can start at any step."""

import math

WARM_UP = 0.3
START_DIVISOR = 25.0
END_DIVISOR = 1e4


def learning_rates(settings, steps_per_epoch):
    """Return the learning rate of every step of a training.

    The rates are those of PyTorch's MultiStepLR, CosineAnnealingLR and OneCycleLR with their defaults.

    Parameters
    ----------
    settings : dict
        ``epochs``, ``learning_rate``, ``schedule``, ``milestones`` (epochs) and ``gamma`` of the ``training`` section.
    steps_per_epoch : int

    Returns
    -------
    list of float
        ``epochs * steps_per_epoch`` rates.
    """
    steps = range(settings["epochs"] * steps_per_epoch)
    rate = settings["learning_rate"]
    return [rate * SCHEDULES[settings["schedule"]](step, len(steps), steps_per_epoch, settings) for step in steps]


def _constant(step, steps, steps_per_epoch, settings):
    return 1.0


def _step(step, steps, steps_per_epoch, settings):
    return settings["gamma"] ** sum(step >= epoch * steps_per_epoch for epoch in settings["milestones"])


def _cosine(step, steps, steps_per_epoch, settings):
    return _between(1.0, 0.0, step / steps)


def _one_cycle(step, steps, steps_per_epoch, settings):
    """Rise over the first 30 % of the steps from 1/25 of the rate, and fall to almost nothing (Smith 2018)."""
    start, end = 1 / START_DIVISOR, 1 / START_DIVISOR / END_DIVISOR
    top, last = WARM_UP * steps - 1, steps - 1
    if step <= top:
        return _between(start, 1.0, step / top if top else 1.0)
    return _between(1.0, end, (step - top) / (last - top))


def _between(first, last, share):
    """Follow half a cosine from `first` to `last`."""
    return last + (first - last) * (1 + math.cos(math.pi * share)) / 2


SCHEDULES = {"constant": _constant, "step": _step, "cosine": _cosine, "one_cycle": _one_cycle}
