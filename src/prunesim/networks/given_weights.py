"""Weights that a user brings: read without running code, and brought to the names of a network.

Artifacts of the pipeline are read by `prunesim.storage.arrays`, which may say that a damaged one be deleted. A user's
own file never is.
"""

import pickle
import re
import stat
import zipfile
from pathlib import Path

import torch

from prunesim.errors import PrunesimError

# What training scripts put a state dict into, the likeliest first.
WRAPPERS = ("state_dict", "model_state_dict", "model", "network", "net", "weights")
# What wrappers of modules put before every name.
PREFIXES = ("module.", "_orig_mod.", "model.", "network.", "net.")
SHOWN = 3
SAVE = "torch.save(model.state_dict(), path)"


def read_given(path):
    """Return the named tensors of a ``.safetensors``, ``.pth`` or ``.pt`` file, on the CPU.

    A state dict within a checkpoint (under ``state_dict``, ``model``, ...) is taken out of it.

    Raises
    ------
    PrunesimError
        If the file is missing, is something else, or would need to run code; the sentence says how to convert it.
    """
    path = Path(path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise PrunesimError(f"{path} is no regular file; give a .safetensors file or one of {SAVE}.")
    except FileNotFoundError as error:
        raise PrunesimError(f"{path} does not exist.") from error
    except OSError as error:
        raise PrunesimError(f"{path} could not be read: {error.strerror or error}.") from error
    content = _safetensors(path) if path.suffix == ".safetensors" else _unpickled(path)
    return _state_dict(path, content)


def _safetensors(path):
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise PrunesimError(f"{path} is not a readable safetensors file ({error}); save it again.") from error


def _unpickled(path):
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        if any(name.endswith("/constants.pkl") for name in names):
            raise PrunesimError(f"{path} is a TorchScript program; save the weights alone: {SAVE}.")
        if any("archive_format" in name or "serialized_exported_program" in name for name in names):
            raise PrunesimError(
                f"{path} is a torch.export program; save its weights alone: "
                "torch.save(torch.export.load(path).state_dict, new_path)."
            )
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = f" ({found.group(1)})" if found else ""
        raise PrunesimError(
            f"{path} holds Python objects{what}, such as a whole module, and is not opened because it could run code; "
            f"where you trust it, save the weights alone: model = torch.load(path, weights_only=False), {SAVE}."
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise PrunesimError(f"{path} is not a readable file of torch.save; it is damaged or something else.") from error


def _is_state(value):
    return isinstance(value, dict) and bool(value) and all(isinstance(item, torch.Tensor) for item in value.values())


def _state_dict(path, content):
    if _is_state(content):
        return content
    if not isinstance(content, dict):
        raise PrunesimError(f"{path} holds {type(content).__name__}, not a state dict; save it as {SAVE}.")
    inside = [key for key, value in content.items() if _is_state(value)]
    known = [key for key in WRAPPERS if key in inside] or (inside if len(inside) == 1 else [])
    if not known:
        held = ", ".join(map(str, list(content)[:SHOWN])) or "nothing"
        raise PrunesimError(f"{path} holds {held}, among which no state dict stands out; save it as {SAVE}.")
    return content[known[0]]


def fit_given(given, network, path, smaller=False):
    """Return given tensors under the names and in the types of a network.

    Prefixes that wrappers leave (``module.``) are taken off, and what `torch.nn.utils.prune` saves (``weight_orig``,
    ``weight_mask``) becomes the weight that it stands for.

    Parameters
    ----------
    given : dict of str to torch.Tensor
        From `read_given`.
    network : torch.nn.Module
    path : path-like
        For messages.
    smaller : bool
        Accept tensors that are smaller than those of the network, as structured pruning leaves them.

    Returns
    -------
    arrays : dict of str to numpy.ndarray
    masks : dict of str to numpy.ndarray
        uint8, of the tensors that came with a mask.

    Raises
    ------
    PrunesimError
        One sentence that lists the first names that are missing, unexpected or of another shape.
    """
    state = network.state_dict()
    given, masks = _joined(_without_prefix(given, state), path)
    for name in state:
        # Checkpoints of old versions lack it; it only counts.
        if name.endswith("num_batches_tracked") and name not in given:
            given[name] = state[name]
    missing = [name for name in state if name not in given]
    unexpected = [name for name in given if name not in state]
    other = [name for name in state if name in given and not _fits(given[name].shape, state[name].shape, smaller)]
    if not missing and not unexpected:
        _check_classes(given, state, other, path)
    parts = [
        f"it lacks {_listed(missing)}" if missing else "",
        f"it has {_listed(unexpected)}, which the network has not" if unexpected else "",
        f"of another shape {'is' if len(other) == 1 else 'are'} "
        + _listed([f"{name} ({_by(given[name])}, the network has {_by(state[name])})" for name in other])
        if other
        else "",
    ]
    if any(parts):
        raise PrunesimError(f"{path} is of another network: {'; '.join(filter(None, parts))}.")
    arrays = {name: given[name].detach().to(state[name].dtype).contiguous().numpy().copy() for name in state}
    for name, tensor in given.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise PrunesimError(f"{path}: {name} is not all finite numbers.")
    return arrays, {name: mask.numpy().astype("uint8") for name, mask in masks.items()}


def _fits(found, wanted, smaller):
    if not smaller:
        return found == wanted
    return len(found) == len(wanted) and all(0 < a <= b for a, b in zip(found, wanted, strict=True))


def _without_prefix(given, state):
    while True:
        known = any(name.removesuffix("_orig") in state for name in given)
        prefix = next((prefix for prefix in PREFIXES if all(name.startswith(prefix) for name in given)), None)
        if known or prefix is None:
            return dict(given)
        given = {name.removeprefix(prefix): tensor for name, tensor in given.items()}


def _joined(given, path):
    """Return the tensors with those of `torch.nn.utils.prune` put together, and its masks."""
    joined, masks = dict(given), {}
    for name in given:
        base = name.removesuffix("_orig")
        if base == name or f"{base}_mask" not in given:
            continue
        original, mask = joined.pop(name), joined.pop(f"{base}_mask")
        if mask.shape != original.shape or not ((mask == 0) | (mask == 1)).all():
            raise PrunesimError(f"{path}: {base}_mask is no mask of {name}; it must have its shape and hold 0 and 1.")
        joined[base] = torch.where(mask == 1, original, torch.zeros_like(original))
        masks[base] = mask
    return joined, masks


def _check_classes(given, state, other, path):
    """Refuse a network for another number of classes in words of its own."""
    last = [name for name in state if state[name].dim() == 2]
    if not last or given[last[-1]].dim() != 2:
        return
    name = last[-1]
    found, wanted = given[name].shape[0], state[name].shape[0]
    bias = name.removesuffix("weight") + "bias"
    if found != wanted and set(other) <= {name, bias}:
        raise PrunesimError(
            f"{path} was made for {found} classes, but the data set has {wanted}: {name} is {_by(given[name])}; put a "
            f"layer of {wanted} outputs there and train it before saving the weights."
        )


def _by(tensor):
    return " x ".join(map(str, tensor.shape)) or "a number"


def _listed(words):
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return ", ".join(words[:SHOWN]) + more
