"""Tables of a study that was never run, with the shape that real ones have."""

import json
from itertools import combinations

import numpy as np
import pandas as pd

LAYERS = ["relu1", "relu2", "relu3", "relu4", "relu5", "logits"]
CURVE = {"relu1": 0.96, "relu2": 0.86, "relu3": 0.67, "relu4": 0.68, "relu5": 0.79, "logits": 0.97}
WEIGHTS = {"conv1": 144, "conv2": 2304, "conv3": 4608, "conv4": 9216, "linear1": 8192, "logits": 640}


def claims(methods=("imp",)):
    """Return a table of claims with every verdict, a claim that Holm's correction takes back, and one of one's own."""
    kinds = [
        ("accuracy_kept", "Accuracy is kept to the last round", -0.01, "above"),
        ("middle_drifts", "Layers inside drift with each round", 0.0, "below"),
        ("above_null", "Every layer is more alike than shuffled images", 0.0, "above"),
        ("gap_grows", "The gap of layers inside grows with sparsity", 0.0, "above"),
    ]
    rows = []
    for method in methods:
        for index, (name, title, bound, direction) in enumerate(kinds):
            estimate = bound + (0.02, -0.03, 0.001, np.nan)[index]
            half = (0.005, 0.01, 0.004, np.nan)[index]
            verdict = ("supported", "supported", "inconclusive", "inconclusive")[index]
            known, corrected = 0 if index == 3 else 3, "inconclusive" if index == 1 else verdict
            numbers = [estimate, estimate - half, estimate + half, verdict, bound, direction, known]
            rows.append([f"{name}/{method}", title, *numbers, None if index == 3 else 0.01 + index / 20, corrected])
    title = "A claim of my own, in a sentence that is so long that it does not fit into one line of the figure at all"
    rows.append(["own/mine", title, -0.2, -0.3, -0.1, "contradicted", 0.0, "above", 3, 0.02, "contradicted"])
    columns = ["claim", "title", "estimate", "ci_low", "ci_high", "verdict", "bound", "direction", "replicates"]
    return pd.DataFrame(rows, columns=[*columns, "p_holm", "verdict_holm"])


def study(replicates=3, rounds=10, methods=("imp",), layers=None, measures=("cca_mean", "cka_linear"), seed=0):
    """Return all tables, shaped like tables that were read back."""
    rng = np.random.default_rng(seed)
    layers = layers or LAYERS
    last = np.array([CURVE.get(layer, 0.5 + 0.4 * abs(1 - 2 * i / len(layers))) for i, layer in enumerate(layers)])
    networks, densities, similarity, answers, classes = [], [], [], [], []
    for replicate in range(replicates):
        dense_accuracy = 0.99 + rng.normal(0, 0.002)
        for method, round_ in [("dense", 0), *((m, k) for m in methods for k in range(1, rounds + 1))]:
            density = 0.8**round_
            drop = 0.0004 * round_ * (3 if method == "random" else 1)
            networks.append(
                {
                    "replicate": replicate,
                    "method": method,
                    "round": round_,
                    "density": density,
                    "prunable_weights": 24464,
                    "test_accuracy": min(1.0, dense_accuracy - drop + (rng.normal(0, 0.001) if round_ else 0)),
                }
            )
            who = {"replicate": replicate, "method": method, "round": round_}
            answers.append(who | {"images": 360, "accuracy": networks[-1]["test_accuracy"], "ece": 0.02})
            for name in range(10):
                accuracy = max(0.0, min(1.0, dense_accuracy - 0.001 * name * round_ + rng.normal(0, 0.002)))
                classes.append(who | {"class": str(name), "images": 36, "accuracy": accuracy})
            for earlier in range(min(round_, 1)):
                for measure, value in (("agreement", 0.98), ("jsd", 0.01), ("disagreement", 0.02)):
                    change = 0.003 * round_ * (-1 if measure == "agreement" else 1) + rng.normal(0, 0.001)
                    row = _pair("functional", measure, value + change, replicate, ("dense", earlier), "predictions")
                    similarity.append(row | _b(replicate, method, round_, "predictions"))
                for measure, value in (("disagreement_least", 0.005), ("disagreement_most", 0.1)):
                    row = _pair("functional", measure, value, replicate, ("dense", earlier), "predictions")
                    similarity.append(row | _b(replicate, method, round_, "predictions"))
            for index, (layer, weights) in enumerate(WEIGHTS.items()):
                kept = 1.0 if layer == "logits" else density ** (0.4 + 0.25 * index) * np.exp(rng.normal(0, 0.02))
                densities.append(
                    {
                        "replicate": replicate,
                        "method": method,
                        "round": round_,
                        "layer": layer,
                        "weights": weights,
                        "remaining_weights": round(min(kept, 1) * weights),
                        "density": min(kept, 1.0),
                    }
                )
        for measure in measures:
            for method in methods:
                for later in range(1, rounds + 1):
                    for earlier in range(later):
                        for layer, floor in zip(layers, last, strict=True):
                            steps = (later**0.5 - 0.8 * earlier**0.5) / 10**0.5
                            value = 1 - (1 - floor) * steps - abs(rng.normal(0, 0.012))
                            network = (method if earlier else "dense", earlier)
                            similarity.append(
                                _pair("rounds", measure, value, replicate, network, layer)
                                | _b(replicate, method, later, layer)
                            )
                if rounds:
                    for i, layer_a in enumerate(layers):
                        for j, layer_b in enumerate(layers):
                            value = np.sqrt(last[i] * last[j]) * 0.85 ** abs(i - j) + rng.normal(0, 0.01)
                            similarity.append(
                                _pair("layers", measure, value, replicate, ("dense", 0), layer_a)
                                | _b(replicate, method, rounds, layer_b)
                            )
            for other in range(replicate + 1, replicates):
                if measure == measures[0]:
                    for name, value in (("agreement", 0.95), ("jsd", 0.03)):
                        row = _pair("functional", name, value, replicate, ("dense", 0), "predictions")
                        similarity.append(row | _b(other, "dense", 0, "predictions"))
                for method, round_ in [("dense", 0), *((m, rounds) for m in methods if rounds)]:
                    for layer, floor in zip(layers, last, strict=True):
                        value = floor - 0.12 + 0.1 * (layer == layers[-1]) + rng.normal(0, 0.01)
                        similarity.append(
                            _pair("replicates", measure, value, replicate, (method, round_), layer)
                            | _b(other, method, round_, layer)
                        )
    return {
        "sparsity": sparsity(replicates, rounds),
        "claims": claims(methods),
        "training": training(replicates, rounds, methods),
        "overlap": overlap(replicates, rounds, methods),
        "networks": pd.DataFrame(
            networks, columns=["replicate", "method", "round", "density", "prunable_weights", "test_accuracy"]
        ),
        "layers": pd.DataFrame(densities),
        "answers": pd.DataFrame(answers),
        "connectivity": connectivity(replicates, rounds, methods),
        "robustness": robustness(networks),
        "concept_layers": concept_layers(networks),
        "widths": widths(replicates),
        "spectra": spectra(replicates, rounds, methods, layers),
        "classes": pd.DataFrame(classes, columns=["replicate", "method", "round", "class", "images", "accuracy"]),
        "similarity": pd.DataFrame(similarity, columns=SIMILARITY),
    }


def spectra(replicates, rounds, methods, layers, seed=5):
    """Return canonical correlations that fall along the directions, and with each round; the last round has fewer."""
    rng, table = np.random.default_rng(seed), []
    for replicate in range(replicates):
        for method in methods:
            for round_ in range(1, rounds + 1):
                for layer in layers:
                    channels = 10 if layer == layers[-1] else 32
                    rank = channels - (round_ == rounds) * (1 + replicate)
                    along = np.arange(rank) / channels
                    correlations = np.sort(1 - along**3 * round_ / rounds - 0.01 * rng.random(rank))[::-1]
                    for index, value in enumerate(correlations, start=1):
                        row = {"replicate": replicate, "method": method, "round": round_, "layer": layer}
                        row |= {"index": index, "correlation": value, "null": 0.3 * (1 - along[index - 1])}
                        table.append(row | {"rank_a": channels, "rank_b": rank, "note": None})
    columns = ["replicate", "method", "round", "layer", "index", "correlation", "null", "rank_a", "rank_b", "note"]
    return pd.DataFrame(table, columns=columns)


def robustness(networks):
    """Return accuracies that fall with weights and severity; the sparser a network, the faster."""
    rows = []
    for network in networks:
        who = {key: network[key] for key in ("replicate", "method", "round")}
        steps = [("pruning", share, (1 - share) ** 3 / network["density"] ** 0.3) for share in (1.0, 0.6, 0.3, 0.1)]
        steps += [(kind, s, 0.1 * s) for kind in ("noise", "blur", "contrast", "shift") for s in (0, 1, 3, 5)]
        rows += [
            who | {"kind": kind, "severity": float(severity), "accuracy": max(0.1, network["test_accuracy"] - loss)}
            for kind, severity, loss in steps
        ]
    return pd.DataFrame(rows)


def concept_layers(networks):
    """Return layers of which the first keeps its detectors, and the last loses them."""
    rows = []
    for network in networks:
        who = {key: network[key] for key in ("replicate", "method", "round", "density")}
        for index, layer in enumerate(("conv1", "conv2", "conv3")):
            kept = round((12 - 2 * index) * network["density"] ** (index / 2)) + network["replicate"] % 2
            counts = {"units": 16, "silent": 0, "detectors": kept, "concepts": (kept + 1) // 2}
            rows.append(who | {"layer": layer} | counts | {"chance_detectors": 0.4, "chance_concepts": 0.2})
    return pd.DataFrame(rows)


def connectivity(replicates, rounds, methods):
    """Return the lines from the dense network to each round, and between replicates; seven points each."""
    rows = []
    for replicate in range(replicates):
        lines = [((replicate, "dense", 0), (replicate, method, k)) for method in methods for k in range(1, rounds + 1)]
        lines += [((other, "dense", 0), (replicate, "dense", 0)) for other in range(replicate)]
        lines += [((other, m, rounds), (replicate, m, rounds)) for m in methods for other in range(replicate) if rounds]
        for first, second in lines:
            height = 0.6 if first[0] != second[0] else 0.004 * second[2]
            for recalibrated in ("no", "yes"):
                for alpha in np.linspace(0, 1, 7):
                    error = 0.02 + height * (2 if recalibrated == "no" else 1) * alpha * (1 - alpha) * 1.5
                    rows.append([*first, *second, alpha, error / 2, error, recalibrated])
    ends = [f"{key}_{side}" for side in "ab" for key in ("replicate", "method", "round")]
    return pd.DataFrame(rows, columns=[*ends, "alpha", "train_error", "test_error", "recalibrated"])


def widths(replicates, factors=(0.25, 0.5, 0.75, 1, 2, 4), layers=("relu5", "logits")):
    """Return the pairs of networks of several widths, whose similarity grows with the width; two networks at least."""
    rng = np.random.default_rng(2)
    rows = []
    for trained in ("no", "yes"):
        for layer in layers:
            for i, a in enumerate(factors):
                for b in factors[i:]:
                    for r in range(max(replicates, 2)):
                        for other in range(r + 1 if a == b else 0, max(replicates, 2)):
                            value = 0.4 + 0.05 * (trained == "yes") * np.log2(a * b) + rng.normal(0, 0.01)
                            rows.append([r, a, other, b, trained, layer, "pwcca", value, 0.2, value - 0.25, 16, 16])
    columns = [*(f"{key}_{side}" for side in "ab" for key in ("replicate", "width")), "trained", "layer", "measure"]
    return pd.DataFrame(rows, columns=[*columns, "value", "null", "calibrated", "filters_a", "filters_b"])


SIMILARITY = [
    "family", "measure", "value", "ci_low", "ci_high", "null", "calibrated", "p_value", "n_images",
    "n_samples", "rank_a", "rank_b",
    "replicate_a", "method_a", "round_a", "layer_a", "replicate_b", "method_b", "round_b", "layer_b", "note",
]  # fmt: skip


def _pair(family, measure, value, replicate, network, layer):
    return {
        "family": family,
        "measure": measure,
        "value": min(value, 1.0),
        "ci_low": value - 0.02,
        "ci_high": value + 0.02,
        "null": 0.12 if layer != "logits" else 0.05,
        "calibrated": None,
        "p_value": 1 / 6,
        "n_images": 360,
        "n_samples": 5760,
        "rank_a": 16,
        "rank_b": 16,
        "replicate_a": replicate,
        "method_a": network[0],
        "round_a": network[1],
        "layer_a": layer,
        "note": None,
    }


def sparsity(replicates, rounds):
    """Return the table of sparse trainings of one method by ADMM, of which residuals fall."""
    rng = np.random.default_rng(1)
    columns = ["replicate", "method", "round", "epoch", "iteration", "primal_residual", "dual_residual"]
    return pd.DataFrame(
        [
            {
                "replicate": replicate,
                "method": "admm",
                "round": round_,
                "epoch": iteration,
                "iteration": iteration,
                "primal_residual": 0.5 * 0.8**iteration * np.exp(rng.normal(0, 0.1)),
                "dual_residual": 0.01 * 0.9**iteration * np.exp(rng.normal(0, 0.1)),
                "penalty": 0.1,
                "zeros": 0.0,
                "note": None,
            }
            for replicate in range(replicates)
            for round_ in range(1, rounds + 1)
            for iteration in range(1, 9)
        ],
        columns=[*columns, "penalty", "zeros", "note"],
    )


def training(replicates, rounds, methods):
    """Return the curves of all trainings, of which the loss falls and the accuracy rises."""
    rng = np.random.default_rng(2)
    networks = [("dense", 0), *((method, k) for method in methods for k in range(1, rounds + 1))]
    rows = [
        [replicate, method, round_, epoch, 2 * 0.7**epoch + rng.uniform(0, 0.1), 1 - 0.6**epoch * rng.uniform(0.5, 1)]
        for replicate in range(replicates)
        for method, round_ in networks
        for epoch in range(1, 7)
    ]
    return pd.DataFrame(rows, columns=["replicate", "method", "round", "epoch", "train_loss", "validation_accuracy"])


def overlap(replicates, rounds, methods):
    """Return the overlap of masks of all pairs that share a method or a replicate, in one layer and in all."""
    networks = [(replicate, method) for replicate in range(replicates) for method in methods]
    rows = [
        [*first, *second, round_, layer, 0.8**round_, 0.8**round_, min(1, chance + 0.02 * (index + 1)), chance]
        for round_ in range(1, rounds + 1)
        for index, (first, second) in enumerate(combinations(networks, 2))
        if (first[0] == second[0]) != (first[1] == second[1])
        for layer, chance in (("conv1", 0.9**round_), ("all", 0.8**round_ / (2 - 0.8**round_)))
    ]
    ends = ["replicate_a", "method_a", "replicate_b", "method_b", "round", "layer"]
    return pd.DataFrame(rows, columns=[*ends, "density_a", "density_b", "iou", "chance"])


def _b(replicate, method, round_, layer):
    return {"replicate_b": replicate, "method_b": method, "round_b": round_, "layer_b": layer}


def write(tables, folder):
    """Write the tables as the pipeline does and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in tables.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    return folder


SETTINGS = {"measure": "cca_mean", "context": "paper", "palette": "cividis", "dpi": 150, "layers": LAYERS}


def settings(keys, **changes):
    """Return the settings of a figure as JSON."""
    values = SETTINGS | changes
    return json.dumps({key: values[key] for key in keys})
