"""Penalties on single numbers of a network: the L1 norm of its weights, and of the scales of its batch norms."""

import torch

from prunesim.training.penalty import Penalty


def soft_threshold(values, threshold):
    """Return the proximal operator of the L1 norm: values moved towards zero by `threshold`, not beyond it.

    Zeros are exact and positive.

    Parameters
    ----------
    values : torch.Tensor
    threshold : float or torch.Tensor
        Not negative; a tensor has the shape of `values`.
    """
    bound = threshold if isinstance(threshold, torch.Tensor) else torch.full_like(values, threshold)
    return values - values.clamp(-bound, bound)


@torch.no_grad()
def proximal_step(parameters, chosen, state, rate, strength, settings):
    """Follow a step of the optimizer on the loss by the proximal step of ``strength * sum |w|``, in place.

    With SGD the momentum becomes what the weights have really moved, so that the inertia is that of the whole step
    (iPiano, Ochs et al. 2014). With Adam each weight is moved at its own rate (ProxGen, Yun et al. 2021).
    Both rest where ``0`` is in ``gradient + strength * sign(w)``, whatever rate and momentum are.

    Parameters
    ----------
    parameters : list of torch.Tensor
        All those of the optimizer, after its step.
    chosen : collection of int
        Which of them are penalised; those without a gradient were not moved and are left alone.
    state : dict
        Of the optimizer, see `prunesim.training.optimizer.initial_state`.
    rate, strength : float
    settings : dict
        ``optimizer`` and ``momentum`` of the ``training`` section.
    """
    if rate == 0:
        return
    for index in chosen:
        values = parameters[index]
        if values.grad is None:
            continue
        threshold = rate * strength
        if settings["optimizer"] == "adam":
            correction = 1 - 0.999 ** state["steps"][index].item()
            threshold = threshold / ((state["square"][index] / correction).sqrt() + 1e-8)
        shrunk = soft_threshold(values, threshold)
        if settings["optimizer"] == "sgd" and settings["momentum"]:
            state["momentum"][index].add_(values - shrunk, alpha=1 / rate)
        values.copy_(shrunk)


class WeightsL1(Penalty):
    """``strength * sum |w|`` by proximal steps, which give exact zeros (Goodfellow et al. 2016, section 7.1.2).

    Parameters
    ----------
    weights : list of torch.nn.Parameter
    strength : float
    """

    def __init__(self, weights, strength):
        super().__init__()
        self.penalised, self.strength = weights, strength

    def after_step(self, parameters, state, rate, settings):
        ours = {id(weight) for weight in self.penalised}
        chosen = [index for index, parameter in enumerate(parameters) if id(parameter) in ours]
        proximal_step(parameters, chosen, state, rate, self.strength, settings)

    def after_epoch(self, epoch):
        return {"penalty": self.strength * absolute_sum(self.penalised), "zeros": share_of_zeros(self.penalised)}


class BatchNormScales(Penalty):
    """``strength * sum |gamma|`` by its subgradient, as network slimming has it (Liu et al. 2017, equation 1).

    Parameters
    ----------
    scales : list of torch.nn.Parameter
        The scales (gamma) of batch norms.
    strength : float
    """

    def __init__(self, scales, strength):
        super().__init__()
        self.penalised, self.strength = scales, strength

    @torch.no_grad()
    def add_gradients(self):
        for scale in self.penalised:
            if scale.grad is not None:
                scale.grad.add_(scale.sign(), alpha=self.strength)

    def after_epoch(self, epoch):
        return {"penalty": self.strength * absolute_sum(self.penalised), "zeros": share_of_zeros(self.penalised)}


def absolute_sum(tensors):
    """Return the sum of the absolute values of tensors, added up in float64."""
    return sum(tensor.detach().cpu().double().abs().sum().item() for tensor in tensors)


def share_of_zeros(tensors):
    """Return which share of the values of tensors is exactly zero."""
    zeros = sum(tensor.numel() - int(torch.count_nonzero(tensor)) for tensor in tensors)
    return zeros / sum(tensor.numel() for tensor in tensors)
