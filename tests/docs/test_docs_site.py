"""The documentation: it builds without a warning, and what it points to is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)]*)?\)")
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "results/README.md")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    output = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-d",
        output / "trees",
        "docs",
        output / "html",
    ]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return output / "html"


def test_every_page_is_in_the_menu(site):
    """Sphinx warns of a page in no menu; every file in docs is one."""
    pages = {path.relative_to(REPOSITORY / "docs").with_suffix(".html") for path in (REPOSITORY / "docs").rglob("*.md")}
    assert {page for page in pages if "_build" not in page.parts} <= {x.relative_to(site) for x in site.rglob("*.html")}


def test_no_picture_or_page_is_missing(site):
    for page in sorted(set(site.rglob("*.html")) - set(site.glob("_static/**/*.html"))):
        for target in re.findall(r'(?:src|href)="([^":#?]+)(?:[#?][^"]*)?"', page.read_text(encoding="utf-8")):
            if not target.startswith("//"):
                assert (page.parent / target).exists(), f"{page.relative_to(site)}: {target}"


def test_the_public_functions_are_in_the_reference(site):
    text = (site / "api.html").read_text(encoding="utf-8")
    for name in ("results.opened.open_study", "similarity.compare", "similarity.linear.pwcca"):
        assert f'id="prunesim.{name}"' in text


def test_pages_are_called_by_their_titles(site):
    text = (site / "methods.html").read_text(encoding="utf-8")
    assert "<span>Pruning filters</span></a>" in text
    assert ".md<" not in text


@pytest.mark.parametrize("name", PAGES)
def test_links_outside_the_site_lead_somewhere(name):
    page = REPOSITORY / name
    targets = [target for target in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in target]
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []
