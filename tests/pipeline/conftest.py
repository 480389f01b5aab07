import shutil

import pytest
from pipeline.pipeline_runs import copy_all


@pytest.fixture
def clone(finished, tmp_path):
    """Return a copy of the finished clone, in another place, for one test."""
    yield copy_all(finished, tmp_path / "moved 'here'")
    shutil.rmtree(tmp_path)
