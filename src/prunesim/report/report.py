"""The report: what a study found, first in words, then in figures, and last how it was made, in one file."""

import base64
import hashlib
import html
import json
import re
from itertools import groupby
from pathlib import Path

from prunesim.errors import PrunesimError
from prunesim.figures.catalogue import figures_of
from prunesim.report.captions import caption
from prunesim.report.graph import draw_graph, read_graph
from prunesim.report.sections import claims_summary, claims_table, made_by, runtimes
from prunesim.storage.csvfiles import read_table
from prunesim.storage.files import read_error, write_text
from prunesim.study.tables import tables_of

PAGE = Path(__file__).parent / "page"
# What the figures are about, in the order in which they are read.
CATEGORIES = ("Claims", "Similarity", "Accuracy", "Answers", "Connectivity", "Pruning")


def write_report(study, config, root, rulegraph, output):
    """Write the report of a finished study.

    Parameters
    ----------
    study : path-like
        ``results/<study>``.
    config : dict
        From `prunesim.resolution.overlays.read_config`.
    root : path-like
        The clone that holds ``workflow``.
    rulegraph : str
        What ``snakemake --rulegraph`` prints.
    output : path-like

    Returns
    -------
    int
        Its size in bytes.

    Raises
    ------
    PrunesimError
        If a table or figure is missing.
    """
    study = Path(study)
    claims, provenance = (read_table(study / "tables" / f"{name}.csv")[1] for name in ("claims", "provenance"))
    style = _page("style.css")
    figures = figures_of(tables_of(config), config["methods"], config["figures"]["more"])
    parts = {
        "TITLE": html.escape(study.resolve().name),
        "POLICY": f"default-src 'none'; img-src data:; style-src '{_digest(style)}'",
        "STYLE": style,
        "SETTING": _setting(config),
        "SUMMARY": claims_summary(claims),
        "CLAIMS": claims_table(claims),
        "CONTENTS": "".join(f'<li><a href="#{_anchor(one)}">{one}</a></li>' for one, _ in _ordered(figures)),
        "FIGURES": "\n".join(_category(study, root, config, *group) for group in _ordered(figures)),
        "GRAPH": draw_graph(read_graph(rulegraph)),
        "RUNTIMES": runtimes(provenance),
        "PROVENANCE": made_by(provenance),
        "CONFIG": html.escape(json.dumps(config, indent=2, sort_keys=True, default=str)),
    }
    # In one pass: what looks like a marker in a name or a note is text.
    text = re.sub("@@([A-Z]+)@@", lambda marker: parts[marker[1]], _page("template.html"))
    write_text(output, text)
    return len(text.encode())


def _ordered(figures):
    """Return the categories with the names of their figures; one that is not in `CATEGORIES` comes last."""
    place = {name: number for number, name in enumerate(CATEGORIES)}
    names = sorted(figures, key=lambda name: place.get(figures[name]["category"], len(place)))
    groups = groupby(names, key=lambda name: figures[name]["category"])
    return [(category, list(mine)) for category, mine in groups]


def _anchor(category):
    return category.lower().replace(" ", "-")


def _setting(config):
    """Return in a sentence what the study did."""
    replicates, methods = config["replicates"], ", ".join([*config["methods"], *config["chains"]]) or "none"
    again = "once" if replicates == 1 else f"{replicates} times, each from its own initial weights"
    words = (
        f"{config['network']['name']} on {config['dataset']['name']}, {config['rounds']} pruning "
        f"round{'s' if config['rounds'] != 1 else ''} ({methods}), the whole chain {again}. Measure of the figures: "
        f"{config['figures']['measure']}."
    )
    return html.escape(words)


def _category(study, root, config, category, names):
    figures = "\n".join(_figure(study, name, caption(Path(root), name, config)) for name in names)
    return f'<section id="{_anchor(category)}"><h2>{html.escape(category)}</h2>\n{figures}</section>'


def _figure(study, name, words):
    files = {end: _bytes(study / "figures" / f"{name}.{end}") for end in ("svg", "csv")}
    picture, table = (base64.b64encode(files[end]).decode() for end in ("svg", "csv"))
    width = re.search(rb'<svg[^>]*? width="([\d.]+)pt"', files["svg"])
    wide = f' width="{round(float(width[1]) * 4 / 3)}"' if width else ""
    return (
        f'<figure id="figure-{name}"><div class="paper"><img alt="Figure {name}: its caption says what it shows"{wide} '
        f'src="data:image/svg+xml;base64,{picture}"></div>'
        f'<figcaption>{words}<p class="files">{name}.svg · <a download="{name}.csv" '
        f'href="data:text/csv;base64,{table}">its numbers as CSV</a></p></figcaption></figure>'
    )


def _bytes(path):
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise PrunesimError(f"{path} does not exist; run Snakemake for the study first.") from error
    except OSError as error:
        raise read_error(path, error) from error


def _page(name):
    return (PAGE / name).read_text(encoding="utf-8").replace("\r\n", "\n")


def _digest(text):
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
