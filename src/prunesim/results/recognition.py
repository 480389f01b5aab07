"""Detectors and distinct concepts, counted from what each unit agrees with most."""

from pathlib import Path

from prunesim.audit.records import read_made, record_path
from prunesim.storage.columns import CONCEPT_LAYERS, CONCEPT_UNITS, CONCEPTS, NETWORKS
from prunesim.storage.csvfiles import read_rows
from prunesim.storage.files import read_json
from prunesim.storage.terminal import warn
from prunesim.study import paths

MOST_CONCEPTS = 12
_NETWORK = ("replicate", "method", "round")


def concept_rows(units, threshold):
    """Return the rows of ``concepts.csv``.

    Parameters
    ----------
    units : list of dict
        See `prunesim.activations.dissecting.Dissection.units`, with the network of each row.
    threshold : float
        IoU above which a unit is a detector.
    """
    return [
        row | {"detector": "yes" if float(row["iou"]) > threshold else "no"} for row in units if int(row["draw"]) == 0
    ]


def layer_rows(units, threshold):
    """Return one row a network and layer: how many units and detectors it has, and how many concepts they recognise.

    Numbers by chance are means over the permutations of the masks, None without any; see `concept_rows`.
    """
    layers = {}
    for row in units:
        layers.setdefault((*(row[key] for key in _NETWORK), row["layer"]), []).append(row)
    found = []
    for key, rows in layers.items():
        draws = [[row for row in rows if int(row["draw"]) == draw] for draw in sorted({int(r["draw"]) for r in rows})]
        counts = [_count(mine, threshold) for mine in draws]
        chance = [sum(one) / len(counts[1:]) for one in zip(*counts[1:], strict=True)] or [None, None]
        found.append(
            dict(zip((*_NETWORK, "layer"), key, strict=True))
            | {"units": len(draws[0]), "silent": sum(row["silent"] == "yes" for row in draws[0])}
            | dict(zip(("detectors", "concepts"), counts[0], strict=True))
            | dict(zip(("chance_detectors", "chance_concepts"), chance, strict=True))
        )
    return found


def _count(rows, threshold):
    detectors = [row["concept"] for row in rows if float(row["iou"]) > threshold]
    return len(detectors), len(set(detectors))


def best_units(rows, most=MOST_CONCEPTS):
    """Return the row of the best detector of each concept, from the largest IoU on."""
    best = {}
    for row in rows:
        if row["detector"] == "yes" and row["iou"] > best.get(row["concept"], {"iou": 0})["iou"]:
            best[row["concept"]] = row
    return sorted(best.values(), key=lambda row: -row["iou"])[:most]


def too_large_concepts(shares, quantile, threshold):
    """Return the concepts that no unit can be a detector of, with the share of all pixels that they cover.

    A unit is on at about `quantile` of all pixels, so its IoU with a concept that covers the share s is at most about
    ``quantile / s``.

    Parameters
    ----------
    shares : dict of str to float
        Of the pixels, by concept.
    """
    return {name: share for name, share in shares.items() if share * threshold > quantile}


def too_large_note(name, share, quantile):
    """Return what to know of such a concept, as a sentence."""
    return (
        f"{name} covers {100 * share:.3g} % of all pixels, too many for a detector: units are on at "
        f"{100 * quantile:g} %, so that IoU stays near or below {quantile / share:.2g}."
    )


def concepts_table(study, plan):
    """Return one row a unit; ``plan`` also has ``threshold`` and ``quantile``.

    See `prunesim.results.tables.networks_table`. A note on concepts that are too large goes to the terminal.
    """
    about = read_json(Path(study) / "concepts" / "concepts.json")
    shares = {": ".join(name): share for name, share in zip(about["concepts"], about["shares"], strict=True)}
    for name, share in too_large_concepts(shares, plan["quantile"], plan["threshold"]).items():
        warn(too_large_note(name, share, plan["quantile"]))
    return CONCEPTS, [row for rows in _units(study, plan) for row in concept_rows(rows, plan["threshold"])]


def concept_layers_table(study, plan):
    """Return one row a network and layer; see `concepts_table`."""
    density = {
        tuple(row[key] for key in _NETWORK): row["density"]
        for row in read_rows(Path(study) / "tables" / "networks.csv", NETWORKS)
    }
    return CONCEPT_LAYERS, [
        row | {"density": density[tuple(row[key] for key in _NETWORK)]}
        for rows in _units(study, plan)
        for row in layer_rows(rows, plan["threshold"])
    ]


def _units(study, plan):
    """Yield the rows of the file of each network."""
    for *_, folder in paths.networks(plan["replicates"], plan["methods"], plan["rounds"], plan.get("chains")):
        read_made(study, record_path(f"concepts/{folder}"))
        yield read_rows(Path(study) / "concepts" / folder / "units.csv", CONCEPT_UNITS)
