"""Training and evaluation of one network."""

import math
import time

import torch
from torch.nn import functional

from prunesim.errors import PrunesimError
from prunesim.networks.answering import answers
from prunesim.networks.batches import EVALUATION
from prunesim.networks.tracing import main_output
from prunesim.training.checkpoint import load_checkpoint, save_checkpoint
from prunesim.training.data import crop_and_flip
from prunesim.training.optimizer import initial_state
from prunesim.training.optimizer import step as optimizer_step
from prunesim.training.penalty import Penalty
from prunesim.training.schedule import learning_rates
from prunesim.training.streaming import batches


def evaluate(network, images, labels, normalise, autocast, batch_size=EVALUATION):
    """Return the mean cross-entropy and the accuracy (correct / N) on a set of images.

    Parameters
    ----------
    network : torch.nn.Module
        Evaluated in eval mode; its mode is restored.
    images : torch.Tensor or prunesim.training.streaming.FileImages
        uint8, N x C x H x W.
    labels : torch.Tensor
        int64, N.
    normalise : callable
    autocast : callable
        Returns the context of the forward pass.
    batch_size : int
        How many images go through the network at a time, see `prunesim.networks.batches`.

    Returns
    -------
    loss, accuracy : float
    """
    loss = torch.zeros((), dtype=torch.float64 if images.device.type != "mps" else torch.float32, device=images.device)
    correct = torch.zeros((), dtype=torch.int64, device=images.device)
    for start, output in answers(network, images, normalise, autocast, batch_size):
        target = labels[start : start + len(output)]
        loss += functional.cross_entropy(output, target, reduction="sum")
        correct += (output.argmax(1) == target).sum()
    return loss.item() / len(images), correct.item() / len(images)


def train(
    network,
    images,
    labels,
    validation,
    settings,
    *,
    normalise,
    autocast,
    seed_of,
    mask=None,
    penalty=None,
    first_step=0,
    last_step=None,
    checkpoint=None,
    fingerprint="",
    evaluation_batch=EVALUATION,
    log=print,
):
    """Train a network in place.

    Every epoch sees each image once, in batches of nearly equal size. Pruned weights are set to zero after every
    step, because momentum and weight decay move weights whose gradient is zero, and their gradients are set to
    zero before clipping, so that the norm counts only what is left.

    Parameters
    ----------
    network : torch.nn.Module
        On its device, with the weights to start from.
    images : torch.Tensor or prunesim.training.streaming.FileImages
        uint8, N x C x H x W.
    labels : torch.Tensor
        int64, N.
    validation : tuple
        Images and labels evaluated after every epoch; may be empty.
    settings : dict
        The ``training`` section of the config.
    normalise, autocast : callable
        See `evaluate`.
    seed_of : callable
        From role and epoch to a seed.
    mask : dict of str to torch.Tensor, optional
        1 where a weight remains, by tensor name.
    penalty : prunesim.training.penalty.Penalty, optional
        What is added to the loss; none by default.
    first_step : int
        Where in the schedule to start (rewinding to a step).
    last_step : int, optional
        Where in the schedule to stop; the whole schedule by default.
    checkpoint : path-like, optional
        Where to keep the state of the last finished epoch; a matching one found there is gone on from.
    fingerprint : str
        See `prunesim.training.checkpoint.load_checkpoint`.
    evaluation_batch : int
        How many validation images go through the network at a time.
    log : callable
        Receives a line an epoch.

    Returns
    -------
    list of dict
        One row an epoch: ``epoch, steps, learning_rate, train_loss, validation_loss, validation_accuracy, seconds``;
        the rate is that of its last step, the training loss the mean over its batches, without the penalty. A penalty
        adds columns of its own before the seconds.

    Raises
    ------
    PrunesimError
        If the loss is no longer finite.
    """
    steps_per_epoch = math.ceil(len(images) / settings["batch_size"])
    rates = learning_rates(settings, steps_per_epoch)
    last_step = len(rates) if last_step is None else last_step
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    state = initial_state(parameters, settings)
    penalty = penalty or Penalty()
    resumable = state | penalty.state
    tensors = network.named_parameters(remove_duplicate=False)  # a mask may go by any name of a shared tensor
    masked = [(parameter, mask[name]) for name, parameter in tensors if name in (mask or {})]
    with torch.no_grad():
        for parameter, kept in masked:
            parameter.masked_fill_(kept == 0, 0.0)
    history = []
    if checkpoint is not None:
        epoch, history = load_checkpoint(checkpoint, network, resumable, fingerprint=fingerprint)
        if epoch:
            log(f"going on from {checkpoint} after epoch {epoch}")
            first_step = epoch * steps_per_epoch
    network.train()
    for epoch in range(first_step // steps_per_epoch, settings["epochs"]):
        steps = range(max(first_step, epoch * steps_per_epoch), min(last_step, (epoch + 1) * steps_per_epoch))
        if not steps:
            break
        started = time.perf_counter()
        losses, sizes = [], []
        for step, (batch, target) in _batches(images, labels, settings, seed_of, epoch, steps, steps_per_epoch):
            with autocast():
                output = main_output(network(normalise(batch)))
            loss = functional.cross_entropy(output.float(), target)
            network.zero_grad(set_to_none=True)
            loss.backward()
            penalty.add_gradients()
            for parameter, kept in masked:
                if parameter.grad is not None:
                    parameter.grad.mul_(kept)
            if settings["clip_norm"] is not None:
                torch.nn.utils.clip_grad_norm_(network.parameters(), settings["clip_norm"])
            optimizer_step(parameters, state, rates[step], settings)
            penalty.after_step(parameters, state, rates[step], settings)
            with torch.no_grad():
                for parameter, kept in masked:
                    parameter.mul_(kept)
            losses.append(loss.detach())
            sizes.append(len(batch))
        train_loss = _mean_loss(torch.stack(losses).tolist(), sizes, epoch, history)
        seconds = time.perf_counter() - started
        row = {"epoch": epoch + 1, "steps": steps[-1] + 1, "learning_rate": rates[steps[-1]], "train_loss": train_loss}
        loss, accuracy = None, None
        if len(validation[0]):
            loss, accuracy = evaluate(network, *validation, normalise, autocast, evaluation_batch)
        if loss is not None and not math.isfinite(loss):
            raise diverged(f"The validation loss became {loss} in epoch {epoch + 1}", train_loss)
        row |= {"validation_loss": loss, "validation_accuracy": accuracy, **penalty.after_epoch(epoch + 1)}
        history.append({**row, "seconds": seconds})
        log(_line(history[-1], settings["epochs"], sum(sizes) / seconds))
        if checkpoint is not None and epoch + 1 < settings["epochs"]:
            save_checkpoint(checkpoint, network, resumable, fingerprint=fingerprint, epoch=epoch + 1, history=history)
    return history


def _batches(images, labels, settings, seed_of, epoch, steps, steps_per_epoch):
    """Yield the steps of an epoch with their batches; the seeds depend on the epoch, not on what ran before."""
    order_generator = torch.Generator().manual_seed(seed_of("order", epoch))
    augment_generator = torch.Generator().manual_seed(seed_of("augment", epoch))
    # A network of the user's own may draw from torch's global generator, as dropout does.
    torch.manual_seed(seed_of("augment", epoch))
    parts = torch.randperm(len(images), generator=order_generator).tensor_split(steps_per_epoch)
    for position, (chosen, batch) in enumerate(zip(parts, batches(images, parts), strict=True)):
        step = epoch * steps_per_epoch + position
        if settings["augmentation"] == "crop_flip":
            batch = crop_and_flip(batch, settings["crop_padding"], settings["flip"], augment_generator)
        if step in steps:
            yield step, (batch, labels[chosen.to(labels.device)])


def _mean_loss(losses, sizes, epoch, history):
    finite = [math.isfinite(loss) for loss in losses]
    if not all(finite):
        at = finite.index(False)
        before = losses[at - 1] if at else (history[-1]["train_loss"] if history else None)
        raise diverged(
            f"The loss became {losses[at]} in epoch {epoch + 1}, at its step {at + 1} of {len(losses)}", before
        )
    return sum(loss * size for loss, size in zip(losses, sizes, strict=True)) / sum(sizes)


def diverged(what, last):
    """Return the sentence for a loss that is no longer finite; `last` is the last finite one, if there was any."""
    before = "there was no finite loss before it" if last is None else f"the last finite loss was {last:.6g}"
    return PrunesimError(f"{what}; {before}. Lower training.learning_rate or set training.clip_norm.")


def _line(row, epochs, speed):
    text = f"epoch {row['epoch']}/{epochs}  rate {row['learning_rate']:.3g}  train loss {row['train_loss']:.4f}"
    if row["validation_loss"] is not None:
        text += f"  validation loss {row['validation_loss']:.4f} accuracy {row['validation_accuracy']:.4f}"
    return f"{text}  {speed:.0f} images/s"
