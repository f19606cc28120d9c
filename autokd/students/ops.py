"""What a student is made of: stem, merge, convolution node, identity node, head.

Written for small maps in eager mode, where a call costs more than the arithmetic behind it. The
inputs of a merge that need a 1x1 convolution share one call, since a sum of convolutions is the
convolution of the concatenation. The scalars of a node's merge are one vector. No ReLU works in
place: the tensor before it may have other readers.

What the parts compute is said in `autokd.graphs.ir`, what they weigh in `autokd.graphs.cost`.
"""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from autokd.graphs.ir import Merge as MergeKind
from autokd.graphs.ir import Node

__all__ = ["ConvNode", "Head", "IdentityNode", "Merge", "Projection", "Stem"]


class Stem(nn.Module):
    """From the image to the first maps, at stride 1 or 4.

    Args:
        node: Node 0 of a graph.
        image_channels: Channels of the image, >= 1.
    """

    def __init__(self, node: Node, *, image_channels: int) -> None:
        super().__init__()
        width = node.channels
        if node.stride == 1:
            self.conv1: nn.Module = nn.Conv2d(image_channels, width, 3, padding=1, bias=False)
            self.norm1 = nn.BatchNorm2d(width)
            self.conv2: nn.Module = nn.Conv2d(width, width, 3, padding=1, bias=False)
        else:
            half = -(-width // 2)
            self.conv1 = _sepconv(image_channels, half, stride=2, bias=False)
            self.norm1 = nn.BatchNorm2d(half)
            self.conv2 = _sepconv(half, width, stride=2, bias=False)
        self.norm2 = nn.BatchNorm2d(width)

    def forward(self, images: Tensor) -> Tensor:
        """Read the image.

        Args:
            images: Normalised, ``(batch, image_channels, size, size)``.

        Returns:
            ``(batch, channels, side, side)`` where ``side`` is ``ceil(size / stride)``.
        """
        first = functional.relu(self.norm1(self.conv1(images)))
        maps: Tensor = self.norm2(self.conv2(first))
        return maps


class Projection(nn.Module):
    """The sum of 1x1 convolutions with bias, one for each input.

    Their weights lie side by side, ``(channels, sum of widths, 1, 1)``, their biases one after the
    other, ``(inputs * channels,)``.

    Args:
        widths: Channels of each input.
        channels: Channels of the result, >= 1.
    """

    def __init__(self, widths: Sequence[int], *, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels, sum(widths), 1, 1))
        self.bias = nn.Parameter(torch.zeros(len(widths) * channels))
        self._n_inputs = len(widths)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Bring the inputs to the same channels and add them up.

        Args:
            inputs: One for each of ``widths``, ``(batch, its width, height, width)``.

        Returns:
            ``(batch, channels, height, width)``.
        """
        if self._n_inputs == 1:
            return _conv1x1(inputs[0], self.weight, self.bias, trains=self.training)
        bias = self.bias.view(self._n_inputs, -1).sum(0)
        joined = torch.cat(list(inputs), dim=1)
        return _conv1x1(joined, self.weight, bias, trains=self.training)


class Merge(nn.Module):
    """Several inputs of one resolution become one.

    Args:
        widths: Channels of each input, two inputs or more.
        channels: Channels of the node, >= 1.
        kind: ``sum`` or ``mean``.
    """

    def __init__(self, widths: Sequence[int], *, channels: int, kind: MergeKind) -> None:
        super().__init__()
        self._kept = [index for index, width in enumerate(widths) if width == channels]
        self._projected = [index for index, width in enumerate(widths) if width != channels]
        self._is_mean = kind == "mean"
        self.scale: nn.Parameter | None = None
        self.project: Projection | None = None
        if self._kept and not self._is_mean:
            self.scale = nn.Parameter(torch.ones(len(self._kept)))
        if self._projected:
            others = [widths[index] for index in self._projected]
            self.project = Projection(others, channels=channels)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Merge the inputs.

        Args:
            inputs: One for each of ``widths``, ``(batch, its width, height, width)``.

        Returns:
            ``(batch, channels, height, width)``.

        Source: Ru et al. 2020, arXiv:2004.01395, and its released code (the sigmoid of a scalar
            that starts at 1).
        """
        kept = [inputs[index] for index in self._kept]
        total: Tensor | None = None
        if self.project is not None:
            total = self.project([inputs[index] for index in self._projected])
        if self._is_mean:
            return _add(total, kept) / len(inputs)
        return _add_scaled(total, kept, scale=self.scale)


class ConvNode(nn.Module):
    """Merge, ReLU, convolution, batch norm.

    Args:
        node: A node whose operation is ``conv3x3`` or ``sepconv3x3``.
        widths: Channels of each of its inputs.
    """

    def __init__(self, node: Node, *, widths: Sequence[int]) -> None:
        super().__init__()
        self.merge = _merge(node, widths)
        width = widths[0] if self.merge is None else node.channels
        if node.op == "conv3x3":
            self.conv: nn.Module = nn.Conv2d(width, node.channels, 3, padding=1)
        else:
            self.conv = _sepconv(width, node.channels, stride=1, bias=True)
        self.norm = nn.BatchNorm2d(node.channels)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Run the node.

        Args:
            inputs: One for each of ``widths``, ``(batch, its width, side, side)``.

        Returns:
            ``(batch, channels, side, side)``.
        """
        merged = inputs[0] if self.merge is None else self.merge(inputs)
        maps: Tensor = self.norm(self.conv(functional.relu(merged)))
        return maps


class IdentityNode(nn.Module):
    """Merge, and nothing after it.

    Args:
        node: A node whose operation is ``identity``.
        widths: Channels of each of its inputs.
    """

    def __init__(self, node: Node, *, widths: Sequence[int]) -> None:
        super().__init__()
        self.merge = _merge(node, widths)
        self.project: Projection | None = None
        if self.merge is None and widths[0] != node.channels:
            self.project = Projection(widths, channels=node.channels)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Run the node.

        Args:
            inputs: One for each of ``widths``, ``(batch, its width, side, side)``.

        Returns:
            ``(batch, channels, side, side)``; a single input of the node's channels is returned
            itself.
        """
        mapping = self.merge or self.project
        maps: Tensor = inputs[0] if mapping is None else mapping(inputs)
        return maps


class Head(nn.Module):
    """From the last maps to the logits.

    Args:
        width: Channels of the last node, >= 1.
        head_channels: Channels of the 1x1 convolution, 0 for none.
        num_classes: Classes, >= 2.
    """

    def __init__(self, width: int, *, head_channels: int, num_classes: int) -> None:
        super().__init__()
        self.conv: nn.Conv2d | None = None
        self.norm: nn.BatchNorm2d | None = None
        if head_channels:
            self.conv = _Pointwise(width, head_channels, 1, bias=False)
            self.norm = nn.BatchNorm2d(head_channels)
        self.linear = nn.Linear(head_channels or width, num_classes)

    def forward(self, maps: Tensor) -> Tensor:
        """Classify.

        Args:
            maps: ``(batch, width, side, side)``.

        Returns:
            Logits, ``(batch, classes)``.
        """
        maps = functional.relu(maps)
        if self.conv is not None and self.norm is not None:
            maps = functional.relu(self.norm(self.conv(maps)))
        logits: Tensor = self.linear(maps.mean(dim=(2, 3)))
        return logits


class _Pointwise(nn.Conv2d):
    """A 1x1 convolution that trains as a matrix product on a CPU."""

    def forward(self, maps: Tensor) -> Tensor:
        return _conv1x1(maps, self.weight, self.bias, trains=self.training)


def _conv1x1(maps: Tensor, weight: Tensor, bias: Tensor | None, *, trains: bool) -> Tensor:
    if not trains or maps.device.type != "cpu":
        return functional.conv2d(maps, weight, bias)
    # Channels last in memory, this is a matrix product without any copy. A convolution's backward
    # pass costs a CPU twice as much, most of it before the arithmetic begins.
    product = functional.linear(maps.permute(0, 2, 3, 1), weight.flatten(1), bias)
    return product.permute(0, 3, 1, 2)


def _merge(node: Node, widths: Sequence[int]) -> Merge | None:
    if len(widths) == 1:
        return None
    return Merge(widths, channels=node.channels, kind=node.merge)


def _sepconv(width: int, channels: int, *, stride: int, bias: bool) -> nn.Sequential:
    depthwise = nn.Conv2d(width, width, 3, stride, padding=1, groups=width, bias=False)
    pointwise = _Pointwise(width, channels, 1, bias=bias)
    return nn.Sequential(OrderedDict(depthwise=depthwise, pointwise=pointwise))


def _add(total: Tensor | None, terms: Sequence[Tensor]) -> Tensor:
    for term in terms:
        total = term if total is None else total + term
    assert total is not None, "a merge has inputs"
    return total


def _add_scaled(total: Tensor | None, terms: Sequence[Tensor], *, scale: Tensor | None) -> Tensor:
    if scale is None:
        return _add(total, terms)
    # In the inputs' own precision: CUDA's autocast would turn the sum into the factor's float32.
    factors = torch.sigmoid(scale).to(terms[0].dtype).unbind()
    for term, factor in zip(terms, factors, strict=True):
        total = term * factor if total is None else torch.addcmul(total, term, factor)
    return _add(total, [])
