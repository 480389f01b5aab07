"""``prunesim concepts``: the units of the networks of a study that recognise concepts."""

import tempfile
from pathlib import Path

from prunesim.activations.concepts import QUANTILE, THRESHOLD
from prunesim.audit.network_checks import network_folders
from prunesim.datasets.concept_folder import read_annotated
from prunesim.errors import PrunesimError
from prunesim.results.concepts import COLUMNS, DRAWS, LAYER_COLUMNS, best_units, dissect, examples, too_large
from prunesim.results.opened import open_study
from prunesim.results.recognition import too_large_note
from prunesim.storage.csvfiles import write_rows
from prunesim.storage.files import atomic_path
from prunesim.study import paths

ENDINGS = (".png", ".svg")
LOOK = {"context": "paper", "palette": "crest", "dpi": 200}


def add_arguments(parser):
    """Declare the arguments."""
    parser.add_argument("study", help="results/<study>")
    parser.add_argument("--images", required=True, metavar="FOLDER", help="with concepts.json, see docs/concepts.md")
    parser.add_argument("--replicate", nargs="+", type=int, metavar="R", help="only these (default all)")
    parser.add_argument("--method", nargs="+", metavar="M", help="only these, dense among them (default all)")
    parser.add_argument("--round", nargs="+", type=int, metavar="K", help="only these (default all)")
    parser.add_argument(
        "--layers", nargs="+", default=["conv"], metavar="LAYER", help="kinds, names and patterns (default conv)"
    )
    parser.add_argument(
        "--quantile", type=float, default=QUANTILE, help=f"a unit is on in its top share of values (default {QUANTILE})"
    )
    parser.add_argument(
        "--threshold", type=float, default=THRESHOLD, help=f"IoU above which it is a detector (default {THRESHOLD})"
    )
    parser.add_argument("--draws", type=int, default=DRAWS, help=f"permutations for chance (default {DRAWS})")
    parser.add_argument("--seed", type=int, default=0, help="of the permutations (default 0)")
    parser.add_argument("--output", required=True, metavar="FILE", help=".csv of units; FILE-layers.csv lies beside it")
    parser.add_argument("--figure", metavar="FILE", help=".png or .svg: detectors and concepts against density")
    parser.add_argument(
        "--sheet", metavar="FILE", help=".png or .svg: the best unit of each concept, of the first of the networks"
    )


def run(arguments):
    """Write the tables, and the figures where they are asked for."""
    _check(arguments)
    study = open_study(arguments.study)
    networks = _networks(study, arguments)
    density = study.networks.set_index(["replicate", "method", "round"])["density"].to_dict()
    if missing := [key for key in networks if key not in density]:
        raise PrunesimError(
            f"{study.folder}/tables/networks.csv has no row of {paths.network(*missing[0])}; run again."
        )
    units, layers, sheet = [], [], []
    with tempfile.TemporaryDirectory(prefix="prunesim-") as scratch:
        annotated = read_annotated(arguments.images, scratch)
        for name, share in too_large(annotated, arguments.quantile, arguments.threshold).items():
            print(f"note: {too_large_note(name, share, arguments.quantile)}")
        settings = {name: getattr(arguments, name) for name in ("quantile", "threshold", "draws", "seed")}
        for key in networks:
            found, counts, thresholds = dissect(study, annotated, key, arguments.layers, **settings)
            units += found
            layers += [row | {"density": density[key]} for row in counts]
            print(_line(key, layers[-len(counts) :]), flush=True)
            if arguments.sheet and not sheet:
                sheet = [examples(study, annotated, key, best_units(found), thresholds, arguments.layers)]
    output = Path(arguments.output)
    beside = output.with_name(f"{output.stem}-layers{output.suffix}")
    write_rows(output, COLUMNS, units)
    write_rows(beside, LAYER_COLUMNS, layers)
    for path in (output, beside, *_drawn(arguments, beside, sheet, networks[0])):
        print(path)


def _check(arguments):
    for name in ("quantile", "threshold"):
        if not 0 < getattr(arguments, name) < 1:
            raise PrunesimError(f"--{name} is {getattr(arguments, name):g}; a number between 0 and 1 is right.")
    if arguments.draws < 0:
        raise PrunesimError(f"--draws is {arguments.draws}; 0 or more is right.")
    if Path(arguments.output).suffix != ".csv":
        raise PrunesimError(f"--output is {arguments.output}; a file that ends in .csv is right.")
    for name in ("figure", "sheet"):
        path = getattr(arguments, name)
        if path and Path(path).suffix not in ENDINGS:
            raise PrunesimError(f"--{name} is {path}; a file that ends in {' or '.join(ENDINGS)} is right.")


def _networks(study, arguments):
    """Return replicate, method and round of each network that is asked for, dense ones first."""
    found = sorted(network_folders(study.folder), key=lambda key: (key[2] > 0, *key))
    for place, name in enumerate(("replicate", "method", "round")):
        wanted = getattr(arguments, name)
        known = sorted({key[place] for key in network_folders(study.folder)})
        if wanted and (unknown := [value for value in wanted if value not in known]):
            raise PrunesimError(
                f"{study.name} has no {name} {unknown[0]}; it has {', '.join(map(str, known)) or 'no networks'}."
            )
        found = [key for key in found if not wanted or key[place] in wanted]
    if not found:
        raise PrunesimError(f"{study.name} has no network of these replicates, methods and rounds; dense has round 0.")
    return found


def _line(key, rows):
    parts = []
    for row in rows:
        chance = "" if row["chance_detectors"] is None else f" (by chance {row['chance_detectors']:g})"
        parts.append(f"{row['layer']} {row['detectors']} of {row['units']}{chance}, {row['concepts']} concepts")
    return f"{paths.network(*key)}, density {rows[0]['density']:.3g}: {'; '.join(parts)}"


def _drawn(arguments, table, sheet, key):
    """Draw what is asked for and return the files."""
    files = []
    if arguments.figure:
        from prunesim.figures import concepts, plotted
        from prunesim.results.reading import read_whole_table

        shown = concepts.rows({"concept_layers": read_whole_table(table)}, LOOK)
        files.append(_save(plotted.drawing_of(concepts.draw), shown, arguments.figure, "concepts"))
    if arguments.sheet:
        from prunesim.figures import concept_sheet

        tables = {"units": sheet[0], "network": paths.network(*key)}
        files.append(_save(concept_sheet.draw, tables, arguments.sheet, "concept sheet"))
    return files


def _save(draw, tables, path, title):
    from prunesim.figures import style

    metadata = {"Title": title} | ({"Date": None} if Path(path).suffix == ".svg" else {})
    with style.drawing(LOOK), atomic_path(path) as temporary:
        figure = draw(tables, LOOK)
        figure.savefig(temporary, format=Path(path).suffix[1:], dpi=LOOK["dpi"], metadata=metadata)
    return path
