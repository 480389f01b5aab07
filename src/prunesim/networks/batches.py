"""How many images go through a network at a time without gradients. Without PyTorch: a forecast needs it too."""

from math import prod

EVALUATION, DUMPING = 500, 250
# Large images make smaller batches, so that no batch takes more than this many bytes.
BATCH_BYTES = 2 << 30


def evaluation_batch(image, layers):
    """Return how many images are evaluated at a time.

    Parameters
    ----------
    image : tuple of int
        Channels, height and width.
    layers : iterable of tuple of int
        Shape of each output of the network for one image, without the axis of images.
    """
    return _batch(EVALUATION, evaluation_bytes(image, layers))


def dumping_batch(image, layers):
    """Return how many images are dumped at a time; see `evaluation_batch`."""
    return _batch(DUMPING, dumping_bytes(image, layers))


def evaluation_bytes(image, layers):
    """Return the bytes that evaluating takes for each image of a batch: an image twice, an output and the next one."""
    return 4 * 2 * (prod(image) + max(map(prod, layers), default=0))


def dumping_bytes(image, layers):
    """Return the bytes that dumping takes for each image of a batch: all outputs, sampled one by one."""
    sizes = [prod(layer) for layer in layers]
    return 4 * (2 * prod(image) + sum(sizes) + 4 * max(sizes))


def _batch(most, bytes_each):
    return max(1, min(most, BATCH_BYTES // bytes_each))
