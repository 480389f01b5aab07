"""From files to a trained network and back to files."""

import hashlib
import json
import math
from pathlib import Path

import torch

from prunesim.datasets.converted import load_description, load_images
from prunesim.errors import PrunesimError
from prunesim.networks.batches import evaluation_batch
from prunesim.networks.build import build_network
from prunesim.networks.describe import trace
from prunesim.networks.given_weights import fit_given, read_given
from prunesim.networks.own_code import passes_told_briefly
from prunesim.networks.sources import network_files
from prunesim.networks.state import load_arrays, network_arrays
from prunesim.networks.weights import weight_kinds
from prunesim.pruning.masks import apply_mask, check_mask
from prunesim.pruning.rewinding import first_step, round_training
from prunesim.pruning.shrinking import remaining_parameters
from prunesim.storage.arrays import layer_of, load_tensors, save_tensors
from prunesim.storage.csvfiles import write_rows
from prunesim.storage.files import sha256_file, write_json
from prunesim.storage.histories import HISTORY
from prunesim.storage.terminal import warn
from prunesim.study.closure import code_identity
from prunesim.study.seeds import derive_seed
from prunesim.training.checkpoint import discard_checkpoint
from prunesim.training.data import normaliser, validation_split
from prunesim.training.device import autocast, choose_device, make_exact
from prunesim.training.loop import diverged, evaluate, train
from prunesim.training.streaming import place_images
from prunesim.training.validation import validation_gaps


def train_dense(settings, dataset, replicate, output, checkpoint, log=print, start=None):
    """Initialise and train a dense network and write its artifacts.

    Parameters
    ----------
    settings : dict
        ``seed``, ``network`` and ``training`` of the config.
    dataset : path-like
        Folder of the converted data set.
    replicate : int
    output : path-like
        Folder for ``initial.safetensors``, ``weights.safetensors``, ``history.csv`` and ``metrics.json``.
    checkpoint : path-like
        Where to keep the state of the last finished epoch; removed at the end.
    log : callable
    start : path-like, optional
        Weights of the user's own to start from, instead of random ones.

    Returns
    -------
    dict
        ``device``, for the record of the job.
    """
    session = Training(settings, dataset, replicate, 0, log)
    if replicate == 0:  # once a study: all its networks have the same split
        session.warn_of_validation_gaps()
    if start is not None:
        arrays, _ = fit_given(read_given(start), session.network, start)
        load_arrays(session.network, arrays, start)
        session.given = given_file(start)
    initial = network_arrays(session.network)
    save_tensors(Path(output) / "initial.safetensors", initial, session.metadata)
    inputs = [] if start is None else [start]
    history = session.train(settings["training"], checkpoint=checkpoint, inputs=inputs)
    session.write(output, history, method="dense", mask={}, inputs=[Path(output) / "initial.safetensors"])
    discard_checkpoint(checkpoint)
    return session.about


def given_file(weights, mask=None):
    """Return what ``metrics.json`` says of the files that a network was taken from."""
    files = {"weights": weights} | ({"mask": mask} if mask else {})
    return {key: {"file": str(path), "sha256": sha256_file(path)} for key, path in files.items()}


def train_round(settings, dataset, replicate, method, round_, start, mask, output, checkpoint, log=print):
    """Retrain a pruned network and write its artifacts.

    Parameters
    ----------
    settings : dict
        ``seed``, ``network``, ``training`` and ``method`` (its rewind and fine-tuning keys) of the config.
    start : path-like
        Weights to start from: the rewind point, or the round before.
    mask : path-like
    round_ : int
        From 1.

    Other parameters are those of `train_dense`.
    """
    session = Training(settings, dataset, replicate, round_, log)
    weights, _ = load_tensors(start)
    masks, made = load_tensors(mask)
    check_mask(masks, weights, mask)
    session.whole_filters = made["settings"].get("unit") == "filter"
    load_arrays(session.network, apply_mask(weights, masks), start)
    training = round_training(settings["training"], settings["method"])
    step = first_step(settings["method"]["rewind"], session.steps_per_epoch)
    history = session.train(training, masks, first_step=step, checkpoint=checkpoint, inputs=[start, mask])
    session.write(output, history, method=method, mask=masks, first_step=step, inputs=[mask])
    discard_checkpoint(checkpoint)
    return session.about


def save_rewind_point(settings, dataset, replicate, rewind, initial, output, log=print):
    """Repeat the first steps of the dense training and write the weights found there.

    The dense training does not depend on where methods rewind to, and this repeats it to the bit.
    """
    session = Training(settings, dataset, replicate, 0, log)
    weights, _ = load_tensors(initial)
    load_arrays(session.network, weights, initial)
    step = first_step(rewind, session.steps_per_epoch)
    total = settings["training"]["epochs"] * session.steps_per_epoch
    if step >= total:
        raise PrunesimError(f"rewind {json.dumps(rewind)} is not before the end of the training, step {total}.")
    session.train(settings["training"], last_step=step)
    save_tensors(output, network_arrays(session.network), session.metadata)
    return session.about


class Session:
    """A network and its data: what training and adopting have in common.

    ``given`` is what is known of the files that the network comes from, None for one that was made here. ``init`` is
    role and place of the seed of the initial weights, that of the replicate where it is left out. ``whole_filters``:
    what is pruned counts as gone, since the network can be made smaller by it (`prunesim shrink`).
    """

    given = None
    whole_filters = False

    def __init__(self, settings, dataset, replicate, round_, log, init=None):
        training = settings["training"]
        self.settings, self.dataset, self.replicate, self.round, self.log = settings, dataset, replicate, round_, log
        self.device = choose_device(training["device"], training["precision"])
        make_exact(training["threads"], training["deterministic"], training["precision"])
        self.about = {"device": str(self.device)}
        self.description = load_description(dataset)
        height, width, channels = self.description["shape"]
        self.shape = shape = (channels, height, width)
        self.network = build_network(
            settings["network"],
            shape,
            len(self.description["classes"]),
            derive_seed(settings["seed"], *(init or ("init", replicate))),
        )
        self.sizes = {name: tensor.numel() for name, tensor in self.network.named_parameters(remove_duplicate=False)}
        self.describe()
        self.place()
        self.normalise = normaliser(self.description["mean"], self.description["std"], training, self.device)
        self.autocast = autocast(self.device, training["precision"])

    def describe(self):
        """Note what the weights file says of the network."""
        layers, uses = trace(self.network, self.shape, self.settings["network"]["name"])
        self.evaluation_batch = evaluation_batch(self.shape, [layer["shape"] for layer in layers])
        self.metadata = {
            "network": self.settings["network"],
            "shape": list(self.shape),
            "classes": len(self.description["classes"]),
            # Auxiliary classifiers have no part in the answer, are not trained, and so are not pruned either.
            "kinds": {name: kind for name, kind in weight_kinds(self.network).items() if name in uses},
            "uses": uses,
            "layers": layers,
        }

    def place(self):
        """Bring the network to the device."""
        self.network.to(self.device)
        if self.settings["training"]["channels_last"]:
            self.network.to(memory_format=torch.channels_last)

    def place_split(self, images, labels, rows=None):
        """Bring the images and labels of a split, or some of them, to the device."""
        labels = labels if rows is None else labels[rows]
        return place_images(images, self.device, rows), torch.from_numpy(labels).to(self.device)

    def write(self, output, history, *, method, mask, inputs, first_step=0, columns=HISTORY, note=None):
        """Evaluate the network and write its weights, its history and what is known of it."""
        output = Path(output)
        test_images, test_labels = self.place_split(*load_images(self.dataset, "test"))
        test_loss, test_accuracy = evaluate(
            self.network, test_images, test_labels, self.normalise, self.autocast, self.evaluation_batch
        )
        last = history[-1] if history else dict.fromkeys(HISTORY)
        if not math.isfinite(test_loss):
            raise diverged(f"The test loss of the trained network is {test_loss}", last["train_loss"])
        save_tensors(output / "weights.safetensors", network_arrays(self.network), self.metadata)
        write_rows(output / "history.csv", columns, history)
        self.log(f"test loss {test_loss:.4f} accuracy {test_accuracy:.4f} on {len(test_images)} images")
        epochs = (last["steps"] - first_step) / self.steps_per_epoch if history else 0.0
        metrics = {
            "replicate": self.replicate,
            "method": method,
            "round": self.round,
            **_counts(self.network, mask, self.metadata, self.sizes, self.whole_filters),
            **{key: last[key] for key in ("train_loss", "validation_loss", "validation_accuracy")},
            "test_loss": test_loss,
            "test_accuracy": test_accuracy,
            "test_images": len(test_images),
            "epochs": int(epochs) if epochs.is_integer() else epochs,
            "seconds": sum(row["seconds"] for row in history),
            "files": {
                Path(file).name: sha256_file(file)
                for file in [*inputs, output / "weights.safetensors", output / "history.csv"]
            },
            "settings": self.settings,
            "dataset": self.description["sha256"],
            "device": str(self.device),
            **({"given": self.given} if self.given else {}),
            **({"note": note} if note else {}),
        }
        write_json(output / "metrics.json", metrics)


class Training(Session):
    """What all ways of training have in common: training images and seeds."""

    code = "prunesim.training.run"  # what a training depends on, besides its settings and inputs

    def __init__(self, settings, dataset, replicate, round_, log):
        super().__init__(settings, dataset, replicate, round_, log)
        training = settings["training"]
        images, labels = load_images(dataset, "train")
        chosen, held_out = validation_split(labels, training["validation"], settings["seed"])
        self.images, self.labels = self.place_split(images, labels, chosen)
        self.validation = self.place_split(images, labels, held_out)
        self.steps_per_epoch = math.ceil(len(chosen) / training["batch_size"])
        channels, height, width = self.shape
        log(
            f"{len(chosen)} training and {len(held_out)} validation images of {height} x {width} x {channels}, "
            f"{sum(p.numel() for p in self.network.parameters())} parameters, on {self.device}, "
            f"{training['threads']} thread(s)"
        )

    def warn_of_validation_gaps(self):
        classes = self.description["classes"]
        counts = torch.bincount(torch.cat([self.labels, self.validation[1]]), minlength=len(classes)).tolist()
        gaps = validation_gaps(dict(zip(classes, counts, strict=True)), self.settings["training"]["validation"])
        for sentence in gaps:
            warn(f"{self.dataset}: {sentence}")

    def seed_of(self, role, epoch):
        return derive_seed(self.settings["seed"], role, self.replicate, self.round, epoch)

    def train(self, training, mask=None, penalty=None, first_step=0, last_step=None, checkpoint=None, inputs=()):
        masks = {name: torch.from_numpy(kept).to(self.device, torch.float32) for name, kept in (mask or {}).items()}
        with passes_told_briefly(self.settings["network"]["name"], "failed while it was trained"):
            return train(
                self.network,
                self.images,
                self.labels,
                self.validation,
                training,
                normalise=self.normalise,
                autocast=self.autocast,
                seed_of=self.seed_of,
                mask=masks,
                penalty=penalty,
                first_step=first_step,
                last_step=last_step,
                checkpoint=checkpoint,
                fingerprint=self._fingerprint(inputs),
                evaluation_batch=self.evaluation_batch,
                log=self.log,
            )

    def _fingerprint(self, inputs):
        """Stand for everything the bytes of this training depend on."""
        package = Path(__file__).resolve().parents[1]
        files = [*network_files(self.settings["network"]["name"]), *inputs]
        parts = [
            json.dumps([self.settings, self.replicate, self.round], sort_keys=True),
            json.dumps(self.description["sha256"], sort_keys=True),
            torch.__version__,
            str(self.device),
            code_identity([self.code], package.parent),
            *(sha256_file(file) for file in files),
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _counts(network, mask, metadata, sizes, whole_filters):
    """Return the counts of weights, parameters and multiplications of a network, whole and layer by layer.

    The weights of a layer are those of its full size, of which a network with fewer channels has some left.
    """
    arrays = dict(network.named_parameters(remove_duplicate=False))
    layers = []
    for name in metadata["kinds"]:
        remaining = int(mask[name].sum()) if name in mask else arrays[name].numel()
        layers.append(
            {
                "layer": layer_of(name),
                "kind": metadata["kinds"][name],
                "pruned": name in mask,
                "weights": sizes[name],
                "remaining_weights": remaining,
                "macs": remaining * metadata["uses"].get(name, 0),
            }
        )
    parameters = sum(array.numel() for array in network.parameters())
    return {
        "layers": layers,
        "parameters": remaining_parameters(parameters, mask) if whole_filters else parameters,
        "nonzero_parameters": sum(int(torch.count_nonzero(array)) for array in network.parameters()),
        "macs": sum(layer["macs"] for layer in layers),
    }
