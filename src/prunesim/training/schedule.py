"""Learning rates: one number a step, known before training starts."""

import warnings

import torch
from torch.optim import lr_scheduler


def learning_rates(settings, steps_per_epoch):
    """Return the learning rate of every step of a training.

    PyTorch's own schedulers say what the rates are; having them as a list lets a round start at any step.

    Parameters
    ----------
    settings : dict
        ``epochs``, ``learning_rate``, ``schedule``, ``milestones`` (epochs), ``gamma`` of the ``training`` section.
    steps_per_epoch : int

    Returns
    -------
    list of float
        ``epochs * steps_per_epoch`` rates.
    """
    total = settings["epochs"] * steps_per_epoch
    rate = settings["learning_rate"]
    if settings["schedule"] == "constant":
        return [rate] * total
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)
    scheduler = {
        "step": lambda: lr_scheduler.MultiStepLR(
            optimizer, [epoch * steps_per_epoch for epoch in settings["milestones"]], settings["gamma"]
        ),
        "cosine": lambda: lr_scheduler.CosineAnnealingLR(optimizer, T_max=total),
        "one_cycle": lambda: lr_scheduler.OneCycleLR(optimizer, rate, total_steps=total, cycle_momentum=False),
    }[settings["schedule"]]()
    rates = []
    with warnings.catch_warnings():
        # The schedulers warn that no optimizer step came between; none is meant to.
        warnings.simplefilter("ignore", UserWarning)
        for step in range(total):
            rates.append(float(optimizer.param_groups[0]["lr"]))
            if step + 1 < total:
                scheduler.step()
    return rates
