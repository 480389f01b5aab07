"""`prunesim verify` on a real small study, sound and damaged in every way that it promises to notice."""

import shutil

import numpy as np
import pytest

from prunesim.cli import main
from prunesim.storage.arrays import load_array, load_tensors, save_array, save_tensors
from prunesim.storage.files import read_json, write_json

pytestmark = pytest.mark.slow

ROUND = "tiny/networks/rep1/imp/round02"
FIRST_ROUND = "tiny/networks/rep1/imp/round01"
DENSE = "tiny/networks/rep0/dense"
ACTIVATIONS = "tiny/activations/rep0/imp/round01"


@pytest.fixture
def results(finished, tmp_path):
    """Return a copy of the folder ``results`` that a test may damage."""
    shutil.copytree(finished / "results", tmp_path / "results")
    return tmp_path / "results"


def verify(results, capsys):
    status = main(["verify", str(results / "tiny")])
    captured = capsys.readouterr()
    assert captured.err == ""
    *problems, summary = captured.out.splitlines()
    return status, problems, summary


def edit_tensors(path, change):
    tensors, metadata = load_tensors(path)
    change(tensors)
    save_tensors(path, tensors, metadata)


def edit_array(path, change):
    array = load_array(path).copy()
    change(array)
    save_array(path, array)


def edit_json(path, change):
    content = read_json(path)
    change(content)
    write_json(path, content)


def edit_text(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def truncate(path):
    path.write_bytes(path.read_bytes()[:-7])


def move_pruned_weight(results):
    mask, _ = load_tensors(results / ROUND / "mask.safetensors")
    name = next(name for name, kept in mask.items() if not kept.all())

    def change(tensors):
        tensors[name][tuple(np.argwhere(mask[name] == 0)[0])] = 1e-30

    edit_tensors(results / ROUND / "weights.safetensors", change)


def empty_first_layer(metrics):
    metrics["layers"][0]["remaining_weights"] = 0


def swap_weights_of_mask(results):
    """Let a pruned weight come back and another go, so that the count stays right."""
    before, _ = load_tensors(results / FIRST_ROUND / "mask.safetensors")
    name = next(name for name, kept in before.items() if not kept.all())

    def change(mask):
        mask[name][tuple(np.argwhere(before[name] == 0)[0])] = 1
        mask[name][tuple(np.argwhere(mask[name] * before[name] == 1)[0])] = 0

    edit_tensors(results / ROUND / "mask.safetensors", change)


def prune_one_more(results):
    def change(mask):
        name = next(iter(mask))
        mask[name][tuple(np.argwhere(mask[name] == 1)[0])] = 0

    edit_tensors(results / ROUND / "mask.safetensors", change)


def set_first(value):
    def change(array):
        array.flat[0] = value

    return change


def mask_output_layer(results):
    weights, _ = load_tensors(results / ROUND / "weights.safetensors")
    path = results / ROUND / "mask.safetensors"
    edit_tensors(path, lambda mask: mask.update({"logits.weight": np.ones_like(weights["logits.weight"], np.uint8)}))


DAMAGES = {
    "a pruned weight that moved": (move_pruned_weight, f"{ROUND}/weights.safetensors: 1 pruned weights of"),
    "a pruned weight that came back": (swap_weights_of_mask, "come back that an earlier round had pruned"),
    "a weight too many pruned": (prune_one_more, f"{ROUND}/mask.safetensors keeps"),
    "an excluded layer in the mask": (mask_output_layer, "; the method prunes "),
    "a mask of another type": (
        lambda r: edit_tensors(
            r / ROUND / "mask.safetensors", lambda mask: mask.update({k: v.astype(float) for k, v in mask.items()})
        ),
        "must be uint8 and hold only 0 and 1",
    ),
    "weights changed after the fact": (
        lambda r: edit_tensors(r / DENSE / "weights.safetensors", lambda t: t.update({"bn1.bias": t["bn1.bias"] + 1})),
        f"{DENSE}/weights.safetensors is not the file that was made",
    ),
    "a changed history": (
        lambda r: edit_text(r / DENSE / "history.csv", "\n1,", "\n7,"),
        f"{DENSE}/history.csv is not the file that was made",
    ),
    "weights that are not finite": (
        lambda r: edit_tensors(
            r / DENSE / "weights.safetensors", lambda t: t.update({"bn1.bias": t["bn1.bias"] * np.nan})
        ),
        "bn1.bias is not all finite numbers",
    ),
    "truncated weights": (
        lambda r: truncate(r / DENSE / "weights.safetensors"),
        f"{DENSE}/weights.safetensors is not a readable safetensors file",
    ),
    "a missing mask": (lambda r: (r / ROUND / "mask.safetensors").unlink(), f"{ROUND}/mask.safetensors does not exist"),
    "a missing round": (lambda r: shutil.rmtree(r / FIRST_ROUND), "the round before it, rep1/imp/round01, is missing"),
    "metrics of another network": (
        lambda r: edit_json(r / DENSE / "metrics.json", lambda m: m.update(replicate=5)),
        f"{DENSE}/metrics.json says it is of another network",
    ),
    "metrics that are not JSON": (
        lambda r: truncate(r / DENSE / "metrics.json"),
        f"{DENSE}/metrics.json is not valid JSON",
    ),
    "a changed activation": (
        lambda r: edit_array(r / ACTIVATIONS / "relu1.npy", set_first(9)),
        f"{ACTIVATIONS}/relu1.npy is not the file that was made",
    ),
    "an activation that is not finite": (
        lambda r: edit_array(r / ACTIVATIONS / "relu1.npy", set_first(np.inf)),
        f"{ACTIVATIONS}/relu1.npy is not all finite numbers",
    ),
    "a truncated activation": (
        lambda r: truncate(r / ACTIVATIONS / "relu1.pooled.npy"),
        f"{ACTIVATIONS}/relu1.pooled.npy is not a readable .npy file",
    ),
    "activations of other images": (
        lambda r: edit_json(r / ACTIVATIONS / "activations.json", lambda index: index["images"].reverse()),
        "was dumped for other images than",
    ),
    "activations of no network": (
        lambda r: shutil.move(r / "tiny/activations/rep0", r / "tiny/activations/rep7"),
        "holds activations of a network that is not in",
    ),
    "a changed data set": (
        lambda r: edit_array(next(r.glob("datasets/*/test_images.npy")), set_first(77)),
        "test_images.npy is not the file that was made",
    ),
    "a truncated description of the data set": (
        lambda r: truncate(next(r.glob("datasets/*/dataset.json"))),
        "dataset.json is not valid JSON",
    ),
    "an accuracy that was made up": (
        lambda r: edit_json(r / DENSE / "metrics.json", lambda m: m.update(test_accuracy=1.5)),
        "does not say what its metrics.json says",
    ),
    "a table row of no network": (
        lambda r: edit_text(r / "tiny/tables/networks.csv", "\n1,dense,0,", "\n9,dense,0,"),
        "has a row for rep9/dense, which is not in",
    ),
    "a table with a missing column": (
        lambda r: edit_text(r / "tiny/tables/layers.csv", ",density", ",sparsity"),
        "tables/layers.csv must have the columns",
    ),
    "a similarity that is not a number": (
        lambda r: edit_first_similarity(r / "tiny/tables/similarity.csv", "nan"),
        "is nan, not a finite number",
    ),
    "an empty similarity without a reason": (
        lambda r: edit_first_similarity(r / "tiny/tables/similarity.csv", ""),
        "an empty value without a note",
    ),
    "a changed number in a description": (
        lambda r: edit_text(r / DENSE / "metrics.json", '"test_images": 100', '"test_images": 101'),
        f"{DENSE}/metrics.json is damaged (checksum)",
    ),
    "a changed record": (
        lambda r: edit_text(r / "tiny/provenance/tables/claims.json", '"verb": "claims"', '"verb": "figure"'),
        "tiny/provenance/tables/claims.json is damaged (checksum)",
    ),
    "a changed figure": (
        lambda r: edit_text(r / "tiny/figures/accuracy.svg", "</svg>", "<g/></svg>"),
        "tiny/figures/accuracy.svg is not the file that was made",
    ),
    "a changed claim": (
        lambda r: edit_text(r / "tiny/tables/claims.csv", "inconclusive", "supported"),
        "tiny/tables/claims.csv is not the file that was made",
    ),
    "a leftover of an interrupted job": (
        lambda r: (r / DENSE / ".weights.safetensors.x1.tmp").touch(),
        "is a leftover of an interrupted job",
    ),
}


def edit_first_similarity(path, value):
    header, row, *rest = path.read_text().splitlines()
    fields = row.split(",")
    fields[header.split(",").index("value")] = value
    path.write_text("\n".join([header, ",".join(fields), *rest]) + "\n")


def test_a_sound_study_passes(results, capsys):
    status, problems, summary = verify(results, capsys)
    assert (status, problems) == (0, [])
    assert "1 data sets, 6 networks, 6 activations" in summary
    assert "records" in summary
    assert "no problems found" in summary


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_and_named(results, capsys, damage):
    make, sentence = DAMAGES[damage]
    make(results)
    status, problems, summary = verify(results, capsys)
    assert status == 1
    assert any(sentence in problem for problem in problems), problems
    assert f"{len(problems)} problem" in summary


def test_what_is_no_study_is_refused(tmp_path, capsys):
    assert main(["verify", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_a_layer_that_pruning_left_nothing_of_is_noted(results, capsys):
    """Not a problem of a file, but told."""
    edit_json(results / ROUND / "metrics.json", empty_first_layer)
    main(["verify", str(results / "tiny")])
    printed = capsys.readouterr().out
    assert "note: nothing is left of conv1 in rep1/imp/round02;" in printed
    assert printed.count("note:") == 1
