"""What rules ask of a network before it is trained: scores of its weights, and other initial weights."""

import numpy as np
import torch

from prunesim.errors import PrunesimError
from prunesim.networks.state import load_arrays, network_arrays
from prunesim.pruning import sensitivity
from prunesim.pruning.catalogue import GRASP_IMAGES, SNIP_IMAGES
from prunesim.pruning.criteria import keep_largest, select_tensors
from prunesim.pruning.masks import apply_mask, check_mask
from prunesim.pruning.targets import targets
from prunesim.storage.arrays import load_tensors, save_tensors
from prunesim.study.seeds import derive_seed
from prunesim.training.run import Session, Training


def score(settings, dataset, replicate, round_, weights, mask, output, log=print):
    """Score the weights of a network and write the scores.

    Parameters
    ----------
    settings : dict
        ``seed``, ``network``, ``training``, and of the method ``criterion``, ``types``, ``exclude``, ``scope``,
        ``score_images`` and ``fraction`` or ``density``.
    dataset : path-like
    replicate, round_ : int
    weights : path-like
        Those that the round will be trained from.
    mask : path-like or None
        Of the round before.
    output : path-like
        The ``.safetensors`` file to write.

    Returns
    -------
    dict
        ``device``, for the record of the job.

    Raises
    ------
    PrunesimError
        If a score is not a finite number.
    """
    criterion = settings["criterion"]
    session = (Session if criterion == "synflow" else Training)(settings, dataset, replicate, round_, log)
    arrays, _ = load_tensors(weights)
    names = select_tensors(session.metadata["kinds"], settings["types"], settings["exclude"])
    masks = {name: np.ones(arrays[name].shape, np.uint8) for name in names}
    if mask is not None:
        masks, _ = load_tensors(mask)
        check_mask(masks, arrays, mask)
    load_arrays(session.network, apply_mask(arrays, masks), weights)
    if criterion == "synflow":
        scores = sensitivity.synflow(session.network, names, session.shape, _keep(settings, masks))
    else:
        seed = derive_seed(settings["seed"], "score", replicate, round_)
        images, labels = _batch(session, criterion, settings["score_images"], seed)
        log(f"{criterion} on {len(images)} images")
        make = getattr(sensitivity, criterion)
        scores = make(session.network, names, session.normalise(images), labels)
    scores = {name: value.cpu().numpy() for name, value in scores.items()}
    for name, value in scores.items():
        if not np.isfinite(value).all():
            raise PrunesimError(
                f"{criterion}: the scores of {name!r} are not all finite numbers, so its weights cannot be ranked; "
                "choose another criterion for this network."
            )
    save_tensors(output, scores, {"criterion": criterion})
    return session.about


def _batch(session, criterion, count, seed):
    """Return the images that are scored on: `count` of all, or for GraSP of each class."""
    order = np.random.default_rng(seed).permutation(len(session.images))
    if criterion == "snip":
        chosen = order[: count or SNIP_IMAGES]
    else:
        labels = session.labels.cpu().numpy()[order]
        each = count or GRASP_IMAGES
        chosen = np.concatenate([order[labels == value][:each] for value in np.unique(labels)])
    chosen = torch.from_numpy(np.sort(chosen)).to(session.images.device)
    return session.images[chosen], session.labels[chosen]


def _keep(settings, mask):
    """Return the function by which SynFlow goes down to the density of the round, exponentially."""
    shapes = {name: kept.shape for name, kept in mask.items()}
    remaining = {name: int(kept.sum()) for name, kept in mask.items()}
    goal = {key: settings[key] for key in ("fraction", "density") if key in settings}
    groups = targets(shapes, remaining, scope=settings["scope"], **goal)

    def keep(scores, power):
        left = []
        for names, count in groups:
            before = sum(remaining[name] for name in names)
            left.append((names, round(before * (count / before) ** power) if before else 0))
        kept = keep_largest({name: value.numpy() for name, value in scores.items()}, mask, left)
        return {name: torch.from_numpy(kept[name] == 1) for name in scores}

    return keep


def reinitialise(settings, dataset, replicate, method, output, log=print):
    """Write other initial weights of the network of a replicate, drawn for a control.

    Parameters
    ----------
    settings : dict
        ``seed``, ``network`` and ``training``.
    dataset, replicate
        See `score`.
    method : str
        The name of the control, which has initial weights of its own.
    output : path-like
    """
    session = Session(settings, dataset, replicate, 0, log, init=("reinit", replicate, method))
    save_tensors(output, network_arrays(session.network), session.metadata)
    return session.about
