"""Only what changed is computed again: a table of changes and of the exact jobs that run."""

import os
import shutil
import time

import numpy as np
import pytest
from PIL import Image
from pipeline.pipeline_runs import DATASET, STUDY, TINY, contents, copy_all, copy_source, due, job_stats, run, snakemake

pytestmark = pytest.mark.slow

NOTHING = {}
MEASURE_FIGURES = {"figure_similarity": 1, "figure_rounds": 1, "figure_round_pairs": 1, "figure_layers": 1}
SIMILARITY_FIGURES = {"figure_functional": 1} | MEASURE_FIGURES  # all that read similarity.csv
FIGURES = {"figure_accuracy": 1, "figure_density": 1, "figure_classes": 1} | SIMILARITY_FIGURES
NETWORK_TABLES = {"networks_table": 2, "explorer": 1}  # networks.csv and layers.csv
CLAIMS = {"claims_table": 1, "figure_claims": 1}
SIMILARITY_TABLES = {"similarity_table": 1, "explorer": 1} | CLAIMS
ANSWER_TABLES = {"answers_table": 2} | CLAIMS  # answers.csv and classes.csv
TABLES_AND_FIGURES = NETWORK_TABLES | SIMILARITY_TABLES | ANSWER_TABLES | FIGURES

# 2 replicates, 2 rounds, 3 layers: 6 networks, 2 dense.
COMPARISONS = {"compare_rounds": 12, "compare_layers": 2, "compare_replicates": 6, "compare_functional": 5}
FROM_COMPARISONS = COMPARISONS | SIMILARITY_TABLES | SIMILARITY_FIGURES
FROM_DUMP = {"dump": 6, "figure_classes": 1} | FROM_COMPARISONS | ANSWER_TABLES
FROM_TRAINING = {"train_dense": 2, "prune": 4, "retrain": 4, "dump": 6} | COMPARISONS | TABLES_AND_FIGURES
# All rounds, but not what only the dense networks go into: 2 trainings, 2 dumps, 3 comparisons of replicates and 1 of
# answers.
FROM_PRUNING = {
    "prune": 4,
    "retrain": 4,
    "dump": 4,
    "compare_rounds": 12,
    "compare_layers": 2,
    "compare_replicates": 3,
    "compare_functional": 4,
} | TABLES_AND_FIGURES
EVERYTHING = {"fetch": 1} | FROM_TRAINING


# All that has to do with answers, which have a verb of their own.
FROM_ANSWERS = {"compare_functional": 5, "figure_classes": 1} | SIMILARITY_TABLES | SIMILARITY_FIGURES | ANSWER_TABLES


def without(jobs, *rules):
    return {rule: count for rule, count in jobs.items() if rule not in rules}


def with_provenance(jobs):
    """Return the jobs, and the one that keeps account of whatever was made."""
    return jobs | {"provenance_table": 1} if jobs else jobs


CONFIGS = {
    "nothing": ("{}", NOTHING),
    # Growth: what was there stays.
    "one more round": (
        "rounds: 3",
        {
            "prune": 2,
            "retrain": 2,
            "dump": 2,
            "compare_rounds": 2 * 3,
            "compare_functional": 2,
            # These families have the last round, which is another one now.
            "compare_layers": 2,
            "compare_replicates": 3,
        }
        | TABLES_AND_FIGURES,
    ),
    "one round less": ("rounds: 1", {"compare_layers": 2, "compare_replicates": 3} | TABLES_AND_FIGURES),
    "one more replicate": (
        "replicates: 3",
        {
            "train_dense": 1,
            "prune": 2,
            "retrain": 2,
            "dump": 3,
            "compare_rounds": 2 * 3,
            "compare_layers": 1,
            "compare_replicates": 2 * 3,
            "compare_functional": 3,
        }
        | TABLES_AND_FIGURES,
    ),
    "one replicate less": ("replicates: 1", TABLES_AND_FIGURES),
    "one more layer": (
        "comparison: {layers: [relu1, pool1, relu2, logits]}",
        {"compare_rounds": 4, "compare_layers": 2, "compare_replicates": 2} | SIMILARITY_TABLES | SIMILARITY_FIGURES,
    ),
    "one layer less": (
        "comparison: {layers: [relu1, logits]}",
        {"compare_layers": 2} | SIMILARITY_TABLES | SIMILARITY_FIGURES,
    ),
    "one more method": (
        "methods: {control: {criterion: random}}",
        {
            "prune": 4,
            "retrain": 4,
            "dump": 4,
            "compare_rounds": 12,
            "compare_layers": 2,
            "compare_replicates": 3,
            "compare_functional": 4,
        }
        | TABLES_AND_FIGURES,
    ),
    "one family less": (
        "comparison: {families: [rounds, replicates, functional]}",
        SIMILARITY_TABLES | SIMILARITY_FIGURES | ANSWER_TABLES | {"figure_classes": 1},
    ),
    "no answers": ("comparison: {families: [rounds, layers, replicates]}", SIMILARITY_TABLES | MEASURE_FIGURES),
    # Answers have measures of their own.
    "one more measure": (
        "comparison: {measures: [cca_mean, cka_linear, nbs]}",
        {key: count for key, count in FROM_COMPARISONS.items() if key != "compare_functional"},
    ),
    "another measure in the figures": ("figures: {measure: cka_linear}", CLAIMS | MEASURE_FIGURES),
    "palette": ("figures: {palette: viridis}", {"figure_density": 1} | MEASURE_FIGURES),
    "context": ("figures: {context: talk}", FIGURES | {"figure_claims": 1}),
    "dpi": ("figures: {dpi: 70}", FIGURES | {"figure_claims": 1}),
    "all canonical correlations": (
        "comparison: {spectra: true}",
        {"spectrum": 4, "spectra_table": 1, "figure_spectra": 1},
    ),
    "lines between networks": (
        "connectivity: {pairs: [dense, replicates], points: 3}",
        {"connect": 4 + 2, "connectivity_table": 1, "figure_connectivity": 1, "figure_triangle": 1} | CLAIMS,
    ),
    "a claim of one's own": (
        "claims: {kept: {statement: Kept, of: {table: networks, column: test_accuracy, where: {round: 2}}}}",
        CLAIMS,
    ),
    "a setting of widths that nobody asked for": ("widths: {null_draws: 30, replicates: 4, filters: all}", NOTHING),
    "a setting of lines that nobody asked for": ("connectivity: {points: 7}", NOTHING),
    "settings of robustness and concepts that nobody asked for": (
        "robustness: {severities: [1]}\nconcepts: {count: 9, threshold: 0.1}",
        NOTHING,
    ),
    "fewer weights and worse images": (
        "robustness: {shares: [1, 0.5], corruptions: [noise]}",
        {"degrade": 6, "robustness_table": 1, "figure_robustness": 1},
    ),
    "concepts": (
        "concepts: {source: scenes, count: 20}",
        {"annotate": 1, "dissect": 6, "concept_tables": 2, "figure_concepts": 1, "concept_sheet": 1},
    ),
    # What is computed.
    "epochs": ("training: {epochs: 3}", FROM_TRAINING),
    "learning rate": ("training: {learning_rate: 0.05}", FROM_TRAINING),
    "seed": ("seed: 8", FROM_TRAINING),
    "width": ("network: {width: 5}", FROM_TRAINING),
    "prune fraction": ("methods: {imp: {fraction: 0.3}}", FROM_PRUNING),
    "excluded layers": ("methods: {imp: {exclude: [logits, fc1]}}", FROM_PRUNING),
    # The first round's masks come from the dense networks, which stay.
    "rewind to the initial weights": ("methods: {imp: {rewind: init}}", FROM_PRUNING | {"prune": 2}),
    "rewind to an epoch": ("methods: {imp: {rewind: {epoch: 1}}}", FROM_PRUNING | {"prune": 2, "rewind_point": 2}),
    "activation images": ("activations: {images: 70}", FROM_DUMP),
    "null draws": ("comparison: {null_draws: 3}", FROM_COMPARISONS),
    "another subset": ("dataset: {subset: {train: 190}}", EVERYTHING),
    # Other ways to write the same.
    "layers in another order": ("comparison: {layers: [logits, relu2, relu1]}", NOTHING),
    "a default written out": ("training: {flip: true, momentum: 0.9}", NOTHING),
    "an integer for a number": ("comparison: {null_draws: 2}\ntraining: {weight_decay: 0.00050}", NOTHING),
}


@pytest.mark.parametrize(("overlay", "expected"), CONFIGS.values(), ids=CONFIGS)
def test_change_of_the_config(clone, overlay, expected):
    assert due(clone, config=[overlay]) == with_provenance(expected)


MODULES = {
    "training/loop": FROM_TRAINING,
    "training/schedule": FROM_TRAINING,
    "networks/batches": FROM_TRAINING,
    "networks/build": FROM_TRAINING,
    "pruning/rewinding": FROM_TRAINING,
    "pruning/masks": FROM_TRAINING,
    "pruning/criteria": FROM_PRUNING,
    "commands/prune": FROM_PRUNING,
    "activations/dump": FROM_DUMP,
    "similarity/measures": FROM_COMPARISONS | FROM_ANSWERS,
    "results/comparison": without(FROM_COMPARISONS, "compare_functional"),
    "similarity/functional": FROM_ANSWERS,
    "results/answers": FROM_ANSWERS,
    "results/tables": without(TABLES_AND_FIGURES, "answers_table", "figure_classes"),
    "results/claims/table": CLAIMS,
    "results/claims/registry": CLAIMS,
    # Of what the tiny study did not ask for.
    "similarity/spectra": NOTHING,
    "results/spectra": NOTHING,
    "figures/accuracy": {"figure_accuracy": 1},
    "figures/similarity": {"figure_similarity": 1},
    "figures/heatmaps": {"figure_rounds": 1, "figure_round_pairs": 1, "figure_layers": 1},
    "figures/claims": {"figure_claims": 1},
    "figures/style": FIGURES | {"figure_claims": 1},
    "figures/words": FIGURES | {"figure_claims": 1, "explorer": 1},
    "explorer/tables": {"explorer": 1},
    "commands/explore": {"explorer": 1},
    "results/reading": CLAIMS | FIGURES,
    "datasets/digits": EVERYTHING,
    "datasets/convert": EVERYTHING,
    # Readers of other data sets, commands that no rule calls, and what finds the commands.
    "datasets/cifar": NOTHING,
    "datasets/image_folder": NOTHING,
    "datasets/listing": NOTHING,
    "commands/compare": NOTHING,
    "training/connecting": NOTHING,
    "training/degrading": NOTHING,
    "activations/dissecting": NOTHING,
    "study/config": NOTHING,
    "cli": NOTHING,
    "audit/provenance": NOTHING,
    "__main__": NOTHING,
}


@pytest.mark.parametrize(("module", "expected"), MODULES.items(), ids=MODULES)
def test_edited_module_reruns_what_imports_it(clone, module, expected):
    file = clone / "src" / "prunesim" / f"{module}.py"
    with open(file, "a") as source:
        source.write("\n_ADDED = 1\n")
    assert due(clone) == with_provenance(expected)


def test_edited_page_of_the_explorer_is_made_again(clone):
    with open(clone / "src/prunesim/explorer/page/style.css", "a") as style:
        style.write("p { color: red; }\n")
    assert due(clone) == with_provenance({"explorer": 1})


def test_comments_docstrings_and_layout_rerun_nothing(clone):
    for module in ("storage/files", "training/loop", "similarity/measures", "figures/style", "datasets/convert"):
        file = clone / "src" / "prunesim" / f"{module}.py"
        text = file.read_text()
        assert '    """Return' in text
        file.write_text(text.replace('    """Return', '    """Give back') + "\n\n\n# A comment.\n")
    assert due(clone) == NOTHING


def test_edit_taken_back_reruns_nothing(clone):
    file = clone / "src" / "prunesim" / "training" / "loop.py"
    before = file.read_bytes()
    file.write_bytes(before + b"_ADDED = 1\n")
    assert due(clone) == with_provenance(FROM_TRAINING)
    file.write_bytes(before)
    assert due(clone) == NOTHING


def touch(clone):
    """Give all files new times, in such an order that everything is newer than what was made from it."""
    files = [path for path in clone.rglob("*") if path.is_file() and ".snakemake" not in path.parts]
    start = time.time()
    for number, path in enumerate(sorted(files, key=lambda path: -path.stat().st_mtime_ns)):
        os.utime(path, (start + number / 100, start + number / 100))


def rewrite_config(clone):
    """Other blanks, comments and order of the keys."""
    tiny = clone / TINY
    head, *sections = tiny.read_text().replace("\n  ", "\n    ").split("\ncomparison:")
    tiny.write_text("# Rewritten.\n\ncomparison:" + "".join(sections) + "\n\n" + head + "\n")
    base = clone / "config.yaml"
    base.write_text(base.read_text().replace("momentum: 0.9 ", "momentum:    0.90 ") + "\n\n# The end.\n")


def remove(*patterns):
    def change(clone):
        for pattern in patterns:
            found = list(clone.glob(pattern))
            assert found, pattern
            for path in found:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    return change


FILES = {
    "all files touched": (touch, NOTHING),
    "config written in another way": (rewrite_config, NOTHING),
    "logs deleted": (remove(f"{STUDY}/logs"), NOTHING),
    "compiled modules deleted": (remove("src/**/__pycache__"), NOTHING),
    "an SVG deleted": (remove(f"{STUDY}/figures/rounds.svg"), {"figure_rounds": 1}),
    "a PNG deleted": (remove(f"{STUDY}/figures/accuracy.png"), {"figure_accuracy": 1}),
    "a table deleted": (
        remove(f"{STUDY}/tables/layers.csv"),
        {"networks_table": 1, "figure_density": 1},
    ),
    # What is only a step on the way is not missed until something that needs it is computed again.
    "an activation file deleted": (remove(f"{STUDY}/activations/rep0/imp/round01/relu1.npy"), NOTHING),
    "all activations deleted": (remove(f"{STUDY}/activations"), NOTHING),
    "a comparison deleted": (remove(f"{STUDY}/comparisons/rounds/rep0/imp/round01/relu1.csv"), NOTHING),
    "weights deleted": (remove(f"{STUDY}/networks/rep0/dense/weights.safetensors"), NOTHING),
    "data set deleted": (remove(DATASET), NOTHING),
}


@pytest.mark.parametrize(("change", "expected"), FILES.values(), ids=FILES)
def test_change_of_files(clone, change, expected):
    change(clone)
    assert due(clone) == with_provenance(expected)


def test_touched_file_of_more_than_a_megabyte(clone):
    # Snakemake by itself knows files by their content up to 1 MB only; the profile says more.
    weights = f"{STUDY}/networks/rep0/dense/weights.safetensors"
    options = {"config": ["dataset: {subset: null, resize: [28, 28]}"], "targets": [weights]}
    assert job_stats(run(clone, **options)) == {"fetch": 1, "train_dense": 1}
    images = clone / "results/datasets/digits-28x28/train_images.npy"
    assert images.stat().st_size > 1_000_000
    touch(clone)
    assert due(clone, **options) == NOTHING
    status, printed = snakemake(clone, "--dry-run", "--max-checksum-file-size", "1MB", **options)
    assert status == 0
    assert job_stats(printed) == {"train_dense": 1}


def test_moved_folder(clone, tmp_path):
    moved = tmp_path / "deeper" / "elsewhere"
    moved.parent.mkdir()
    clone.rename(moved)
    assert due(moved) == NOTHING


def test_fresh_clone_with_results_and_metadata(finished, tmp_path):
    fresh = copy_source(finished, tmp_path / "fresh")
    (fresh / ".snakemake").mkdir()
    copy_all(finished / "results", fresh)
    copy_all(finished / ".snakemake" / "metadata", fresh / ".snakemake")
    newest = max(path.stat().st_mtime for path in (fresh / "results").rglob("*"))
    assert (fresh / "src/prunesim/training/loop.py").stat().st_mtime > newest
    assert due(fresh) == NOTHING
    shutil.rmtree(fresh)


def test_another_study_shares_the_data_set(clone):
    assert due(clone, config=["study: other"]) == with_provenance(FROM_TRAINING)


# The following really run what is due, and then nothing is.


def test_one_more_layer_is_compared(clone):
    overlay = CONFIGS["one more layer"][0]
    assert job_stats(run(clone, config=[overlay])) == with_provenance(CONFIGS["one more layer"][1])
    assert due(clone, config=[overlay]) == NOTHING
    assert ",pool1," in (clone / STUDY / "tables/similarity.csv").read_text()


def test_figure_is_drawn_again_long_after_the_networks_were_deleted(clone):
    for folder in ("networks", "activations", "comparisons", "checkpoints", "logs"):
        shutil.rmtree(clone / STUDY / folder, ignore_errors=True)
    shutil.rmtree(clone / DATASET)
    before = contents(clone, f"{STUDY}/figures", f"{STUDY}/tables")
    overlay = "figures: {palette: viridis}"
    drawn = {"figure_density"} | {*MEASURE_FIGURES}
    assert job_stats(run(clone, config=[overlay])) == with_provenance(dict.fromkeys(drawn, 1))
    assert due(clone, config=[overlay]) == NOTHING
    after = contents(clone, f"{STUDY}/figures", f"{STUDY}/tables")
    changed = {path for path in before if after[path] != before[path]}
    assert changed == {f"{STUDY}/tables/provenance.csv"} | {
        f"{STUDY}/figures/{name.removeprefix('figure_')}.{end}" for name in drawn for end in ("svg", "png")
    }
    assert not (clone / STUDY / "networks").exists()


def test_deleted_files_are_made_again_when_something_needs_them(clone):
    table = f"{STUDY}/tables/similarity.csv"
    before = contents(clone, STUDY)
    # The dump writes all layers of its network, so all comparisons with that network follow.
    remove(f"{STUDY}/activations/rep0/imp/round01/relu1.npy", f"{STUDY}/comparisons/rounds/rep0/imp/round02/relu1.csv")(
        clone
    )
    remove(table)(clone)
    assert job_stats(run(clone, targets=[table])) == {
        "dump": 1,
        "compare_rounds": 6,
        "compare_functional": 3,
        "similarity_table": 1,
    }
    after = contents(clone, STUDY)
    varying = ("/logs/", "/provenance/")
    assert {p for p in before if not any(part in p for part in varying) and after.get(p) != before[p]} == set()
    # The table has a new time, but the same content; only the account of who made it is another one.
    assert due(clone) == {"provenance_table": 1}


def write_pets(folder):
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            (folder / split / name).mkdir(parents=True)
            for number in range(4):
                pixels = rng.integers(0, 256, (9, 8), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{number}.bmp")


def test_images_that_are_moved_are_noticed_and_those_that_are_gone_are_not_missed(clone):
    pets, arrays = clone / "my pets", clone / "results/datasets/pets"
    write_pets(pets)
    (pets / "train/cat/list.heic").write_bytes(b"x")
    weights = f"{STUDY}/networks/rep0/dense/weights.safetensors"
    options = {
        "config": ["dataset: {name: pets, source: image_folder, path: my pets, subset: null}"],
        "targets": [weights],
    }
    everything = {"fetch": 1, "train_dense": 1}
    printed = run(clone, **options)
    assert job_stats(printed) == everything
    # On the terminal, though the jobs print into their logs.
    assert "prunesim: warning: my pets: 1 file left out, not being named like an image" in printed
    assert f"prunesim: warning: {arrays.relative_to(clone)}: all 2 classes have no validation image" in printed
    assert due(clone, **options) == NOTHING

    touch(clone)
    assert due(clone, **options) == NOTHING
    pets.rename(clone / "elsewhere")
    assert due(clone, **options) == NOTHING
    arrays.rename(clone / "arrays")
    assert due(clone, **options) == NOTHING
    (clone / "elsewhere").rename(pets)
    assert due(clone, **options) == NOTHING
    (clone / "arrays").rename(arrays)

    (pets / "train/cat/1.bmp").rename(pets / "train/dog/9.bmp")
    assert due(clone, **options) == everything
    (pets / "train/dog/9.bmp").rename(pets / "train/cat/1.bmp")
    assert due(clone, **options) == NOTHING
    (pets / "train/cat/1.bmp").write_bytes((pets / "train/dog/1.bmp").read_bytes())
    status, printed = snakemake(clone, "--dry-run", **options)
    assert status == 0
    said = "The images of my pets are not those that results/datasets/pets was made of: 1 changed (train/cat/1.bmp)."
    assert said in printed
    (pets / "train/cat/1.bmp").rename(pets / "train/dog/9.bmp")
    assert job_stats(run(clone, **options)) == everything
    assert np.load(arrays / "train_labels.npy").tolist() == [0] * 3 + [1] * 5
    assert due(clone, **options) == NOTHING


def test_late_rewinding_runs_from_its_rewind_point(clone):
    overlay = "methods: {imp: {rewind: {epoch: 1}}}"
    networks = clone / STUDY / "networks/rep0"
    options = {"config": [overlay], "targets": [f"{STUDY}/networks/rep0/imp/round02/weights.safetensors"]}
    dense = contents(networks, "dense")
    assert job_stats(run(clone, **options)) == {"rewind_point": 1, "retrain": 2, "prune": 1}
    assert due(clone, **options) == NOTHING
    point = networks / "dense/rewind_epoch1.safetensors"
    assert {**dense, "dense/rewind_epoch1.safetensors": point.read_bytes()} == contents(networks, "dense")
    assert point.read_bytes() not in dense.values()
    # One of the two epochs is left.
    history = (networks / "imp/round02/history.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in history] == ["epoch", "2"]
