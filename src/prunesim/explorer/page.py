"""The page: a template, a style sheet and scripts of our own, and the data of one study or two, in one file."""

import base64
import hashlib
import html
import json
import re
from pathlib import Path

from prunesim.errors import PrunesimError
from prunesim.explorer.tables import study_data
from prunesim.figures.words import DISTANCES, MEASURES
from prunesim.storage.files import write_text

PAGE = Path(__file__).parent / "page"
# In one scope, so that a script may use what those before it hold.
SCRIPTS = (
    "words",
    "columns",
    "query",
    "state",
    "drawing",
    "lines",
    "map",
    "reading",
    "rows",
    "legend",
    "panels",
    "summary",
    "app",
)
MOST = 2


def write_explorer(studies, output):
    """Write the page of one study, or of two side by side.

    Parameters
    ----------
    studies : sequence of path-like
        One or two folders ``results/<study>``.
    output : path-like
        The HTML file. Its bytes follow from the tables and the names of the studies alone.

    Returns
    -------
    int
        Its size in bytes.

    Raises
    ------
    PrunesimError
        If there are too many studies, one of them twice, or one whose tables cannot be read.
    """
    text = explorer_text(named(studies))
    write_text(output, text)
    return len(text.encode())


def named(studies):
    """Return the studies by what the page calls them: the name of the folder, or of two alike the whole path."""
    paths = [Path(study) for study in studies]
    if len(paths) > MOST:
        raise PrunesimError(f"{len(paths)} studies were given; the explorer shows one, or two side by side.")
    if len({path.resolve() for path in paths}) < len(paths):
        raise PrunesimError(f"{paths[0]} was given twice; the explorer shows one study, or two different ones.")
    names = [path.resolve().name for path in paths]
    return dict(zip(names if len(set(names)) == len(names) else map(str, paths), paths, strict=True))


def explorer_text(studies):
    """Return the page.

    What comes from a table reaches it as JSON in an element that no browser runs, and in the title as escaped text. The
    page itself allows its own script and style, by their checksums, and nothing else: no other script, no connection.

    Parameters
    ----------
    studies : dict of str to path-like
        Their folders, by name.

    Returns
    -------
    str
    """
    found = [{"name": name, **study_data(folder)} for name, folder in studies.items()]
    measures = {measure for study in found for family in study["families"].values() for measure in family["measures"]}
    words = {name: {"label": label, "distance": name in DISTANCES} for name, label in MEASURES.items()}
    data = {"studies": found, "measures": {name: words[name] for name in sorted(measures & words.keys())}}
    script, style = _script(), _read("style.css")
    parts = {
        "TITLE": html.escape(" and ".join(studies)),
        "POLICY": f"default-src 'none'; script-src {_source(script)}; style-src {_source(style)}",
        "STYLE": style,
        "SCRIPT": script,
        "DATA": inert_json(data),
    }
    # In one pass: what looks like a marker in a name or a note is text.
    return re.sub("@@([A-Z]+)@@", lambda marker: parts[marker[1]], _read("template.html"))


def inert_json(value):
    """Return JSON that can stand in a ``<script>`` element: no text in it can end the element or begin another."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def page_identity():
    """Return a checksum of what the page is made of beside the data, as the parameter of a rule."""
    files = sorted(PAGE.iterdir())
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return f"page: {digest.hexdigest()[:32]}"


def _script():
    parts = "\n".join(_read(f"{name}.js") for name in SCRIPTS)
    return f'(() => {{\n"use strict";\n{parts}}})();\n'


def _read(name):
    # With the same line ends wherever it was checked out: they are in the checksums.
    return (PAGE / name).read_text(encoding="utf-8").replace("\r\n", "\n")


def _source(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
