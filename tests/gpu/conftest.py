import pytest
import torch


@pytest.fixture
def machine(monkeypatch):
    """Return a function that pretends a machine: its CUDA devices by compute capability, and whether it has MPS."""

    def pretend(cuda=(), mps=False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(cuda))
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(cuda))
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: cuda[device.index or 0])
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return pretend
