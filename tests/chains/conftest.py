import pytest
from core.core_study import write_dataset


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    """A folder with a converted data set of 3 classes; nobody changes it."""
    return write_dataset(tmp_path_factory.mktemp("stripes"))
