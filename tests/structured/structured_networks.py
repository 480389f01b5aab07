"""Small networks, one for each way in which filters are tied, and a way to prune them."""

import torch
from torch import nn
from torch.nn import functional

from prunesim.networks.coupling import find_coupling
from prunesim.networks.state import load_arrays, network_arrays
from prunesim.networks.weights import weight_kinds
from prunesim.pruning.filters import prune_filters
from prunesim.pruning.masks import apply_mask

SHAPE, CLASSES = (3, 8, 8), 4


def chain():
    """Convolution, normalisation, ReLU, pooling, and a linear layer that reads each filter at 16 places."""
    return nn.Sequential(
        *(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, 5), nn.Sigmoid()),
        nn.Linear(5, CLASSES),
    )


class Residual(nn.Module):
    """A residual of two convolutions, added by an operator in place, and one behind a projection."""

    def __init__(self):
        super().__init__()
        self.stem, self.one = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 5, 3, padding=1)
        self.two, self.norm = nn.Conv2d(5, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)
        self.down, self.projection = nn.Conv2d(6, 8, 3, stride=2, padding=1), nn.Conv2d(6, 8, 1, stride=2)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        y = self.norm(self.two(functional.relu(self.one(x))))
        y += x
        y = functional.leaky_relu(self.down(y) + self.projection(y))
        return self.head(y.mean((2, 3)))


class Dense(nn.Module):
    """Concatenations of concatenations, each normalised before it is read, as in DenseNet."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.norms = nn.ModuleList([nn.BatchNorm2d(4), nn.BatchNorm2d(7)])
        self.convs = nn.ModuleList([nn.Conv2d(4, 3, 3, padding=1), nn.Conv2d(7, 5, 3, padding=1)])
        self.head = nn.Linear(12 * 4, CLASSES)

    def forward(self, x):
        x = self.stem(x)
        for norm, conv in zip(self.norms, self.convs, strict=True):
            x = torch.cat([x, conv(torch.relu(norm(x)))], 1)
        return self.head(functional.adaptive_avg_pool2d(x, 2).flatten(1))


class Depthwise(nn.Module):
    """Inverted residuals with squeeze and excitation, as in MobileNetV3, and depthwise filters, two a channel."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.expand, self.norm = nn.Conv2d(4, 10, 1, bias=False), nn.BatchNorm2d(10)
        self.depth = nn.Conv2d(10, 10, 3, padding=1, groups=10)
        self.squeeze, self.excite = nn.Conv2d(10, 3, 1), nn.Conv2d(3, 10, 1)
        self.project, self.twice = nn.Conv2d(10, 4, 1), nn.Conv2d(4, 8, 3, groups=4)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x):
        x = functional.hardswish(self.stem(x))
        y = functional.hardswish(self.depth(self.norm(self.expand(x))))
        scale = self.excite(functional.relu(self.squeeze(functional.adaptive_avg_pool2d(y, 1))))
        x = x + self.project(y * torch.sigmoid(scale))
        return self.head(self.twice(x).amax((2, 3)))


class Grouped(nn.Module):
    """A convolution in two groups, which stay as wide as each other."""

    def __init__(self):
        super().__init__()
        self.stem, self.grouped = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 12, 3, padding=1, groups=2)
        self.act, self.head = nn.PReLU(12), nn.Linear(12, CLASSES)

    def forward(self, x):
        return self.head(self.act(self.grouped(torch.tanh(self.stem(x)))).mean((-2, -1)))


class Functions(nn.Module):
    """Parameters that only functions know, one of them used twice, and channels last in the middle."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.weight = nn.Conv2d(6, 6, 3, padding=1)
        self.mix, self.head = nn.Linear(6, 7), nn.Linear(7 * 8, CLASSES)

    def forward(self, x):
        x = functional.relu(self.stem(x))
        for _ in range(2):
            x = functional.relu(functional.conv2d(x, self.weight.weight, self.weight.bias, padding=1))
        x = functional.gelu(functional.linear(x.permute(0, 2, 3, 1), self.mix.weight, self.mix.bias))
        return self.head(x.mean(1).transpose(1, 2).reshape(len(x), -1))


NETWORKS = {
    "chain": chain,
    "residual": Residual,
    "dense": Dense,
    "depthwise": Depthwise,
    "grouped": Grouped,
    "functions": Functions,
}


def lively(network, seed=0):
    """Give a network numbers like those after training: none 0, 1 or the same twice; in eval mode."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
            if tensor.dim() == 1:
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + (0.5 if "var" in name else -0.3))
            elif tensor.is_floating_point():
                fan = tensor[0].numel()
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * (2 / fan) ** 0.5)
    return network.eval()


def pruned(network, shape, fraction=0.5, scope="layer", criterion="l1", seed=0):
    """Prune filters of a network, in place, and return mask and coupling."""
    coupling, arrays = find_coupling(network, shape), network_arrays(network)
    mask, _ = prune_filters(
        arrays,
        {},
        coupling,
        names=weight_kinds(network),
        fraction=fraction,
        scope=scope,
        criterion=criterion,
        seed=seed,
    )
    load_arrays(network, apply_mask(arrays, mask), "")
    return mask, coupling
