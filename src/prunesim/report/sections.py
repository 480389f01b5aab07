"""The parts of the report that are made of tables, as HTML."""

import html
from collections import defaultdict

from prunesim.forecast.words import duration

# A shape beside the word: the verdict is not told by colour.
SHAPES = {"supported": "●", "contradicted": "✕", "inconclusive": "◇"}
HEADS = ("Claim", "Estimate", "95 % interval", "Holds if", "Verdict", "Source")
VERSIONS = ("commit", "python", "torch", "numpy", "scipy", "platform", "processor", "host", "device", "threads", "seed")


def claims_summary(claims):
    """Return in a sentence how many claims have which verdict."""
    counts = defaultdict(int)
    for row in claims:
        counts[row["verdict_holm"]] += 1
    words = ", ".join(f"{counts[verdict]} {verdict}" for verdict in SHAPES if counts[verdict])
    return f"Of {len(claims)} claims: {words}." if words else "No claim could be held against this study."


def claims_table(claims):
    """Return the table of claims: the decided ones first, each with the verdict that stays after Holm's correction."""
    order = {verdict: place for place, verdict in enumerate(SHAPES)}
    lines = []
    for row in sorted(claims, key=lambda row: order.get(row["verdict_holm"], len(order))):
        cells = [
            f"{_text(row['statement'])}<br><code>{_text(row['claim'])}</code>{_note(row)}",
            _number(row["estimate"]),
            f"{_number(row['ci_low'])} to {_number(row['ci_high'])}" if row["ci_low"] else "none",
            f"{row['direction']} {_number(row['bound'])}",
            _verdict(row),
            _text(row["source"]),
        ]
        columns = "".join(f'<td data-head="{head}">{cell}</td>' for head, cell in zip(HEADS, cells, strict=True))
        lines.append(f'<tr class="{_text(row["verdict_holm"])}">{columns}</tr>')
    head = "".join(f'<th scope="col">{head}</th>' for head in HEADS)
    return f'<table class="claims"><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'


def _verdict(row):
    corrected = row["verdict_holm"]
    alone = f"; {_text(row['verdict'])} by its own interval alone" if row["verdict"] != corrected else ""
    mark = f'<span class="shape" aria-hidden="true">{SHAPES.get(corrected, "")}</span>'
    return f'<span class="verdict">{mark} <b>{_text(corrected)}</b></span>{alone}'


def _note(row):
    return f'<p class="note">{_text(row["note"])}</p>' if row.get("note") else ""


def _number(text):
    return f"{float(text):.3g}".replace("-", "−") if text else "none"


def runtimes(provenance):
    """Return the table of times: for each kind of job how many, how long together, and the longest."""
    kinds, seen = defaultdict(list), set()
    for row in provenance:
        # A job of several artifacts has one time.
        key = (row["verb"], row["started"], row["seconds"], row["artifact"].rpartition("/")[0])
        if row["seconds"] and key not in seen:
            seen.add(key)
            kinds[row["verb"]].append(float(row["seconds"]))
    lines = sorted(kinds.items(), key=lambda item: -sum(item[1]))
    body = "".join(
        f"<tr><td>{_text(verb)}</td><td>{len(times):,}</td><td>{duration(sum(times))}</td>"
        f"<td>{duration(max(times))}</td></tr>"
        for verb, times in lines
    )
    total = sum(map(sum, kinds.values()))
    head = "".join(f'<th scope="col">{word}</th>' for word in ("Kind of job", "Jobs", "Together", "Longest"))
    foot = f"<tfoot><tr><td>all</td><td>{len(seen):,}</td><td>{duration(total)}</td><td></td></tr></tfoot>"
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody>{foot}</table>"


def made_by(provenance):
    """Return the table of what made the artifacts: each version or machine, and of how many artifacts."""
    lines = []
    for column in VERSIONS:
        counts = defaultdict(int)
        for row in provenance:
            if row.get(column):
                counts[row[column]] += 1
        if counts:
            several = len(counts) > 1
            words = [f"{_text(value)}{f' ({count:,})' if several else ''}" for value, count in sorted(counts.items())]
            lines.append(f'<tr><th scope="row">{column}</th><td>{", ".join(words)}</td></tr>')
    dirty = sum(row.get("dirty") == "yes" for row in provenance)
    if dirty:
        lines.append(f'<tr><th scope="row">not as committed</th><td>{dirty:,} artifacts</td></tr>')
    return f'<table class="facts"><tbody>{"".join(lines)}</tbody></table>'


def _text(value):
    return html.escape(str(value))
