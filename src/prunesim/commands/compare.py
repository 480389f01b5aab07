"""``prunesim compare``: the similarity of two activation files or more."""

import importlib
import json
import sys
from pathlib import Path

from prunesim.errors import PrunesimError
from prunesim.similarity import MEASURES, compare, compare_many, details, pairs_of
from prunesim.similarity.curvature import compare_curvature
from prunesim.similarity.views import LAYOUTS, VIEWS, view_pair
from prunesim.storage.given import files_in, load_given

# Options that take several words, and the words that are known; see `arrange`.
LISTS = {"--measures": ("all", *MEASURES), "--layout": LAYOUTS}


def arrange(words):
    """Return the words of a command line with those of a list (``--measures a b``) made one (``--measures a,b``).

    argparse would take all that follows for the list, the files too.
    """
    arranged, waiting = [], list(words)
    while waiting:
        word = waiting.pop(0)
        arranged.append(word)
        if word not in LISTS:
            continue
        members = []
        # The first is of the list whatever it is, so that a wrong name is refused as one.
        while waiting and not waiting[0].startswith("-") and (not members or _is_member(waiting[0], LISTS[word])):
            members.append(waiting.pop(0))
        if members:
            arranged.append(",".join(members))
    return arranged


def _is_member(word, known):
    """Return whether a word belongs to a list rather than being a file: known, or like no file at all."""
    return set(word.split(",")) <= {"", *known} or not (set(word) & {".", "/"} or Path(word).exists())


def _measures(text):
    names = [name for name in text.split(",") if name]
    if not names or ("all" in names and len(names) > 1):
        raise PrunesimError(
            f"--measures {text}: give all alone, or some of {', '.join(MEASURES)}, with blanks or commas between them."
        )
    return names


def _layouts(text):
    names = [name for name in text.split(",") if name]
    if not 1 <= len(names) <= 2 or not set(names) <= set(LAYOUTS):
        raise PrunesimError(f"--layout {text}: give one of {', '.join(LAYOUTS)} for both files, or one for each.")
    return names


def add_arguments(parser):
    """Add the arguments of the verb."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="A.npy B.npy",
        help="activations for the same samples: samples x neurons, or N x C x H x W. Of more than two files, or of the "
        "files of a folder, all pairs are compared; of two folders, every file of one with every file of the other",
    )
    parser.add_argument(
        "--measures",
        type=_measures,
        default=["all"],
        metavar="NAME ...",
        help=f"all (default), or some of {', '.join(MEASURES)}",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--pooled", action="store_true", help="take the spatial means of folders of a study: layers of different size"
    )
    parser.add_argument("--figure", type=Path, metavar="FILE", help="draw heat maps of all pairs: .svg, .png or .pdf")
    parser.add_argument("--interval", action="store_true", help="add 95 %% jackknife intervals and the null")
    parser.add_argument("--details", action="store_true", help="add all canonical correlations and the match curve")
    parser.add_argument(
        "--curvature", action="store_true", help="compare intrinsic dimension and curvature too (unreliable, see docs)"
    )
    parser.add_argument(
        "--view",
        choices=VIEWS,
        help="what N x C x H x W arrays are: positions as samples (default), flattened, or averaged to --size",
    )
    parser.add_argument(
        "--layout",
        type=_layouts,
        metavar="LAYOUT ...",
        help="of 4-D files, or of each: N x C x H x W (channels_first) or N x H x W x C (channels_last)",
    )
    parser.add_argument("--size", nargs=2, type=int, metavar=("H", "W"), help="average maps to this size first")
    parser.add_argument("--rows-per-image", type=int, metavar="ROWS", help="rows of 2-D files that are one image")
    parser.add_argument("--blocks", type=int, default=20, help="blocks of images of the jackknife (default 20)")
    parser.add_argument("--draws", type=int, default=5, help="permutations that make the null (default 5)")
    parser.add_argument("--seed", type=int, default=0, help="of blocks, permutations and subset (default 0)")
    parser.add_argument("--variance", type=float, default=0.99, help="share that svcca keeps (default 0.99)")
    parser.add_argument("--directions", type=int, help="that svcca keeps, instead of a share of the variance")
    parser.add_argument("--weights", default="first", help="of pwcca: first (default), second or mean")
    parser.add_argument("--epsilon", type=float, default=0.5, help="of subspace_match (default 0.5)")
    parser.add_argument("--neighbours", type=int, default=10, help="of mutual_knn (default 10)")
    parser.add_argument("--bandwidth", type=float, default=1.0, help="of cka_rbf, in root medians (default 1)")


def run(arguments):
    """Print the similarity of the files; refuse what was asked for by name and cannot be computed."""
    if arguments.figure:
        check_path = _figures().check_path
        check_path(arguments.figure)
    groups = [_files(Path(path), arguments.pooled) for path in arguments.files]
    files = [str(path) for group in groups for path in group]
    if len(files) < 2:
        raise PrunesimError(f"{arguments.files[0]} is one array; give two or more to compare.")
    arrays = [load_given(path) for path in files]
    _choose_view(arguments, arrays)
    many = len(files) > 2 or arguments.figure
    options = _options(arguments, many)
    everything = arguments.measures == ["all"]
    measures = "all" if everything else arguments.measures
    if many:
        two_folders = len(groups) == 2 and all(Path(path).is_dir() for path in arguments.files)
        pairs = pairs_of(len(files), measures, first_group=len(groups[0]) if two_folders else None)
        results = compare_many(arrays, pairs, measures, names=files, **options)
        labels = dict(zip(files, short_names(files), strict=True))
        if arguments.figure:
            sides = (files[: len(groups[0])], files[len(groups[0]) :]) if two_folders else (files, files)
            rows, columns = ({name: labels[name] for name in side} for side in sides)
            _figures().draw_compared(results, rows, columns, arguments.figure)
        text = json.dumps({"pairs": results}, indent=2, allow_nan=False)
        print(text if arguments.json else table_of_pairs(results, labels))
        return
    result = compare(*arrays, measures, names=files, **options)
    for name, entry in result["measures"].items():
        if not everything and " samples" in entry.get("note", "") and entry["value"] is None:
            raise PrunesimError(f"{name} has {entry['note']}.")
    view = {key: options[key] for key in ("view", "size", "layout")}
    if arguments.details:
        kept = {key: options[key] for key in ("variance", "directions")}
        result["details"] = details(*arrays, names=files, **kept, **view)
    if arguments.curvature:
        first, second, _ = view_pair(*arrays, names=files, **view)
        result["curvature"] = compare_curvature(first, second, seed=arguments.seed, names=files)
    print(json.dumps(result, indent=2, allow_nan=False) if arguments.json else table(result))


def _figures():
    # By name: only who wants a figure needs matplotlib, and waits for it.
    return importlib.import_module("prunesim.figures.compared")


def _files(path, pooled):
    return files_in(path, pooled) if path.is_dir() else [path]


def _options(arguments, many):
    """Return the keyword arguments of a comparison."""
    for name in ("details", "curvature"):
        if many and getattr(arguments, name):
            raise PrunesimError(f"--{name} is of two files; give two, without --figure.")
    layout = arguments.layout
    if layout and many and len(layout) > 1:
        raise PrunesimError("--layout names one layout for each of two files; give one for all.")
    names = ("interval", "view", "size", "rows_per_image", "blocks", "draws", "seed")
    names += ("variance", "directions", "weights", "epsilon", "neighbours", "bandwidth")
    options = {name: getattr(arguments, name) for name in names}
    return options | {"layout": layout and (layout[0] if len(layout) == 1 else tuple(layout))}


def _choose_view(arguments, arrays):
    """Set the view where none was given, and say so where one that was given changes nothing."""
    given = [f"--{name}" for name in ("view", "size") if getattr(arguments, name) is not None]
    if given and all(array.ndim == 2 for array in arrays):
        print(
            f"prunesim compare: {' and '.join(given)} changed nothing, as all files are samples x neurons; "
            "a view is of N x C x H x W arrays.",
            file=sys.stderr,
        )
    arguments.view = arguments.view or "channels"


def short_names(files):
    """Return the shortest ends of paths that tell them apart, without the ending that all have."""
    parts = [Path(file.removesuffix(".npy").removesuffix(".pooled")).parts for file in files]
    for count in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-count:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return list(files)


def table_of_pairs(results, labels):
    """Return the results of `compare_many` as text: a row a pair, or with intervals a row a pair and measure."""
    notes, body = [], []
    interval = any("ci_low" in entry for result in results for entry in result["measures"].values())
    heads = ["", ""] + (["measure", "value", "low", "high", "null"] if interval else list(results[0]["measures"]))
    for result in results:
        pair = [labels[result["a"]], labels[result["b"]]]
        entries = result["measures"]
        if interval:
            keys = ("value", "ci_low", "ci_high", "null")
            body += [[*pair, name, *(_number(entry[key]) for key in keys)] for name, entry in entries.items()]
        else:
            body.append([*pair, *(_number(entry["value"]) for entry in entries.values())])
        for note in result.get("notes", []):
            notes.append(note)
        for name, entry in entries.items():
            if "note" in entry:
                notes.append(f"{pair[0]} and {pair[1]}: {name}: {entry['note']}")
    rows = [heads, *([cell.strip() for cell in row] for row in body)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    left = 3 if interval else 2
    lines = [
        "  ".join(
            cell.ljust(width) if at < left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([*lines, *dict.fromkeys(notes)])


def table(result):
    """Return the result of `compare` as text."""
    n, p, q, rank_a, rank_b = (result[key] for key in ("n", "p", "q", "rank_a", "rank_b"))
    lines = [*result.get("notes", []), f"n = {n} samples, p = {p} and q = {q} neurons, ranks {rank_a} and {rank_b}"]
    width = max(len(name) for name in result["measures"])
    interval = any("ci_low" in entry for entry in result["measures"].values())
    if interval:
        lines.append(f"{'':{width}}  {'value':>9}  {'95 % interval':>20}  {'null':>9}")
    for name, entry in result["measures"].items():
        cells = [f"{name:{width}}", _number(entry["value"])]
        if interval:
            cells += [f"{_number(entry['ci_low'])}  {_number(entry['ci_high'])}", _number(entry["null"])]
        if "n" in entry:
            cells.append(f"({entry['n']} samples)")
        if "note" in entry:
            cells.append(entry["note"])
        lines.append("  ".join(cells).rstrip())
    lines += [f"{key}: {json.dumps(result[key])}" for key in ("details", "curvature") if key in result]
    return "\n".join(lines)


def _number(value):
    return f"{'-':>9}" if value is None else f"{value:9.6f}"
