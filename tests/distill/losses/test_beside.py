import pytest
import torch
from torch import nn

from autokd.distill.losses.beside import run_beside


def _network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 2, 3),
        nn.BatchNorm2d(2),
        nn.AdaptiveAvgPool2d(1),
        nn.BatchNorm2d(2),
        nn.Flatten(),
        nn.Linear(2, 3),
    )


def test_a_batch_is_normalised_by_its_own_statistics() -> None:
    network, images = _network(), torch.rand(5, 1, 8, 8)
    found = run_beside(network, images)
    assert torch.equal(found, network.train()(images))


def test_a_single_image_is_normalised_by_the_running_statistics() -> None:
    network, image = _network(), torch.rand(1, 1, 8, 8)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        network(image)
    before = {name: each.clone() for name, each in network.state_dict().items()}
    found = run_beside(network, image)
    assert torch.equal(found, network.eval()(image))
    assert all(torch.equal(each, before[name]) for name, each in network.state_dict().items())
    # An unused parameter would raise.
    torch.autograd.grad(found.sum(), list(network.parameters()))


def test_a_single_image_leaves_the_next_batch_as_it_would_have_been() -> None:
    network, images = _network(), torch.rand(5, 1, 8, 8)
    run_beside(network, images[:1])
    assert torch.equal(run_beside(network, images), network.train()(images))
