"""Choose the weights that a round removes."""

import json

import numpy as np

from prunesim.errors import PrunesimError
from prunesim.pruning.controls import control_mask
from prunesim.pruning.criteria import check_finite, prune, select_tensors
from prunesim.pruning.masks import check_mask
from prunesim.storage.arrays import layer_of, load_tensors, save_tensors
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
    if arguments.mask:
        mask = _for_tensors(arguments.mask, weights, names)
    else:
        mask = {name: np.ones(weights[name].shape, np.uint8) for name in names}
    seed = derive_seed(settings["seed"], "prune", arguments.replicate, arguments.round)
    if "control" in settings:
        other = _for_tensors(arguments.other, weights, names) if arguments.other else mask
        new_mask = control_mask(settings["control"], other, mask, seed)
    else:
        check_finite(weights, mask, arguments.weights)
        new_mask = prune(
            weights,
            mask,
            criterion=settings["criterion"],
            scope=settings["scope"],
            fraction=settings.get("fraction"),
            density=settings.get("density"),
            seed=seed,
            scored=load_tensors(arguments.scores)[0] if arguments.scores else None,
        )
    for name, kept in new_mask.items():
        print(f"{layer_of(name)}: {kept.sum()} of {kept.size} weights remain")
        if not kept.any():
            print(f"warning: nothing is left of {layer_of(name)}; its outputs no longer depend on the image")
    save_tensors(arguments.output, new_mask, {"settings": settings})


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
