"""What the tiny study leaves behind: the contract of paths, tables, figures and report, read back."""

import base64
import csv
import hashlib
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from importlib.metadata import version

import numpy as np
import pytest
from PIL import Image
from pipeline.pipeline_runs import DATASET, STUDY, run
from safetensors.numpy import load_file

pytestmark = pytest.mark.slow

LAYERS = ["relu1", "relu2", "logits"]
DUMPED = ["relu1", "relu2", "pool1", "relu3", "relu4", "pool2", "fc1", "relu5", "logits"]
# Of cnn at width 4 for 8 x 8 grey images: weights, and positions at which each is used.
WEIGHTS = {
    "conv1": (4 * 1 * 9, 64),
    "conv2": (4 * 4 * 9, 64),
    "conv3": (8 * 4 * 9, 16),
    "conv4": (8 * 8 * 9, 16),
    "fc1": (8 * 8 * 2 * 2, 1),
    "logits": (10 * 8, 1),
}
PRUNABLE = [name for name in WEIGHTS if name != "logits"]
NETWORKS = [(r, "dense", 0) for r in (0, 1)] + [(r, "imp", k) for r in (0, 1) for k in (1, 2)]
FIGURES = ["claims", "accuracy", "similarity", "rounds", "round_pairs", "layers", "functional", "classes", "density"]
TABLES = {
    "networks": "replicate, method, round, density, prunable_weights, remaining_weights, parameters, "
    "nonzero_parameters, macs, train_loss, test_loss, test_accuracy, epochs, seconds",
    "layers": "replicate, method, round, layer, weights, remaining_weights, density",
    "similarity": "family, measure, value, ci_low, ci_high, null, calibrated, p_value, n_images, n_samples, rank_a, "
    "rank_b, replicate_a, method_a, round_a, layer_a, replicate_b, method_b, round_b, layer_b, note",
    "answers": "replicate, method, round, images, accuracy, cross_entropy, ece",
    "classes": "replicate, method, round, class, images, accuracy",
    "claims": "claim, statement, estimate, ci_low, ci_high, verdict, source, note, title, bound, direction, "
    "replicates, p_value, p_holm, verdict_holm, replicates_needed",
    "provenance": "artifact, sha256, verb, replicate, method, round, seed, threads, device, started, seconds, "
    "peak_megabytes, commit, dirty, python, torch, numpy, scipy, host, processor, platform, accepted",
}


def folder_of(replicate, method, round_):
    return f"rep{replicate}/dense" if method == "dense" else f"rep{replicate}/{method}/round{round_:02d}"


def expected_paths():
    paths = [f"{DATASET}/{split}_{kind}.npy" for split in ("train", "test") for kind in ("images", "labels")]
    paths += [f"{DATASET}/{name}.json" for name in ("dataset", "provenance")]
    for network in NETWORKS:
        folder = folder_of(*network)
        first = "initial" if network[1] == "dense" else "mask"
        files = [f"{first}.safetensors", "weights.safetensors", "metrics.json", "history.csv"]
        paths += [f"{STUDY}/networks/{folder}/{file}" for file in files]
        paths += [f"{STUDY}/activations/{folder}/{layer}{end}" for layer in DUMPED for end in (".npy", ".pooled.npy")]
        paths += [f"{STUDY}/activations/{folder}/{name}" for name in ("activations.json", "predictions.npy")]
    paths += [f"{STUDY}/tables/{name}.csv" for name in TABLES]
    paths += [f"{STUDY}/figures/{name}.{end}" for name in FIGURES for end in ("svg", "png", "csv")]
    return {*paths, f"{STUDY}/explorer.html"}


def read(clone, name):
    with open(clone / STUDY / "tables" / f"{name}.csv", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    assert ", ".join(reader.fieldnames) == TABLES[name]
    return rows


def identity(row, side=""):
    return int(row[f"replicate{side}"]), row[f"method{side}"], int(row[f"round{side}"])


@pytest.fixture(scope="module")
def tensors(finished):
    """Return weights and mask of every network, read from the files."""
    loaded = {}
    for network in NETWORKS:
        folder = finished / STUDY / "networks" / folder_of(*network)
        mask = load_file(folder / "mask.safetensors") if network[1] == "imp" else {}
        loaded[network] = load_file(folder / "weights.safetensors"), mask
    return loaded


def test_every_path_of_the_contract_is_there_and_no_other(finished):
    files = {path.relative_to(finished).as_posix() for path in (finished / "results").rglob("*") if path.is_file()}
    inner = (f"{STUDY}/comparisons/", f"{STUDY}/logs/", f"{STUDY}/provenance/", f"{DATASET}/fetch.log")
    assert {path for path in files if not path.startswith(inner)} == expected_paths()


def test_logs_tell_the_course_of_the_training(finished):
    log = (finished / STUDY / "logs/networks/rep0/imp/round01.log").read_text()
    assert "180 training and 20 validation images of 8 x 8 x 1" in log
    assert re.search(
        r"^epoch 2/2  rate \S+  train loss [\d.]+  validation loss [\d.]+ accuracy .* images/s$", log, re.M
    )


def test_verify_finds_the_study_sound(finished):
    done = subprocess.run(
        [sys.executable, "-m", "prunesim", "verify", STUDY],
        cwd=finished,
        env={"PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "6 networks" in done.stdout
    assert "no problems found" in done.stdout


def test_masks_are_nested_and_pruned_weights_are_zero(tensors):
    for replicate in (0, 1):
        before = {f"{name}.weight": np.ones(1, np.uint8) for name in PRUNABLE}
        for round_ in (1, 2):
            weights, mask = tensors[replicate, "imp", round_]
            assert set(mask) == set(before)
            for name, kept in mask.items():
                assert kept.dtype == np.uint8
                assert kept.shape == weights[name].shape
                assert set(np.unique(kept)) <= {0, 1}
                assert (kept <= before[name]).all()
                assert (weights[name][kept == 0] == 0).all()
            before = mask


def test_replicates_and_rounds_are_different_networks(tensors):
    weights = [weights["conv2.weight"].tobytes() for weights, _ in tensors.values()]
    assert len(set(weights)) == len(NETWORKS)


def test_table_of_networks(finished, tensors):
    rows = read(finished, "networks")
    assert [identity(row) for row in rows] == NETWORKS
    total = sum(WEIGHTS[name][0] for name in PRUNABLE)
    remaining = {0: total, 1: total - round(0.2 * total)}
    remaining[2] = remaining[1] - round(0.2 * remaining[1])
    for row in rows:
        network = identity(row)
        weights, mask = tensors[network]
        learned = {name: array for name, array in weights.items() if "running" not in name and "num_" not in name}
        assert int(row["prunable_weights"]) == total
        assert int(row["remaining_weights"]) == remaining[network[2]]
        assert mask == {} or sum(int(kept.sum()) for kept in mask.values()) == remaining[network[2]]
        assert float(row["density"]) == remaining[network[2]] / total
        assert int(row["parameters"]) == sum(array.size for array in learned.values())
        assert int(row["nonzero_parameters"]) == sum(np.count_nonzero(array) for array in learned.values())
        kept = {
            name: int(mask[f"{name}.weight"].sum()) if name in PRUNABLE and mask else n
            for name, (n, _) in WEIGHTS.items()
        }
        assert int(row["macs"]) == sum(kept[name] * positions for name, (_, positions) in WEIGHTS.items())
        # 100 test images.
        assert float(row["test_accuracy"]) * 100 == pytest.approx(round(float(row["test_accuracy"]) * 100), abs=1e-9)
        assert 0 <= float(row["test_accuracy"]) <= 1
        assert float(row["train_loss"]) > 0
        assert float(row["test_loss"]) > 0
        assert float(row["seconds"]) > 0
        assert row["epochs"] == "2"


def test_table_of_layers(finished, tensors):
    rows = read(finished, "layers")
    found = [(*identity(row), row["layer"]) for row in rows]
    assert found == [(*network, layer) for network in NETWORKS for layer in WEIGHTS]
    for row in rows:
        _, mask = tensors[identity(row)]
        weights, _ = WEIGHTS[row["layer"]]
        remaining = int(mask[f"{row['layer']}.weight"].sum()) if f"{row['layer']}.weight" in mask else weights
        assert (int(row["weights"]), int(row["remaining_weights"])) == (weights, remaining)
        assert float(row["density"]) == remaining / weights


def expected_pairs():
    """Return family, network and layer a, network and layer b of all comparisons, in the order of the table."""
    dense = {r: (r, "dense", 0) for r in (0, 1)}
    chain = {r: [dense[r], (r, "imp", 1), (r, "imp", 2)] for r in (0, 1)}
    pairs = []
    for r in (0, 1):
        for later in (1, 2):
            for layer in LAYERS:
                pairs += [("rounds", chain[r][earlier], layer, chain[r][later], layer) for earlier in range(later)]
    for r in (0, 1):
        pairs += [("layers", dense[r], a, chain[r][2], b) for a in LAYERS for b in LAYERS]
    for end in (0, 2):
        pairs += [("replicates", chain[0][end], layer, chain[1][end], layer) for layer in LAYERS]
    return pairs


def compared(finished):
    """Return the rows of similarity.csv that compare layers."""
    return [row for row in read(finished, "similarity") if row["family"] != "functional"]


def test_table_of_similarities(finished):
    rows = compared(finished)
    found = [
        (row["family"], identity(row, "_a"), row["layer_a"], identity(row, "_b"), row["layer_b"], row["measure"])
        for row in rows
    ]
    assert found == [(*pair, measure) for pair in expected_pairs() for measure in ("cca_mean", "cka_linear")]
    for row in rows:
        pooled = row["family"] == "layers"
        positions = 1 if pooled or row["layer_a"] == "logits" else 64
        assert (int(row["n_images"]), int(row["n_samples"])) == (80, 80 * positions)
        value, low, high, null = (float(row[key]) for key in ("value", "ci_low", "ci_high", "null"))
        assert 0 <= low <= high <= 1
        assert 0 < value <= 1
        assert 0 < null < 1
        # Two draws: the value is above both, or not; none of them is rare enough for a score.
        assert float(row["p_value"]) in (1 / 3, 2 / 3, 1)
        assert row["calibrated"] == ""
        assert row["note"] == ""


def test_similarities_are_those_of_the_activation_files(finished):
    """By the textbook, one pair at a time, with none of the package's code."""

    def matrix(row, side):
        folder = finished / STUDY / "activations" / folder_of(*identity(row, side))
        array = np.load(folder / f"{row[f'layer{side}']}{'.pooled' if row['family'] == 'layers' else ''}.npy")
        assert array.dtype == np.float32
        array = array.astype(np.float64)
        return array - array.mean(axis=0)

    for row in compared(finished):
        x, y = matrix(row, "_a"), matrix(row, "_b")
        if row["measure"] == "cka_linear":
            expected = np.linalg.norm(x.T @ y) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))
        else:
            bases = []
            for array, side in ((x, "_a"), (y, "_b")):
                left, singular, _ = np.linalg.svd(array, full_matrices=False)
                rank = int((singular > 1e-6 * singular[0]).sum())
                assert rank == int(row[f"rank{side}"])
                bases.append(left[:, :rank])
            expected = np.linalg.svd(bases[0].T @ bases[1], compute_uv=False).mean()
        assert float(row["value"]) == pytest.approx(expected, abs=1e-6)


def test_answers_are_compared_within_chains_and_between_replicates(finished):
    """By the textbook, from the files of answers and labels."""
    labels = np.load(finished / DATASET / "test_labels.npy")
    rows = [row for row in read(finished, "similarity") if row["family"] == "functional"]
    found = [(identity(row, "_a"), identity(row, "_b")) for row in rows]
    dense = [(r, "dense", 0) for r in (0, 1)]
    expected = [(dense[0], dense[1])]
    for r in (0, 1):
        for k in (1, 2):
            expected += [((r, "imp" if earlier else "dense", earlier), (r, "imp", k)) for earlier in range(k)]
            expected += [((0, "imp", k), (1, "imp", k))] if r else []
    measures = ["agreement", "jsd", "disagreement", "disagreement_least", "disagreement_most"]
    assert found == [pair for pair in expected for _ in measures]
    assert [row["measure"] for row in rows] == measures * len(expected)

    def answers(row, side):
        logits = np.load(finished / STUDY / "activations" / folder_of(*identity(row, side)) / "predictions.npy")
        assert (logits.shape, logits.dtype) == ((100, 10), np.float32)
        return logits.argmax(axis=1)

    for row in rows:
        a, b = answers(row, "_a"), answers(row, "_b")
        right = [(answer == labels).mean() for answer in (a, b)]
        expected = {
            "agreement": (a == b).mean(),
            "disagreement": (a != b).mean(),
            "disagreement_least": abs(right[0] - right[1]),
            "disagreement_most": min(1, 2 - sum(right)),
        }
        assert (row["layer_a"], row["layer_b"], row["n_images"]) == ("predictions", "predictions", "100")
        assert (row["rank_a"], row["note"]) == ("", "")
        if row["measure"] in expected:
            assert float(row["value"]) == pytest.approx(expected[row["measure"]], abs=1e-12)


def test_answers_have_the_accuracy_of_the_training(finished):
    accuracies = {identity(row): row["test_accuracy"] for row in read(finished, "networks")}
    answers = read(finished, "answers")
    assert {identity(row): row["accuracy"] for row in answers} == accuracies
    losses = {identity(row): float(row["test_loss"]) for row in read(finished, "networks")}
    for row in answers:
        assert float(row["cross_entropy"]) == pytest.approx(losses[identity(row)], rel=1e-5)
        assert 0 <= float(row["ece"]) <= 1
    classes = read(finished, "classes")
    assert len(classes) == 10 * len(NETWORKS)
    for network, accuracy in accuracies.items():
        mine = [row for row in classes if identity(row) == network]
        right = sum(float(row["accuracy"]) * int(row["images"]) for row in mine)
        assert right / sum(int(row["images"]) for row in mine) == pytest.approx(float(accuracy))


def test_table_of_provenance(finished):
    rows = read(finished, "provenance")
    artifacts = {row["artifact"]: row for row in rows}
    assert len(artifacts) == len(rows)
    files = {path.relative_to(finished / STUDY).as_posix() for path in (finished / STUDY).rglob("*") if path.is_file()}
    own = ("logs/", "provenance/", "tables/provenance.csv")
    images = {f"../{DATASET.removeprefix('results/')}/{split}_images.npy" for split in ("train", "test")}
    assert {path for path in files if not path.startswith(own)} | images <= set(artifacts)
    for artifact, row in artifacts.items():
        assert hashlib.sha256((finished / STUDY / artifact).read_bytes()).hexdigest() == row["sha256"]
        assert (row["device"], row["threads"], row["torch"]) == ("cpu", "1", version("torch"))
    verbs = {row["verb"] for row in rows}
    of_tables = {"similarity", "answers", "table", "claims", "figure", "explore"}
    assert verbs == {"fetch", "train", "prune", "dump", *of_tables}
    trained = artifacts["networks/rep1/imp/round02/weights.safetensors"]
    assert [trained[key] for key in ("replicate", "method", "round", "seed")] == ["1", "imp", "2", "7"]


def test_table_of_claims(finished):
    rows = read(finished, "claims")
    assert rows
    assert len({row["claim"] for row in rows}) == len(rows)
    for row in rows:
        assert row["verdict"] in ("supported", "contradicted", "inconclusive")
        assert row["statement"].endswith(".")
        assert row["source"]
        assert float(row["ci_low"]) <= float(row["estimate"]) <= float(row["ci_high"])
        assert row["note"] or row["verdict_holm"] != "inconclusive"


@pytest.mark.parametrize("name", FIGURES)
def test_figure(finished, name):
    figures = finished / STUDY / "figures"
    svg = ElementTree.parse(figures / f"{name}.svg").getroot()
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(list(svg.iter("{http://www.w3.org/2000/svg}path"))) > 10
    assert not list(svg.iter("{http://www.w3.org/2000/svg}script"))
    with Image.open(figures / f"{name}.png") as png:
        assert png.format == "PNG"
        assert png.info["dpi"] == pytest.approx((60, 60), abs=0.1)
        grey = np.asarray(png.convert("L"))
    width = float(svg.get("width").removesuffix("pt")) / 72
    assert grey.shape[1] == pytest.approx(60 * width, abs=1.5)
    assert 0.001 < (grey < 250).mean() < 0.999


class References(HTMLParser):
    """Collects what a page loads from elsewhere."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag in ("script", "link", "img", "iframe"):
            self.found += [value for key, value in attrs.items() if key in ("src", "href") and value]


def test_report(clone):
    report = f"{STUDY}/report.html"
    run(clone, "--report", report)
    text = (clone / report).read_text()
    references = References()
    references.feed(text)
    assert [value for value in references.found if not value.startswith("data:")] == []
    results, categories = (
        json.loads(re.search(rf'<script id="{name}">\s*var {name} = (.*?);?\s*</script>', text, re.DOTALL).group(1))
        for name in ("results", "categories")
    )
    figures = {name: f"{STUDY}/figures/{name}.svg" for name in FIGURES}
    tables = [f"{STUDY}/tables/{name}.csv" for name in sorted(TABLES)]
    similarity = sorted(figures[name] for name in ("similarity", "rounds", "round_pairs", "layers"))
    assert {name: sorted(entries["Other"]) for name, entries in categories.items()} == {
        "Claims": [figures["claims"]],
        "Accuracy": [figures["accuracy"]],
        "Similarity": similarity,
        "Answers": [figures["classes"], figures["functional"]],
        "Pruning": [figures["density"]],
        "Tables": tables,
    }
    assert set(results) == {*figures.values(), *tables}
    for path, entry in results.items():
        embedded = base64.b64decode(entry["data_uri"].partition("base64,")[2])
        assert embedded == (clone / path).read_bytes()
        assert len(entry["labels"]) == 1
        # Captions are rendered, with the numbers of this study and none of the template left.
        assert len(entry["caption"]) > 200
        assert "{{" not in entry["caption"]
        assert "{%" not in entry["caption"]
    for path in figures.values():
        assert "n = 2 replicates" in " ".join(results[path]["caption"].split())
