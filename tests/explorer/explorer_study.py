"""Tables of studies that were never run: small ones, a large one, and one with hostile names."""

import csv
import itertools
import random
from pathlib import Path

from prunesim.figures.words import MEASURES

LAYERS = ("relu1", "relu2", "pool1", "logits")
SIDES = ("replicate", "method", "round", "layer")
COLUMNS = (
    *("family", "measure", "value", "ci_low", "ci_high", "null", "calibrated", "p_value"),
    *("n_images", "n_samples", "rank_a", "rank_b", *(f"{key}_{side}" for side in "ab" for key in SIDES), "note"),
)
NETWORKS = ("replicate", "method", "round", "density", "prunable_weights", "remaining_weights", "test_accuracy")


def pairs(replicates, methods, rounds, layers):
    """Yield what is compared with what, as the pipeline does: family, (replicate, method, round, layer) twice."""
    for replicate, method, round_ in itertools.product(range(replicates), methods, range(1, rounds + 1)):
        for earlier, layer in itertools.product(range(round_), layers):
            first = (replicate, method if earlier else "dense", earlier, layer)
            yield "rounds", first, (replicate, method, round_, layer)
    for replicate, method, a, b in itertools.product(range(replicates), methods, layers, layers):
        yield "layers", (replicate, "dense", 0, a), (replicate, method, rounds, b)
    for one, other in itertools.combinations(range(replicates), 2):
        for (method, round_), layer in itertools.product((("dense", 0), *((m, rounds) for m in methods)), layers):
            yield "replicates", (one, method, round_, layer), (other, method, round_, layer)


def write_study(
    folder,
    replicates=3,
    methods=("imp", "random"),
    rounds=4,
    layers=LAYERS,
    measures=("cca_mean", "cka_linear", "procrustes_distance"),
    calibrated=True,
    note="",
):
    """Write the tables of a study and return its folder. At the second layer of the last round, ``svcca`` has none."""
    tables, draw = Path(folder) / "tables", random.Random(0)
    tables.mkdir(parents=True)
    left = set() if calibrated else {"calibrated", "p_value"}
    with open(tables / "similarity.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [name for name in COLUMNS if name not in left], extrasaction="ignore")
        writer.writeheader()
        for (family, a, b), measure in itertools.product(pairs(replicates, methods, rounds, layers), measures):
            place = layers.index(b[3]) / max(1, len(layers) - 1)
            value = 1 - 0.3 * (1 - abs(2 * place - 1)) * (b[2] / rounds) - 0.05 * draw.random()
            value -= 0.1 * (b[1] != methods[0])
            row = {"family": family, "measure": measure, "value": value, "n_images": 360, "n_samples": 5760}
            row |= {"ci_low": value - 0.02 * draw.random(), "ci_high": value + 0.02 * draw.random()}
            row |= {"null": 0.1 + 0.02 * draw.random(), "calibrated": (value - 0.15) / 0.85 + 0.001 * draw.random()}
            row |= {"p_value": 1 / 201, "rank_a": 16, "rank_b": 16 - layers.index(b[3]), "note": note}
            if measure == "svcca" and b[2:] == (rounds, layers[1]):
                row |= dict.fromkeys(("value", "ci_low", "ci_high", "null", "calibrated", "p_value"), "")
                row |= {"note": "no value: 15 samples are too few for 16 neurons"}
            row |= {
                f"{key}_{side}": value
                for side, who in zip("ab", (a, b), strict=True)
                for key, value in zip(SIDES, who, strict=True)
            }
            writer.writerow(row)
    with open(tables / "networks.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, NETWORKS)
        writer.writeheader()
        for replicate, (method, round_) in itertools.product(
            range(replicates), (("dense", 0), *itertools.product(methods, range(1, rounds + 1)))
        ):
            weights = round(20000 * 0.8**round_)
            row = {"replicate": replicate, "method": method, "round": round_, "density": weights / 20000}
            row |= {"prunable_weights": 20000, "remaining_weights": weights}
            writer.writerow(
                row | {"test_accuracy": 0.99 - 0.002 * round_ * (method == "random") - 0.001 * draw.random()}
            )
    return Path(folder)


def large_study(folder, replicates=3):
    """Write the study that the page must show at once: 3 replicates, 20 rounds, 12 layers, 12 measures."""
    layers = tuple(f"layer{number}" for number in range(1, 13))
    return write_study(folder, replicates, ("imp",), 20, layers, tuple(MEASURES))
