"""List the layers of a network whose activations are dumped."""

import json

from prunesim.networks.build import build_network, trace, weight_kinds
from prunesim.pruning.masks import layer_of


def add_arguments(parser):
    parser.add_argument("network", help="cnn, vgg, lenet5 or path/to/file.py:function")
    parser.add_argument("--shape", required=True, type=int, nargs=3, metavar=("C", "H", "W"), help="of an image")
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--width", type=int, default=16, help="of cnn and vgg")
    parser.add_argument("--arguments", type=json.loads, default={}, help="JSON: keyword arguments of the function")


def run(arguments):
    settings = {"name": arguments.network, "width": arguments.width, "arguments": arguments.arguments}
    network = build_network(settings, tuple(arguments.shape), arguments.classes, seed=0)
    layers, _ = trace(network, tuple(arguments.shape))
    print("# for the section `network` of a config")
    print("  layers:")
    for layer in layers:
        print(f"    - {{name: {json.dumps(layer['name'])}, kind: {layer['kind']}, shape: {layer['shape']}}}")
    weights = ", ".join(f"{layer_of(name)} ({kind})" for name, kind in weight_kinds(network).items())
    print(f"# layers with weights, for `exclude`: {weights}")
