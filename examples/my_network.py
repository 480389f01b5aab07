"""A network of one's own: two convolutions and a hidden layer, with a width to set."""

from torch import nn


def small(shape, classes, width=8):
    """Return a network for images of `shape` (channels, height, width)."""
    channels, height, width_of_image = shape
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, 2 * width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(2 * width * (height // 2) * (width_of_image // 2), 32),
        nn.ReLU(),
        nn.Linear(32, classes),
    )
