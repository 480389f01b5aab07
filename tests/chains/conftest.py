import pytest
import torch
from core.core_study import write_dataset


@pytest.fixture(autouse=True)
def torch_as_it_was():
    """Undo what a session sets for the whole process."""
    threads = torch.get_num_threads()
    yield
    torch.set_deterministic_debug_mode("default")
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    """A folder with a converted data set of 3 classes; nobody changes it."""
    return write_dataset(tmp_path_factory.mktemp("stripes"))
