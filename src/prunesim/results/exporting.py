"""One network of a study as a file that is read without prunesim, with a card that says what it is."""

import platform
from pathlib import Path

import torch
from safetensors.torch import save

from prunesim.errors import PrunesimError
from prunesim.storage.files import atomic_path, write_text

FORMATS = {".safetensors": "weights, as a safetensors file", ".pt2": "a torch.export program"}


def export_network(study, path, *, replicate=0, method="dense", round=0):
    """Write one network of a study, and beside it ``<file>.md``, its model card.

    Parameters
    ----------
    study : prunesim.results.opened.Study
    path : path-like
        ``.safetensors`` for its parameters and buffers under the names of its state dict, or ``.pt2`` for a program of
        `torch.export` that takes any number of images.
    replicate : int
    method : str
    round : int

    Returns
    -------
    list of pathlib.Path
        What was written.

    Raises
    ------
    PrunesimError
        If the study has no such network, the ending is another one, or a file cannot be written.
    """
    path = output_file(path)
    network = study.network(replicate=replicate, method=method, round=round)
    metrics = study.metrics(replicate=replicate, method=method, round=round)
    description = study.description()
    return write_network(path, network, description["shape"], model_card(path, study.name, metrics, description))


def output_file(path):
    """Return the path of a network to write, refused if it ends in another way than those of `FORMATS`."""
    path = Path(path)
    if path.suffix not in FORMATS:
        raise PrunesimError(
            f"{path} ends in {path.suffix or 'nothing'}; it must end in "
            f"{' or '.join(f'{ending} ({what})' for ending, what in FORMATS.items())}."
        )
    return path


def write_network(path, network, shape, card):
    """Write a network, and beside it its model card; return the paths of both.

    Parameters
    ----------
    path : pathlib.Path
        From `output_file`.
    network : torch.nn.Module
    shape : sequence of int
        Height, width and channels of an image.
    card : str
    """
    with atomic_path(path) as temporary:
        if path.suffix == ".safetensors":
            # Copies: tied weights share memory, which the format refuses.
            state = {name: tensor.detach().clone().contiguous() for name, tensor in network.state_dict().items()}
            temporary.write_bytes(save(state, {"format": "pt"}))
        else:
            height, width, channels = shape
            with open(temporary, "wb") as file:
                torch.export.save(_program(network, (channels, height, width)), file)
    beside = path.with_name(f"{path.name}.md")
    write_text(beside, card)
    return [path, beside]


def _program(network, shape):
    # Two images: a size of 1 would be taken for a constant.
    images = torch.zeros(2, *shape)
    try:
        return torch.export.export(network, (images,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
    except (RuntimeError, ValueError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise PrunesimError(
            f"torch.export cannot export this network ({reason}); export its weights as .safetensors."
        ) from error


def model_card(path, study, metrics, description, remarks=()):
    """Return the model card of an exported network, Markdown.

    Parameters
    ----------
    path : pathlib.Path
        The exported file.
    study : str
    metrics, description : dict
        The content of ``metrics.json`` and ``dataset.json``.
    remarks : iterable of str
        Lines more, Markdown.
    """
    height, width, channels = description["shape"]
    settings = metrics["settings"]
    weights = sum(layer["weights"] for layer in metrics["layers"] if layer["pruned"])
    remaining = sum(layer["remaining_weights"] for layer in metrics["layers"] if layer["pruned"])
    pruned = (
        f"round {metrics['round']} of `{metrics['method']}`, {remaining:,} of {weights:,} prunable weights left "
        f"({100 * remaining / weights:.3g} %)"
        if weights
        else "not pruned"
    )
    numbers = {
        "Test accuracy": f"{metrics['test_accuracy']:.4f} on {metrics['test_images']:,} images",
        "Test loss": f"{metrics['test_loss']:.4f}",
        "Parameters": f"{metrics['parameters']:,}, of which {metrics['nonzero_parameters']:,} are not zero",
        "Multiply-adds an image": f"{metrics['macs']:,}, those with pruned weights not counted",
    }
    load = (
        "from safetensors.torch import load_file\n\n"
        f'network.load_state_dict(load_file("{path.name}"))  # `network`: your own module of the same structure\n'
        "network.eval()"
        if path.suffix == ".safetensors"
        else f'import torch\n\nnetwork = torch.export.load("{path.name}").module()'
    )
    lines = [
        f"# {path.name}",
        "",
        f"A convolutional network of the study `{study}`, replicate {metrics['replicate']}, {pruned}.",
        "",
        *(f"- **{name}**: {text}" for name, text in numbers.items()),
        f"- **Network**: `{settings['network']['name']}`"
        + (f", width {settings['network']['width']}" if "width" in settings["network"] else ""),
        f"- **Data set**: {description['name']}, {description['counts']['train']:,} training images, classes "
        f"{', '.join(description['classes'])}",
        f"- **Made with**: prunesim, PyTorch {torch.__version__}, Python {platform.python_version()} (of the export)",
        *remarks,
        "",
        "## Use",
        "",
        "```python",
        load,
        "```",
        "",
        f"It takes float32 images, N x {channels} x {height} x {width}: values of 0 to 1, less the mean "
        f"{_numbers(description['mean'])} and divided by the standard deviation {_numbers(description['std'])} of each "
        f"channel. It answers with N x {len(description['classes'])} logits.",
        "",
        "## Training",
        "",
        *(f"- {key}: {value}" for key, value in settings["training"].items() if value is not None),
        f"- seed of the study: {settings['seed']}",
        "",
    ]
    return "\n".join(lines)


def _numbers(values):
    return f"({', '.join(repr(value) for value in values)})"
