"""The parts of a student by closed form; `test_build` holds whole students to their graphs."""

import pytest
import torch
from torch import nn

from autokd.graphs.ir import Node
from autokd.students.ops import ConvNode, Head, IdentityNode, Stem
from tests.students.constants import constant, fill


@pytest.mark.parametrize(("stride", "size", "side"), [(1, 7, 7), (4, 16, 4), (4, 9, 3)])
def test_stem_has_the_resolution_of_its_stride(stride: int, size: int, side: int) -> None:
    stem = Stem(Node("stem", (), 5, stride), image_channels=3)
    assert stem(torch.rand(2, 3, size, size)).shape == (2, 5, side, side)


def test_strided_stem_passes_half_its_channels_rounded_up() -> None:
    stem = Stem(Node("stem", (), 5, 4), image_channels=3)
    assert stem.norm1.num_features == 3


@pytest.mark.parametrize("op", ["conv3x3", "sepconv3x3"])
def test_convolution_node_drops_what_is_negative_before_it_convolves(op: str) -> None:
    node = ConvNode(Node("conv3x3" if op == "conv3x3" else "sepconv3x3", (0,), 4, 1), widths=[3])
    with torch.no_grad():
        negative = node.conv(torch.zeros(2, 3, 4, 4))
        torch.testing.assert_close(node.eval()([constant(-1, width=3)]), node.norm(negative))


def test_convolution_node_leaves_its_input_as_it_is() -> None:
    node = ConvNode(Node("conv3x3", (0,), 4, 1), widths=[3])
    maps = constant(-1, width=3)
    node([maps])
    assert (maps == -1).all()


def test_identity_of_one_input_is_that_input() -> None:
    maps = constant(1, width=3)
    node = IdentityNode(Node("identity", (0,), 3, 1), widths=[3])
    assert node([maps]) is maps
    assert list(node.parameters()) == []


def test_identity_brings_a_single_input_to_its_channels() -> None:
    node = IdentityNode(Node("identity", (0,), 4, 1), widths=[3])
    fill(node, value=1)
    torch.testing.assert_close(node([constant(2, width=3)]), constant(7, width=4))


def test_head_without_channels_is_relu_average_and_linear() -> None:
    head = Head(2, head_channels=0, num_classes=3)
    fill(head, value=1)
    maps = torch.stack([constant(-5, width=2), constant(5, width=2)], dim=-1).flatten(3)
    torch.testing.assert_close(head(maps), torch.full((2, 3), 2 * 2.5 + 1))


def test_head_with_channels_drops_what_is_negative_twice() -> None:
    head = Head(2, head_channels=4, num_classes=3).eval()
    fill(head, value=1)
    nn.init.constant_(head.get_parameter("conv.weight"), -1)
    nn.init.zeros_(head.get_parameter("norm.bias"))
    torch.testing.assert_close(head(constant(5, width=2)), torch.ones(2, 3))
