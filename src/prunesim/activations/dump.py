"""Dumping what the hidden layers of a network answer to a fixed set of images."""

import contextlib
from pathlib import Path

import numpy as np
import torch

from prunesim.activations.sampling import choose_images, choose_positions, position_cap
from prunesim.datasets.converted import load_description, load_images
from prunesim.errors import PrunesimError
from prunesim.networks.batches import dumping_batch
from prunesim.networks.build import activation_kind, build_network, output_name, trace
from prunesim.networks.narrowing import narrow
from prunesim.networks.state import load_arrays
from prunesim.storage.arrays import load_tensors
from prunesim.storage.files import atomic_path, sha256_file, write_json
from prunesim.study.seeds import derive_seed
from prunesim.training.data import normaliser, to_tensor
from prunesim.training.device import choose_device, make_exact


def dump_activations(settings, dataset, weights, output, log=print):
    """Write the activations of every ReLU, pooling and linear layer.

    Parameters
    ----------
    settings : dict
        ``seed``, ``network``, ``training`` (device, threads, ...), ``activations`` and ``layers`` (the layers to
        expect, in order).
    dataset : path-like
        Folder of the converted data set; the test images are used, without augmentation.
    weights : path-like
        The network.
    output : path-like
        Folder for ``<layer>.npy`` (samples x neurons, float32; rows are image-major), ``<layer>.pooled.npy``
        (images x channels, the spatial mean) and ``activations.json``.

    Returns
    -------
    dict
        ``device``, for the record of the job.

    Raises
    ------
    PrunesimError
        If the network has other layers than expected, or an activation is not finite.
    """
    training = settings["training"]
    device = choose_device(training["device"])
    make_exact(training["threads"], training["deterministic"])
    description = load_description(dataset)
    height, width, channels = description["shape"]
    shape = (channels, height, width)
    network = build_network(settings["network"], shape, len(description["classes"]), seed=0)
    arrays, about = load_tensors(weights)
    layers, _ = trace(network, shape)
    _check_layers([layer["name"] for layer in layers], settings["layers"])
    full = layers
    if about.get("narrower"):
        narrow(network, arrays, shape, weights)
        layers, _ = trace(network, shape)
        _check_places(layers, full, weights)
    load_arrays(network, arrays, weights)
    network.to(device).eval()

    images, _ = load_images(dataset, "test")
    chosen = choose_images(len(images), settings["activations"]["images"], settings["seed"])
    # As of the network in full size: all are sampled at the same positions.
    cap = position_cap(full, len(chosen), settings["activations"]["megabytes"])
    positions = {
        layer["name"]: choose_positions(
            layer, len(chosen), cap, derive_seed(settings["seed"], "positions", layer["name"])
        )
        for layer in layers
    }
    log(f"{len(chosen)} of {len(images)} test images, {len(layers)} layers, at most {cap} positions an image and layer")
    batches = to_tensor(images[chosen], device).split(dumping_batch(shape, [layer["shape"] for layer in layers]))
    normalise = normaliser(description["mean"], description["std"], training, device)
    index = _write(network, map(normalise, batches), layers, positions, Path(output), weights)
    write_json(
        Path(output) / "activations.json",
        {"images": chosen.tolist(), "positions_cap": cap, "layers": index, "device": str(device)},
    )
    return {"device": str(device)}


def _check_layers(found, expected):
    if found != list(expected):
        raise PrunesimError(
            f"network.layers: the network has the layers {', '.join(found)}, but the config lists "
            f"{', '.join(expected)}; `prunesim layers` prints them as they belong there."
        )


def _check_places(found, full, weights):
    """Refuse a narrower network whose layers are of another size than those that they are compared with."""
    for layer, other in zip(found, full, strict=True):
        if layer["name"] != other["name"] or layer["shape"][1:] != other["shape"][1:]:
            raise PrunesimError(
                f"{weights}: layer {layer['name']} has maps of {layer['shape'][1:]}, but {other['name']} of the "
                f"network of the config has {other['shape'][1:]}; only channels may differ."
            )


@contextlib.contextmanager
def _recording(network):
    """Collect the outputs of the hooked modules of each forward pass, copied before an in-place ReLU overwrites."""
    outputs, handles = {}, []

    def hook_for(name):
        def hook(module, inputs, output):
            call = 1
            while output_name(name, call) in outputs:
                call += 1
            outputs[output_name(name, call)] = output.detach().clone()

        return hook

    for name, module in network.named_modules():
        if activation_kind(module):
            handles.append(module.register_forward_hook(hook_for(name)))
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def _write(network, batches, layers, positions, output, weights):
    """Run the images through the network, write all layers and return what is in which file."""
    index = {}
    with contextlib.ExitStack() as stack:
        files = {}
        for layer in layers:
            name, (channels, *_) = layer["name"], layer["shape"]
            images, count = positions[name].shape
            shapes = {f"{name}.npy": (images * count, channels), f"{name}.pooled.npy": (images, channels)}
            for file, shape in shapes.items():
                temporary = stack.enter_context(atomic_path(output / file))
                files[file] = stack.enter_context(_npy_writer(temporary, shape))
            index[name] = {"kind": layer["kind"], "shape": layer["shape"], "positions": count, "images": images}
        start = 0
        with _recording(network) as outputs, torch.no_grad():
            for batch in batches:
                outputs.clear()
                network(batch)
                for layer in layers:
                    name = layer["name"]
                    maps = outputs[name].flatten(2) if len(layer["shape"]) > 1 else outputs[name][:, :, None]
                    maps = maps.float().cpu().numpy().transpose(0, 2, 1)
                    if not np.isfinite(maps).all():
                        raise PrunesimError(f"{weights}: the activations of layer {name!r} are not all finite numbers.")
                    rows = positions[name][start : start + len(batch)]
                    sampled = np.take_along_axis(maps, rows[:, :, None], axis=1)
                    files[f"{name}.npy"](sampled.reshape(-1, maps.shape[2]))
                    files[f"{name}.pooled.npy"](maps.mean(axis=1, dtype=np.float64))
                start += len(batch)
    for name, entry in index.items():
        entry["sha256"] = {file: sha256_file(output / file) for file in (f"{name}.npy", f"{name}.pooled.npy")}
    return index


@contextlib.contextmanager
def _npy_writer(path, shape):
    """Yield a function that appends float32 rows to a ``.npy`` file of a known shape."""
    with open(path, "wb") as file:
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype("float32")), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        yield lambda rows: file.write(np.ascontiguousarray(rows, np.float32).tobytes())
