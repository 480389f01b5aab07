"""The cost model: how much work each job does, and how long that takes.

A job takes the start-up of its verb and a sum of amounts of work, each at its price. Amounts are functions of the
config and the network; prices were measured by ``benchmarks/scaling.py`` on the machine named in `MEASURED_ON`, and
those of a GPU are assumptions (`GPU_TFLOPS`). docs/scaling.md holds forecasts against measured times.
"""

from prunesim.activations.sampling import KEYS_AT_ONCE
from prunesim.datasets.converted import streams
from prunesim.networks.batches import dumping_batch, dumping_bytes, evaluation_batch, evaluation_bytes

MEASURED_ON = "one thread of an AMD EPYC, PyTorch 2.14.1, NumPy 2.4.6"

# Seconds until a verb has imported what it needs and read its settings, and does its smallest job.
START_UP = {
    "fetch": 0.8,
    "train": 1.3,
    "rewind": 1.3,
    "given": 1.3,
    "adopt": 1.3,
    "prune": 0.12,
    "dump": 1.2,
    "connect": 1.3,
    "similarity": 0.13,
    "table": 0.12,
    "claims": 0.35,
    "figure": 1.25,
    "explore": 0.15,
    "verify": 0.12,
}
# The same where jobs are forked from a process that has imported their libraries (`prunesim.serving`): the Python that
# hands the job over, and what the child does. Taken from the records of the default study run both ways on a busy
# machine, scaled to the prices above. The only job of `fetch` imports what no other needs.
FORKED_START_UP = {
    "fetch": 0.8,
    "train": 0.1,
    "rewind": 0.1,
    "given": 0.1,
    "adopt": 0.1,
    "prune": 0.05,
    "dump": 0.12,
    "connect": 0.1,
    "similarity": 0.07,
    "table": 0.06,
    "claims": 0.12,
    "figure": 0.3,
    "explore": 0.1,
    "verify": 0.12,
}
# Seconds and bytes that a row of similarity.csv takes on its way into the explorer; 1 GB for a million of them.
EXPLORED_ROW = {"seconds": 2e-5, "memory": 1e3}
# Seconds of Snakemake itself: to start, and for each job it starts, one after the other.
SNAKEMAKE = {"start": 1.1, "job": 0.02}

# Seconds for one of each.
PRICES = {
    "training": {"module_step": 6.6e-5, "mac": 1.05e-11, "element": 5.8e-10},
    "dumping": {"mac": 1.27e-11, "element": 2.64e-9, "byte": 2.1e-9},
    "comparing": {"product": 4.7e-11, "cube": 7.6e-10, "block_entry": 1.06e-8, "pair": 4e-4},
    # Kernels of 2,000 samples, prepared once a network and draw, compared once a pair and draw.
    "cka_rbf": {"prepared": 0.086, "compared": 0.0085},
    "mutual_knn": {"prepared": 0.05, "compared": 0.0045},
    # Softmax and divergence of a class of an image.
    "answers": {"probability": 4e-8},
    # Of images with concepts.
    "annotating": {"byte": 6e-8},
    "dissecting": {"resampled": 1.2e-9, "held": 3e-11, "labelled": 1.5e-7},
    "fetching": {"file": 1.8e-3, "image": 4.9e-7, "byte": 2.2e-9},
    "pruning": {"weight": 5.7e-9},
    "writing": {"byte": 1.3e-9},
    "checking": {"byte": 5.1e-10},
    "tabling": {"file": 2e-4},
}
# How long the decompositions take that all measures need, and what each measure adds, against cca_mean, svcca and
# cka_linear together.
SHARED_WEIGHT = 0.032
MEASURE_WEIGHTS = {
    "cca_mean": 0.547,
    "cca_mean_98": 0.908,
    "svcca": 0.421,
    "pwcca": 0.589,
    "cka_linear": 0.0,
    "cka_linear_debiased": 0.076,
    "nbs": 0.203,
    "procrustes_distance": 0.2,
    "linear_r2": 0.071,
    "subspace_match": 1.623,
}
KERNEL_MEASURES = ("cka_rbf", "mutual_knn")
KERNEL_SAMPLES = 2000

# 10^12 operations a second (two a multiply-add, three passes an image) that a GPU of the Ampere generation sustains in
# training: two thirds of what NVIDIA's tuned ResNet-50 reaches, 938 images/s in TF32 and 2,470 in mixed precision on an
# A100, and for float32, where no tensor cores help, 367 on a V100 (DeepLearningExamples, PyTorch, ResNet50 v1.5). Not
# measured here.
GPU_TFLOPS = {"float32": 6.0, "tf32": 15.0, "bfloat16": 40.0}
# Seconds to launch the kernels of one operation, forward, backward and update. Assumed.
GPU_MODULE_STEP = 1e-4
# Speed of a training on several threads, as a power of their number. Assumed.
THREADS_POWER = 0.8


def price(kind, work):
    """Return the seconds that amounts of work take."""
    return sum(PRICES[kind][name] * amount for name, amount in work.items())


def training_work(profile, steps, trained, evaluated, batches=0):
    """Return the work of a training.

    Parameters
    ----------
    profile : prunesim.forecast.profile.Profile
    steps : int
        Of the optimizer.
    trained, evaluated : int
        Images that go through the network with a backward pass, which counts twice, and without.
    batches : float
        Of those without.
    """
    passes = 3 * trained + evaluated
    return {
        "module_step": profile.modules * (steps + batches / 3),
        "mac": passes * profile.macs,
        "element": passes * profile.elements,
    }


def gpu_training_seconds(work, tflops):
    """Return the seconds of a training on a GPU: arithmetic, or the launching of kernels where that takes longer."""
    return max(2 * work["mac"] / (tflops * 1e12), work["module_step"] * GPU_MODULE_STEP)


def dumping_work(profile, images, written):
    """Return the work of a dump of some images that writes `written` bytes."""
    numbers = sum(_size(shape) for shape in profile.layers.values())
    return {"mac": images * profile.macs, "element": images * numbers, "byte": written}


def comparing_work(widths, pairs, samples, blocks, draws, measures):
    """Return the work of a comparison by measures of co-moments.

    Parameters
    ----------
    widths : list of int
        Neurons of each network.
    pairs : list of (int, int)
    samples, blocks, draws : int
    measures : list of str
        Kernel measures are left out.
    """
    linear = [name for name in measures if name not in KERNEL_MEASURES]
    if not linear:
        return {}
    weight = SHARED_WEIGHT + sum(MEASURE_WEIGHTS[name] for name in linear)
    crossed = sum(widths[i] * widths[j] for i, j in pairs)
    squares = sum(width**2 for width in widths)
    cubes = sum(max(widths[i], widths[j]) ** 3 for i, j in pairs)
    return {
        "product": samples * (squares + (1 + draws) * crossed),
        # The whole sample and its two halves, and each draw.
        "cube": weight * (3 + draws) * cubes,
        "block_entry": blocks * len(linear) * crossed,
        "pair": weight * (3 + draws) * len(pairs),
    }


def kernel_seconds(networks, pairs, samples, draws, measures):
    """Return the seconds of the kernel measures of a comparison."""
    share = (min(samples, KERNEL_SAMPLES) / KERNEL_SAMPLES) ** 2
    # Where one network is in all pairs, a draw permutes its images alone.
    prepared = networks + draws * (1 if pairs < networks else networks)
    return share * sum(
        price(name, {"prepared": prepared, "compared": pairs * (1 + draws)})
        for name in measures
        if name in KERNEL_MEASURES
    )


# --- Memory, in bytes ----------------------------------------------------------------------------------------------

# Of a process that has imported NumPy, seaborn, PyTorch, or PyTorch with CUDA.
IMPORTED = {"numpy": 30e6, "figures": 300e6, "torch": 530e6, "cuda": 3e9}
GPU_CONTEXT = 0.6e9
# What is needed at the same time as what is kept: gradients of a layer, working space of convolutions. Assumed.
WORKING_SPACE = 1.5
COMPARISON_BUFFER = 128 << 20
MOMENTS_AT_ONCE = 1 << 30
# Peak of a comparison in sizes of its moments, measured at 256 to 1,024 neurons.
MOMENTS_PEAK = 2.2


def training_memory(profile, settings, images, gpu):
    """Return what a training job holds at its peak, in bytes by part, (host, GPU).

    Parameters
    ----------
    profile : prunesim.forecast.profile.Profile
    settings : dict
        The ``training`` section.
    images : prunesim.forecast.images.Images
    gpu : bool
        Whether it trains on a GPU.

    Returns
    -------
    host, device : dict of str to float
        ``loading`` (images while they are copied), ``images``, ``weights``, ``batch`` (of the training),
        ``evaluation`` (a batch of it) and ``imports``; without a GPU, nothing on it.
    """
    held_out = round(settings["validation"] * images.train)
    trained = images.train - held_out
    number = 2 if settings["precision"] == "bfloat16" else 4
    optimizer = 1 if settings["optimizer"] == "sgd" else 2
    layers = profile.layers.values()
    evaluated = min(evaluation_batch(images.shape, layers), max(held_out, images.test))
    batch = min(settings["batch_size"], trained) * (number * profile.kept + 8 * images.bytes_each)
    evaluation = evaluated * evaluation_bytes(images.shape, layers)
    held = {split: 0 if streams(size) else size for split, size in _split_bytes(images).items()}
    computing = {
        "images": sum(held.values()),
        # Weights, gradients, mask and the state of the optimizer, and the outputs that wait for the backward pass.
        "weights": WORKING_SPACE * 4 * profile.parameters * (3 + optimizer),
        **({"batch": WORKING_SPACE * batch} if batch >= evaluation else {"evaluation": WORKING_SPACE * evaluation}),
    }
    # The chosen images are copied, and copied again with the channels in front.
    loading = {"loading": 2 * trained * images.bytes_each if held["train"] else 0}
    if gpu:
        return {"imports": IMPORTED["cuda"], **loading}, {"imports": GPU_CONTEXT, **computing}
    return {"imports": IMPORTED["torch"], **max(loading, computing, key=lambda parts: sum(parts.values()))}, {}


def _split_bytes(images):
    return {"train": images.train * images.bytes_each, "test": images.test * images.bytes_each}


def dumping_memory(profile, all_images, images, gpu):
    """Return what a dump of some of the test images holds at its peak; see `training_memory`.

    Its parts are ``images``, ``weights``, ``outputs`` (of a batch), ``positions`` (while drawn), ``evaluation``
    (all test images, and a batch of them) and ``imports``.
    """
    image = all_images.shape
    layers = profile.layers.values()
    batch = min(dumping_batch(image, layers), images)
    outputs = batch * dumping_bytes(image, layers)
    places = max(_size(shape[1:]) for shape in layers)
    # One draw of positions at a time: a key and an index for each.
    drawn = {"positions": 16 * min(images * places, max(KEYS_AT_ONCE, places))}
    stored = {"images": images * _size(image)}
    computing = {"weights": 4 * profile.parameters, "outputs": outputs}
    # Answers: the images are copied with the channels in front.
    evaluated = min(evaluation_batch(image, layers), all_images.test) * evaluation_bytes(image, layers)
    held = all_images.test * _size(image)
    answering = {"weights": computing["weights"], "evaluation": (0 if streams(held) else held) + evaluated}
    computing = max(computing, answering, key=lambda parts: sum(parts.values()))
    if gpu:
        host = max(drawn, {"outputs": 12 * batch * _largest(profile)}, key=lambda parts: sum(parts.values()))
        return {"imports": IMPORTED["cuda"], **stored, **host}, {"imports": GPU_CONTEXT, **stored, **computing}
    largest = max(drawn, computing, key=lambda parts: sum(parts.values()))
    return {"imports": IMPORTED["torch"], **stored, **largest}, {}


def comparing_memory(widths, pairs, blocks):
    """Return the peak of a comparison. Pairs whose moments do not fit at once are compared in several passes."""
    products = {(min(pair), max(pair)) for pair in pairs} | {(i, i) for pair in pairs for i in pair}
    moments = 8 * blocks * sum((widths[i] + 2) * (widths[j] + 2) for i, j in products)
    if len(pairs) > 1 and moments > MOMENTS_AT_ONCE:
        return max(comparing_memory(widths, half, blocks) for half in (pairs[: len(pairs) // 2], pairs[-1:]))
    return IMPORTED["numpy"] + COMPARISON_BUFFER + MOMENTS_PEAK * moments


def _size(shape):
    size = 1
    for side in shape:
        size *= side
    return size


def _largest(profile):
    return max(_size(shape) for shape in profile.layers.values())
