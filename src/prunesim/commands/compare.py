"""``prunesim compare``: the similarity of two activation files."""

import json
import sys
from pathlib import Path

from prunesim.errors import PrunesimError
from prunesim.given import load_given
from prunesim.similarity import MEASURES, compare, details
from prunesim.similarity.curvature import compare_curvature
from prunesim.similarity.views import LAYOUTS, VIEWS, view_pair

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
    parser.add_argument("first", metavar="A.npy", help="activations: samples x neurons, or N x C x H x W")
    parser.add_argument("second", metavar="B.npy", help="activations of the other layer for the same samples")
    parser.add_argument(
        "--measures",
        type=_measures,
        default=["all"],
        metavar="NAME ...",
        help=f"all (default), or some of {', '.join(MEASURES)}",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
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
    parser.add_argument("--weights", default="first", help="of pwcca: first (default), second or mean")
    parser.add_argument("--epsilon", type=float, default=0.5, help="of subspace_match (default 0.5)")
    parser.add_argument("--neighbours", type=int, default=10, help="of mutual_knn (default 10)")
    parser.add_argument("--bandwidth", type=float, default=1.0, help="of cka_rbf, in root medians (default 1)")


def run(arguments):
    """Print the similarity of the two files; refuse what was asked for by name and cannot be computed."""
    files = (arguments.first, arguments.second)
    arrays = [load_given(path) for path in files]
    _choose_view(arguments, arrays)
    layout = arguments.layout and (arguments.layout[0] if len(arguments.layout) == 1 else tuple(arguments.layout))
    everything = arguments.measures == ["all"]
    result = compare(
        *arrays,
        "all" if everything else arguments.measures,
        interval=arguments.interval,
        view=arguments.view,
        size=arguments.size,
        layout=layout,
        rows_per_image=arguments.rows_per_image,
        blocks=arguments.blocks,
        draws=arguments.draws,
        seed=arguments.seed,
        names=files,
        variance=arguments.variance,
        weights=arguments.weights,
        epsilon=arguments.epsilon,
        neighbours=arguments.neighbours,
        bandwidth=arguments.bandwidth,
    )
    for name, entry in result["measures"].items():
        if not everything and " samples" in entry.get("note", "") and entry["value"] is None:
            raise PrunesimError(f"{name} has {entry['note']}.")
    if arguments.details:
        result["details"] = details(
            *arrays, variance=arguments.variance, view=arguments.view, size=arguments.size, layout=layout, names=files
        )
    if arguments.curvature:
        first, second, _ = view_pair(*arrays, arguments.view, arguments.size, files, layout)
        result["curvature"] = compare_curvature(first, second, seed=arguments.seed, names=files)
    print(json.dumps(result, indent=2, allow_nan=False) if arguments.json else table(result))


def _choose_view(arguments, arrays):
    """Set the view where none was given, and say so where one that was given changes nothing."""
    given = [f"--{name}" for name in ("view", "size") if getattr(arguments, name) is not None]
    if given and all(array.ndim == 2 for array in arrays):
        print(
            f"prunesim compare: {' and '.join(given)} changed nothing, as both files are samples x neurons; "
            "a view is of N x C x H x W arrays.",
            file=sys.stderr,
        )
    arguments.view = arguments.view or "channels"


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
