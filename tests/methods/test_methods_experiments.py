"""The ready studies whose data are too large for a test, on small made-up images of the same size."""

import numpy as np
import pytest
import yaml
from PIL import Image
from pipeline.pipeline_runs import REPOSITORY, copy_source, run

from prunesim.audit.verify import verify_study

pytestmark = pytest.mark.slow

STUDIES = {
    "lottery-lenet": (28, 28),
    "lottery-conv2": (32, 32, 3),
    "lottery-conv4": (32, 32, 3),
    "lottery-conv6": (32, 32, 3),
    "svhn-vgg": (32, 32, 3),
    "cifar10-resnet9": (32, 32, 3),
}
SMALL = """
replicates: 1
rounds: 1
dataset: {name: small, source: image_folder, path: images}
network: {width_factor: 0.125}
training: {epochs: 2, milestones: [1], batch_size: 16}
activations: {images: 20}
"""


@pytest.mark.parametrize(("name", "shape"), STUDIES.items(), ids=list(STUDIES))
def test_a_study_prunes_and_trains(name, shape, tmp_path):
    clone = copy_source(REPOSITORY, tmp_path / "clone")
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        for label in range(10):
            folder = clone / f"images/{split}/{label}"
            folder.mkdir(parents=True)
            for number in range(3):
                Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(folder / f"{number}.png")
    study = yaml.safe_load((REPOSITORY / f"experiments/{name}.yaml").read_text())
    milestones = {} if study["training"].get("schedule") == "step" else {"milestones": []}
    methods = [method for method, settings in study["methods"].items() if settings]
    networks = [f"results/{name}/networks/rep0/{method}/round01/metrics.json" for method in methods]
    small = yaml.safe_load(SMALL)
    small["training"] |= milestones
    run(clone, base=REPOSITORY / f"experiments/{name}.yaml", config=[yaml.safe_dump(small)], targets=networks)
    problems, counts = verify_study(clone / f"results/{name}")
    assert problems == []
    assert counts["networks"] == 1 + len(methods)
