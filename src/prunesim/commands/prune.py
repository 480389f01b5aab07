"""Choose the weights that a round removes."""

import json

import numpy as np

from prunesim.errors import PrunesimError
from prunesim.pruning.criteria import check_finite, prune, select_tensors
from prunesim.pruning.masks import check_mask
from prunesim.storage.arrays import layer_of, load_tensors, save_tensors
from prunesim.study.seeds import derive_seed


def add_arguments(parser):
    parser.add_argument(
        "--settings", required=True, type=json.loads, help="JSON: seed, criterion, fraction, scope, types, exclude"
    )
    parser.add_argument("--weights", required=True, help="weights of the round before")
    parser.add_argument("--mask", help="mask of the round before; none for the first round")
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
        mask, _ = load_tensors(arguments.mask)
        check_mask(mask, weights, arguments.mask)
        if different := sorted(set(mask) ^ set(names)):
            raise PrunesimError(
                f"{arguments.mask}: the mask must be for the tensors that the settings select, {', '.join(names)}, "
                f"but they differ in {different[0]!r}; delete it and run again."
            )
    else:
        mask = {name: np.ones(weights[name].shape, np.uint8) for name in names}
    check_finite(weights, mask, arguments.weights)
    new_mask = prune(
        weights,
        mask,
        fraction=settings["fraction"],
        scope=settings["scope"],
        criterion=settings["criterion"],
        seed=derive_seed(settings["seed"], "prune", arguments.replicate, arguments.round),
    )
    for name, kept in new_mask.items():
        print(f"{layer_of(name)}: {kept.sum()} of {kept.size} weights remain")
        if not kept.any():
            print(f"warning: nothing is left of {layer_of(name)}; its outputs no longer depend on the image")
    save_tensors(arguments.output, new_mask, {"settings": settings})
