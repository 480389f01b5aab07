"""Training towards a given number of weights by the alternating direction method of multipliers (ADMM).

The problem is to minimise loss(W) with W = Z, where Z has a given number of nonzero weights. In its scaled form (Boyd
et al. 2011, section 3.1.1) one iteration is

1. W: some epochs of training on loss(W) + rho / 2 ||W - Z + U||^2,
2. Z: the projection of W + U onto the tensors with that number of nonzeros,
3. U: U + W - Z.

Zhang et al. (2018) prune networks so.
"""

import math

import torch

from prunesim.errors import PrunesimError
from prunesim.training.penalties import share_of_zeros
from prunesim.training.penalty import Penalty


def project(tensors, keep):
    """Return the nearest tensors of which only `keep` values are not zero: those of the largest magnitude.

    Of equal magnitudes, those later in the order of tensors and indices remain, as when a mask is chosen.

    Parameters
    ----------
    tensors : list of torch.Tensor
        Ranked together.
    keep : int
    """
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    flat[torch.argsort(flat.abs(), stable=True)[: flat.numel() - keep]] = 0
    parts = flat.split([tensor.numel() for tensor in tensors])
    return [part.reshape(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]


def norm(tensors):
    """Return the Euclidean norm over all values of some tensors, added up in float64."""
    return math.sqrt(sum(tensor.detach().cpu().double().square().sum().item() for tensor in tensors))


class Admm(Penalty):
    """The penalty of ADMM, and its steps for Z and U after every few epochs.

    Z starts as the projection of the weights, U as zero.

    Parameters
    ----------
    weights : dict of str to torch.nn.Parameter
        Those to prune, with the values that training starts from.
    counts : list of (list of str, int)
        Groups of weights and how many remain, see `prunesim.pruning.targets.targets`.
    rho : float
        The strength of the penalty, which is squared.
    epochs : int
        Epochs of training in each iteration.
    """

    def __init__(self, weights, counts, rho, epochs):
        super().__init__()
        self.rho, self.epochs = rho, epochs
        self.weights = list(weights.values())
        names = list(weights)
        self.groups = [([names.index(name) for name in group], keep) for group, keep in counts]
        self.dual = [torch.zeros_like(weight, requires_grad=False) for weight in self.weights]
        with torch.no_grad():
            self.auxiliary = self._projected()
        self.state = {"auxiliary": self.auxiliary, "dual": self.dual}

    def _projected(self):
        shifted = [weight + dual for weight, dual in zip(self.weights, self.dual, strict=True)]
        projected = [None] * len(shifted)
        for group, keep in self.groups:
            for index, part in zip(group, project([shifted[index] for index in group], keep), strict=True):
                projected[index] = part
        return projected

    def _parts(self):
        return zip(self.weights, self.auxiliary, self.dual, strict=True)

    @torch.no_grad()
    def add_gradients(self):
        """Add ``rho (W - Z + U)``."""
        for weight, auxiliary, dual in self._parts():
            if weight.grad is not None:
                weight.grad.add_(weight - auxiliary + dual, alpha=self.rho)

    @torch.no_grad()
    def update(self):
        """Make the steps of Z and U.

        Returns
        -------
        primal_residual, dual_residual : float
            ``||W - Z|| / ||W||`` and ``rho ||Z - Z before||``, Euclidean norms over all weights together (Boyd et al.
            2011, section 3.3; the first relative to the weights).
        """
        projected = self._projected()
        dual_residual = self.rho * norm([new - old for new, old in zip(projected, self.auxiliary, strict=True)])
        for old, new in zip(self.auxiliary, projected, strict=True):
            old.copy_(new)
        apart = [weight - auxiliary for weight, auxiliary, _ in self._parts()]
        for dual, difference in zip(self.dual, apart, strict=True):
            dual.add_(difference)
        size = norm(self.weights)
        return norm(apart) / size if size else 0.0, dual_residual

    @torch.no_grad()
    def after_epoch(self, epoch):
        """Return the penalty as it was in the epoch; in the last epoch of an iteration, also the residuals after it."""
        penalty = self.rho / 2 * norm([weight - auxiliary + dual for weight, auxiliary, dual in self._parts()]) ** 2
        row = {"penalty": penalty, "zeros": share_of_zeros(self.weights)}
        if epoch % self.epochs:
            return {"primal_residual": None, "dual_residual": None, **row}
        primal, dual = self.update()
        if not math.isfinite(primal + dual):
            raise PrunesimError(
                f"The weights are no longer finite numbers after epoch {epoch} of ADMM; lower its learning_rate or rho."
            )
        return {"primal_residual": primal, "dual_residual": dual, **row}
