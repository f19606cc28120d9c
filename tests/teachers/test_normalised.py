"""A normalised network reads the same images as any other."""

import pytest
import torch
from torch import nn

from autokd.errors import ShapeError
from autokd.teachers.normalised import Normalised


def test_each_channel_is_normalised_with_its_own_numbers() -> None:
    network = Normalised(nn.Flatten(), mean=[0.5, 0.25], std=[0.5, 0.25])
    images = torch.tensor([[[[1.0]], [[1.0]]], [[[0.5]], [[0.0]]]])
    torch.testing.assert_close(network(images), torch.tensor([[1.0, 3.0], [0.0, -1.0]]))


def test_normalisation_is_not_a_weight() -> None:
    assert list(Normalised(nn.Flatten(), mean=[0.5], std=[0.5]).parameters()) == []


def test_grey_images_are_not_broadcast_to_colour() -> None:
    network = Normalised(nn.Flatten(), mean=[0.5] * 3, std=[0.5] * 3)
    with pytest.raises(ShapeError, match=r"3 channels expected, found \(2, 1, 4, 4\)"):
        network(torch.rand(2, 1, 4, 4))
