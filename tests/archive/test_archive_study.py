"""An archived study, restored into a fresh clone: nothing is due, and only what changes is drawn again."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tarfile

import pytest
from archive_runs import call, listing, prunesim, refused
from pipeline.pipeline_runs import (
    DATASET,
    NOTHING_TO_DO,
    REPOSITORY,
    STUDY,
    contents,
    copy_all,
    due,
    job_stats,
    run,
    snakemake,
)

from prunesim.archive import packing
from prunesim.archive import study as archive
from prunesim.errors import PrunesimError
from prunesim.figures.catalogue import FIGURES, SHEETS

pytestmark = pytest.mark.slow

KINDS = ("all", "results", "figures")
CONFIG = f"{STUDY}/config.yaml"
FIGURES_PROFILE = ("--profile", "profiles/figures")
WEIGHTS = f"{STUDY}/networks/rep0/dense/weights.safetensors"
RELU = f"{STUDY}/activations/rep0/dense/relu1.npy"
MASK = f"{STUDY}/networks/rep0/imp/round01/mask.safetensors"
IMAGES = f"{DATASET}/train_images.npy"
DESCRIPTION = f"{DATASET}/dataset.json"
SIMILARITY = f"{STUDY}/tables/similarity.csv"
THERE = {
    "all": ({WEIGHTS, RELU, MASK, IMAGES, DESCRIPTION, SIMILARITY}, set()),
    "results": ({RELU, MASK, DESCRIPTION, SIMILARITY}, {WEIGHTS, IMAGES}),
    "figures": ({DESCRIPTION, SIMILARITY}, {WEIGHTS, IMAGES, RELU, MASK}),
}


def restored(archives, contents, clone):
    return prunesim(clone, "restore", archives / f"{contents}.tar.gz")


def due_restored(clone, *targets):
    return due(clone, base=CONFIG, targets=targets)


def edit(path):
    path.write_text(path.read_text() + "_ADDED = 1\n")


def pretend_conda(clone):
    """Write into the records what a run with --use-conda in another folder would have written."""
    for path in (clone / ".snakemake/metadata").iterdir():
        record = json.loads(path.read_text())
        path.write_text(json.dumps(record | {"software_stack_hash": "0123456789abcdef0123456789abcdef"}))


@pytest.mark.parametrize("kind", KINDS)
def test_restored_study_is_as_it_was(finished, archives, fresh, kind):
    printed = restored(archives, kind, fresh)
    before, after = contents(finished, "results"), contents(fresh, "results")
    added = {CONFIG} | ({f"{STUDY}/archive.json"} if kind != "all" else set())
    assert after.keys() - before.keys() == added
    assert {path for path in after.keys() & before.keys() if after[path] != before[path]} == set()
    there, missing = THERE[kind]
    assert there <= after.keys()
    assert not missing & after.keys()
    if kind == "all":
        assert before.keys() <= after.keys()
    for path in before.keys() & after.keys():
        assert (fresh / path).stat().st_mtime_ns == (finished / path).stat().st_mtime_ns

    if kind == "results":
        pretend_conda(fresh)
    status, printed_by_snakemake = snakemake(fresh, "--dry-run", base=CONFIG)
    assert status == 0
    assert NOTHING_TO_DO in printed_by_snakemake
    assert "igrat" not in printed_by_snakemake  # records of an old version
    assert f"--configfile {CONFIG}" in printed
    assert "no problems found" in prunesim(fresh, "verify", STUDY)
    # A second time is no harm.
    before = listing(fresh / "results")
    assert f"0 files written, {len(after) - (kind != 'all')} were there" in restored(archives, kind, fresh)
    assert listing(fresh / "results") == before
    assert list(fresh.rglob(".*.tmp")) == []
    # One figure deleted, one edited.
    (fresh / STUDY / "figures/density.svg").unlink()
    edit(fresh / "src/prunesim/figures/accuracy.py")
    assert due_restored(fresh) == {"figure_accuracy": 1, "figure_density": 1, "provenance_table": 1}


def test_figures_are_all_that_is_drawn_again(finished, archives, fresh):
    restored(archives, "figures", fresh)
    # From the overlay that the study was run with, too.
    assert due(fresh, targets=["figures"]) == {}
    (fresh / STUDY / "figures/density.svg").unlink()
    assert job_stats(run(fresh, base=CONFIG, targets=["figures"])) == {"figure_density": 1, "figures": 1}
    figure = f"{STUDY}/figures/density.svg"
    assert (fresh / figure).read_bytes() == (finished / figure).read_bytes()
    assert due_restored(fresh) == {"provenance_table": 1}
    assert "no problems found" in prunesim(fresh, "verify", STUDY)
    # A change of what the networks are is not hidden by their absence.
    assert due(fresh, base=CONFIG, config=["training: {epochs: 3}"])["train_dense"] == 2


def test_code_that_trains_has_changed_and_figures_are_drawn_all_the_same(archives, fresh):
    restored(archives, "figures", fresh)
    edit(fresh / "src/prunesim/training/loop.py")
    edit(fresh / "src/prunesim/study/seeds.py")
    edit(fresh / "src/prunesim/figures/density.py")
    assert due_restored(fresh, "figures")["train_dense"] == 2
    # The command that restore prints, word by word.
    command = re.search(r"snakemake (figures --profile .*)", restored(archives, "figures", fresh))[1]
    status, printed = snakemake(fresh, *command.split(), base=None)
    assert (status, job_stats(printed)) == (0, {"figure_density": 1, "figures": 1})
    # Without its table a figure cannot be drawn, and nothing else is tried.
    (fresh / SIMILARITY).unlink()
    (fresh / STUDY / "figures/rounds.png").unlink()
    status, printed = snakemake(fresh, *FIGURES_PROFILE, base=CONFIG, targets=["figures"])
    assert status == 1
    assert "Missing input files for rule figure_rounds" in printed
    assert SIMILARITY in printed
    # Nor is a network, whatever is asked for.
    status, printed = snakemake(fresh, *FIGURES_PROFILE, base=CONFIG, targets=[WEIGHTS])
    assert status == 1
    assert f"No rule to produce {WEIGHTS}" in printed


def test_figures_profile_knows_every_figure():
    text = (REPOSITORY / "profiles/figures/profile.yaml").read_text()
    allowed = re.search(r"allowed-rules: \[(.*)\]", text)[1].split(", ")
    assert sorted(allowed) == sorted(["explorer", "figures", *(f"figure_{name}" for name in FIGURES), *SHEETS])


def test_another_measure_is_computed_from_archived_activations(archives, fresh):
    restored(archives, "results", fresh)
    overlay = "comparison: {measures: [cca_mean, cka_linear, nbs]}"
    again = due(fresh, base=CONFIG, config=[overlay])
    assert again["compare_rounds"] == 12
    assert not again.keys() & {"fetch", "train_dense", "prune", "retrain", "dump"}


def test_figures_can_be_completed_by_a_larger_archive(finished, archives, fresh):
    restored(archives, "figures", fresh)
    assert refused(fresh, "archive", STUDY, "--configfile", CONFIG, "--output", "x.tar.gz").startswith(
        f"prunesim archive: {STUDY} was restored from an archive without "
    )
    # What it holds can be archived again, and is the same.
    prunesim(fresh, "archive", STUDY, "--configfile", CONFIG, "--output", "x.tar.gz", "--contents", "figures")
    with tarfile.open(archives / "figures.tar.gz") as one, tarfile.open(fresh / "x.tar.gz") as two:
        manifests = [manifest(tar) for tar in (one, two)]
    for key in ("study", "contents", "config", "left_out"):
        assert manifests[0][key] == manifests[1][key]
    files = [{about["path"]: about for about in m["files"] if about["path"] != CONFIG} for m in manifests]
    assert files[0] == files[1]
    restored(archives, "all", fresh)
    assert not (fresh / STUDY / "archive.json").exists()
    grown = due(fresh, base=CONFIG, config=["rounds: 3"])
    assert (grown["retrain"], grown["dump"]) == (2, 2)
    assert not grown.keys() & {"fetch", "train_dense"}
    assert "6 networks, 6 activations" in prunesim(fresh, "verify", STUDY)
    done = call(fresh, "diff", finished / STUDY, STUDY)
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)


def test_lost_files_are_told_from_those_left_out(archives, fresh):
    restored(archives, "results", fresh)
    (fresh / MASK).unlink()
    done = call(fresh, "verify", STUDY)
    assert done.returncode == 1
    assert f"{MASK} does not exist" in done.stdout
    assert WEIGHTS not in done.stdout


def test_configuration_from_the_command_line(finished, archives, tmp_path):
    """The tiny study in the words of the command line, as for ``snakemake --config``."""
    words = [
        *("study=tiny", "seed=7", "replicates=2", "rounds=2", "dataset={subset: {train: 200, test: 100}}"),
        *("network={width: 4}", "training={epochs: 2, batch_size: 50}", "activations={images: 80}"),
        "comparison={layers: [relu1, relu2, logits], measures: [cca_mean, cka_linear], blocks: 5, null_draws: 2}",
        "figures={dpi: 60}",
    ]
    output = tmp_path / "x.tar.gz"
    command = ["archive", STUDY, "--contents", "figures", "--output", output, "--config"]
    prunesim(finished, *command, *words)
    with tarfile.open(output) as one, tarfile.open(archives / "figures.tar.gz") as two:
        configs, manifests = zip(*((tar.extractfile(CONFIG).read(), manifest(tar)) for tar in (one, two)), strict=True)
    assert configs[0] == configs[1]
    assert manifests[0]["assignments"] == words
    output.unlink()
    sentence = refused(finished, *command, *words, "rounds=1")
    assert f"{STUDY} is not what this configuration and code make: " in sentence
    assert "provenance_table (1) would run; run snakemake first" in sentence
    assert not output.exists()


def manifest(tar):
    return json.load(tar.extractfile("manifest.json"))


def test_unfinished_damaged_and_foreign_are_refused(clone, monkeypatch, tmp_path):
    monkeypatch.chdir(clone)
    figure, history = clone / STUDY / "figures/density.svg", clone / STUDY / "networks/rep0/dense/history.csv"
    figure.rename(clone / "density.svg")
    sentence = refused(clone, "archive", STUDY, "--configfile", "tests/pipeline/tiny.yaml", "--output", "x.tar.gz")
    assert "figure_density (1), provenance_table (1) would run; run snakemake first" in sentence
    (clone / "density.svg").rename(figure)

    # What Snakemake would run was seen above; a dry run takes longer than everything else.
    monkeypatch.setattr(archive, "due_jobs", lambda root, configfile: {})

    def sentence_of(study=STUDY, output="x.tar.gz", configfile="tests/pipeline/tiny.yaml"):
        with pytest.raises(PrunesimError) as caught:
            archive.archive_study(study, output, "all", [configfile])
        assert not (clone / "x.tar.gz").exists()
        return str(caught.value)

    assert "is not the study of this configuration, which is digits" in sentence_of(configfile="config.yaml")
    assert "no.yaml" in sentence_of(configfile="no.yaml")
    assert "lies in the study itself" in sentence_of(output=f"{STUDY}/x.tar.gz")
    assert "src is not the folder of a study in a clone" in sentence_of(study="src")
    assert "results/none is not the folder of a study in a clone" in sentence_of(study="results/none")
    (clone / "occupied").mkdir()
    assert "occupied could not be written" in sentence_of(output="occupied")
    notes = clone / STUDY / "tables/notes.txt"
    notes.write_text("mine")
    assert f"no record in this folder of having made {STUDY}/tables/notes.txt; remove" in sentence_of()
    notes.unlink()
    link = clone / STUDY / "figures/link"
    link.symlink_to(clone / "src")
    assert f"{STUDY}/figures/link is a link to a folder" in sentence_of()
    link.unlink()
    before = history.read_bytes()
    history.write_bytes(before.replace(b"\n1,", b"\n7,"))
    assert f"{STUDY} is damaged, so it was not archived: " in sentence_of()
    assert f"{STUDY}/networks/rep0/dense/history.csv is not the file that was made (checksum)" in sentence_of()
    history.write_bytes(before)

    def grows(path, known=packing.sha256_file):
        checksum = known(path)
        if path.name == "accuracy.svg":
            path.write_bytes(path.read_bytes() + b"<!-- -->")
        return checksum

    monkeypatch.setattr(packing, "sha256_file", grows)
    assert "figures/accuracy.svg changed while it was packed" in sentence_of()
    assert list(clone.rglob(".*.tmp")) == []


def test_what_is_packed_and_how(archives):
    with tarfile.open(archives / "all.tar.gz") as tar:
        members = tar.getmembers()
        about = json.load(tar.extractfile(members[0]))
        overlay = about["configfiles"]["tests/pipeline/tiny.yaml"]
    assert members[0].name == "manifest.json"
    assert [member.name for member in members[1:]] == [entry["path"] for entry in about["files"]]
    assert [member.name for member in members[1:]] == sorted(member.name for member in members[1:])
    assert {(m.uid, m.gid, m.uname, m.gname, m.mode, m.type) for m in members} == {(0, 0, "", "", 0o644, b"0")}
    assert {m.name.split("/")[0] for m in members[1:]} == {"results", ".snakemake"}
    assert about["config"]["study"] == "tiny"
    assert about["config"]["training"]["epochs"] == 2
    assert "training:\n  epochs: 2\n" in overlay
    assert about["packages"].keys() >= {"numpy", "torch", "snakemake"}
    assert {"python", "commit", "dirty", "created", "prunesim"} <= about.keys()
    # As the files have them, to the resolution of a double.
    for member, entry in zip(members[1:], about["files"], strict=True):
        assert member.size == entry["size"]
        assert member.mtime == pytest.approx(entry["mtime_ns"] / 1e9, abs=1e-6)


def test_records_of_another_study_stay_where_they_are(clone, archives):
    copy_all(clone / "results", clone / "kept")
    before = listing(clone / ".snakemake/metadata")
    shutil.rmtree(clone / STUDY)
    restored(archives, "all", clone)
    after = listing(clone / ".snakemake/metadata")
    assert {name: content[:2] for name, content in before.items()} == {
        name: content[:2] for name, content in after.items()
    }
    assert due(clone) == {}


def test_make(tmp_path):
    """What the Makefile calls, without the installation before it."""
    schema = "workflow/schemas/config.schema.yaml"
    for name in ("Makefile", "requirements.txt", "constraints.txt", "config.yaml", "tests/pipeline/tiny.yaml", schema):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(REPOSITORY / name, tmp_path / name)
    # The name of the study is the program's to say.
    program = tmp_path / ".venv/bin/prunesim"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nPYTHONPATH={REPOSITORY / "src"} exec {sys.executable} -m prunesim "$@"\n')
    program.chmod(0o755)

    def last_line(*words):
        command = ["make", "--dry-run", "--no-print-directory", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return shlex.split(done.stdout.splitlines()[-1])

    assert last_line("archive") == [
        *(".venv/bin/prunesim", "archive", "results/digits", "--configfile", "config.yaml"),
        *("--contents", "all", "--output", "digits-all.tar.gz"),
    ]
    tiny = "CONFIG=tests/pipeline/tiny.yaml"
    assert last_line("archive", tiny, "CONTENTS=figures", "ARCHIVE=my $$HOME.tar.gz") == [
        *(".venv/bin/prunesim", "archive", STUDY, "--configfile", "tests/pipeline/tiny.yaml"),
        *("--contents", "figures", "--output", "my $HOME.tar.gz"),
    ]
    assert last_line("restore", "ARCHIVE=my file.tar.gz") == [".venv/bin/prunesim", "restore", "my file.tar.gz"]
