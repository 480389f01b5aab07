"""Dumping what the hidden layers of a network answer to a fixed set of images."""

import contextlib
from pathlib import Path

import numpy as np
import torch

from prunesim.activations.sampling import choose_images, choose_positions, position_cap
from prunesim.datasets.converted import load_description, load_images
from prunesim.errors import PrunesimError
from prunesim.networks import layouts, tracing
from prunesim.networks.answering import answers
from prunesim.networks.batches import dumping_batch, evaluation_batch
from prunesim.networks.build import build_network
from prunesim.networks.describe import outputs_of, trace
from prunesim.networks.narrowing import narrow
from prunesim.networks.spec import dumped_layers
from prunesim.networks.state import load_arrays
from prunesim.storage.arrays import PREDICTIONS, load_tensors, save_array
from prunesim.storage.files import atomic_path, sha256_file, write_json
from prunesim.study.seeds import derive_seed
from prunesim.training.data import normaliser, to_tensor
from prunesim.training.device import autocast, choose_device, make_exact
from prunesim.training.streaming import place_images


def dump_activations(settings, dataset, weights, output, log=print):
    """Write the activations of some layers of a network.

    Parameters
    ----------
    settings : dict
        ``seed``, ``network``, ``training`` (device, threads, ..., and precision where it is not float32),
        ``activations`` and ``layers`` (the names of the
        layers, in the order of the forward pass). Optional are ``outputs`` (the names that layers of other names have
        in the network), ``layouts`` (see `prunesim.networks.spec.dumped_layers`) and ``pooled`` (write spatial means
        only).
    dataset : path-like
        Folder of the converted data set; the test images are used, without augmentation.
    weights : path-like
        The network.
    output : path-like
        Folder for ``<layer>.npy`` (samples x neurons, float32; rows are image-major), ``<layer>.pooled.npy``
        (images x channels, the spatial mean), ``predictions.npy`` (logits of all test images, float32, images x
        classes) and ``activations.json``.

    Returns
    -------
    dict
        ``device``, for the record of the job.

    Raises
    ------
    PrunesimError
        If the network lacks one of the layers, it cannot be told where its neurons are, or an activation is not
        finite.
    """
    training = settings["training"]
    device = choose_device(training["device"])
    make_exact(training["threads"], training["deterministic"])
    description = load_description(dataset)
    height, width, channels = description["shape"]
    shape = (channels, height, width)
    network = build_network(settings["network"], shape, len(description["classes"]), seed=0)
    arrays, about = load_tensors(weights)
    layers = full = _layers(network, shape, settings)
    if about.get("narrower"):
        narrow(network, arrays, shape, weights)
        layers = _layers(network, shape, settings)
        _check_places(layers, full, weights)
    load_arrays(network, arrays, weights)
    outputs, _ = trace(network, shape, settings["network"]["name"])
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
    pooled = settings.get("pooled", False)
    index = _write(network, map(normalise, batches), layers, positions, Path(output), weights, pooled)
    batch = evaluation_batch(shape, [layer["shape"] for layer in outputs])
    predictions = _predict(network, place_images(images, device), normalise, training, batch, Path(output), weights)
    write_json(
        Path(output) / "activations.json",
        {
            "images": chosen.tolist(),
            "positions_cap": cap,
            "layers": index,
            "predictions": predictions,
            "device": str(device),
        },
    )
    return {"device": str(device)}


def _predict(network, images, normalise, training, batch, output, weights):
    """Write the answers to all images, computed to the bit as when the network was evaluated after its training."""
    precision = training.get("precision", "float32")
    make_exact(training["threads"], training["deterministic"], precision)
    if training["channels_last"]:
        network.to(memory_format=torch.channels_last)
    context = autocast(images.device, precision)
    logits = torch.cat([found.cpu() for _, found in answers(network, images, normalise, context, batch)]).numpy()
    if not np.isfinite(logits).all():
        raise PrunesimError(f"{weights}: the answers are not all finite numbers.")
    save_array(output / PREDICTIONS, logits)
    return {"images": len(logits), "classes": logits.shape[1], "sha256": sha256_file(output / PREDICTIONS)}


def _layers(network, shape, settings):
    """Return the layers to dump, in the order of the forward pass."""
    name = settings["network"]["name"]
    if not settings["layers"]:
        raise PrunesimError(
            f"network.layers: no layer of network {name} is to be dumped; `prunesim layers` prints them."
        )
    wanted = [
        {"name": layer, "output": settings.get("outputs", {}).get(layer, layer), "kind": None}
        for layer in settings["layers"]
    ]
    found = dumped_layers(outputs_of(network, shape, name), wanted, settings.get("layouts", {}), name)
    if [layer["name"] for layer in found] != settings["layers"]:
        raise PrunesimError(
            f"network.layers: the network runs its layers in the order {', '.join(layer['name'] for layer in found)}, "
            f"but the config lists {', '.join(settings['layers'])}; `prunesim layers` prints them as they belong there."
        )
    return found


def _check_places(found, full, weights):
    """Refuse a narrower network whose layers are of another size than those that they are compared with."""
    for layer, other in zip(found, full, strict=True):
        if layer["name"] != other["name"] or layer["shape"][1:] != other["shape"][1:]:
            raise PrunesimError(
                f"{weights}: layer {layer['name']} has maps of {layer['shape'][1:]}, but {other['name']} of the "
                f"network of the config has {other['shape'][1:]}; only channels may differ."
            )


def _outputs(network, batch, names):
    """Return the outputs of some names, copied before an operation in place overwrites them."""
    outputs = {}

    def note(name, kind, tensor, layout):
        if name in names:
            outputs[name] = tensor.detach().clone()

    tracing.run(network, batch, note)
    return outputs


def _write(network, batches, layers, positions, output, weights, pooled):
    """Run the images through the network, write all layers (or `pooled` alone) and return what is in which file."""
    index = {}
    with contextlib.ExitStack() as stack:
        files = {}
        for layer in layers:
            name, (channels, *_) = layer["name"], layer["shape"]
            images, count = positions[name].shape
            shapes = {f"{name}.npy": (images * count, channels), f"{name}.pooled.npy": (images, channels)}
            if pooled:
                del shapes[f"{name}.npy"]
            for file, shape in shapes.items():
                temporary = stack.enter_context(atomic_path(output / file))
                files[file] = stack.enter_context(_npy_writer(temporary, shape))
            index[name] = {"kind": layer["kind"], "shape": layer["shape"], "positions": count, "images": images}
            if not layer["layout"].startswith("N x C"):
                index[name]["layout"] = layer["layout"]
        start = 0
        with torch.no_grad():
            for batch in batches:
                outputs = _outputs(network, batch, {layer["output"] for layer in layers})
                for layer in layers:
                    name = layer["name"]
                    maps = layouts.as_samples(outputs[layer["output"]].float().cpu().numpy(), layer["axes"])
                    if not np.isfinite(maps).all():
                        raise PrunesimError(f"{weights}: the activations of layer {name!r} are not all finite numbers.")
                    if not pooled:
                        rows = positions[name][start : start + len(batch)]
                        everywhere = rows.shape[1] == maps.shape[1]
                        sampled = maps if everywhere else np.take_along_axis(maps, rows[:, :, None], axis=1)
                        files[f"{name}.npy"](sampled.reshape(-1, maps.shape[2]))
                    files[f"{name}.pooled.npy"](maps.mean(axis=1, dtype=np.float64))
                start += len(batch)
    for name, entry in index.items():
        written = [file for file in (f"{name}.npy", f"{name}.pooled.npy") if file in files]
        entry["sha256"] = {file: sha256_file(output / file) for file in written}
    return index


@contextlib.contextmanager
def _npy_writer(path, shape):
    """Yield a function that appends float32 rows to a ``.npy`` file of a known shape."""
    with open(path, "wb") as file:
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype("float32")), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        yield lambda rows: file.write(np.ascontiguousarray(rows, np.float32).data)
