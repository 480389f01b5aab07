"""Whatever is killed, damaged or full: the rerun ends with the undisturbed bytes, or a sentence says why not."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from fault_runs import DAMAGES, DATASET, SENTENCE, SMALL, STUDY, assert_undisturbed, disturb, prunesim, run_small
from pipeline.pipeline_runs import TINY

pytestmark = pytest.mark.slow

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
KILLS = 7

ARTIFACTS = [
    f"{DATASET}/train_images.npy",
    f"{DATASET}/train_labels.npy",
    f"{DATASET}/dataset.json",
    f"{STUDY}/networks/rep0/dense/initial.safetensors",
    f"{STUDY}/networks/rep0/dense/weights.safetensors",
    f"{STUDY}/networks/rep0/dense/metrics.json",
    f"{STUDY}/networks/rep0/imp/round01/mask.safetensors",
    f"{STUDY}/networks/rep0/imp/round01/weights.safetensors",
    f"{STUDY}/networks/rep0/imp/round01/history.csv",
    f"{STUDY}/networks/rep0/imp/round01/metrics.json",
    f"{STUDY}/activations/rep0/dense/relu1.npy",
    f"{STUDY}/activations/rep0/imp/round01/logits.pooled.npy",
    f"{STUDY}/activations/rep0/imp/round01/activations.json",
    f"{STUDY}/comparisons/rounds/rep0/imp/round01/relu1.csv",
    f"{STUDY}/provenance/networks/rep0/imp/round01.json",
    f"{STUDY}/tables/networks.csv",
    f"{STUDY}/tables/similarity.csv",
    f"{STUDY}/tables/claims.csv",
    f"{STUDY}/figures/accuracy.svg",
    f"{STUDY}/figures/similarity.png",
]
# One of each stage, that another job reads.
READ = [ARTIFACTS[0], ARTIFACTS[4], ARTIFACTS[6], ARTIFACTS[10]]


@pytest.fixture(autouse=True)
def _fault(record_property):
    record_property("fault", "survived")


@pytest.mark.parametrize("victim", ["main", "job", "all"])
def test_killed_again_and_again(fresh, undisturbed, victim):
    """Each run goes on from what the killed one before it left; one that was faster is checked and begun again."""
    rng = np.random.default_rng(len(victim))
    seconds = float((undisturbed / "seconds").read_text())
    hits = []
    while len(hits) < KILLS:
        name = SIGNALS[len(hits) % len(SIGNALS)]
        hit = disturb(fresh, victim, name, rng.uniform(0.2, 0.6) * seconds, rng)
        if hit is None:
            assert_undisturbed(fresh, undisturbed)
            shutil.rmtree(fresh / "results")
        else:
            hits.append(f"{name.name} to {hit}")
    status, printed = run_small(fresh)
    assert status == 0, f"{hits}\n{printed}"
    assert_undisturbed(fresh, undisturbed)


@pytest.mark.parametrize("artifact", ARTIFACTS)
def test_a_damaged_artifact_is_named(copy, undisturbed, artifact):
    damage_it(copy, artifact)
    assert (copy / artifact).read_bytes() != (undisturbed / artifact).read_bytes()
    status, printed = run_small(copy)
    if status == 0:
        # Nothing reads it again; who asks is told.
        done = prunesim(copy, "verify", STUDY)
        assert done.returncode == 1, printed + done.stdout
        said = done.stdout.splitlines()[:-1]
    else:
        said = SENTENCE.findall(printed)
        assert "Traceback" not in printed, printed
    assert said, printed
    assert all(artifact in sentence for sentence in said), said


@pytest.mark.parametrize("artifact", READ)
def test_a_damaged_artifact_is_made_again_once_it_is_removed(copy, undisturbed, artifact):
    damage_it(copy, artifact)
    status, printed = run_small(copy)
    assert status == 1, printed
    (copy / artifact).unlink()
    assert_made_again(copy, undisturbed)


def test_what_is_removed_is_made_again(copy, undisturbed):
    for artifact in ARTIFACTS:
        (copy / artifact).unlink()
    assert_made_again(copy, undisturbed)


def assert_made_again(copy, undisturbed):
    status, printed = run_small(copy, targets=[*ARTIFACTS, "all"])
    assert status == 0, printed
    assert_undisturbed(copy, undisturbed)


def damage_it(clone, artifact):
    rng = np.random.default_rng(ARTIFACTS.index(artifact))
    damage = DAMAGES[list(DAMAGES)[rng.integers(len(DAMAGES))]]
    path = clone / artifact
    path.write_bytes(damage(path.read_bytes(), rng))


def in_namespace(clone, undisturbed, script, **values):
    """Run a shell script that may mount, in a namespace of its own.

    Returns
    -------
    list of list of str
        The sentences of each of its runs of Snakemake that failed.
    """
    (clone / "overlay0.yaml").write_text(SMALL)
    words = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", TINY, "overlay0.yaml"]
    diff = [sys.executable, "-m", "prunesim", "diff", str(undisturbed / STUDY), STUDY]
    script = script.format(snakemake=shlex.join(words), diff=f"PYTHONPATH=src {shlex.join(diff)}", **values)
    namespace = ["unshare", "--mount"] + (["--map-root-user"] if os.geteuid() else [])
    command = [*namespace, "sh", "-euc", f"exec 2>&1\n{script}"]
    done = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "Traceback" not in done.stdout, done.stdout
    *failed, finished = re.split("^status (?=[0-9])", done.stdout, flags=re.MULTILINE)[1:]
    assert finished.startswith("0"), done.stdout
    assert all(part.startswith("1") for part in failed), done.stdout
    said = [SENTENCE.findall(part) for part in re.split("^status 1$", done.stdout, flags=re.MULTILINE)[:-1]]
    assert all(said), done.stdout
    return said


FULL = """
mkdir -p results
mount -t tmpfs -o size=100k none results
for size in {sizes}; do
  mount -o remount,size=${{size}}k results
  {snakemake} || echo "status $?"
done
mount -o remount,size=200m results
{snakemake}
echo "status $?"
{diff}
"""
FORBIDDEN = """
for folder in {folders}; do
  mkdir -p $folder
  chmod 555 $folder
  {ordinary} {snakemake} || echo "status $?"
  test ! -e $folder || chmod 755 $folder  # Snakemake removes a folder that a failed job left empty
done
{snakemake}
echo "status $?"
{diff}
"""
# Root may write anywhere; without this power it is bound by permissions like everybody.
ORDINARY = "setpriv --bounding-set -dac_override,-dac_read_search" if os.geteuid() == 0 else ""


@pytest.mark.skipif(sys.platform != "linux", reason="mount namespaces are Linux's")
def test_a_disk_that_is_too_small_again_and_again(fresh, undisturbed):
    size = sum(path.stat().st_size for path in (undisturbed / "results").rglob("*") if path.is_file())
    sizes = [int(share * size / 1000) for share in (0.1, 0.3, 0.5, 0.7, 0.9)]
    said = in_namespace(fresh, undisturbed, FULL, sizes=" ".join(map(str, sizes)))
    assert len(said) == len(sizes)
    for sentences in said:
        assert all("The disk is full: results/" in sentence for sentence in sentences), said


@pytest.mark.skipif(sys.platform != "linux", reason="setpriv is Linux's")
def test_directories_that_cannot_be_written(fresh, undisturbed):
    folders = [f"{STUDY}/{part}" for part in ("networks/rep0/dense", "activations/rep0", "tables", "figures")]
    said = in_namespace(fresh, undisturbed, FORBIDDEN, folders=" ".join(folders), ordinary=ORDINARY)
    assert len(said) == len(folders)
    for folder, sentences in zip(folders, said, strict=True):
        assert all(folder in sentence for sentence in sentences), said
