import os

import core_study
import pytest
import torch


@pytest.fixture(autouse=True)
def torch_as_it_was():
    """Undo what `make_exact` sets for the whole process, in fixtures of a session too."""
    torch.set_deterministic_debug_mode("default")
    mode, threads = torch.get_deterministic_debug_mode(), torch.get_num_threads()
    variable = os.environ.get("CUBLAS_WORKSPACE_CONFIG")
    yield
    torch.set_deterministic_debug_mode(mode)
    torch.set_num_threads(threads)
    if variable is None:
        os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    """A folder with a converted data set; nobody changes it."""
    return core_study.write_dataset(tmp_path_factory.mktemp("stripes"))
