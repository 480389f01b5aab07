"""The accuracy of a network under further pruning and on corrupted images."""

import numpy as np
import torch

from prunesim.datasets.converted import load_description, load_images
from prunesim.datasets.corruptions import corrupt
from prunesim.networks.batches import evaluation_batch
from prunesim.networks.build import build_network
from prunesim.networks.describe import trace
from prunesim.networks.narrowing import narrow
from prunesim.networks.state import load_arrays
from prunesim.pruning.criteria import prune, select_tensors
from prunesim.pruning.masks import apply_mask
from prunesim.storage.arrays import load_tensors
from prunesim.study.seeds import derive_seed
from prunesim.training.data import normaliser, to_tensor
from prunesim.training.device import autocast, choose_device, make_exact
from prunesim.training.loop import evaluate
from prunesim.training.streaming import place_images

PRUNING = "pruning"


def degrade(settings, dataset, weights, mask=None, log=print):
    """Return the accuracy of a network with fewer of its weights and on worse images.

    Parameters
    ----------
    settings : dict
        ``seed``, ``network``, ``training`` (device, threads, ..., and precision where it is not float32) and
        ``robustness``: ``shares`` of the remaining weights that one-shot magnitude pruning keeps, ``corruptions`` and
        their ``severities``, and ``pruned``, what methods prune (a list of ``types`` and ``exclude``), over which
        weights are ranked together.
    dataset : path-like
        Folder of the converted data set; all test images are used.
    weights : path-like
    mask : path-like, optional
        Which weights are left; all, of a dense network.

    Returns
    -------
    rows : list of dict
        ``kind`` (``pruning`` or a corruption), ``severity`` (the share that is kept, or that of the images) and
        ``accuracy``.
    about : dict
        ``device``, for the record of the job.
    """
    training, asked = settings["training"], settings["robustness"]
    precision = training.get("precision", "float32")
    device = choose_device(training["device"], precision)
    make_exact(training["threads"], training["deterministic"], precision)
    description = load_description(dataset)
    height, width, channels = description["shape"]
    shape = (channels, height, width)
    network = build_network(settings["network"], shape, len(description["classes"]), seed=0)
    arrays, about = load_tensors(weights)
    # As after the training: the same batches, and so the same accuracy to the last digit.
    batch = evaluation_batch(shape, [layer["shape"] for layer in trace(network, shape, settings["network"]["name"])[0]])
    if about.get("narrower"):
        narrow(network, arrays, shape, weights)
    network.to(device).eval()
    if training["channels_last"]:
        network.to(memory_format=torch.channels_last)
    pixels, labels = load_images(dataset, "test")
    target = torch.from_numpy(np.array(labels)).to(device)
    normalise = normaliser(description["mean"], description["std"], training, device)

    def accuracy(images, loaded):
        load_arrays(network, loaded, weights)
        tensor = place_images(images, device) if images is pixels else to_tensor(images, device)
        return evaluate(network, tensor, target, normalise, autocast(device, precision), batch)[1]

    unchanged = accuracy(pixels, arrays)
    rows = []

    def note(kind, severity, value):
        log(f"{kind} {severity:g}  accuracy {value:.4f}")
        rows.append({"kind": kind, "severity": severity, "accuracy": value})

    left = _left(about["kinds"], asked["pruned"], arrays, mask)
    for share in asked["shares"]:
        note(PRUNING, share, unchanged if share == 1 else accuracy(pixels, prune_further(arrays, left, share)))
    for kind in asked["corruptions"]:
        seed = derive_seed(settings["seed"], "corruption", kind)
        for severity in asked["severities"]:
            value = accuracy(corrupt(pixels, kind, severity, seed), arrays) if severity else unchanged
            note(kind, severity, value)
    return rows, {"device": str(device)}


def _left(kinds, pruned, arrays, mask):
    """Return the mask of the weights that are ranked: those left of a mask, and all of other tensors."""
    selected = {name for one in pruned for name in select_tensors(kinds, one["types"], one["exclude"])}
    given = load_tensors(mask)[0] if mask else {}
    return given | {name: np.ones(arrays[name].shape, np.uint8) for name in sorted(selected - given.keys())}


def prune_further(arrays, mask, share):
    """Return the arrays of a network with the smallest of its remaining weights at zero.

    Parameters
    ----------
    arrays : dict of str to numpy.ndarray
    mask : dict of str to numpy.ndarray
        Which weights are left of the tensors to prune.
    share : float
        Of these, how many stay: all but ``round((1 - share) * left)``, those of the largest magnitude anywhere.
    """
    return apply_mask(arrays, prune(arrays, mask, criterion="magnitude", scope="global", seed=0, fraction=1 - share))
