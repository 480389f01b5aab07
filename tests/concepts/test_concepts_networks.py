"""Networks over scenes: a planted detector, the maps that are taken, and the verbs on a study."""

import csv
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from pipeline.pipeline_runs import STUDY
from torch import nn

import prunesim
from prunesim.activations.maps import layers_with_maps, maps_of
from prunesim.cli import main
from prunesim.datasets import scenes
from prunesim.datasets.concept_folder import read_annotated, write_annotated
from prunesim.errors import PrunesimError
from prunesim.figures.concept_sheet import outline
from prunesim.results.concepts import best_units, dissect, examples, orders, too_large

pytestmark = pytest.mark.slow

WHICH = (0, "dense", 0)


class Planted(nn.Module):
    """Unit 0 is light where a pixel is red, unit 1 where lines lie above each other, unit 2 never changes."""

    def __init__(self):
        super().__init__()
        self.find = nn.Conv2d(3, 3, 5, padding=2, bias=False)
        self.answer = nn.Linear(3 * 8 * 8, 10)
        with torch.no_grad():
            self.find.weight.zero_()
            self.find.weight[0, :, 2, 2] = torch.tensor([1.0, -1, -1])
            self.find.weight[1] = torch.tensor([1.0, -1, 1, -1, 1])[:, None] / 5

    def forward(self, images):
        return self.answer(torch.relu(self.find(images)).flatten(1))


def study_of(network, shape=(8, 8, 3)):
    """Return what `dissect` asks of a study."""
    training = {"threads": 1, "deterministic": True, "channels_last": False}
    settings = {"network": {"name": "planted"}, "training": training}
    about = {"shape": list(shape), "mean": [0.0] * shape[2], "std": [1.0] * shape[2], "classes": ["a", "b"]}
    return SimpleNamespace(
        name="planted",
        description=lambda: about,
        metrics=lambda **key: {"settings": settings},
        network=lambda **key: network.eval(),
    )


@pytest.fixture(scope="module")
def annotated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    images, labels, classes = scenes.digits()
    drawn = scenes.compose(300, (8, 8, 3), images, labels, seed=3, multiple=2)
    write_annotated(folder / "scenes", drawn, scenes.categories(classes, 3), {})
    return read_annotated(folder / "scenes", folder)


def test_a_planted_detector_is_found_and_chance_is_far_below(annotated):
    units, layers, thresholds = dissect(study_of(Planted()), annotated, WHICH, quantile=0.05)
    assert units[0]["concept"] == "colour: red"
    # On at exactly the pixels that are red; these are less than the share.
    assert units[0]["iou"] == 1
    assert units[0]["detector"] == units[1]["detector"] == "yes"
    assert units[1]["concept"] == "texture: horizontal stripes"
    assert (units[2]["concept"], units[2]["iou"], units[2]["detector"]) == (None, 0, "no")
    (layer,) = layers
    assert (layer["units"], layer["silent"], layer["detectors"], layer["concepts"]) == (3, 1, 2, 2)
    assert thresholds["find"].shape == (3,)


def test_by_chance_no_unit_comes_near_the_planted_one(annotated):
    _, (layer,), _ = dissect(study_of(Planted()), annotated, WHICH, quantile=0.05, threshold=0.1, draws=20)
    assert (layer["detectors"], layer["concepts"]) == (2, 2)
    assert (layer["chance_detectors"], layer["chance_concepts"]) == (0, 0)


def test_it_is_deterministic_and_permutations_follow_the_seed(annotated):
    study = study_of(Planted())
    one, two = (dissect(study, annotated, WHICH, quantile=0.05, threshold=0.1) for _ in range(2))
    assert one[:2] == two[:2]
    first, again, other = orders(50, 3, 0), orders(50, 2, 0), orders(50, 2, 1)
    assert first[0].tolist() == list(range(50))
    assert [order.tolist() for order in first[:3]] == [order.tolist() for order in again]
    assert first[1].tolist() != other[1].tolist()
    assert all(sorted(order.tolist()) == list(range(50)) for order in first)


def test_without_draws_there_is_no_chance(annotated):
    _, (layer,), _ = dissect(study_of(Planted()), annotated, WHICH, draws=0)
    assert layer["chance_detectors"] is None
    assert layer["chance_concepts"] is None


def test_concepts_too_large_for_a_detector(annotated):
    shares = too_large(annotated)
    left = (annotated.labels == 1 + annotated.concepts.index(("side", "left"))).mean() * 5
    assert shares["side: left"] == pytest.approx(left)
    assert all(share > 0.005 / 0.04 for share in shares.values())
    assert set(shares) == {"side: left", "side: right", "height: top", "height: bottom"}
    assert too_large(annotated, quantile=0.05) == {}


def test_examples_show_the_images_where_the_best_units_answer_most(annotated):
    study = study_of(Planted())
    units, _, thresholds = dissect(study, annotated, WHICH, quantile=0.05)
    rows = best_units([*units, units[0] | {"unit": 7, "iou": 0.5}])
    assert [(row["unit"], row["concept"]) for row in rows] == [
        (0, "colour: red"),
        (1, "texture: horizontal stripes"),
    ]
    red, stripes = examples(study, annotated, WHICH, rows, thresholds, count=4)
    assert red["images"].shape == (4, 16, 16, 3)
    np.testing.assert_array_equal(red["on"], (red["images"] == (255, 0, 0)).all(axis=3))
    np.testing.assert_array_equal(red["on"], red["mask"])
    assert (stripes["on"] & stripes["mask"]).any(axis=(1, 2)).all()


def test_outlines_by_hand():
    lines = outline(np.array([[True, False], [True, True]]))
    assert sorted(lines) == [
        *(((0, 0), (0, 1)), ((0, 0), (1, 0)), ((0, 1), (0, 2)), ((0, 2), (1, 2))),
        *(((1, 0), (1, 1)), ((1, 1), (2, 1)), ((1, 2), (2, 2)), ((2, 1), (2, 2))),
    ]


def test_images_of_other_channels_are_refused(annotated):
    with pytest.raises(PrunesimError, match="are in colour, but those of planted are grey"):
        dissect(study_of(Planted(), shape=(8, 8, 1)), annotated, WHICH)


def test_maps_are_those_of_the_modules():
    network = nn.Sequential(
        *(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True)),
        *(nn.Conv2d(4, 5, 3, stride=2), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(45, 3)),
    )
    images, seen = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(0)), {}
    for name in "03":
        handle = network[int(name)].register_forward_hook(lambda m, i, out, name=name: seen.update({name: out.clone()}))
        network.eval()(images)
        handle.remove()
    found = maps_of(network, images, {"0", "3"})
    for name in "03":
        np.testing.assert_array_equal(found[name], seen[name].detach().numpy())
    # Larger images go as far as the linear layer, which cannot take them.
    large = torch.zeros(2, 1, 16, 16)
    assert maps_of(network, large, {"3"})["3"].shape == (2, 5, 7, 7)
    with pytest.raises(PrunesimError, match="Images of 16 x 16 cannot be taken as far as layer 6"):
        maps_of(network, large, {"3", "6"})
    with pytest.raises(PrunesimError, match=r"as far as layer nothing .*it was not run"):
        maps_of(network, images, {"nothing"})
    with pytest.raises(PrunesimError, match="layer '0' are not all finite"):
        maps_of(network, images * torch.inf, {"0"})
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    kinds = {word: [x["name"] for x in layers_with_maps(network, (1, 8, 8), "it", [word])] for word in ("conv", "relu")}
    assert kinds == {"conv": ["0", "3"], "relu": ["2", "4"]}
    with pytest.raises(PrunesimError, match="Layer 6 of network it has no map"):
        layers_with_maps(network, (1, 8, 8), "it", ["6"])
    with pytest.raises(PrunesimError, match="no layer with a map among linear"):
        layers_with_maps(network, (1, 8, 8), "it", ["linear"])


@pytest.fixture(scope="module")
def folder(finished, tmp_path_factory):
    output = tmp_path_factory.mktemp("scenes") / "made"
    assert main(["scenes", *_made(finished, output), "--count", "60", "--multiple", "2"]) == 0
    return output


def _made(finished, output):
    return ["--study", str(finished / STUDY), "--output", str(output)]


def concepts(finished, folder, output, *options):
    return main(["concepts", str(finished / STUDY), "--images", str(folder), "--output", str(output), *options])


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_the_verb_writes_tables_and_figures(finished, folder, tmp_path, capsys):
    output = tmp_path / "concepts.csv"
    pictures = ["--figure", str(tmp_path / "figure.png"), "--sheet", str(tmp_path / "sheet.svg")]
    assert concepts(finished, folder, output, "--draws", "2", *pictures) == 0
    printed = capsys.readouterr().out
    assert "note: side: left covers" in printed
    units, layers = rows_of(output), rows_of(tmp_path / "concepts-layers.csv")
    assert list(units[0]) == ["replicate", "method", "round", "layer", "unit", "concept", "iou", "detector"]
    study = prunesim.open_study(finished / STUDY)
    assert {(row["replicate"], row["method"], row["round"]) for row in units} == {
        *((str(r), "dense", "0") for r in range(2)),
        *((str(r), "imp", str(k)) for r in range(2) for k in (1, 2)),
    }
    network = study.network()
    sizes = {name: module.out_channels for name, module in network.named_modules() if isinstance(module, nn.Conv2d)}
    for row in layers:
        same = [
            unit for unit in units if all(unit[key] == row[key] for key in ("replicate", "method", "round", "layer"))
        ]
        assert [int(unit["unit"]) for unit in same] == list(range(sizes[row["layer"]]))
        detectors = [unit for unit in same if float(unit["iou"]) > 0.04]
        assert [unit["detector"] for unit in same] == ["yes" if unit in detectors else "no" for unit in same]
        assert int(row["units"]) == len(same)
        assert int(row["detectors"]) == len(detectors)
        assert int(row["concepts"]) == len({unit["concept"] for unit in detectors})
    densities = {(row["method"], row["round"]): float(row["density"]) for row in layers}
    assert densities["dense", "0"] == 1 > densities["imp", "1"] > densities["imp", "2"]
    with Image.open(tmp_path / "figure.png") as image:
        assert min(image.size) > 200
    assert "<svg" in (tmp_path / "sheet.svg").read_text()
    again = tmp_path / "again.csv"
    pictures = ["--figure", str(tmp_path / "again.png"), "--sheet", str(tmp_path / "again.svg")]
    assert concepts(finished, folder, again, "--draws", "2", *pictures) == 0
    for one, two in (("concepts.csv", "again.csv"), ("figure.png", "again.png"), ("sheet.svg", "again.svg")):
        assert (tmp_path / one).read_bytes() == (tmp_path / two).read_bytes()


def test_networks_and_layers_are_chosen(finished, folder, tmp_path):
    output = tmp_path / "some.csv"
    chosen = ["--replicate", "1", "--round", "0", "2", "--layers", "relu", "--threshold", "0.01", "--draws", "0"]
    assert concepts(finished, folder, output, *chosen) == 0
    units = rows_of(output)
    assert {(row["replicate"], row["method"], row["round"]) for row in units} == {
        ("1", "dense", "0"),
        ("1", "imp", "2"),
    }
    assert {row["layer"] for row in units} == {"relu1", "relu2", "relu3", "relu4"}
    assert {row["chance_detectors"] for row in rows_of(tmp_path / "some-layers.csv")} == {""}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--method", "other"], "tiny has no method other; it has dense, imp."),
        (["--round", "9"], "tiny has no round 9; it has 0, 1, 2."),
        (["--method", "dense", "--round", "1"], "tiny has no network of these replicates, methods and rounds"),
        (["--quantile", "0"], "--quantile is 0; a number between 0 and 1 is right."),
        (["--quantile", "nan"], "--quantile is nan"),
        (["--threshold", "1"], "--threshold is 1; a number between 0 and 1 is right."),
        (["--quantile", "1e-7"], "positions an image, so 60 images have no quantile of 1e-07; at least"),
        (["--draws", "-1"], "--draws is -1; 0 or more is right."),
        (["--figure", "x.pdf"], "--figure is x.pdf; a file that ends in .png or .svg is right."),
        (["--layers", "logits"], "Layer logits of network cnn has no map"),
        (["--layers", "conv9"], "Network cnn has no layer 'conv9' (did you mean conv4?)"),
    ],
)
def test_what_cannot_be_meant_is_refused(finished, folder, tmp_path, capsys, options, words):
    assert concepts(finished, folder, tmp_path / "no.csv", *options) == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_scenes_that_cannot_be_made(finished, folder, tmp_path, capsys):
    for options, words in (
        (["--count", "0"], "--count is 0; 1 or more is right."),
        (["--multiple", "-1"], "--multiple is -1; 1 or more is right."),
        (["--output", str(folder)], "is there already and not an empty folder"),
    ):
        assert main(["scenes", *_made(finished, tmp_path / "new"), *options]) == 2
        assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert main(["scenes", *_made(finished, tmp_path / "new"), "--count", "3", "--objects", "study"]) == 0
    assert read_annotated(tmp_path / "new", tmp_path).images.shape == (3, 8, 8, 1)
