"""Choose the weights that a round removes."""

import json

import numpy as np

from prunesim.errors import PrunesimError
from prunesim.pruning.catalogue import FILTER_NAMES
from prunesim.pruning.controls import control_mask
from prunesim.pruning.criteria import check_finite, prune, select_tensors
from prunesim.pruning.filters import prune_filters
from prunesim.pruning.masks import check_mask
from prunesim.storage.arrays import layer_of, load_tensors, save_tensors
from prunesim.storage.files import read_json
from prunesim.study.seeds import derive_seed


def add_arguments(parser):
    parser.add_argument(
        "--settings",
        required=True,
        type=json.loads,
        help="JSON: seed, types, exclude, and criterion, scope and fraction or density, or control",
    )
    parser.add_argument("--weights", required=True, help="weights that are ranked")
    parser.add_argument("--mask", help="mask of the round before; none where a round begins with all weights")
    parser.add_argument("--scores", help="scores of the weights, for criteria that need gradients")
    parser.add_argument("--coupling", help="which filters go together, for unit filter")
    parser.add_argument("--other", help="of a control: the mask of its method at this round")
    parser.add_argument("--replicate", required=True, type=int)
    parser.add_argument("--round", required=True, type=int)
    parser.add_argument("--output", required=True, help="the mask to write, .safetensors")


def run(arguments):
    settings = arguments.settings
    weights, metadata = load_tensors(arguments.weights)
    if "kinds" not in metadata:
        raise PrunesimError(f"{arguments.weights} does not say which of its tensors can be pruned; train it again.")
    names = select_tensors(metadata["kinds"], settings["types"], settings["exclude"])
    seed = derive_seed(settings["seed"], "prune", arguments.replicate, arguments.round)
    make = _control if "control" in settings else _filters if settings.get("unit") == "filter" else _weights
    mask = make(arguments, settings, weights, names, seed)
    for name in sorted({*metadata["kinds"]} & {*mask}):
        print(f"{layer_of(name)}: {mask[name].sum()} of {mask[name].size} weights remain")
        if not mask[name].any():
            print(f"warning: nothing is left of {layer_of(name)}; its outputs no longer depend on the image")
    save_tensors(arguments.output, mask, {"settings": settings})


def _weights(arguments, settings, weights, names, seed):
    mask = _for_tensors(arguments.mask, weights, names) if arguments.mask else _whole(weights, names)
    check_finite(weights, mask, arguments.weights)
    return prune(
        weights,
        mask,
        criterion=settings["criterion"],
        scope=settings["scope"],
        fraction=settings.get("fraction"),
        density=settings.get("density"),
        seed=seed,
        scored=load_tensors(arguments.scores)[0] if arguments.scores else None,
    )


def _filters(arguments, settings, weights, names, seed):
    mask = {}
    if arguments.mask:
        mask, _ = load_tensors(arguments.mask)
        check_mask(mask, weights, arguments.mask)
    check_finite(weights, names, arguments.weights)
    mask, notes = prune_filters(
        weights,
        mask,
        read_json(arguments.coupling)["groups"],
        names=names,
        scope=settings["scope"],
        criterion=FILTER_NAMES[settings["criterion"]],
        seed=seed,
        fraction=settings.get("fraction"),
        density=settings.get("density"),
    )
    for note in notes:
        print(f"note: {note}")
    return mask


def _control(arguments, settings, weights, names, seed):
    if not arguments.other:
        other = _whole(weights, names)
    elif settings.get("unit") == "filter":
        other, _ = load_tensors(arguments.other)
        check_mask(other, weights, arguments.other)
    else:
        other = _for_tensors(arguments.other, weights, names)
    before = _for_tensors(arguments.mask, weights, other) if arguments.mask else _whole(weights, other)
    return control_mask(settings["control"], other, before, seed)


def _whole(weights, names):
    return {name: np.ones(weights[name].shape, np.uint8) for name in names}


def _for_tensors(path, weights, names):
    """Return a mask that is for these tensors."""
    mask, _ = load_tensors(path)
    check_mask(mask, weights, path)
    if different := sorted(set(mask) ^ set(names)):
        raise PrunesimError(
            f"{path}: the mask must be for the tensors that the settings select, {', '.join(names)}, "
            f"but they differ in {different[0]!r}; delete it and run again."
        )
    return mask
