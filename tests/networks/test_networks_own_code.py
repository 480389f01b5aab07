"""Code of the user's own: files beside the file, exceptions in it, and what must not be random."""

import json
import re

import pytest
import torch
from core.core_study import settings, write_dataset
from networks_models import CLASSES, SHAPE

from prunesim.cli import main
from prunesim.errors import PrunesimError
from prunesim.networks.build import build_network
from prunesim.networks.describe import describe
from prunesim.networks.sources import network_files
from prunesim.storage.arrays import load_tensors
from prunesim.storage.files import read_json

IMPORTS = "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\n"


def write(folder, body, name="net.py"):
    """Write a function `f` that returns a network and return the settings that name it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(IMPORTS + body)
    return {"name": f"{folder / name}:f", "width": 16, "arguments": {}}


def module(forward, parts="self.lin = nn.Linear(192, c)"):
    """Return code of a network with a forward function."""
    return (
        "class Net(nn.Module):\n"
        f"    def __init__(self, c):\n        super().__init__()\n        {parts}\n"
        f"    def forward(self, x):\n        {forward}\n"
        "def f(shape, classes):\n    return Net(classes)\n"
    )


def build(network):
    return build_network(network, SHAPE, CLASSES, 0)


def test_files_beside_it_are_found_wherever_it_is_called_from(tmp_path, monkeypatch):
    network = write(tmp_path / "nets", "from parts.blocks import block\nimport sizes\n\ndef f(shape, classes):\n"
                    "    return block(sizes.WIDTH, classes)\n")  # fmt: skip
    (tmp_path / "nets" / "parts").mkdir()
    (tmp_path / "nets" / "parts" / "__init__.py").write_text("")
    (tmp_path / "nets" / "parts" / "blocks.py").write_text(
        IMPORTS + "from .deep import act\n\ndef block(width, classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(192, width), act(), nn.Linear(width, classes))\n"
    )
    (tmp_path / "nets" / "parts" / "deep.py").write_text("from torch.nn import SELU as act\n")
    (tmp_path / "nets" / "sizes.py").write_text("WIDTH = 5\n")
    (tmp_path / "nets" / "unused.py").write_text("1 / 0\n")
    monkeypatch.chdir("/")
    assert build(network)[1].out_features == 5
    monkeypatch.chdir(tmp_path)
    assert network_files("nets/net.py:f") == [
        "nets/net.py", "nets/parts/__init__.py", "nets/parts/blocks.py", "nets/parts/deep.py", "nets/sizes.py",
    ]  # fmt: skip
    assert network_files("torchvision:resnet18") == network_files("cnn") == []


def test_files_of_the_same_name_in_two_folders_are_not_confused(tmp_path):
    for width in (4, 6):
        network = write(tmp_path / str(width), "import sizes\n\ndef f(shape, classes):\n    return nn.Sequential("
                        "nn.Flatten(), nn.Linear(192, sizes.WIDTH), nn.Linear(sizes.WIDTH, classes))\n")  # fmt: skip
        (tmp_path / str(width) / "sizes.py").write_text(f"WIDTH = {width}\n")
        assert build(network)[1].out_features == width


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("def f(shape, classes):\n    return {}['width']\n", r"failed: KeyError: 'width' \(.*net.py:5, in f\)\."),
        (
            "def f(shape, classes):\n    return len(5)\n",
            r"failed: TypeError: object of type 'int' has no len\(\) \(.*net",
        ),
        ("import nowhere\n", r"could not be loaded: ModuleNotFoundError: No module named 'nowhere' \(.*net.py:4\)\."),
        ("def f(shape, classes)\n    pass\n", r"could not be loaded: SyntaxError: expected ':' .*\(.*net.py:4\)\."),
        ("raise SystemExit('not today')\n", r"could not be loaded: SystemExit: not today \(.*net.py:4\)\."),
        (
            module("return self.lin(x)"),
            r"cannot take images of 3 x 8 x 8: RuntimeError: mat1 and mat2 .*net.py:9, in fo",
        ),
        (module("return self.lin(x.flatten(1)).log(base=3)"), r"cannot take images .*net.py:9, in forward\)\."),
    ],
)
def test_an_exception_is_told_by_its_last_line_and_place(body, sentence, tmp_path):
    network = write(tmp_path, body)
    for function in (build, lambda network: describe(network, SHAPE, CLASSES)):
        with pytest.raises(PrunesimError, match=sentence) as caught:
            function(network)
        assert str(caught.value).startswith(f"network.name: {network['name']} ")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "forward",
    [
        "return self.lin(F.dropout(x.flatten(1)))",
        "return self.lin(F.dropout(x.flatten(1), 0.2, True))",
        "return self.lin(F.dropout2d(x, p=0.3).flatten(1))",
        "return self.lin(x.flatten(1) + torch.randn_like(x.flatten(1)))",
        "return self.lin(x.flatten(1) * torch.bernoulli(torch.full((len(x), 192), 0.5)))",
    ],
)
def test_what_is_random_when_it_is_evaluated_is_refused(forward, tmp_path):
    network = write(tmp_path, module(forward))
    for function in (build, lambda network: describe(network, SHAPE, CLASSES)):
        with pytest.raises(PrunesimError, match=r"two ways when it is evaluated|draws random numbers when it is"):
            function(network)


@pytest.mark.parametrize(
    "forward",
    [
        "return self.lin(F.dropout(x.flatten(1), training=self.training))",
        "return self.lin(F.dropout(x.flatten(1), 0.0))",
        "x = x + torch.randn_like(x) if self.training else x; return self.lin(x.flatten(1))",
    ],
)
def test_what_is_random_in_training_only_is_accepted(forward, tmp_path):
    assert describe(write(tmp_path, module(forward)), SHAPE, CLASSES)["output_layer"] == "lin"


def test_networks_that_look_at_their_numbers_are_run_with_numbers(tmp_path):
    network = write(tmp_path, module("return self.lin(x.flatten(1) / max(1.0, float(x.abs().max())))"))
    assert [output["name"] for output in describe(network, SHAPE, CLASSES)["outputs"]][-1] == "lin"


@pytest.fixture(scope="module")
def stripes(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("stripes"), train=40, test=20, shape=(8, 8, 3))


def train(network, dataset, output, **changes):
    """Train by the command line and return its exit status."""
    told = settings(network=network, epochs=1, **changes)
    del told["network"]["layers"]
    return main(
        ["train", "--settings", json.dumps(told), "--dataset", str(dataset), "--replicate", "0", "--checkpoint",
         str(output / "checkpoint.safetensors"), "--output", str(output)]
    )  # fmt: skip


@pytest.mark.parametrize("answer", ["main, self.aux(x)", "{'out': main, 'aux': self.aux(x)}", "[main, self.aux(x)]"])
def test_networks_with_auxiliary_answers_train_on_the_main_one(answer, stripes, tmp_path):
    body = (
        f"x = torch.relu(self.conv(x)).mean((2, 3)); main = self.lin(x); return ({answer}) if self.training else main"
    )
    parts = "self.conv = nn.Conv2d(3, 4, 3); self.aux = nn.Linear(4, c); self.lin = nn.Linear(4, c)"
    network = write(tmp_path, module(body, parts))
    assert train(network, stripes, tmp_path, batch_size=8) == 0
    before, about = load_tensors(tmp_path / "initial.safetensors")
    after, _ = load_tensors(tmp_path / "weights.safetensors")
    assert about["kinds"] == {"conv.weight": "conv", "lin.weight": "linear"}
    moved = {name for name in before if (before[name] != after[name]).any()}
    assert moved == {"conv.weight", "conv.bias", "lin.weight", "lin.bias"}
    layers = read_json(tmp_path / "metrics.json")["layers"]
    assert [layer["layer"] for layer in layers] == ["conv", "lin"]


def test_an_exception_in_training_is_told_in_a_sentence(stripes, tmp_path, capsys):
    network = write(tmp_path, module("return self.lin(x.flatten(1)) if not self.training else self.lost(x)"))
    assert train(network, stripes, tmp_path) == 2
    said = capsys.readouterr().err
    assert re.search(r"failed while it was trained: AttributeError: 'Net' object has no attribute 'lost' \(.*net", said)
    assert "Traceback" not in said
    assert not (tmp_path / "weights.safetensors").exists()


def test_batch_normalisation_of_a_single_number_is_told_in_a_sentence(stripes, tmp_path, capsys):
    parts = "self.conv = nn.Conv2d(3, 4, 8); self.bn = nn.BatchNorm2d(4); self.lin = nn.Linear(4, c)"
    network = write(tmp_path, module("return self.lin(self.bn(self.conv(x)).flatten(1))", parts))
    assert train(network, stripes, tmp_path, batch_size=1) == 2
    said = capsys.readouterr().err
    assert "choose training.batch_size so that no batch is a single image" in said
    assert "Traceback" not in said
    assert train(network, stripes, tmp_path, batch_size=35) == 0  # 36 images: no batch of 35 and 1


def test_frozen_weights_stay_what_they_are(stripes, tmp_path):
    network = write(tmp_path, module("return self.lin(self.fix(x.flatten(1)))",
                    "self.fix = nn.Linear(192, 4).requires_grad_(False); self.lin = nn.Linear(4, c)"))  # fmt: skip
    assert train(network, stripes, tmp_path) == 0
    before, about = load_tensors(tmp_path / "initial.safetensors")
    after, _ = load_tensors(tmp_path / "weights.safetensors")
    assert about["kinds"] == {"lin.weight": "linear"}
    assert {name for name in before if (before[name] != after[name]).any()} == {"lin.weight", "lin.bias"}
    assert torch.get_default_dtype() == torch.float32
