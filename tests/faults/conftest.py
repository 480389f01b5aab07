import shutil

import pytest
from fault_runs import make_undisturbed
from pipeline.pipeline_runs import REPOSITORY, copy_all, copy_source


@pytest.fixture(scope="session")
def undisturbed(made_once):
    """Return a clone in which the small study has run undisturbed. It is made once, and no test may change it."""
    return made_once("undisturbed", make_undisturbed)


@pytest.fixture
def fresh(tmp_path):
    """Return a clone in which nothing has run."""
    yield copy_source(REPOSITORY, tmp_path / "fresh")
    shutil.rmtree(tmp_path)


@pytest.fixture
def copy(undisturbed, tmp_path):
    """Return a copy of the undisturbed clone."""
    yield copy_all(undisturbed, tmp_path / "copy")
    shutil.rmtree(tmp_path)
