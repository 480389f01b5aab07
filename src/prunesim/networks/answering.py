"""What a network answers to images."""

import torch

from prunesim.networks.batches import EVALUATION
from prunesim.networks.tracing import main_output


def answers(network, images, normalise, autocast, batch_size=EVALUATION):
    """Yield the first image and the answers, float32, images x classes, of each batch; see
    `prunesim.training.loop.evaluate`.

    In eval mode and without gradients; the mode of the network is restored.
    """
    training = network.training
    network.eval()
    with torch.no_grad():
        for start in range(0, len(images), batch_size):
            with autocast():
                output = main_output(network(normalise(images[start : start + batch_size])))
            yield start, output.float()
    network.train(training)
