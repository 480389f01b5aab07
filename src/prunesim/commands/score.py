"""Score the weights of a network before it is trained."""

import json

from prunesim.training.scoring import score


def add_arguments(parser):
    parser.add_argument(
        "--settings",
        required=True,
        type=json.loads,
        help="JSON: seed, network, training, criterion, types, exclude, scope, score_images and fraction or density",
    )
    parser.add_argument("--dataset", required=True, help="folder of the converted data set")
    parser.add_argument("--replicate", required=True, type=int)
    parser.add_argument("--round", required=True, type=int)
    parser.add_argument("--weights", required=True, help="weights to score")
    parser.add_argument("--mask", help="mask of the round before; none where a round begins with all weights")
    parser.add_argument("--output", required=True, help="the scores to write, .safetensors")


def run(arguments):
    return score(
        arguments.settings,
        arguments.dataset,
        arguments.replicate,
        arguments.round,
        arguments.weights,
        arguments.mask,
        arguments.output,
    )
