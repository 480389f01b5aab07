"""Train a dense network, or retrain a pruned one."""

import json

from prunesim.errors import PrunesimError
from prunesim.training.run import train_dense, train_round


def add_arguments(parser):
    parser.add_argument("--settings", required=True, type=json.loads, help="JSON: seed, network, training, method")
    parser.add_argument("--dataset", required=True, help="folder of the converted data set")
    parser.add_argument("--replicate", required=True, type=int)
    parser.add_argument("--method", default="dense", help="pruning method; dense by default")
    parser.add_argument("--round", type=int, default=0, help="pruning round; 0 is the dense network")
    parser.add_argument("--start", help="weights that a round starts from; of a dense network, a file of your own")
    parser.add_argument("--mask", help="mask of a round")
    parser.add_argument("--checkpoint", required=True, help="where to keep the state of the last finished epoch")
    parser.add_argument("--output", required=True, help="folder of the network")


def run(arguments):
    common = (arguments.settings, arguments.dataset, arguments.replicate)
    files = (arguments.output, arguments.checkpoint)
    if arguments.round == 0:
        return train_dense(*common, *files, log=_print, start=arguments.start)
    if arguments.start is None or arguments.mask is None:
        raise PrunesimError(f"round {arguments.round} needs --start and --mask; only round 0 is trained without.")
    return train_round(*common, arguments.method, arguments.round, arguments.start, arguments.mask, *files, log=_print)


def _print(line):
    print(line, flush=True)
