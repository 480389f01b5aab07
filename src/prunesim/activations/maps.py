"""The maps of layers for any images: what units answer at each position. Needs PyTorch."""

from difflib import get_close_matches

import numpy as np

from prunesim.errors import PrunesimError
from prunesim.networks import layouts, tracing
from prunesim.networks.describe import outputs_of
from prunesim.networks.spec import KINDS, chosen, dumped_layers


def layers_with_maps(network, shape, name, words=("conv",)):
    """Return the layers of a network whose units have a map.

    Parameters
    ----------
    network : torch.nn.Module
    shape : tuple of int
        Channels, height and width of the images of its data set.
    name : str
        ``network.name``, for refusals.
    words : sequence of str
        Kinds (``conv``, ``relu``, ...), ``all``, names of layers and patterns of names, as ``activations.layers``.

    Returns
    -------
    list of dict
        See `prunesim.networks.spec.dumped_layers`.

    Raises
    ------
    PrunesimError
        If none of the layers has one, or there is none of a name.
    """
    outputs = outputs_of(network, shape, name)
    known = [output["name"] for output in outputs]
    named = [word for word in words if word not in (*KINDS, "all")]
    for word in named:
        if not chosen([(output["name"], output["kind"]) for output in outputs], [word]):
            near = get_close_matches(word, known, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise PrunesimError(f"Network {name} has no layer {word!r}{hint}; `prunesim layers` prints its layers.")
    layers = dumped_layers([o for o in outputs if _is_map(o["shape"]) or o["name"] in named], list(words), {}, name)
    for layer in layers:
        if not _is_map(layer["shape"]):
            raise PrunesimError(f"Layer {layer['name']} of network {name} has no map, a value at each row and column.")
    if not layers:
        raise PrunesimError(
            f"Network {name} has no layer with a map among {', '.join(words)}; `prunesim layers` prints its layers."
        )
    return layers


def _is_map(shape):
    return shape is not None and len(shape) == 3


def maps_of(network, images, outputs):
    """Return the maps of some outputs.

    The network is run no further than the last of them, so that images may be of another size than those of its data
    set where only later layers, such as a linear one, could not take them.

    Parameters
    ----------
    network : torch.nn.Module
    images : torch.Tensor
        N x C x H x W, normalised.
    outputs : collection of str
        Names of outputs.

    Returns
    -------
    dict of str to numpy.ndarray
        float32, N x units x height x width.

    Raises
    ------
    PrunesimError
        If the images cannot get that far, or an answer is not finite.
    """
    found = {}

    def note(name, kind, tensor, layout):
        if name in outputs:
            found[name] = _as_map(name, tensor, layouts.roles(layout, len(images)))
            if len(found) == len(outputs):
                raise _Enough

    try:
        tracing.run(network, images, note)
    except _Enough:
        pass
    except RuntimeError as error:
        raise _too_far(images, outputs, found, str(error).splitlines()[0]) from error
    if len(found) < len(outputs):
        raise _too_far(images, outputs, found, "it was not run")
    return found


class _Enough(Exception):
    """All outputs have been seen."""


def _as_map(name, tensor, axes):
    sizes = [length for label, length in axes or [] if label == layouts.P]
    if len(sizes) != 2:
        raise PrunesimError(f"Layer {name} has no map for images of this size; leave it out, or take another size.")
    samples = layouts.as_samples(tensor.detach().float().cpu().numpy(), axes)
    if not np.isfinite(samples).all():
        raise PrunesimError(f"The activations of layer {name!r} are not all finite numbers.")
    # Copied, since a later operation may overwrite the tensor in place.
    return np.array(samples.transpose(0, 2, 1), order="C").reshape(len(samples), -1, *sizes)


def _too_far(images, outputs, found, why):
    size = " x ".join(map(str, images.shape[2:]))
    missing = ", ".join(name for name in outputs if name not in found)
    return PrunesimError(f"Images of {size} cannot be taken as far as layer {missing} ({why.rstrip('.')}).")
