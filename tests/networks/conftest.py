import os

import pytest
import torch


@pytest.fixture(autouse=True)
def torch_as_it_was():
    """Undo what the verbs set for the whole process."""
    torch.set_deterministic_debug_mode("default")
    threads, variable = torch.get_num_threads(), os.environ.get("CUBLAS_WORKSPACE_CONFIG")
    yield
    torch.set_deterministic_debug_mode("default")
    torch.set_num_threads(threads)
    if variable is None:
        os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)
