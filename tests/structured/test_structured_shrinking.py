"""The smaller network answers as the masked one does, and costs what its tensors say."""

import copy

import numpy as np
import pytest
import structured_networks
import torch
from structured_networks import CLASSES, NETWORKS, SHAPE, lively, pruned
from torch import nn

from prunesim.errors import PrunesimError
from prunesim.networks.build import build_network
from prunesim.networks.coupling import find_coupling
from prunesim.networks.describe import cost_of, trace
from prunesim.networks.state import network_arrays
from prunesim.pruning.shrinking import idle_filters, remaining_parameters, without_filters
from prunesim.results.shrinking import check_same, shrink

BUILT_IN = ("cnn", "vgg", "lenet_300_100", "lenet5", "conv2", "resnet9", "resnet20", "resnet20_projection", "nin")
TORCHVISION = ("squeezenet1_1", "googlenet", "mobilenet_v3_small", "shufflenet_v2_x0_5")


def built(name, shape):
    settings = {"name": name, "width": 4, "arguments": {}, "width_factor": 0.25}
    return lively(build_network(settings, shape, CLASSES, seed=0))


def normalised(network, images):
    """Give a deep network the statistics of some images, or nothing of them would reach its answers."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the mean of all batches, here of one
    with torch.no_grad():
        network.train()(images)
    return network.eval()


def images_of(shape, count=6):
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(1))


def difference(network, small, shape):
    """Return the largest difference between two networks, in float64, as a share of what images make of the answers."""
    images = images_of(shape).double()
    with torch.no_grad():
        one, other = (copy.deepcopy(x).double()(images) for x in (network, small))
    assert one.std(0).max() > 1e-6, "answers that do not depend on the images prove nothing"
    return ((one - other).abs().max() / one.std(0).max()).item()


@pytest.mark.parametrize("scope", ["layer", "global"])
@pytest.mark.parametrize("name", NETWORKS)
def test_shrunk_answers_as_masked(name, scope):
    network = lively(NETWORKS[name]())
    before = find_coupling(network, SHAPE)
    pruned(network, SHAPE, scope=scope)
    small, filters = shrink(network, SHAPE, name)
    assert difference(network, small, SHAPE) < 1e-10
    assert all(0 < left <= all_ for left, all_ in filters.values())
    assert sum(left for left, _ in filters.values()) < sum(x["filters"] for x in before if not x["why"])
    assert sum(p.numel() for p in small.parameters()) < 0.7 * sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("name", BUILT_IN)
def test_shrunk_built_in_networks_answer_as_masked(name):
    network = built(name, (1, 32, 32))
    mask, _ = pruned(network, (1, 32, 32))
    small, filters = shrink(network, (1, 32, 32), name)
    assert difference(network, small, (1, 32, 32)) < 1e-10
    assert all(left == all_ - round(all_ / 2) for left, all_ in filters.values())
    # What the mask says of parameters and multiply-adds is what the smaller network has.
    parameters, macs = cost_of(small, (1, 32, 32))
    assert remaining_parameters(cost_of(network, (1, 32, 32))[0], mask) == parameters
    _, uses = trace(network, (1, 32, 32))
    full = {tensor: array.size for tensor, array in network_arrays(network).items()}
    assert sum(times * int(mask[x].sum() if x in mask else full[x]) for x, times in uses.items()) == macs


@pytest.mark.parametrize("name", TORCHVISION)
def test_shrunk_networks_of_torchvision_answer_as_masked(name):
    shape = (3, 64, 64)
    network = build_network({"name": f"torchvision:{name}", "arguments": {}}, shape, CLASSES, seed=0)
    network = normalised(lively(network), images_of(shape))
    pruned(network, shape)
    small, _ = shrink(network, shape, name)
    assert difference(network, small, shape) < 1e-10


def test_the_comparison_sees_a_wrong_filter():
    network = lively(NETWORKS["chain"]())
    pruned(network, SHAPE)
    small, _ = shrink(network, SHAPE, "chain")
    images = images_of(SHAPE)
    assert check_same(network, small, images, "chain") < 1e-6
    with torch.no_grad():
        small[4].weight[0] *= 1.01
    with pytest.raises(PrunesimError, match=r"chain: without its pruned filters it gives other answers, by up to 0\."):
        check_same(network, small, images, "chain")


def test_a_shrunk_network_can_be_trained():
    network = lively(NETWORKS["depthwise"]())
    pruned(network, SHAPE)
    small, _ = shrink(network, SHAPE, "depthwise")
    small.train()(images_of(SHAPE)).sum().backward()
    assert all(parameter.grad.shape == parameter.shape for parameter in small.parameters())


def test_sizes_in_the_code_of_a_network_are_refused():
    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.head = nn.Conv2d(3, 6, 3, padding=1), nn.Linear(6 * 64, CLASSES)

        def forward(self, x):
            return self.head(torch.relu(self.stem(x)).view(-1, 6 * 64))

    network = lively(Fixed())
    pruned(network, SHAPE)
    with pytest.raises(PrunesimError, match="fixed: the network does not run with its tensors of these sizes: "):
        shrink(network, SHAPE, "fixed")


def test_tied_weights_shrink_under_both_names():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.a, self.b = (nn.Conv2d(i, 6, 3, padding=1) for i in (3, 6, 6))
            self.b.weight, self.head = self.a.weight, nn.Linear(6, CLASSES)

        def forward(self, x):
            return self.head(torch.relu(self.b(torch.relu(self.a(torch.relu(self.stem(x)))))).mean((2, 3)))

    network = lively(Tied())
    pruned(network, SHAPE)
    small, filters = shrink(network, SHAPE, "tied")
    assert filters == {"stem": (3, 6)}
    assert small.a.weight.shape == small.b.weight.shape == (3, 3, 3, 3)
    assert difference(network, small, SHAPE) < 1e-10


# --- Filters without effect in networks whose single weights were pruned ---------------------------------------------


def of_two(activation, bias, norm=False):
    """Return two convolutions, the first of which makes its filter 1 of zeros and a bias."""
    middle = [nn.BatchNorm2d(4)] if norm else []
    network = lively(
        nn.Sequential(
            *(nn.Conv2d(3, 4, 3, padding=1), *middle, activation, nn.Conv2d(4, 5, 3, padding=1)),
            *(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, CLASSES)),
        )
    )
    with torch.no_grad():
        network[0].weight[1] = 0
        network[0].bias[1] = bias
    return network


def idle(network):
    return [list(map(int, filters)) for filters in idle_filters(network_arrays(network), find_coupling(network, SHAPE))]


def test_a_filter_of_zeros_is_idle():
    network = of_two(nn.ReLU(), 0.0)
    assert idle(network) == [[1], [], []]
    assert difference(network, shrink(network, SHAPE, "two").network, SHAPE) < 1e-10


def test_a_filter_that_gives_a_constant_is_not():
    assert idle(of_two(nn.ReLU(), 0.3)) == [[], [], []]
    assert idle(of_two(nn.Sigmoid(), 0.0)) == [[], [], []]
    assert idle(of_two(nn.ReLU(), 0.0, norm=True)) == [[], [], []]  # the shift of its normalisation
    network = of_two(nn.ReLU(), 0.0, norm=True)
    with torch.no_grad():
        network[1].weight[1] = network[1].bias[1] = 0
    assert idle(network) == [[1], [], []]
    with pytest.raises(PrunesimError, match="two has no filter to take away: each has weights, or a bias or shift"):
        shrink(of_two(nn.ReLU(), 0.3), SHAPE, "two")


def test_a_filter_that_nothing_reads_is_idle_and_so_is_what_only_it_reads():
    network = of_two(nn.Sigmoid(), 0.3)
    with torch.no_grad():
        network[2].weight[3] = 7  # large, but filter 3 is not read
        network[-1].weight[:, 3] = 0
        network[2].weight[:, 2][[0, 1, 2, 4]] = 0  # of the first filters, number 2 is read by filter 3 alone
    assert idle(network) == [[2], [3], []]
    assert difference(network, shrink(network, SHAPE, "two").network, SHAPE) < 1e-10


def test_one_filter_stays_of_a_layer_without_effect():
    network = of_two(nn.ReLU(), 0.0)
    with torch.no_grad():
        network[0].weight.zero_()
        network[0].bias.zero_()
    assert idle(network)[0] == [1, 2, 3]
    small, filters = shrink(network, SHAPE, "two")
    assert filters["0"] == (1, 4)
    with torch.no_grad():
        assert torch.allclose(network(images_of(SHAPE)), small(images_of(SHAPE)), atol=1e-6)


def test_tensors_lose_rows_and_columns_by_hand():
    network = lively(structured_networks.chain())
    arrays, coupling = network_arrays(network), find_coupling(network, SHAPE)
    smaller = without_filters(arrays, coupling, [np.array([0, 2]), np.array([7]), np.array([], int), np.array([], int)])
    kept = [1, 3, 4, 5]
    assert np.array_equal(smaller["0.weight"], arrays["0.weight"][kept])
    assert np.array_equal(smaller["1.running_var"], arrays["1.running_var"][kept])
    assert np.array_equal(smaller["4.weight"], arrays["4.weight"][:7][:, kept])
    assert np.array_equal(smaller["7.weight"], arrays["7.weight"][:, : 7 * 16])
    assert smaller["1.num_batches_tracked"] == arrays["1.num_batches_tracked"]
