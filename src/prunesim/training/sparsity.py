"""Networks that are trained to be sparse before they are pruned."""

import torch
from torch import nn

from prunesim.errors import PrunesimError
from prunesim.networks.state import load_arrays
from prunesim.pruning.criteria import select_tensors
from prunesim.pruning.targets import targets
from prunesim.storage.arrays import layer_of, load_tensors
from prunesim.storage.histories import SPARSE_HISTORY
from prunesim.storage.terminal import warn
from prunesim.study.seeds import derive_seed
from prunesim.training.admm import Admm
from prunesim.training.checkpoint import discard_checkpoint
from prunesim.training.penalties import BatchNormScales, WeightsL1
from prunesim.training.run import Training

KINDS = ("l1", "bn_scale", "admm")
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def train_sparse(settings, dataset, replicate, method, start, output, checkpoint, *, round_=0, density=None, log=print):
    """Train a network with a penalty that makes it sparse, and write its artifacts.

    Parameters
    ----------
    settings : dict
        ``seed``, ``network`` and ``training`` of the config, and ``method``: of one of ``methods`` the keys
        ``sparsity``, ``types`` and ``exclude``, for ADMM also ``scope``. ``sparsity`` holds one of ``l1`` (strength),
        ``bn_scale`` (strength; ``gamma_init`` beside it) and ``admm`` (``rho, iterations, epochs, optimizer,
        learning_rate, tolerance``).
    dataset : path-like
    replicate : int
    method : str
        Its name.
    start : path-like
        Weights to start from: for l1 and bn_scale the initial ones of the dense network, which is trained in the same
        way but for the penalty, images in the same order; for ADMM its trained ones.
    output : path-like
        Folder for ``weights.safetensors``, ``history.csv`` (with ``SPARSE_HISTORY``) and ``metrics.json``.
    checkpoint : path-like
    round_ : int
        For ADMM, the round whose density is aimed at; 0 for the others, of which there is one for all rounds.
    density : float or dict of str to float, optional
        For ADMM, see `prunesim.pruning.targets.targets`.
    log : callable

    Returns
    -------
    dict
        ``device``, for the record of the job.

    Raises
    ------
    PrunesimError
        If the settings do not fit the network, or the training diverges.
    """
    sparsity = settings["method"]["sparsity"]
    kind = kind_of(sparsity)
    if (kind == "admm") != (density is not None):
        raise PrunesimError(
            "sparsity.admm needs a density to aim at." if kind == "admm" else f"sparsity.{kind} aims at no density."
        )
    told = settings if density is None else {**settings, "density": density}
    session = Sparse(told, dataset, replicate, round_, log)
    weights, _ = load_tensors(start)
    load_arrays(session.network, weights, start)
    training, penalty = settings["training"], PENALTIES[kind](session)
    if kind == "admm":
        session.stage = ("admm",)
        training = admm_training(training, sparsity["admm"])
    history = session.train(training, penalty=penalty, checkpoint=checkpoint, inputs=[start])
    note = NOTES[kind](session, history)
    if note:
        warn(f"{output}: {note}")
        log(note)
    session.write(output, history, method=method, mask={}, inputs=[], columns=SPARSE_HISTORY, note=note)
    discard_checkpoint(checkpoint)
    return session.about


def kind_of(sparsity):
    """Return which of `KINDS` the setting ``sparsity`` of a method asks for."""
    kinds = [kind for kind in KINDS if (sparsity or {}).get(kind) is not None]
    if len(kinds) != 1:
        raise PrunesimError(
            f"sparsity must hold one of {', '.join(KINDS)}, and holds {' and '.join(kinds) or 'none of them'}."
        )
    return kinds[0]


def admm_training(training, admm):
    """Return the training settings of ADMM: all its iterations in one go, at a constant rate."""
    return {
        **training,
        "schedule": "constant",
        "optimizer": admm["optimizer"],
        "learning_rate": admm["learning_rate"],
        "epochs": admm["iterations"] * admm["epochs"],
    }


class Sparse(Training):
    """A training whose seeds may be those of a stage of its own, beside the retraining of the same round."""

    code = "prunesim.training.sparsity"
    stage = ()

    def seed_of(self, role, epoch):
        return derive_seed(self.settings["seed"], role, self.replicate, self.round, *self.stage, epoch)

    def selected(self):
        """Return the weights that the method prunes, by name."""
        method = self.settings["method"]
        parameters = dict(self.network.named_parameters(remove_duplicate=False))
        return {
            name: parameters[name]
            for name in select_tensors(self.metadata["kinds"], method["types"], method["exclude"])
        }


def _l1(session):
    return WeightsL1(list(session.selected().values()), session.settings["method"]["sparsity"]["l1"])


def _bn_scale(session):
    sparsity = session.settings["method"]["sparsity"]
    modules = (module for module in session.network.modules() if isinstance(module, BATCH_NORMS))
    scales = [module.weight for module in modules if module.weight is not None and module.weight.requires_grad]
    if not scales:
        raise PrunesimError(
            f"sparsity.bn_scale needs batch norms with a scale, and {session.settings['network']['name']} has none; "
            "take sparsity.l1 or another network."
        )
    if sparsity.get("gamma_init") is not None:
        with torch.no_grad():
            for scale in scales:
                scale.fill_(sparsity["gamma_init"])
    return BatchNormScales(scales, sparsity["bn_scale"])


def _admm(session):
    weights, admm = session.selected(), session.settings["method"]["sparsity"]["admm"]
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
    sizes = {name: weight.numel() for name, weight in weights.items()}
    scope, density = session.settings["method"]["scope"], session.settings["density"]
    counts = targets(shapes, sizes, scope=scope, density=density)
    return Admm(weights, counts, admm["rho"], admm["epochs"])


def _emptied(session, history):
    """Return which layers a penalty on weights has left nothing of, in words."""
    empty = [layer_of(name) for name, weight in session.selected().items() if not torch.count_nonzero(weight)]
    if empty:
        return f"sparsity.l1 has left no weight in {', '.join(empty)}; lower it."
    return None


def _not_converged(session, history):
    """Return that ADMM has not converged, in words, if so."""
    admm = session.settings["method"]["sparsity"]["admm"]
    residual = history[-1]["primal_residual"]
    if residual > admm["tolerance"]:
        return (
            f"ADMM has not converged: after {admm['iterations']} iterations the primal residual is {residual:.3g}, "
            f"above the tolerance of {admm['tolerance']:g}; raise sparsity.admm.iterations or rho."
        )
    return None


PENALTIES = {"l1": _l1, "bn_scale": _bn_scale, "admm": _admm}
NOTES = {"l1": _emptied, "bn_scale": lambda session, history: None, "admm": _not_converged}
