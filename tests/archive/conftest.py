import shutil

import pytest
from archive_runs import prunesim
from pipeline.pipeline_runs import REPOSITORY, copy_all, copy_source

CONTENTS = ("all", "results", "figures")


@pytest.fixture(scope="session")
def archives(finished, made_once):
    """Return a folder with an archive of the finished study for each kind of contents; no test may change it."""

    def make(folder):
        folder.mkdir()
        for contents in CONTENTS:
            prunesim(
                finished,
                *("archive", "results/tiny", "--configfile", "tests/pipeline/tiny.yaml"),
                *("--contents", contents, "--output", folder / f"{contents}.tar.gz"),
            )

    return made_once("archives", make)


@pytest.fixture
def fresh(tmp_path):
    """Return a fresh clone, in which nothing has run."""
    yield copy_source(REPOSITORY, tmp_path / "fresh clone")
    shutil.rmtree(tmp_path)


@pytest.fixture
def clone(finished, tmp_path):
    """Return a copy of the finished clone, in another place, for one test."""
    yield copy_all(finished, tmp_path / "moved")
    shutil.rmtree(tmp_path)
