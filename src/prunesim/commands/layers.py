"""List the layers of a network: what can be dumped and compared, and what can be pruned."""

import json

from prunesim.networks.builtin import NETWORKS
from prunesim.networks.describe import describe
from prunesim.networks.spec import DUMPED, made_of
from prunesim.networks.tracing import safe_name
from prunesim.storage.files import write_json

HEADS = ("name", "kind", "shape", "axes", "neurons", "samples an image", "weights", "multiply-adds", "prunable")


def add_arguments(parser):
    parser.add_argument("network", help=f"{', '.join(NETWORKS)}, torchvision:model or path/to/file.py:function")
    parser.add_argument("--shape", required=True, type=int, nargs=3, metavar=("C", "H", "W"), help="of an image")
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--width", type=int, default=16, help="of cnn and vgg")
    parser.add_argument("--width-factor", type=float, default=1, help="of built-in networks (default 1)")
    parser.add_argument("--arguments", type=json.loads, default={}, help="JSON: keyword arguments of the function")
    parser.add_argument("--small-images", action="store_true", help="as network.small_images of a config")
    parser.add_argument("--all", action="store_true", help="also what has a name but no kind: products, softmax, ...")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="print JSON")
    how.add_argument("--yaml", action="store_true", help="print the list that network.layers of a config can be")
    how.add_argument("--output", metavar="FILE", help="write JSON with a checksum; what the workflow reads")


def run(arguments):
    settings = {"name": arguments.network, "width": arguments.width, "arguments": arguments.arguments}
    settings = made_of(settings | {"small_images": arguments.small_images, "width_factor": arguments.width_factor})
    found = describe(settings, tuple(arguments.shape), arguments.classes)
    if arguments.output:
        about = {"network": settings, "shape": arguments.shape, "classes": arguments.classes}
        write_json(arguments.output, about | found)
    elif arguments.json:
        print(json.dumps(found, indent=2))
    elif arguments.yaml:
        print(as_list(found))
    else:
        print(as_table(found, arguments.all))


def as_list(found):
    """Return the layers that are dumped by default, for the section ``network`` of a config."""
    lines = ["# for the section `network` of a config", "  layers:"]
    for layer in found["outputs"]:
        if layer["kind"] in DUMPED and layer["shape"]:
            lines.append(f"    - {{name: {json.dumps(layer['name'])}, kind: {layer['kind']}, shape: {layer['shape']}}}")
    return "\n".join(lines)


def as_table(found, everything=False):
    """Return the outputs and weights of a network as a table."""
    weights = {safe_name(weight["layer"]): weight for weight in found["weights"]}
    rows = []
    for output in found["outputs"]:
        weight = weights.pop(output["name"], None)
        if everything or output["kind"] != "other":
            rows.append(_row(output, weight))
    rows += [[name, weight["kind"], *[""] * 4, *_of_weight(weight)] for name, weight in weights.items()]
    widths = [max(map(len, column)) for column in zip(HEADS, *rows, strict=True)]
    numbers = range(4, 8)
    lines = []
    for row in [HEADS, *rows]:
        cells = [
            cell.rjust(w) if i in numbers else cell.ljust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    count = sum(weight["weights"] or 0 for weight in found["weights"] if weight["why"] is None and weight["used"])
    lines += [
        "",
        f"{found['parameters']:,} parameters, {count:,} of which can be pruned; {found['macs']:,} multiply-adds",
        f"dumped unless activations.layers says otherwise: {', '.join(DUMPED)}; output layer: {found['output_layer']}",
    ]
    return "\n".join(lines)


def _row(output, weight):
    raw = " x ".join(map(str, output["raw"])) or "1"
    if output["shape"] is None:
        place = ["unknown: set network.layouts", "", ""]
    else:
        neurons, *positions = output["shape"]
        samples = 1
        for length in positions:
            samples *= length
        place = [output["layout"], f"{neurons:,}", f"{samples:,}"]
    return [output["name"], output["kind"], raw, *place, *(_of_weight(weight) if weight else ("", "", ""))]


def _of_weight(weight):
    numbers = (f"{weight[key]:,}" if weight[key] is not None else "" for key in ("weights", "macs"))
    if not weight["used"]:
        return (*numbers, "no: it has no part in the answer of the network")
    return (*numbers, "yes" if weight["why"] is None else f"no: {weight['why']}")
