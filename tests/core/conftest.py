import core_study
import pytest


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    """A folder with a converted data set; nobody changes it."""
    return core_study.write_dataset(tmp_path_factory.mktemp("stripes"))
