import pytest
from odd_study import prepare
from pipeline.pipeline_runs import run


@pytest.fixture(scope="session")
def odd(made_once):
    """Return a clone in which a study with odd names has run. It is made once, and no test may change it."""

    def make(clone):
        prepare(clone)
        run(clone, base="odd.yaml")

    return made_once("odd", make)
