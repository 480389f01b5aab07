"""Networks of few weights with what networks of users have: other axes, functions, shared and computed weights."""

import torch
from torch import nn
from torch.nn import functional

SHAPE, CLASSES = (3, 8, 8), 3


class Forward(nn.Module):
    """Modules by name, and a function that runs them."""

    def __init__(self, forward, **modules):
        super().__init__()
        for name, module in modules.items():
            self.add_module(name, module)
        self.run = forward

    def forward(self, x):
        return self.run(self, x)


class ChannelsFirst(nn.Module):
    """A 1 x 1 convolution between two others."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.mix = nn.Conv2d(6, 5, 1)
        self.act = nn.ReLU()
        self.head = nn.Linear(5, CLASSES)

    def forward(self, x):
        x = self.act(self.mix(torch.tanh(self.stem(x))))
        return self.head(x.mean((2, 3)))


class ChannelsLast(ChannelsFirst):
    """The same network, whose middle works on channels last, as in ConvNeXt and Swin."""

    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(6, 5)

    def forward(self, x):
        x = self.stem(x).permute(0, 2, 3, 1)
        x = self.act(self.mix(torch.tanh(x))).permute(0, 3, 1, 2)
        return self.head(x.mean((2, 3)))


def twins():
    """Return the two networks with the same weights."""
    torch.manual_seed(0)
    first, last = ChannelsFirst(), ChannelsLast()
    weights = first.state_dict()
    last.load_state_dict({**weights, "mix.weight": weights["mix.weight"].flatten(1)})
    return first, last


class Tokens(nn.Module):
    """Patches as tokens, self-attention, a convolution along the tokens, and a class token."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 8, 4, stride=4)
        self.first = nn.Parameter(torch.zeros(1, 1, 8))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.along = nn.Conv1d(8, 6, 3, padding=1)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.first.expand(len(x), -1, -1), x], 1)
        x = self.norm(x + self.attention(x, x, x, need_weights=False)[0])
        x = functional.gelu(self.along(x.transpose(1, 2)))
        return self.head(x[..., 0])


class Auxiliary(nn.Module):
    """A second answer while it is trained, as GoogLeNet has one."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.body = nn.Conv2d(3, 4, 3)
        self.aux = nn.Linear(4, CLASSES)
        self.fc = nn.Linear(4, CLASSES)

    def forward(self, x):
        x = torch.relu(self.body(x)).mean((2, 3))
        if not self.training:
            return self.fc(x)
        if self.kind == "dict":
            return {"out": self.fc(x), "aux": self.aux(x)}
        return self.fc(x), self.aux(x)


def on_vectors(*middle, width=12):
    """Return a network of linear layers around some modules."""
    return nn.Sequential(nn.Flatten(), nn.Linear(192, width), *middle, nn.Linear(width, CLASSES))
