"""Take a network that was trained elsewhere into a study."""

import json

from prunesim.training.adopting import adopt


def add_arguments(parser):
    parser.add_argument("--settings", required=True, type=json.loads, help="JSON: seed, network, training, exclude")
    parser.add_argument("--dataset", required=True, help="folder of the converted data set")
    parser.add_argument("--replicate", required=True, type=int)
    parser.add_argument("--method", default="dense", help="the chain; dense by default, the dense network of the study")
    parser.add_argument("--round", type=int, default=0, help="pruning round; 0 is the dense network")
    parser.add_argument("--weights", required=True, help="the network: .safetensors, .pth or .pt")
    parser.add_argument("--mask", help="its mask; by default its zeros")
    parser.add_argument("--output", required=True, help="folder of the network")


def run(arguments):
    return adopt(
        arguments.settings,
        arguments.dataset,
        arguments.replicate,
        arguments.method,
        arguments.round,
        arguments.weights,
        arguments.mask,
        arguments.output,
        log=lambda line: print(line, flush=True),
    )
