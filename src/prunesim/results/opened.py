"""A finished study in the user's own code: tables, masks, activations, images and networks."""

import functools
import html
from pathlib import Path

from prunesim.audit.network_checks import network_folders
from prunesim.datasets.converted import find_dataset, load_description, load_images
from prunesim.errors import PrunesimError
from prunesim.networks.batches import evaluation_batch
from prunesim.networks.spec import own_file
from prunesim.pruning.masks import check_mask
from prunesim.results.answers import load_predictions
from prunesim.results.comparison import load_activations
from prunesim.results.reading import read_whole_table
from prunesim.storage.arrays import load_metadata, load_tensors
from prunesim.storage.files import read_json
from prunesim.study import paths

CENTRAL_FIGURE = "similarity"
SHOWN_ROUNDS = 12


def open_study(folder):
    """Return a finished study, to be worked with in Python.

    Parameters
    ----------
    folder : path-like
        ``results/<study>``.

    Returns
    -------
    Study

    Raises
    ------
    PrunesimError
        If the folder holds no study.

    Examples
    --------
    >>> import prunesim
    >>> study = prunesim.open_study("results/digits")  # doctest: +SKIP
    >>> network = study.network(replicate=0, method="imp", round=10)  # doctest: +SKIP
    >>> images, labels = study.images("test")  # doctest: +SKIP
    >>> (network(images).argmax(1) == labels).double().mean()  # doctest: +SKIP
    """
    return Study(folder)


class Study:
    """A finished study. Its tables are read when they are first asked for, everything else anew at each call.

    Attributes
    ----------
    folder : pathlib.Path
    name : str
    replicates, rounds : list of int
        Round 0 is the dense network.
    methods : list of str
        Without ``dense``.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.name = self.folder.resolve().name
        self._folders = network_folders(self.folder)
        if not self._folders and not (self.folder / "tables").is_dir():
            raise PrunesimError(f"{folder} holds no study; give the folder of one, results/<study>.")
        self.replicates = sorted({replicate for replicate, *_ in self._folders})
        self.methods = sorted({method for _, method, _ in self._folders} - {"dense"})
        self.rounds = sorted({round_ for *_, round_ in self._folders})

    def __repr__(self):
        rounds = f"{len(self.rounds) - 1} rounds of {', '.join(self.methods) or 'nothing'}"
        return f"<Study {self.name}: {len(self.replicates)} replicates, {rounds}>"

    @functools.cached_property
    def networks(self):
        """One row a network (pandas.DataFrame)."""
        return self.table("networks")

    @functools.cached_property
    def layers(self):
        """One row a network and layer with weights (pandas.DataFrame)."""
        return self.table("layers")

    @functools.cached_property
    def similarity(self):
        """One row a measure of a pair of layers (pandas.DataFrame)."""
        return self.table("similarity")

    @functools.cached_property
    def claims(self):
        """One row a claim (pandas.DataFrame)."""
        return self.table("claims")

    def table(self, name):
        """Return a table of the study as a data frame; an empty cell is a missing value."""
        return read_whole_table(self.folder / "tables" / f"{name}.csv")

    def metrics(self, *, replicate=0, method="dense", round=0):
        """Return what is known of one network: accuracy, counts and settings (the content of ``metrics.json``)."""
        return read_json(self._network_folder(replicate, method, round) / "metrics.json")

    def mask(self, *, replicate=0, method, round):
        """Return the mask of one network, {name of the weight tensor: uint8 array, 1 = kept}."""
        if method == "dense" or round == 0:
            raise PrunesimError("A dense network has no mask; its weights are all kept.")
        return load_tensors(self._network_folder(replicate, method, round) / "mask.safetensors")[0]

    def weights(self, *, replicate=0, method="dense", round=0):
        """Return the parameters and buffers of one network as arrays, by name."""
        return load_tensors(self._network_folder(replicate, method, round) / "weights.safetensors")[0]

    def activations(self, layer, *, replicate=0, method="dense", round=0, pooled=False):
        """Return the activations of one layer, samples x neurons, mapped from the file.

        Parameters
        ----------
        layer : str
        replicate : int
        method : str
        round : int
        pooled : bool
            The mean over positions, images x neurons, instead of the sampled positions.
        """
        folder = paths.network(replicate, method, round)
        return load_activations(self.folder / "activations" / folder, layer, pooled)[0]

    def predictions(self, *, replicate=0, method="dense", round=0):
        """Return what one network answers to all test images: logits, images x classes, float32."""
        return load_predictions(self.folder / "activations" / paths.network(replicate, method, round, method))

    def network(self, *, replicate=0, method="dense", round=0):
        """Return one network as a plain module in eval mode, on the CPU.

        Its answers to ``study.images("test")`` have the accuracy of ``study.metrics(...)``.

        Returns
        -------
        torch.nn.Module

        Raises
        ------
        PrunesimError
            If there is no such network, or PyTorch is not installed.
        """
        build = _torch_module("prunesim.networks.build")
        state = _torch_module("prunesim.networks.state")
        path = self._network_folder(replicate, method, round) / "weights.safetensors"
        arrays, about = load_tensors(path)
        network = build.build_network(self._settings(about["network"]), tuple(about["shape"]), about["classes"], seed=0)
        if about.get("narrower"):
            _torch_module("prunesim.networks.narrowing").narrow(network, arrays, tuple(about["shape"]), path)
        state.load_arrays(network, arrays, path)
        if round:
            check_mask(self.mask(replicate=replicate, method=method, round=round), arrays, path)
        return network.eval()

    def images(self, split="test"):
        """Return the images of the study as its networks see them, and their labels.

        Parameters
        ----------
        split : {"test", "train"}

        Returns
        -------
        images : torch.Tensor
            float32, N x C x H x W, normalised, without augmentation.
        labels : torch.Tensor
            int64, N.
        """
        data = _torch_module("prunesim.training.data")
        images, labels, description, training = self._dataset(split)
        normalise = data.normaliser(description["mean"], description["std"], training, "cpu")
        return normalise(data.to_tensor(images, "cpu")), data.torch.from_numpy(labels)

    def description(self):
        """Return what is known of the images: classes, shape, mean and standard deviation (``dataset.json``)."""
        return load_description(self._dataset_folder()[0])

    def pixels(self, split="test"):
        """Return the images as uint8 N x H x W x C, and their labels, as arrays mapped from the files."""
        return self._dataset(split)[:2]

    def accuracy(self, network, split="test"):
        """Return the accuracy of a network on the images of the study, computed as the pipeline does."""
        return self.evaluator(split)(network)

    def evaluator(self, split="test"):
        """Return the function from a network to its accuracy, computed as the pipeline does.

        Its second argument, uint8 images N x H x W x C, may take the place of those of the split.
        """
        data, loop, device = map(_torch_module, ("prunesim.training." + name for name in ("data", "loop", "device")))
        of_split, labels, description, training = self._dataset(split)
        layers = load_metadata(next(iter(self._folders.values())) / "weights.safetensors")["layers"]
        outputs = [layer["shape"] for layer in layers]

        def accuracy(network, images=None):
            images = of_split if images is None else images
            place = next(network.parameters()).device
            normalise = data.normaliser(description["mean"], description["std"], training, place)
            context = device.autocast(place, training["precision"])
            target = data.torch.from_numpy(labels).to(place)
            tensor = data.to_tensor(images, place)
            batch = evaluation_batch(tensor.shape[1:], outputs)
            return loop.evaluate(network, tensor, target, normalise, context, batch)[1]

        return accuracy

    def _settings(self, network):
        """Return the settings of a network; a file of the user's own is looked for from the folder of the clone."""
        own = own_file(network["name"])
        beside = self.folder.resolve().parents[1] / own
        if not own or Path(own).is_file() or not beside.is_file():
            return network
        return network | {"name": f"{beside}{network['name'].removeprefix(own)}"}

    def _dataset(self, split):
        if split not in ("train", "test"):
            raise PrunesimError(f"The split is {split!r}; it must be train or test.")
        folder, metrics = self._dataset_folder()
        return *load_images(folder, split), load_description(folder), metrics["settings"]["training"]

    def _dataset_folder(self):
        if not self._folders:
            raise PrunesimError(f"{self.folder} holds no networks, and so does not say which images they saw.")
        metrics = read_json(next(iter(self._folders.values())) / "metrics.json")
        folder = find_dataset(self.folder.parent, metrics["dataset"])
        if folder is None:
            raise PrunesimError(
                f"The images of {self.name} are not in {self.folder.parent / 'datasets'}; run it again."
            )
        return folder, metrics

    def _network_folder(self, replicate, method, round_):
        if (replicate, method, round_) not in self._folders:
            raise PrunesimError(
                f"{self.name} has no network of replicate {replicate}, method {method!r}, round {round_}; it has "
                f"replicates {self.replicates}, methods {['dense', *self.methods]} and rounds {self.rounds}."
            )
        return self._folders[replicate, method, round_]

    def _repr_html_(self):
        """Show the central figure and the accuracies where a notebook shows the study."""
        parts = [f"<h3>{html.escape(self.name)}</h3>"]
        figure = self.folder / "figures" / f"{CENTRAL_FIGURE}.svg"
        if figure.is_file():
            svg = figure.read_text(encoding="utf-8")
            parts.append(svg[svg.index("<svg") :])
        if (self.folder / "tables" / "networks.csv").is_file():
            parts.append(_summary(self.networks).to_html(index=False, float_format="{:.4g}".format))
        return "\n".join(parts)


def _summary(networks):
    """Return mean density and accuracy by method and round, the last rounds of each method."""
    columns = ["density", "test_accuracy"]
    means = networks.groupby(["method", "round"], sort=True)[columns].mean().reset_index()
    return means.groupby("method").tail(SHOWN_ROUNDS)


def _torch_module(name):
    import importlib

    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and error.name.split(".")[0] == "prunesim":
            raise
        raise PrunesimError(
            f'Networks and images need {error.name}, which is not installed; pip install "prunesim[pipeline]".'
        ) from error
