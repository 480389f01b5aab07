"""Where and how exactly to compute."""

import contextlib
import functools
import os

import torch

from prunesim.errors import PrunesimError

# The first generation with TF32 units, Ampere; older cards would compute in float32 and not say so.
TF32_CAPABILITY = (8, 0)


def choose_device(name, precision="float32"):
    """Return the torch device for the settings ``device`` and ``precision``.

    Parameters
    ----------
    name : str
        ``auto`` (CUDA, then MPS, then the CPU), ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
    precision : str
        See `make_exact`.

    Returns
    -------
    torch.device

    Raises
    ------
    PrunesimError
        If this machine has no such device, or the device has no such precision.
    """
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    chosen = next(kind for kind in ("cuda", "mps", "cpu") if available[kind]) if name == "auto" else name
    device = torch.device(chosen)
    if not available[device.type]:
        raise PrunesimError(
            f"training.device is {name}, but this machine offers {', '.join(k for k, ok in available.items() if ok)}."
        )
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise PrunesimError(
            f"training.device is {name}, but this machine has {torch.cuda.device_count()} CUDA device(s), from cuda:0."
        )
    if precision == "tf32":
        if device.type != "cuda":
            raise PrunesimError(
                f"training.precision is tf32, which only CUDA devices have, but training.device {name} is "
                f"{device.type} on this machine; write float32 or bfloat16."
            )
        if (found := torch.cuda.get_device_capability(device)) < TF32_CAPABILITY:
            raise PrunesimError(
                f"training.precision is tf32, which needs a CUDA device of compute capability 8.0 or newer, but "
                f"{device} has {found[0]}.{found[1]}; write float32 or bfloat16."
            )
    return device


def make_exact(threads, deterministic, precision="float32"):
    """Fix what the bytes of a result depend on, for the whole process.

    Parameters
    ----------
    threads : int
        CPU threads within an operation.
    deterministic : bool
        Refuse operations that do not give the same bytes twice.
    precision : {"float32", "tf32", "bfloat16"}
        Of products on CUDA devices: ``tf32`` rounds the factors of float32 products to 10 bits, otherwise they are
        products of float32. For ``bfloat16`` see `autocast`.
    """
    torch.set_num_threads(threads)
    # PyTorch's own default is TF32 for convolutions and float32 for matrix products. The older switches, allow_tf32,
    # must not be mixed with these.
    products = "tf32" if precision == "tf32" else "ieee"
    torch.backends.cuda.matmul.fp32_precision = products
    torch.backends.cudnn.conv.fp32_precision = products
    torch.backends.cudnn.rnn.fp32_precision = products
    # The same switch as use_deterministic_algorithms, which imports the compiler (1.4 s) to set it there too.
    torch.set_deterministic_debug_mode("error" if deterministic else "default")
    if deterministic:
        # cuBLAS reads this when it starts; without it torch refuses its matrix products in this mode.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        # Otherwise the algorithm that is fastest at the moment is taken.
        torch.backends.cudnn.benchmark = False


def autocast(device, precision):
    """Return a function that makes the context of a forward pass: in bfloat16 where that is the precision."""
    if precision == "bfloat16":
        return functools.partial(torch.autocast, device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext
