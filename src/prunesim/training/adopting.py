"""Networks that were trained, and perhaps pruned, elsewhere: checked, evaluated and written as artifacts of a study."""

from pathlib import Path

import numpy as np

from prunesim.datasets.converted import load_description
from prunesim.errors import PrunesimError
from prunesim.networks.build import build_network
from prunesim.networks.given_weights import fit_given, read_given
from prunesim.networks.narrowing import is_narrower, narrow
from prunesim.networks.state import load_arrays, network_arrays
from prunesim.networks.weights import weight_kinds
from prunesim.pruning.criteria import select_tensors
from prunesim.pruning.masks import apply_mask
from prunesim.storage.arrays import layer_of, save_tensors
from prunesim.storage.files import sha256_file, write_json
from prunesim.training.run import Session, given_file

KINDS = ("conv", "linear")


def check_given(settings, dataset, output):
    """Check all files that a study takes from outside, before anything is trained, and write which they are.

    Parameters
    ----------
    settings : dict
        ``network`` of the config, ``given`` (see `prunesim.study.chains.given_networks`) and ``exclude`` of each chain.
    dataset : path-like
    output : path-like
        The JSON file to write: the SHA-256 of each file.

    Raises
    ------
    PrunesimError
        A sentence a line for each file that does not fit.
    """
    description = load_description(dataset)
    height, width, channels = description["shape"]
    shape, classes = (channels, height, width), len(description["classes"])
    problems, files = [], {}
    for one in settings["given"]:
        try:
            network = build_network(settings["network"], shape, classes, seed=0)
            exclude = settings["exclude"].get(one["method"], [])
            fit_network(network, shape, one["weights"], one.get("mask"), exclude, one["round"])
            files |= {path: sha256_file(path) for path in (one["weights"], one.get("mask")) if path}
        except PrunesimError as error:
            problems.append(str(error))
    if problems:
        raise PrunesimError("\n".join(dict.fromkeys(problems)))
    write_json(output, {"files": files})


def adopt(settings, dataset, replicate, method, round_, weights, mask, output, log=print):
    """Evaluate a network of the user's own and write its artifacts, as a training would.

    Parameters
    ----------
    settings : dict
        ``seed``, ``network``, of ``training`` what evaluation needs, and for chains ``exclude``.
    dataset : path-like
    replicate, round_ : int
    method : str
        ``dense``, or the name of the chain.
    weights : path-like
    mask : path-like or None
        None takes the zeros among the weights for pruned, and the masks of `torch.nn.utils.prune` where there are any.
    output : path-like
        Folder for ``weights.safetensors``, ``history.csv`` (without a row), ``metrics.json``, and for the dense network
        of a study ``initial.safetensors``, which holds the same weights, or for a round ``mask.safetensors``.

    Returns
    -------
    dict
        ``device`` and ``given``, for the record of the job.
    """
    output = Path(output)
    session = Session(settings, dataset, replicate, round_, log)
    session.given = given_file(weights, mask)
    session.network.to("cpu")
    arrays, masks, narrower = fit_network(
        session.network, session.shape, weights, mask, settings.get("exclude", []), round_, log
    )
    session.describe()
    if narrower:
        session.metadata["narrower"] = True
    load_arrays(session.network, arrays, weights)
    session.place()
    inputs = []
    if method == "dense":
        inputs = [output / "initial.safetensors"]
        save_tensors(inputs[0], network_arrays(session.network), session.metadata)
    elif round_:
        inputs = [output / "mask.safetensors"]
        save_tensors(inputs[0], masks, {"given": session.given})
    session.write(output, [], method=method, mask=masks if method != "dense" else {}, inputs=inputs)
    return session.about | {"given": session.given}


def fit_network(network, shape, weights, mask, exclude, round_, log=lambda line: None):
    """Return given arrays, masked, their masks, and whether the network was made narrower to take them.

    Parameters
    ----------
    network : torch.nn.Module
        In full size and on the CPU; in a round it is made narrower where the arrays are.
    shape : tuple of int
        Channels, height and width of an image.
    weights, mask : path-like
        See `adopt`.
    exclude : list of str
        Layers that count as not pruned.
    round_ : int
    log : callable
    """
    arrays, masks = fit_given(read_given(weights), network, weights, smaller=round_ > 0)
    narrower = is_narrower(network, arrays)
    if narrower:
        narrow(network, arrays, shape, weights)
        log("some layers have fewer channels than the network of the config; densities are shares of its weights")
    kinds = weight_kinds(network)
    names = select_tensors(kinds, KINDS, exclude)
    if not round_:
        return arrays, {name: np.ones(arrays[name].shape, np.uint8) for name in names}, narrower
    if mask:
        masks = _mask_file(mask, arrays)
    if beyond := [name for name, kept in masks.items() if name in kinds and name not in names and not kept.all()]:
        raise PrunesimError(
            f"{mask or weights} prunes {beyond[0]}, which the chain's exclude leaves out; take it out of there."
        )
    full = {name: masks[name] if name in masks else (arrays[name] != 0).astype(np.uint8) for name in names}
    moved = sum(int(np.count_nonzero(arrays[name][kept == 0])) for name, kept in full.items())
    if moved:
        log(f"{moved} weights under the mask were not zero and are set to it")
    for name, kept in full.items():
        log(f"{layer_of(name)}: {kept.sum()} weights remain")
    return apply_mask(arrays, full), full, narrower


def _mask_file(path, arrays):
    """Return the masks of a file, by the names of the weights; names may also end in ``_mask``."""
    masks = {}
    given = read_given(path)
    if all(name.startswith("module.") for name in given):
        given = {name.removeprefix("module."): tensor for name, tensor in given.items()}
    for name, tensor in given.items():
        base = name.removesuffix("_mask")
        base = base if base in arrays else f"{base}.weight"
        if base not in arrays:
            raise PrunesimError(f"{path}: the mask is for a tensor {name!r} that the network does not have.")
        kept = tensor.float().numpy()
        if kept.shape != arrays[base].shape:
            raise PrunesimError(
                f"{path}: the mask of {base!r} has shape {kept.shape}, but the weights have {arrays[base].shape}."
            )
        if not np.isin(kept, (0, 1)).all():
            raise PrunesimError(f"{path}: the mask of {base!r} must hold only 0 and 1.")
        masks[base] = kept.astype(np.uint8)
    return masks
