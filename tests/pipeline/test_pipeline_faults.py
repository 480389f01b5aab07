"""What goes wrong is said in one sentence on the terminal, leaves no half file, and can be put right."""

import re
import struct

import numpy as np
import pytest
from PIL import Image
from pipeline.pipeline_runs import STUDY, contents, due, job_stats, run, snakemake

from prunesim.storage.arrays import load_tensors, save_tensors

pytestmark = pytest.mark.slow

WEIGHTS = f"{STUDY}/networks/rep0/imp/round02/weights.safetensors"
MASK = f"{STUDY}/networks/rep0/imp/round02/mask.safetensors"
ACTIVATIONS = f"{STUDY}/activations/rep0/imp/round02/activations.json"


def refused(folder, sentence, **options):
    """Run Snakemake, which must fail and say `sentence` (a pattern) once and show no traceback."""
    status, printed = snakemake(folder, "--cores", "2", **options)
    assert status == 1, printed
    assert len(re.findall(sentence, printed)) == 1, printed
    assert "Traceback" not in printed, printed
    return printed


def leftovers(folder):
    return [path for path in folder.rglob("*") if path.name.endswith(".tmp") or path.name.startswith(".")]


@pytest.mark.parametrize(
    ("overlay", "sentence"),
    [
        ("trainin: {epochs: 3}", r"trainin\b.*did you mean training"),
        ("training: {epoch: 3}", r"training\.epoch\b.*did you mean training\.epochs"),
        ("training: {learning_rate: 1e-3}", r"training\.learning_rate is the text '1e-3'.*1\.0e-3"),
        ("comparison: {layers: [relu9]}", r"comparison\.layers: 'relu9'.*relu1, relu2"),
        ("methods: {imp: {exclude: [conv9]}}", r"methods\.imp\.exclude: 'conv9'.*conv1, conv2"),
        ("figures: {measure: svcca}", r"figures\.measure\b.*svcca.*comparison\.measures"),
    ],
)
def test_config_is_refused_before_anything_runs(clone, overlay, sentence):
    before = contents(clone, "results")
    printed = refused(clone, sentence, config=[overlay])
    assert "Job stats" not in printed
    assert contents(clone, "results") == before


def image_folder(folder):
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        for name in ("a", "b"):
            (folder / split / name).mkdir(parents=True)
            for number in range(3):
                pixels = rng.integers(0, 256, (9, 8), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{number}.png")


def test_missing_data_folder_and_truncated_image(clone):
    options = {
        "config": ["dataset: {name: cells, source: image_folder, path: my cells, subset: null}"],
        "targets": ["results/datasets/cells/dataset.json"],
    }
    refused(clone, r"prunesim fetch: .*my cells.*\.", **options)
    image_folder(clone / "my cells")
    image = clone / "my cells/train/b/1.png"
    whole = image.read_bytes()
    image.write_bytes(whole[: len(whole) // 2])
    refused(clone, r"prunesim fetch: my cells/train/b/1\.png could not be read as an image", **options)
    assert [path.name for path in (clone / "results/datasets/cells").iterdir()] == ["fetch.log"]
    image.write_bytes(whole)
    run(clone, **options)
    assert np.load(clone / "results/datasets/cells/train_images.npy").shape == (6, 9, 8, 1)
    assert due(clone, **options) == {}


def test_truncated_idx_file(clone):
    folder = clone / "mnist"
    folder.mkdir()
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        dimensions = (60000, 28, 28) if "idx3" in name else (60000,)
        header = struct.pack(f">HBB{len(dimensions)}I", 0, 8, len(dimensions), *dimensions)
        (folder / f"{name}-ubyte").write_bytes(header + bytes(1000))
    options = {
        "config": ["dataset: {name: mnist, path: mnist, subset: null}"],
        "targets": ["results/datasets/mnist/dataset.json"],
    }
    refused(clone, r"prunesim fetch: mnist/train-images-idx3-ubyte is truncated: .* 1016\.", **options)
    assert [path.name for path in (clone / "results/datasets/mnist").iterdir()] == ["fetch.log"]


def test_loss_that_is_no_number(clone):
    dense = clone / STUDY / "networks/rep0/dense"
    target = f"{STUDY}/networks/rep0/dense/weights.safetensors"
    before = contents(dense, "")
    refused(
        clone,
        r"prunesim train: The loss became (nan|inf) in epoch 1, .*training\.learning_rate",
        config=["training: {learning_rate: 1.0e+30, weight_decay: 0.9}"],
        targets=[target],
    )
    assert contents(dense, "") == {}
    assert job_stats(run(clone, targets=[target])) == {"train_dense": 1}
    after = contents(dense, "")
    assert {path for path in before if before[path] != after[path]} <= {"metrics.json"}


def test_mask_that_does_not_fit(clone):
    mask, metadata = load_tensors(clone / MASK)
    networks = clone / STUDY / "networks/rep0/imp/round02"
    before = contents(networks, "")
    name = next(iter(mask))
    save_tensors(clone / MASK, {**mask, name: mask[name][:-1]}, metadata)
    refused(clone, rf"prunesim train: {MASK}: the mask of '{name}' has shape", targets=[WEIGHTS])
    assert [path.name for path in networks.iterdir()] == ["mask.safetensors"]
    # Deleting it, as the file is neither what the pipeline made nor what it can use.
    (clone / MASK).unlink()
    assert job_stats(run(clone, targets=[WEIGHTS])) == {"prune": 1, "retrain": 1}
    after = contents(networks, "")
    assert {path for path in before if before[path] != after[path]} <= {"metrics.json"}


def test_truncated_weights(clone):
    weights = (clone / WEIGHTS).read_bytes()
    activations = (clone / ACTIVATIONS).parent
    before = contents(activations, "")
    (clone / WEIGHTS).write_bytes(weights[:1000])
    refused(clone, rf"prunesim dump: {WEIGHTS} is not a readable safetensors file .*delete it", targets=[ACTIVATIONS])
    assert contents(activations, "") == {}
    assert leftovers(activations) == []
    (clone / WEIGHTS).unlink()
    assert job_stats(run(clone, targets=[ACTIVATIONS])) == {"retrain": 1, "dump": 1}
    assert (clone / WEIGHTS).read_bytes() == weights
    assert contents(activations, "") == before
