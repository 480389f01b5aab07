"""Train a network with a penalty that makes it sparse."""

import json

from prunesim.training.sparsity import train_sparse


def add_arguments(parser):
    parser.add_argument("--settings", required=True, type=json.loads, help="JSON: seed, network, training, method")
    parser.add_argument("--dataset", required=True, help="folder of the converted data set")
    parser.add_argument("--replicate", required=True, type=int)
    parser.add_argument("--method", required=True, help="pruning method")
    parser.add_argument("--round", type=int, default=0, help="for ADMM, the pruning round that it prepares")
    parser.add_argument(
        "--density", type=json.loads, help="for ADMM, the share of weights to remain, or a JSON object by layer"
    )
    parser.add_argument(
        "--start", required=True, help="weights of the dense network: for ADMM the trained ones, else the initial ones"
    )
    parser.add_argument("--checkpoint", required=True, help="where to keep the state of the last finished epoch")
    parser.add_argument("--output", required=True, help="folder of the sparsity-trained network")


def run(arguments):
    return train_sparse(
        arguments.settings,
        arguments.dataset,
        arguments.replicate,
        arguments.method,
        arguments.start,
        arguments.output,
        arguments.checkpoint,
        round_=arguments.round,
        density=arguments.density,
        log=lambda line: print(line, flush=True),
    )
