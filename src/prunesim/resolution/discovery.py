"""The layers of a study's network, found by running it once and kept in a file. Without PyTorch here.

The workflow and ``prunesim plan`` need the names of layers before any job runs. For built-in networks they are known;
any other is built and run once by a process of its own (``prunesim layers --output``), in the Python that runs
Snakemake if it has PyTorch, else in the conda environment of the jobs that do. What it finds lies in
``results/.layers``, under a name made of all that it depends on, so that jobs, which read the workflow again, find it.
"""

import contextlib
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from prunesim.datasets import listing
from prunesim.datasets.known import PUBLISHED
from prunesim.datasets.settings import dataset_id
from prunesim.errors import PrunesimError
from prunesim.networks.builtin import NETWORKS
from prunesim.networks.sources import network_files
from prunesim.networks.spec import made_of, own_file
from prunesim.storage.files import read_json
from prunesim.study.config import load_yaml

FOLDER = ".layers"
PACKAGE = Path(__file__).resolve().parents[1]


def find_layers(config, root, given=None, conda=None, folder="."):
    """Return what the network of a study consists of.

    Parameters
    ----------
    config : dict
        From `prunesim.study.config.check_config`.
    root : path-like
        The folder that holds ``workflow`` and ``envs``.
    given : dict, optional
        What is known of the images, where they are not there yet: ``shape`` (channels, height, width), ``classes``.
    conda : path-like, optional
        The folder of conda environments, where jobs run in such.
    folder : path-like
        The folder that holds ``results``, and from which relative paths of the config are looked for.

    Returns
    -------
    dict or None
        See `prunesim.networks.describe.describe`. None for a built-in network, and for one whose layers the config
        lists and that cannot be run here: its file or its images are missing, or there is no PyTorch.

    Raises
    ------
    PrunesimError
        If the network does not work, or nothing tells its layers.
    """
    network = config["network"]
    if network["name"] in NETWORKS:
        return None
    settings = made_of(network)
    listed = network["layers"] is not None
    file = own_file(network["name"])
    if file and not (Path(folder) / file).is_file():
        if listed:
            return None
        raise PrunesimError(f"network.name: the file {file!r} does not exist; give path/to/file.py:function.")
    size = _image_size(config["dataset"], Path(folder), given or {}, listed)
    if size is None:
        return None
    shape, classes = size
    folder, here = Path(folder), importlib.util.find_spec("torch") is not None
    places = folder / "results" / FOLDER
    stem = f"{_word(network['name'])}-{_key(settings, shape, classes, folder)[:16]}"
    path = places / f"{stem}-{_software(root, here)[:8]}.json"
    # Where nothing can be run, what another version of PyTorch found is as good.
    known = [path] if here or conda is not None else sorted(places.glob(f"{stem}-*.json"))
    for file in known:
        if file.is_file():
            with contextlib.suppress(PrunesimError):  # a damaged one is made again
                return read_json(file)
    if not here and conda is None:
        if listed:
            return None
        raise PrunesimError(
            "network.layers: PyTorch, which finds the layers of a network, is not installed where Snakemake runs; run "
            "pip install -r requirements.txt, or snakemake --use-conda."
        )
    words = ["layers", "--shape", *map(str, shape), "--classes", str(classes), "--width", str(settings["width"])]
    words += ["--arguments", json.dumps(settings["arguments"])]
    words += [*(["--small-images"] if settings.get("small_images") else []), "--output", str(path.absolute())]
    (_run_here if here else _run_in_conda)([*words, "--", settings["name"]], Path(root), folder, conda)
    return read_json(path)


def _word(name):
    """Return a network's name as a part of a file name that tells a reader what is in it."""
    last = name.replace("\\", "/").rpartition("/")[2].replace(".py:", "-")
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in last)[:40]


def _key(settings, shape, classes, folder):
    """Return a checksum of all that the layers depend on but PyTorch: network, images, and the code that looks."""
    digest = hashlib.sha256(json.dumps([settings, shape, classes], sort_keys=True).encode())
    for file in [*network_files(settings["name"], folder), *sorted(map(str, (PACKAGE / "networks").glob("*.py")))]:
        digest.update(hashlib.sha256((folder / file).read_bytes()).digest())
    return digest.hexdigest()


def _software(root, here):
    """Return a checksum of the versions of PyTorch and torchvision that are used."""
    if here:
        versions = [metadata.version(name) for name in ("torch", "torchvision")]
    else:
        versions = load_yaml(Path(root) / "envs" / "torch.yaml")["dependencies"]
    return hashlib.sha256(json.dumps(versions).encode()).hexdigest()


# --- The images ----------------------------------------------------------------------------------------------------


def _image_size(dataset, folder, given, listed):
    """Return the shape (channels, height, width) and the number of classes, or None where they need not be known."""
    if given.get("shape") and given.get("classes"):
        return tuple(given["shape"]), given["classes"]
    described = folder / "results" / "datasets" / dataset_id(dataset) / "dataset.json"
    source = dataset["source"] or dataset["name"]
    if described.is_file():
        about = read_json(described)
        height, width, channels = about["shape"]
        return (channels, height, width), len(about["classes"])
    if source in PUBLISHED:
        _, _, channels, height, width, classes = PUBLISHED[source]
    else:
        found = _first_image(dataset, folder / dataset["path"])
        if found is None:
            if listed:
                return None
            raise PrunesimError(
                f"network.layers: the layers of {dataset['name']}'s network cannot be found, as dataset.path "
                f"{dataset['path']!r} has no images train/<class>/*; make the folder available, or list the layers."
            )
        (height, width, channels), classes = found
    return (dataset["channels"] or channels, *(dataset["resize"] or (height, width))), classes


def _first_image(dataset, folder):
    """Return height, width and channels of an image of a folder, and how many classes there are."""
    names = sorted(name for name in listing.scan(folder) if name.startswith("train/"))
    if not names:
        return None
    classes = len({name.split("/")[1] for name in names})
    if dataset["channels"] and dataset["resize"]:
        return (0, 0, 0), classes  # neither is asked for
    if importlib.util.find_spec("PIL") is None or importlib.util.find_spec("numpy") is None:
        raise PrunesimError(
            "dataset.resize and dataset.channels must be given, as the Python that runs Snakemake has no pillow to "
            "look at an image with."
        )
    from prunesim.datasets.image_folder import read_image

    image, _ = read_image(folder / names[0], dataset.get("background"))
    return image.shape, classes


# --- Running it ----------------------------------------------------------------------------------------------------


def _run_here(words, root, folder, conda):
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    command = [sys.executable, "-m", "prunesim", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PrunesimError(_sentence(done.stderr))


def _run_in_conda(words, root, folder, conda):
    """Run it as the only job of a workflow of its own, which makes or finds the environment that has PyTorch."""
    with tempfile.TemporaryDirectory() as work:
        call = {"words": words, "folder": str(folder.absolute()), "errors": f"{work}/errors"}
        told = Path(work) / "call.json"
        told.write_text(json.dumps({"call": call}), encoding="utf-8")
        command = [sys.executable, "-m", "snakemake", "--snakefile", root / "workflow" / "layers.smk"]
        command += ["--directory", work, "--configfile", told, "--cores", "1", "--quiet", "all"]
        command += ["--use-conda", "--conda-prefix", Path(conda).absolute(), "--profile", "none"]
        command += ["--workflow-profile", "none", "--nocolor"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            errors = Path(work) / "errors"
            said = errors.read_text(encoding="utf-8", errors="replace") if errors.is_file() else ""
            raise PrunesimError(_sentence(said or done.stdout))


def _sentence(said):
    """Return what a program that failed said of it."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    ours = [line for line in lines if line.startswith("prunesim layers: ")]
    last = ours[-1].removeprefix("prunesim layers: ") if ours else (lines or ["it said nothing"])[-1]
    return last if ours else f"network.layers: finding the layers of the network failed: {last}"
