"""Heat maps of what ``prunesim compare`` found between several files."""

import numpy as np
import pandas as pd

from prunesim.errors import PrunesimError
from prunesim.figures import heatmaps, style
from prunesim.storage.files import atomic_path

ENDINGS = (".svg", ".png", ".pdf")
SETTINGS = {"context": "paper", "palette": "cividis", "dpi": 150}
MOST_WITH_NUMBERS = 12


def check_path(path):
    """Refuse a figure whose ending is none that can be written, before anything is computed."""
    if path.suffix not in ENDINGS:
        raise PrunesimError(f"--figure {path}: a figure ends in {', '.join(ENDINGS)}.")


def draw_compared(results, rows, columns, path):
    """Write a figure with one heat map a measure.

    Parameters
    ----------
    results : list of dict
        From `prunesim.similarity.compare_many`.
    rows, columns : dict of str to str
        The arrays along the two sides: their names in the results, and how they are labelled. Where both are the same
        and a pair was compared in one order, the other is its mirror image.
    path : pathlib.Path
    """
    measures = list(results[0]["measures"])
    compared = {(result["a"], result["b"]): result["measures"] for result in results}
    if list(rows) == list(columns):
        compared |= {(b, a): found for (a, b), found in compared.items() if (b, a) not in compared}
    expected = np.array([[(a, b) in compared for b in columns] for a in rows])
    down, across = style.grid_shape(len(measures), 3)
    most = max(len(rows), len(columns))
    with style.drawing(SETTINGS):
        side = 1.3 + 0.3 * most
        figure, axes = style.new_figure((side + 0.6) * across, side * down, rows=down, columns=across)
        for axis, measure in zip(axes.flat, measures, strict=False):
            values = [[compared.get((a, b), {}).get(measure, {}).get("value") for b in columns] for a in rows]
            matrix = pd.DataFrame(values, index=list(rows.values()), columns=list(columns.values()), dtype=float)
            ends = heatmaps.limits(matrix) if matrix.notna().any(axis=None) else (0.0, 1.0)
            map_ = heatmaps.colours(SETTINGS["palette"], measure)
            heatmaps.draw_matrix(axis, matrix, map_, ends, annotate=most <= MOST_WITH_NUMBERS, expected=expected)
            axis.set_title(style.measure_label(measure))
            axis.set_xticks(np.arange(len(columns)) + 0.5, list(columns.values()), rotation=90)
            axis.set_yticks(np.arange(len(rows)) + 0.5, list(rows.values()), rotation=0)
            bar = figure.colorbar(axis.collections[0], ax=axis, aspect=20, pad=0.02)
            bar.outline.set_visible(False)
        for axis in axes.flat[len(measures) :]:
            axis.remove()
        kind = path.suffix.removeprefix(".")
        with atomic_path(path) as temporary:
            dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
            figure.savefig(temporary, format=kind, dpi=SETTINGS["dpi"], metadata=dated.get(kind))
