"""The loop of training, and evaluation."""

import contextlib
import functools
import math

import numpy as np
import pytest
import torch
from core_study import TRAINING, training
from torch import nn
from torch.nn import functional

from prunesim.errors import PrunesimError
from prunesim.networks.build import build_network
from prunesim.networks.state import network_arrays
from prunesim.training import loop
from prunesim.training.device import choose_device, make_exact
from prunesim.training.loop import evaluate, train

CNN = {"name": "cnn", "width": 2, "arguments": {}, "layers": None}


def images_and_labels(count=50, classes=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % classes
    images = torch.randint(0, 90, (count, 1, 8, 8), generator=generator)
    images[torch.arange(count), 0, 1 + 2 * labels] += 120
    return images.to(torch.uint8), labels


def plain(batch):
    return batch.float() / 128 - 1


def seed_of(role, epoch):
    return 1000 * epoch + len(role)


def run(network, settings=None, data=None, validation=None, **options):
    images, labels = data or images_and_labels()
    options = {
        "normalise": plain,
        "autocast": contextlib.nullcontext,
        "seed_of": seed_of,
        "log": lambda line: None,
        **options,
    }
    return train(network, images, labels, validation or (images[:0], labels[:0]), settings or TRAINING, **options)


def cnn(seed=0):
    return build_network(CNN, (1, 8, 8), 3, seed)


class Recorder(nn.Module):
    """A linear network that notes the first pixel, and the mode, of every image that it sees."""

    def __init__(self, classes=3):
        super().__init__()
        self.linear = nn.Linear(64, classes)
        self.seen = []

    def forward(self, x):
        self.seen.append((self.training, x[:, 0, 0, 0].tolist()))
        return self.linear(x.flatten(1))


def numbered(count):
    """Images whose first pixel is their number."""
    images = torch.zeros(count, 1, 8, 8, dtype=torch.uint8)
    images[:, 0, 0, 0] = torch.arange(count)
    return images, torch.arange(count) % 3


def as_number(batch):
    return batch.float()


# what is seen


@pytest.mark.parametrize(("count", "batch_size"), [(50, 16), (48, 16), (7, 16), (33, 1), (50, 49)])
def test_every_image_is_seen_once_an_epoch(count, batch_size):
    network = Recorder()
    settings = training(batch_size=batch_size, epochs=3, learning_rate=1e-9)
    history = run(network, settings, numbered(count), normalise=as_number)
    steps = math.ceil(count / batch_size)
    assert [row["steps"] for row in history] == [steps, 2 * steps, 3 * steps]
    orders = []
    for epoch in range(3):
        batches = [numbers for _, numbers in network.seen[epoch * steps : (epoch + 1) * steps]]
        sizes = [len(numbers) for numbers in batches]
        assert max(sizes) <= batch_size
        assert max(sizes) - min(sizes) <= 1
        orders.append([number for numbers in batches for number in numbers])
        assert sorted(orders[-1]) == list(range(count))
    assert len(network.seen) == 3 * steps
    assert orders[0] != orders[1]
    assert all(mode for mode, _ in network.seen)


def test_the_order_comes_from_the_seed_of_the_epoch():
    orders = []
    for offset in (0, 0, 1):
        network = Recorder()
        run(network, training(epochs=2), numbered(40), seed_of=lambda role, epoch, o=offset: epoch + 10 * o)
        orders.append(network.seen)
    assert orders[0] == orders[1] != orders[2]


def test_validation_images_are_seen_in_eval_mode_and_never_augmented():
    images, labels = numbered(40)
    network = Recorder()
    settings = training(epochs=2, batch_size=40, augmentation="crop_flip", crop_padding=3)
    run(network, settings, (images[:20], labels[:20]), (images[20:], labels[20:]), normalise=as_number)
    assert [mode for mode, _ in network.seen] == [True, False, True, False]
    for mode, numbers in network.seen:
        assert mode or numbers == list(range(20, 40))
        assert not mode or sorted(numbers) != list(range(20))


def test_augmentation_is_drawn_anew_each_epoch_from_its_seed():
    class Whole(Recorder):
        def forward(self, x):
            self.seen.append(x.sum((1, 2, 3)).sort().values.tolist())
            return self.linear(x.flatten(1))

    images = torch.randint(0, 256, (16, 1, 8, 8), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    seen = {}
    for name, seeds in (("first", (1, 2)), ("again", (1, 2)), ("other", (1, 3))):
        network = Whole()
        settings = training(epochs=2, augmentation="crop_flip", crop_padding=3)
        data = (images, torch.arange(16) % 3)
        run(network, settings, data, seed_of=lambda r, e, s=seeds: s[e] if r == "augment" else 0, normalise=as_number)
        seen[name] = network.seen
    assert seen["first"] == seen["again"]
    assert seen["first"][0] == seen["other"][0]
    assert seen["first"][1] != seen["other"][1]
    assert seen["first"][0] != seen["first"][1]


def test_augmentation_keeps_images_with_their_labels():
    # The images of a class are constant, so that a crop without padding can only change which image it is.
    labels = torch.arange(60) % 3
    images = (labels * 100).to(torch.uint8)[:, None, None, None].expand(60, 1, 8, 8).contiguous()
    seen = []

    class Check(Recorder):
        def forward(self, x):
            seen.append(x[:, 0, 4, 4])
            return super().forward(x)

    def check(output, target, **options):
        seen.append(target)
        return functional.cross_entropy(output, target, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "functional", type("Functional", (), {"cross_entropy": staticmethod(check)}))
        run(Check(), training(augmentation="crop_flip", crop_padding=2), (images, labels), normalise=as_number)
    assert seen
    for shown, target in zip(seen[::2], seen[1::2], strict=True):
        assert torch.equal(shown, target * 100.0)


# against a plain training with PyTorch


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("clip_norm", [None, 0.05])
def test_training_is_that_of_pytorch_to_the_bit(optimizer, clip_norm):
    images, labels = images_and_labels()
    settings = training(optimizer=optimizer, clip_norm=clip_norm, schedule="constant", learning_rate=0.01)
    network, twin = cnn(), cnn()
    run(network, settings)
    classes = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
    options = {"sgd": {"momentum": 0.9}, "adam": {}}[optimizer]
    other = classes[optimizer](twin.parameters(), lr=0.01, weight_decay=5e-4, **options)
    twin.train()
    for epoch in range(3):
        order = torch.randperm(50, generator=torch.Generator().manual_seed(seed_of("order", epoch)))
        for chosen in order.tensor_split(4):
            other.zero_grad()
            functional.cross_entropy(twin(plain(images[chosen])), labels[chosen]).backward()
            if clip_norm is not None:
                nn.utils.clip_grad_norm_(twin.parameters(), clip_norm)
            other.step()
    for name, array in network_arrays(twin).items():
        assert network_arrays(network)[name].tobytes() == array.tobytes(), name


def test_the_network_learns():
    network = cnn()
    data = images_and_labels()
    history = run(network, training(epochs=15), data, data)
    assert history[-1]["validation_accuracy"] > 0.95
    assert history[-1]["train_loss"] < history[0]["train_loss"] / 3


def test_history_and_log():
    lines = []
    data = images_and_labels()
    network = cnn()
    history = run(network, training(epochs=2, schedule="constant"), data, data, log=lines.append)
    assert [list(row) for row in history] == [
        ["epoch", "steps", "learning_rate", "train_loss", "validation_loss", "validation_accuracy", "seconds"]
    ] * 2
    loss, accuracy = evaluate(network, *data, plain, contextlib.nullcontext)
    assert (history[-1]["validation_loss"], history[-1]["validation_accuracy"]) == (loss, accuracy)
    assert lines[1].startswith("epoch 2/2  rate 0.1  train loss ")
    assert f"validation loss {loss:.4f} accuracy {accuracy:.4f}" in lines[1]
    assert lines[1].endswith(" images/s")
    without = run(cnn(), training(epochs=1), log=lines.append)
    assert (without[0]["validation_loss"], without[0]["validation_accuracy"]) == (None, None)
    assert "validation" not in lines[-1]


def test_the_training_loss_is_the_mean_over_images():
    # At a rate of almost nothing, batches of unequal size must give the loss over all images.
    data = images_and_labels(50)
    network = Recorder()
    settings = training(batch_size=16, epochs=1, learning_rate=1e-12)
    (row,) = run(network, settings, data)
    loss, _ = evaluate(network, *data, plain, contextlib.nullcontext)
    assert row["train_loss"] == pytest.approx(loss, rel=1e-6)


# where in the schedule


@pytest.mark.parametrize("first_step", [0, 4, 6])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_part_of_a_training_starts_in_the_schedule_with_a_fresh_optimizer(monkeypatch, first_step, optimizer):
    rates, fresh = [], []
    original = loop.optimizer_step

    def spy(parameters, state, rate, settings):
        if not rates:
            fresh.append(all(not tensor.any() for tensors in state.values() for tensor in tensors))
        rates.append(rate)
        original(parameters, state, rate, settings)

    monkeypatch.setattr(loop, "optimizer_step", spy)
    settings = training(optimizer=optimizer, learning_rate=0.01)
    history = run(cnn(), settings, first_step=first_step)
    assert rates == loop.learning_rates(settings, 4)[first_step:]
    assert fresh == [True]
    assert [row["epoch"] for row in history] == list(range(first_step // 4 + 1, 4))
    assert history[-1]["steps"] == 12


def test_a_part_of_an_epoch_is_that_part():
    """The first steps, then the rest with the optimizer's state lost: the batches are those of the whole."""
    whole, parts = Recorder(), Recorder()
    settings = training(epochs=3, momentum=0.0, augmentation="crop_flip")
    run(whole, settings, numbered(50))
    parts.load_state_dict(Recorder().state_dict())
    run(parts, settings, numbered(50), last_step=6)
    assert len(parts.seen) == 6
    run(parts, settings, numbered(50), first_step=6)
    assert parts.seen == whole.seen


def test_parts_of_a_training_without_momentum_make_the_whole():
    settings = training(momentum=0.0, augmentation="crop_flip")
    whole, parts = cnn(), cnn()
    run(whole, settings)
    for first, last in ((0, 3), (3, 4), (4, 9), (9, None)):
        run(parts, settings, first_step=first, last_step=last)
    for name, array in network_arrays(whole).items():
        assert network_arrays(parts)[name].tobytes() == array.tobytes(), name


def test_nothing_left_to_train():
    network = cnn()
    before = network_arrays(network)
    assert run(network, first_step=12) == []
    assert run(network, last_step=0) == []
    assert all(network_arrays(network)[name].tobytes() == array.tobytes() for name, array in before.items())


# masks


def masks_of(network, share=0.5):
    rng = np.random.default_rng(0)
    return {
        name: torch.from_numpy((rng.random(tuple(parameter.shape)) > share).astype(np.float32))
        for name, parameter in network.named_parameters()
        if name in ("conv1.weight", "conv3.weight", "fc1.weight")
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"momentum": 0.9, "weight_decay": 0.1},
        {"momentum": 0.0, "weight_decay": 0.0},
        {"momentum": 0.9, "weight_decay": 0.0, "clip_norm": 0.01},
        {"optimizer": "adam", "weight_decay": 0.1, "learning_rate": 0.01},
        {"precision": "bfloat16"},
        {"channels_last": True},
    ],
)
def test_pruned_weights_stay_exactly_zero(changes):
    network = cnn()
    if changes.get("channels_last"):
        network.to(memory_format=torch.channels_last)
    masks = masks_of(network)
    start = network_arrays(network)
    autocast = contextlib.nullcontext
    if changes.get("precision"):
        autocast = functools.partial(torch.autocast, "cpu", dtype=torch.bfloat16)
    run(network, training(**changes), mask=masks, autocast=autocast)
    after = network_arrays(network)
    for name, mask in masks.items():
        pruned = after[name][mask.numpy() == 0]
        assert pruned.size
        assert not pruned.view(np.uint32).any()  # +0, not -0
        assert (after[name][mask.numpy() == 1] != start[name][mask.numpy() == 1]).any()
    assert (after["conv2.weight"] != 0).all()


def test_pruned_weights_are_zero_at_every_forward_pass(monkeypatch):
    network = cnn()
    masks = masks_of(network)
    checked = []

    def check(module, inputs):
        checked.append(
            all(
                not parameter[masks[name] == 0].any() for name, parameter in network.named_parameters() if name in masks
            )
        )

    network.register_forward_pre_hook(check)
    run(network, training(), mask=masks)
    assert checked == [True] * 12


def test_pruned_weights_are_zero_whatever_the_optimizer_does(monkeypatch):
    original = loop.optimizer_step

    def leaky(parameters, *others):
        original(parameters, *others)
        with torch.no_grad():
            for parameter in parameters:
                parameter += 0.01

    monkeypatch.setattr(loop, "optimizer_step", leaky)
    network = cnn()
    masks = masks_of(network)
    run(network, mask=masks)
    for name, mask in masks.items():
        assert not network_arrays(network)[name][mask.numpy() == 0].view(np.uint32).any()


def test_a_mask_of_ones_changes_nothing():
    network, masked = cnn(), cnn()
    run(network)
    run(masked, mask={name: torch.ones_like(value) for name, value in masks_of(masked).items()})
    for name, array in network_arrays(network).items():
        assert network_arrays(masked)[name].tobytes() == array.tobytes(), name


def test_clipping_counts_only_what_is_left(monkeypatch):
    """Against a network in which the gradient of all other weights is left out of the norm by hand."""
    network, norms = cnn(), []
    masks = masks_of(network)
    original = torch.nn.utils.clip_grad_norm_

    def spy(parameters, limit):
        parameters = list(parameters)
        by_hand = 0.0
        for name, parameter in network.named_parameters():
            kept = masks[name] if name in masks else torch.ones_like(parameter)
            by_hand += (parameter.grad.double()[kept == 1] ** 2).sum().item()
        norm = original(parameters, limit)
        norms.append((norm.item(), math.sqrt(by_hand)))
        assert math.sqrt(sum((p.grad.double() ** 2).sum().item() for p in parameters)) <= limit * 1.001
        return norm

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", spy)
    run(network, training(clip_norm=0.02, epochs=1), mask=masks)
    assert len(norms) == 4
    for total, by_hand in norms:
        assert total > 0.02
        assert total == pytest.approx(by_hand, rel=1e-5)


def test_no_clipping_unless_asked(monkeypatch):
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", None)
    run(cnn(), training(clip_norm=None, epochs=1))


# losses that are not finite


class Breaks(nn.Module):
    """Answers NaN from one forward pass of training on."""

    def __init__(self, at):
        super().__init__()
        self.linear = nn.Linear(64, 3)
        self.left = at

    def forward(self, x):
        if self.training:
            self.left -= 1
        return self.linear(x.flatten(1)) * (math.nan if self.left < 0 else 1.0)


@pytest.mark.parametrize(("at", "epoch", "step"), [(0, 1, 1), (2, 1, 3), (4, 2, 1), (7, 2, 4), (11, 3, 4)])
def test_a_loss_that_is_not_finite_stops_the_training(at, epoch, step, tmp_path):
    lines = []
    with pytest.raises(PrunesimError) as caught:
        run(Breaks(at), training(schedule="constant"), checkpoint=tmp_path / "c", fingerprint="x", log=lines.append)
    sentence = str(caught.value)
    assert sentence.startswith(f"The loss became nan in epoch {epoch}, at its step {step} of 4; ")
    assert "learning_rate" in sentence
    if at == 0:
        assert "there was no finite loss before it" in sentence
    elif step == 1:
        last = lines[-1].split("train loss ")[1].split()[0]
        assert float(sentence.split("the last finite loss was ")[1].split(". ")[0]) == pytest.approx(
            float(last), abs=1e-4
        )
    else:
        assert "the last finite loss was " in sentence
    assert (tmp_path / "c").exists() == (epoch > 1)


def test_a_last_step_into_nothing_is_noticed_too():
    """One step at a huge rate: its loss was finite, but the network that it leaves is not."""
    data = images_and_labels(10)
    with pytest.raises(PrunesimError, match="in epoch 1"):
        run(cnn(), training(epochs=1, schedule="constant", learning_rate=1e38), data, data)


# evaluation


@pytest.mark.parametrize("count", [1, 499, 500, 501, 1000, 1003])
def test_accuracy_is_correct_over_n_with_a_ragged_last_batch(count):
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (count, 1, 8, 8), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, 3, (count,), generator=generator)
    network = Recorder()
    loss, accuracy = evaluate(network, images, labels, plain, contextlib.nullcontext)
    with torch.no_grad():
        output = network(plain(images)).double()
    assert accuracy == (output.argmax(1) == labels).sum().item() / count
    assert loss == pytest.approx(functional.cross_entropy(output, labels).item(), rel=1e-5)
    assert not torch.is_grad_enabled() or output.grad_fn is None


def test_the_size_of_the_batches_does_not_change_the_accuracy():
    data = images_and_labels(103)
    network = cnn()
    run(network, training(epochs=2), data)
    results = []
    for size in (1, 10, 103):
        results.append(evaluate(network, *data, plain, contextlib.nullcontext, size))
    assert len({accuracy for _, accuracy in results}) == 1
    assert [loss for loss, _ in results] == pytest.approx([results[0][0]] * 3, rel=1e-6)


@pytest.mark.parametrize("mode", [True, False])
def test_evaluation_changes_nothing_and_restores_the_mode(mode):
    network = cnn()
    network.train(mode)
    before = network_arrays(network)
    evaluate(network, *images_and_labels(), plain, contextlib.nullcontext)
    assert network.training == mode
    assert network.bn1.training == mode
    assert all(network_arrays(network)[name].tobytes() == array.tobytes() for name, array in before.items())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_evaluation_is_in_eval_mode_without_gradients():
    network, seen = Recorder(), []
    network.register_forward_hook(lambda *_: seen.append((network.training, torch.is_grad_enabled())))
    evaluate(network, *images_and_labels(), plain, contextlib.nullcontext)
    assert seen == [(False, False)]


# device


def test_devices():
    assert choose_device("cpu") == torch.device("cpu")
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert choose_device("auto").type == expected


@pytest.mark.parametrize("name", ["cuda", "cuda:1", "mps"])
def test_absent_devices_are_refused(name, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == torch.device("cpu")
    with pytest.raises(PrunesimError, match=rf"^training.device is {name}, but this machine offers cpu\.$"):
        choose_device(name)


def test_a_graphics_card_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device("cuda:0") == torch.device("cuda:0")
    assert choose_device("auto") == torch.device("cuda")
    with pytest.raises(PrunesimError, match=r"^training.device is cuda:1, but this machine has 1 CUDA device"):
        choose_device("cuda:1")


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_those_of_the_settings(threads):
    torch.set_num_threads(3 - threads)
    make_exact(threads, deterministic=False)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_deterministic_refuses_what_is_not():
    make_exact(1, deterministic=True)
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.is_deterministic_algorithms_warn_only_enabled()
