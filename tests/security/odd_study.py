"""A study whose configuration has, wherever text is free, what a shell would take for its own."""

import json

import numpy as np
from PIL import Image
from pipeline.pipeline_runs import REPOSITORY, copy_source

ODD = 'it\'s "a" $HOME $(touch pwned) `touch pwned`; touch pwned & | > pwned * ? ~ # ! \\ %s'
DATA = f"-data {ODD}\n\ttouch pwned\n"
NETWORK_FILE = f"-net {ODD}/my net.py"
ARGUMENT = f"-x {ODD}\n\ttouch pwned\né"
LAYERS = ["0.9-relu_", "0.R.x--", "_out--"]

NETWORK = f"""
from collections import OrderedDict

from torch import nn


def net(shape, classes, text):
    if text != {ARGUMENT!r}:
        raise ValueError(f"the argument arrived as {{text!r}}")
    inner = nn.Sequential(OrderedDict([("x--", nn.ReLU())]))
    first = OrderedDict([("conv-1", nn.Conv2d(shape[0], 2, 3)), ("9-relu_", nn.ReLU()), ("c2", nn.Conv2d(2, 2, 3)),
                         ("R", inner)])
    features = 2 * (shape[1] - 4) * (shape[2] - 4)
    return nn.Sequential(OrderedDict(
        [("0", nn.Sequential(first)), ("flat", nn.Flatten()), ("_out--", nn.Linear(features, classes))]
    ))
"""
STUDY = {
    "study": "0odd.-_",
    "replicates": 1,
    "rounds": 1,
    "dataset": {"name": "odd", "source": "image_folder", "path": DATA},
    "network": {
        "name": f"{NETWORK_FILE}:net",
        "arguments": {"text": ARGUMENT},
        "layers": [
            {"name": "0.9-relu_", "kind": "relu", "shape": [2, 7, 6]},
            {"name": "0.R.x--", "kind": "relu", "shape": [2, 5, 4]},
            {"name": "_out--", "kind": "linear", "shape": [2]},
        ],
    },
    "training": {"epochs": 1, "batch_size": 5},
    "methods": {"imp": False, "m_0": {"exclude": ["_out--"]}},
    "comparison": {"families": ["rounds", "layers"], "measures": ["cca_mean"], "blocks": 5, "null_draws": 1},
    "figures": {"dpi": 30},
}


def prepare(clone):
    """Make a fresh clone with a data set, a network and an overlay under odd names."""
    copy_source(REPOSITORY, clone)
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        for name in ("a", "b $(touch pwned)'\""):
            (clone / DATA / split / name).mkdir(parents=True)
            for number in range(12):
                image = Image.fromarray(rng.integers(0, 256, (9, 8), dtype=np.uint8))
                image.save(clone / DATA / split / name / f"{number}.png")
    (clone / NETWORK_FILE).parent.mkdir()
    (clone / NETWORK_FILE).write_text(NETWORK)
    (clone / "odd.yaml").write_text(json.dumps(STUDY))
