import os

import pytest
import torch


@pytest.fixture(autouse=True)
def torch_as_it_was():
    """Undo what `make_exact` sets for the whole process."""
    mode, threads = torch.get_deterministic_debug_mode(), torch.get_num_threads()
    variable = os.environ.get("CUBLAS_WORKSPACE_CONFIG")
    switches = [torch.backends.cuda.matmul, torch.backends.cudnn.conv, torch.backends.cudnn.rnn]
    precisions = [switch.fp32_precision for switch in switches]
    yield
    torch.set_deterministic_debug_mode(mode)
    torch.set_num_threads(threads)
    for switch, precision in zip(switches, precisions, strict=True):
        switch.fp32_precision = precision
    if variable is None:
        os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)


@pytest.fixture
def machine(monkeypatch):
    """Return a function that pretends a machine: its CUDA devices by compute capability, and whether it has MPS."""

    def pretend(cuda=(), mps=False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(cuda))
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(cuda))
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: cuda[device.index or 0])
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return pretend
