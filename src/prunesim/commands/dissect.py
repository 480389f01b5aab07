"""Find which concepts the units of a network of a study agree with."""

import json
from pathlib import Path

from prunesim.activations.dissecting import open_dissection
from prunesim.results.concept_examples import save_examples
from prunesim.results.recognition import best_units, concept_rows
from prunesim.storage.columns import CONCEPT_UNITS
from prunesim.storage.csvfiles import write_rows


def add_arguments(parser):
    parser.add_argument("--settings", required=True, type=json.loads, help="JSON: seed, network, training, concepts")
    parser.add_argument("--dataset", required=True, help="folder of the converted data set")
    parser.add_argument("--annotated", required=True, help="folder of the images with concepts")
    parser.add_argument("--replicate", required=True, type=int)
    parser.add_argument("--method", required=True)
    parser.add_argument("--round", required=True, type=int)
    parser.add_argument("--weights", required=True, help="the network, .safetensors")
    parser.add_argument("--sheet", required=True, type=int, help="concepts to keep images of, for a sheet; 0 is none")
    parser.add_argument("--output", required=True, help="folder for units.csv and the images")


def run(arguments):
    told = arguments.settings["concepts"]
    found = open_dissection(arguments.settings, arguments.dataset, arguments.annotated, arguments.weights)
    units, thresholds = found.units(told["quantile"], told["draws"], arguments.settings["seed"])
    who = {key: getattr(arguments, key) for key in ("replicate", "method", "round")}
    write_rows(Path(arguments.output) / "units.csv", CONCEPT_UNITS, [who | row for row in units])
    # Any overlap: which of them are detectors is said where a threshold is known.
    best = best_units(concept_rows(units, 0), arguments.sheet) if arguments.sheet else []
    shapes = found.annotated.images.shape[1:], found.annotated.labels.shape[2:]
    save_examples(arguments.output, found.examples(best, thresholds), shapes)
    return {"device": str(found.device)}
