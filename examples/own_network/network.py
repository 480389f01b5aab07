"""A network of one's own."""

from torch import nn


def small(shape, classes, width=16):
    """Return a network for images of `shape` (channels, height, width)."""
    convolutions = [nn.Conv2d(shape[0], width, 3), nn.ReLU(), nn.Conv2d(width, 2 * width, 3), nn.ReLU()]
    return nn.Sequential(*convolutions, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2 * width, classes))
