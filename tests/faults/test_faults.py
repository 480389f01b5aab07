"""Whatever is killed, damaged or full: the rerun ends with the undisturbed bytes, or a sentence says why not."""

import os
import shlex
import signal
import subprocess
import sys

import numpy as np
import pytest
from fault_runs import DAMAGES, DATASET, SENTENCE, SMALL, STUDY, assert_undisturbed, disturb, prunesim, run_small
from pipeline.pipeline_runs import TINY

SIGNALS = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "SIGINT": signal.SIGINT}
VICTIMS = ("main", "job", "all")
KILLS = [(VICTIMS[seed % 3], list(SIGNALS)[seed // 3 % 3], seed) for seed in range(21)]

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


@pytest.fixture(autouse=True)
def _fault(record_property):
    record_property("fault", "survived")


@pytest.mark.parametrize(("victim", "name", "seed"), KILLS, ids=[f"{v}-{n}-{s}" for v, n, s in KILLS])
def test_killed_at_a_random_moment(fresh, undisturbed, victim, name, seed):
    rng = np.random.default_rng(seed)
    seconds = float((undisturbed / "seconds").read_text())
    hit = disturb(fresh, victim, SIGNALS[name], rng.uniform(0.1, 0.9) * seconds, rng)
    status, printed = run_small(fresh)
    assert status == 0, f"{hit}\n{printed}"
    assert_undisturbed(fresh, undisturbed)


@pytest.mark.parametrize("artifact", ARTIFACTS)
def test_damaged_artifact(copy, undisturbed, artifact):
    rng = np.random.default_rng(ARTIFACTS.index(artifact))
    damage = DAMAGES[list(DAMAGES)[rng.integers(len(DAMAGES))]]
    path = copy / artifact
    path.write_bytes(damage(path.read_bytes(), rng))
    assert path.read_bytes() != (undisturbed / artifact).read_bytes()

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

    path.unlink()
    status, printed = run_small(copy, targets=[artifact, "all"])
    assert status == 0, printed
    assert_undisturbed(copy, undisturbed)


FULL = """
set -eu
mkdir -p results
mount -t tmpfs -o size={kilobytes}k none results
{snakemake} || echo "status $?"
mount -o remount,size=200m results
{snakemake}
echo "status $?"
{diff}
"""
FORBIDDEN = """
set -eu
mkdir -p {folder}
chmod 555 {folder}
{ordinary} {snakemake} || echo "status $?"
test ! -e {folder} || chmod 755 {folder}  # Snakemake removes a folder that a failed job left empty
{snakemake}
echo "status $?"
{diff}
"""
# Root may write anywhere; without this power it is bound by permissions like everybody.
ORDINARY = "setpriv --bounding-set -dac_override,-dac_read_search" if os.geteuid() == 0 else ""


def in_namespace(clone, undisturbed, script, **values):
    """Run a shell script that may mount, in a namespace of its own, and check what it printed."""
    (clone / "overlay0.yaml").write_text(SMALL)
    words = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", TINY, "overlay0.yaml"]
    diff = [sys.executable, "-m", "prunesim", "diff", str(undisturbed / STUDY), STUDY]
    script = script.format(snakemake=shlex.join(words), diff=f"PYTHONPATH=src {shlex.join(diff)}", **values)
    namespace = ["unshare", "--mount"] + (["--map-root-user"] if os.geteuid() else [])
    done = subprocess.run([*namespace, "sh", "-c", script], cwd=clone, capture_output=True, text=True, check=False)
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    assert [line for line in done.stdout.splitlines() if line.startswith("status")] == ["status 1", "status 0"], printed
    assert "Traceback" not in printed, printed
    said = SENTENCE.findall(printed)
    assert said, printed
    return said


@pytest.mark.skipif(sys.platform != "linux", reason="mount namespaces are Linux's")
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_disk_that_is_too_small(fresh, undisturbed, share):
    size = sum(path.stat().st_size for path in (undisturbed / "results").rglob("*") if path.is_file())
    said = in_namespace(fresh, undisturbed, FULL, kilobytes=int(share * size / 1000))
    assert all("The disk is full: results/" in sentence for sentence in said), said


@pytest.mark.skipif(sys.platform != "linux", reason="setpriv is Linux's")
@pytest.mark.parametrize("part", ["networks/rep0/dense", "activations/rep0", "tables", "figures"])
def test_directory_that_cannot_be_written(fresh, undisturbed, part):
    said = in_namespace(fresh, undisturbed, FORBIDDEN, folder=f"{STUDY}/{part}", ordinary=ORDINARY)
    assert all(f"{STUDY}/{part}" in sentence for sentence in said), said
