"""How Sphinx makes the site: `make docs`."""

import posixpath
import sys
from pathlib import Path

from docutils import nodes

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

project = "prunesim"
copyright = "the prunesim authors"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinxcontrib.bibtex",
]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
nitpicky = False

# Headings of documents and of each section can be linked to, as on GitHub.
myst_heading_anchors = 4
myst_enable_extensions = ["dollarmath", "deflist"]

autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_use_rtype = False
bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "plain"

html_theme = "pydata_sphinx_theme"
html_title = "prunesim"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_context = {"default_mode": "auto"}  # light or dark as the system is
html_theme_options = {
    "show_prev_next": True,
    "navigation_with_keys": False,
    "navbar_align": "left",
    "secondary_sidebar_items": ["page-toc"],
    "use_edit_page_button": False,
}


def setup(app):
    """Call other pages by their titles: links say ``pruning.md``, which is what a reader of the repository needs."""
    app.connect("doctree-resolved", _titled)


def _titled(app, doctree, page):
    for link in doctree.findall(nodes.reference):
        target = posixpath.join(posixpath.dirname(page), link.get("refuri", "").partition("#")[0])
        title = app.env.titles.get(posixpath.normpath(target).removesuffix(".html"))
        if title and link.astext().endswith(".md"):
            link.clear()
            link += nodes.inline("", title.astext())
