"""The error of networks on the straight line between two sets of weights."""

import numpy as np
import torch

from prunesim.datasets.converted import load_description, load_images
from prunesim.errors import PrunesimError
from prunesim.networks.batches import evaluation_batch
from prunesim.networks.build import build_network
from prunesim.networks.describe import trace
from prunesim.networks.narrowing import narrow
from prunesim.networks.state import load_arrays
from prunesim.storage.arrays import load_tensors, tensors_in_turn
from prunesim.study.seeds import derive_seed
from prunesim.training.data import normaliser, to_tensor, validation_split
from prunesim.training.device import autocast, choose_device, make_exact
from prunesim.training.loop import evaluate
from prunesim.training.recalibration import batch_norms, recalibrate
from prunesim.training.streaming import place_images


def connect(settings, dataset, first, second, log=print):
    """Return the error of the networks on the line from one network to another.

    Parameters
    ----------
    settings : dict
        ``seed``, ``network``, ``training`` (device, threads, ..., and precision where it is not float32) and
        ``connectivity`` (``points, train_images, recalibration_images``).
    dataset : path-like
        Folder of the converted data set.
    first, second : path-like
        Weights of the same architecture and size.

    Returns
    -------
    rows : list of dict
        ``alpha`` (0 is the first network, 1 the second), ``train_error``, ``test_error`` and ``recalibrated``: first
        with the statistics of batch normalisation interpolated as the weights are ("no"), then with those taken anew
        ("yes"; none for a network without batch normalisation).
    about : dict
        ``device``, for the record of the job.

    Raises
    ------
    PrunesimError
        If the two networks have tensors of other names or shapes.
    """
    training, chosen = settings["training"], settings["connectivity"]
    precision = training.get("precision", "float32")
    device = choose_device(training["device"], precision)
    make_exact(training["threads"], training["deterministic"], precision)
    description = load_description(dataset)
    height, width, channels = description["shape"]
    shape = (channels, height, width)
    start, about = load_tensors(first)
    _check_same(start, about, load_tensors(second), first, second)
    mixture = build_network(settings["network"], shape, len(description["classes"]), seed=0)
    if about.get("narrower"):
        narrow(mixture, start, shape, first)
    batch = evaluation_batch(shape, [layer["shape"] for layer in trace(mixture, shape, settings["network"]["name"])[0]])
    mixture.to(device).eval()
    if training["channels_last"]:
        mixture.to(memory_format=torch.channels_last)
    context = {
        "normalise": normaliser(description["mean"], description["std"], training, device),
        "autocast": autocast(device, precision),
        "batch_size": batch,
    }
    images, labels = load_images(dataset, "test")
    test = place_images(images, device), torch.from_numpy(labels).to(device)
    images, labels = load_images(dataset, "train")
    learned, _ = validation_split(labels, training["validation"], settings["seed"])
    parts = [
        _part(learned, chosen[f"{what}_images"], derive_seed(settings["seed"], "images", what))
        for what in ("train", "recalibration")
    ]
    train = to_tensor(images[parts[0]], device), torch.from_numpy(labels[parts[0]]).to(device)
    statistics = to_tensor(images[parts[1]], device) if batch_norms(mixture) else None
    log(f"{len(test[0])} test and {len(train[0])} training images, {chosen['points']} points, on {device}")

    def row(alpha, recalibrated):
        errors = [1 - evaluate(mixture, *split, **context)[1] for split in (train, test)]
        log(f"alpha {alpha:.3f}  train error {errors[0]:.4f}  test error {errors[1]:.4f}  recalibrated {recalibrated}")
        return {"alpha": alpha, "train_error": errors[0], "test_error": errors[1], "recalibrated": recalibrated}

    plain, anew = [], []
    for alpha in np.linspace(0, 1, chosen["points"]).tolist():
        load_arrays(mixture, mixed(start, tensors_in_turn(second), alpha), second)
        plain.append(row(alpha, "no"))
        if statistics is not None:
            recalibrate(mixture, statistics, **context)
            anew.append(row(alpha, "yes"))
    return [*plain, *anew], {"device": str(device)}


def mixed(first, second, alpha):
    """Return (1 - alpha) first + alpha second, at 0 and 1 to the bit; whole numbers are those of the first.

    Parameters
    ----------
    first : dict of str to numpy.ndarray
    second : iterable of (str, numpy.ndarray)
        The same tensors, one after the other, so that only one of them is held.
    alpha : float
    """
    found = {}
    for name, other in second:
        mine = first[name]
        if mine.dtype.kind != "f":
            found[name] = mine
        else:
            found[name] = ((1 - alpha) * mine.astype(np.float64) + alpha * other).astype(mine.dtype)
    return found


def _check_same(start, about, loaded, first, second):
    end, other = loaded
    shapes = [{name: array.shape for name, array in arrays.items()} for arrays in (start, end)]
    if shapes[0] != shapes[1] or about.get("narrower") != other.get("narrower"):
        differing = sorted(name for name in {*shapes[0], *shapes[1]} if shapes[0].get(name) != shapes[1].get(name))
        raise PrunesimError(
            f"{first} and {second} have no line between them: {differing[0] if differing else 'a tensor'} has not the "
            "same shape in both; leave such networks out of connectivity.pairs."
        )


def _part(available, wanted, seed):
    """Return an ascending random part of some image numbers; all where there are no more than wanted."""
    return np.sort(np.random.default_rng(seed).permutation(available)[:wanted])
