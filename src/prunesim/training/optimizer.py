"""SGD and Adam through PyTorch's functional forms.

The classes of `torch.optim` import ``torch._dynamo`` when the first one is made. That takes as long as training one
of the small networks here, in each of the hundreds of jobs of a study; the functions that the classes call do not.
"""

import torch
from torch.optim.adam import adam
from torch.optim.sgd import sgd


def initial_state(parameters, settings):
    """Return the state of a fresh optimizer.

    Parameters
    ----------
    parameters : list of torch.Tensor
    settings : dict
        ``optimizer`` of the ``training`` section: ``sgd`` or ``adam``.

    Returns
    -------
    dict of str to list of torch.Tensor
        One tensor a parameter under each key.
    """
    if settings["optimizer"] == "sgd":
        return {"momentum": [torch.zeros_like(parameter) for parameter in parameters]}
    return {
        "mean": [torch.zeros_like(parameter) for parameter in parameters],
        "square": [torch.zeros_like(parameter) for parameter in parameters],
        "steps": [torch.zeros(()) for _ in parameters],
    }


@torch.no_grad()
def step(parameters, state, rate, settings):
    """Update the parameters that have a gradient, in place, and the state with them.

    Parameters
    ----------
    parameters : list of torch.Tensor
    state : dict
        From `initial_state`.
    rate : float
        Learning rate of this step.
    settings : dict
        ``optimizer``, ``momentum`` (SGD) and ``weight_decay`` of the ``training`` section.
    """
    used = [index for index, parameter in enumerate(parameters) if parameter.grad is not None]
    values = [parameters[index] for index in used]
    gradients = [parameters[index].grad for index in used]
    parts = {key: [tensors[index] for index in used] for key, tensors in state.items()}
    common = {"lr": rate, "weight_decay": settings["weight_decay"], "maximize": False}
    if settings["optimizer"] == "sgd":
        momentum = settings["momentum"]
        sgd(values, gradients, parts["momentum"], momentum=momentum, dampening=0.0, nesterov=False, **common)
    else:
        moments = (parts["mean"], parts["square"], [], parts["steps"])
        adam(values, gradients, *moments, amsgrad=False, beta1=0.9, beta2=0.999, eps=1e-8, **common)
