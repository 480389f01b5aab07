"""The modules of built-in networks that torch.nn does not have."""

from torch import nn
from torch.nn import functional


class GlobalPool(nn.Module):
    """Mean over the positions of each channel; unlike AdaptiveAvgPool2d deterministic on every device."""

    def forward(self, x):
        return x.mean(dim=(2, 3))


class Add(nn.Module):
    """Sum of two outputs."""

    def forward(self, one, other):
        return one + other


class Shortcut(nn.Module):
    """Every `stride`-th position, and channels of zeros up to `width`: option A of He et al. (2016)."""

    def __init__(self, width, stride):
        super().__init__()
        self.width, self.stride = width, stride

    def forward(self, x):
        return functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.width - x.shape[1]))


class Scale(nn.Module):
    """A constant times its input."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x


class Graph(nn.Module):
    """Modules that take the outputs of others by name.

    Parameters
    ----------
    modules : dict of str to torch.nn.Module
        In the order in which they are called.
    inputs : list of tuple of str
        For each module the names of the modules whose outputs it takes; "" for the images.
    """

    def __init__(self, modules, inputs):
        super().__init__()
        for name, module in modules.items():
            self.add_module(name, module)
        self._inputs = dict(zip(modules, inputs, strict=True))
        # An output is let go once nothing takes it any more.
        last = {name: taker for taker, names in self._inputs.items() for name in names}
        self._done = {taker: [name for name in last if last[name] == taker] for taker in modules}

    def fit_shortcuts(self):
        """Give shortcuts of zeros the width of what they are added to, after that has changed."""
        for inputs in self._inputs.values():
            modules = [self.get_submodule(name) for name in inputs if name]
            for module in modules:
                if isinstance(module, Shortcut) and len(modules) > 1:
                    module.width = next(x.num_features for x in modules if isinstance(x, nn.BatchNorm2d))

    def forward(self, images):
        outputs = {"": images}
        for name, inputs in self._inputs.items():
            output = outputs[name] = self.get_submodule(name)(*(outputs[taken] for taken in inputs))
            for taken in self._done[name]:
                del outputs[taken]
        return output
