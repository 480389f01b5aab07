"""The best unit of each concept with the images in which it answers most."""

import numpy as np
from matplotlib.collections import LineCollection

from prunesim.figures import style

UNIT, CONCEPT = "#e6550d", "#31a2f2"
SIDE = 0.72  # inches of an image


def draw(tables, settings):
    """Return the sheet: a row a concept; outlined are where the unit is on, and dashed where the concept is.

    Parameters
    ----------
    tables : dict
        ``units``, from `prunesim.results.concepts.examples`, and ``network``, its name.
    settings : dict
    """
    rows = tables["units"]
    if not rows:
        return style.placeholder(f"No unit of {tables['network']} recognises a concept.")
    count = max(len(row["images"]) for row in rows)
    figure, axes = style.new_figure(1.5 + SIDE * count, 0.4 + SIDE * len(rows), len(rows), count, layout="compressed")
    for axis in axes.flat:
        axis.set_axis_off()
    for row, line in zip(rows, axes, strict=True):
        words = f"{row['concept']}\n{row['layer']}, unit {row['unit']}\nIoU {row['iou']:.3f}"
        line[0].text(
            -0.12, 0.5, words, ha="right", va="center", transform=line[0].transAxes, fontsize="small", linespacing=1.3
        )
        for axis, image, on, mask in zip(line, row["images"], row["on"], row["mask"], strict=False):
            height, width = on.shape
            pixels = image if image.shape[2] == 3 else image.repeat(3, axis=2)
            axis.imshow(pixels, extent=(0, width, height, 0), interpolation="nearest")
            axis.add_collection(LineCollection(outline(mask), colors=CONCEPT, linewidths=0.9, linestyles=(0, (2, 1))))
            axis.add_collection(LineCollection(outline(on), colors=UNIT, linewidths=1.1))
            axis.set_xlim(-0.3, width + 0.3)
            axis.set_ylim(height + 0.3, -0.3)
    style.remark(
        figure, f"{tables['network']}: the best unit of each concept. Orange: where it is on; blue: the concept."
    )
    return figure


def outline(mask):
    """Return the edges between pixels in and out of a mask, as lines ((x, y), (x, y)) in pixels.

    Parameters
    ----------
    mask : numpy.ndarray
        bool, h x w.
    """
    padded = np.pad(mask, 1).astype(np.int8)
    across = np.argwhere(np.diff(padded, axis=0)[:, 1:-1])
    down = np.argwhere(np.diff(padded, axis=1)[1:-1])
    return [((x, y), (x + 1, y)) for y, x in across.tolist()] + [((x, y), (x, y + 1)) for y, x in down.tolist()]
