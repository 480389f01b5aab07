"""The rules of a study and what each needs, as a drawing that fits a screen."""

import html
import re

WIDE, HIGH, GAP, BETWEEN = 132, 24, 10, 46  # pixels: a box, and the room beside and between boxes
MOST_IN_A_ROW = 8
NODE = re.compile(r'^\s*(\d+)\[label = "([^"\\]+)', re.MULTILINE)
EDGE = re.compile(r"^\s*(\d+) -> (\d+)", re.MULTILINE)
TARGETS = {"all", "default", "tables", "figures"}


def read_graph(dot):
    """Return which rule needs which, from what ``snakemake --rulegraph`` prints.

    All figures are one node, and targets that only ask for files are none.

    Parameters
    ----------
    dot : str

    Returns
    -------
    dict of str to set of str
        The rules that each rule needs.
    """
    names = {number: _merged(name) for number, name in NODE.findall(dot)}
    needs = {name: set() for name in names.values() if name not in TARGETS}
    for source, target in EDGE.findall(dot):
        first, second = names[source], names[target]
        if first != second and not {first, second} & TARGETS:
            needs[second].add(first)
    return needs


def _merged(name):
    return "figures (each)" if name.startswith("figure_") else name


def without_loops(needs):
    """Return the same with rules that need each other, as those of a round and of the next one, as one node."""
    every = _all_needs(needs)
    node = {
        rule: " ⇄ ".join(sorted({rule, *(one for one in mine if rule in every[one])})) for rule, mine in every.items()
    }
    merged = {name: set() for name in node.values()}
    for rule, mine in needs.items():
        merged[node[rule]] |= {node[one] for one in mine} - {node[rule]}
    return merged


def reduced(needs):
    """Return a graph without what follows from the rest: no edge beside a longer way."""
    every = _all_needs(needs)
    return {
        rule: {one for one in mine if not any(one in every[other] for other in mine - {one})}
        for rule, mine in needs.items()
    }


def _all_needs(needs):
    """Return all that each rule needs, directly or through others."""
    every, grown = {rule: set(mine) for rule, mine in needs.items()}, True
    while grown:
        grown = False
        for mine in every.values():
            more = set().union(*(every[one] for one in mine)) - mine
            mine |= more
            grown |= bool(more)
    return every


def rows_of(needs):
    """Return the rules in rows, each below all that it needs."""
    depth = {}

    def depth_of(rule):
        if rule not in depth:
            depth[rule] = 1 + max((depth_of(one) for one in needs[rule]), default=-1)
        return depth[rule]

    rows = {}
    for rule in sorted(needs):
        rows.setdefault(depth_of(rule), []).append(rule)
    placed, ordered = {}, []
    for _, row in sorted(rows.items()):
        # Below what it needs, so that lines cross little.
        row = sorted(row, key=lambda rule: (_middle(needs[rule], placed), rule))
        for start in range(0, len(row), MOST_IN_A_ROW):
            part = row[start : start + MOST_IN_A_ROW]
            ordered.append(part)
            placed |= {rule: (index + 0.5) / len(part) for index, rule in enumerate(part)}
    return ordered


def _middle(rules, placed):
    places = [placed[rule] for rule in rules if rule in placed]
    return sum(places) / len(places) if places else 0.5


def draw_graph(needs):
    """Return the drawing as SVG.

    Parameters
    ----------
    needs : dict of str to set of str
        From `read_graph`.
    """
    needs = reduced(without_loops(needs))
    rows = rows_of(needs)
    across = max(len(row) for row in rows)
    width, height = across * (WIDE + GAP), len(rows) * BETWEEN
    at = {
        rule: (width * (index + 0.5) / len(row), BETWEEN * (number + 0.5))
        for number, row in enumerate(rows)
        for index, rule in enumerate(row)
    }
    parts = [
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="The rules of the study, each below what it needs">'
    ]
    for rule, mine in needs.items():
        for one in sorted(mine):
            (x1, y1), (x2, y2) = at[one], at[rule]
            y1, y2 = y1 + HIGH / 2, y2 - HIGH / 2
            middle = (y1 + y2) / 2
            bend = f"C{x1:.0f} {middle:.0f} {x2:.0f} {middle:.0f} {x2:.0f} {y2:.0f}"
            parts.append(f'<path d="M{x1:.0f} {y1:.0f}{bend}"/>')
    for rule, (x, y) in at.items():
        words = html.escape(rule.replace("_", " "))
        parts.append(f'<rect x="{x - WIDE / 2:.0f}" y="{y - HIGH / 2:.0f}" width="{WIDE}" height="{HIGH}" rx="4"/>')
        parts.append(f'<text x="{x:.0f}" y="{y:.0f}">{words}</text>')
    return "\n".join([*parts, "</svg>"])
