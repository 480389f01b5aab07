import pytest
from pipeline.pipeline_runs import REPOSITORY, copy_source, run


@pytest.fixture(scope="session")
def overlay():
    return (REPOSITORY / "tests/widths/widths.yaml").read_text()


@pytest.fixture(scope="session")
def wide(made_once, overlay):
    """Return a clone in which the tiny study has run at two widths; no test may change it."""
    return made_once("widths", lambda clone: run(copy_source(REPOSITORY, clone), config=[overlay]))
