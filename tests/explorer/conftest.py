"""Studies whose pages are opened, and the browser that opens them."""

from pathlib import Path

import chromium
import explorer_study
import pytest

from prunesim.explorer.page import write_explorer


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Return a Chromium that has not been looked at otherwise than as a window of 1,400 pixels."""
    yield from chromium.opened(tmp_path_factory.mktemp("browser"))


@pytest.fixture
def window(browser):
    """Return the browser as a window of 1,400 pixels; the test fails if a page complains or asks for another file."""
    browser.look()
    browser.errors.clear()
    browser.requests.clear()
    yield browser
    assert browser.errors == []
    assert {address.partition(":")[0] for address in browser.requests} <= {"file", "blob", "about"}
    assert {Path(address).suffix.partition("#")[0] for address in browser.requests if "file:" in address} <= {".html"}


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("studies")


@pytest.fixture(scope="session")
def study(folder):
    """Return a study of three replicates and two methods."""
    return explorer_study.write_study(folder / "small", measures=("cca_mean", "svcca", "procrustes_distance"))


@pytest.fixture(scope="session")
def page(study, folder):
    write_explorer([study], folder / "small.html")
    return folder / "small.html"


@pytest.fixture(scope="session")
def large(folder):
    """Return the study and the page of 3 replicates, 20 rounds, 12 layers and 12 measures."""
    study = explorer_study.large_study(folder / "large")
    write_explorer([study], folder / "large.html")
    return study, folder / "large.html"
