"""Where and how exactly to compute."""

import os

import torch

from prunesim.errors import PrunesimError


def choose_device(name):
    """Return the torch device for the setting ``device``: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``."""
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if available[kind])
    device = torch.device(name)
    if not available[device.type]:
        raise PrunesimError(
            f"training.device is {name}, but this machine offers {', '.join(k for k, ok in available.items() if ok)}."
        )
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise PrunesimError(
            f"training.device is {name}, but this machine has {torch.cuda.device_count()} CUDA device(s), from cuda:0."
        )
    return device


def make_exact(threads, deterministic):
    """Fix what the bytes of a result depend on: threads within an operation, and nondeterministic kernels."""
    torch.set_num_threads(threads)
    if deterministic:
        # cuBLAS reads this when it starts; without it torch refuses its matrix products in this mode.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        # The same switch as use_deterministic_algorithms, which imports the compiler (1.4 s) to set it there too.
        torch.set_deterministic_debug_mode("error")
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
