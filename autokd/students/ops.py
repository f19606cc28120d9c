"""What a student is made of: stem, convolution node, identity node, head.

Written for small maps in eager mode, where a call costs more than the arithmetic behind it. No
ReLU works in place: the tensor before it may have other readers.

What the parts compute is said in `autokd.graphs.ir`, what they weigh in `autokd.graphs.cost`.
"""

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from autokd.graphs.ir import Node
from autokd.students.aggregation import aggregate, recomputed
from autokd.students.merge import Merge, Projection
from autokd.students.norm import BatchNorm
from autokd.students.pointwise import Pointwise

__all__ = ["ConvNode", "Head", "IdentityNode", "Stem"]


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
            self.norm1 = BatchNorm(width)
            self.conv2: nn.Module = nn.Conv2d(width, width, 3, padding=1, bias=False)
        else:
            half = -(-width // 2)
            self.conv1 = _sepconv(image_channels, half, stride=2, bias=False)
            self.norm1 = BatchNorm(half)
            self.conv2 = _sepconv(half, width, stride=2, bias=False)
        self.norm2 = BatchNorm(width)

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


class ConvNode(nn.Module):
    """Merge, ReLU, convolution, batch norm.

    Attributes:
        recomputes: Whether training drops what the convolution reads and works it out again for
            the backward pass: less memory, more time.

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
        self.norm = BatchNorm(node.channels)
        self.recomputes = False

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Run the node.

        Args:
            inputs: One for each of ``widths``, ``(batch, its width, side, side)``.

        Returns:
            ``(batch, channels, side, side)``.
        """
        maps: Tensor = self.norm(self._convolved(inputs))
        return maps

    def _convolved(self, inputs: Sequence[Tensor]) -> Tensor:
        base, kept, scale = self._parts(inputs)
        if self.training and self.recomputes:
            steps = [*self.conv] if isinstance(self.conv, nn.Sequential) else [self.conv]
            return recomputed(base, kept, scale, then=steps)
        merged = aggregate(base, kept, scale, rectified=True, trains=self.training)
        maps: Tensor = self.conv(merged)
        return maps

    def _parts(
        self, inputs: Sequence[Tensor]
    ) -> tuple[Tensor | None, Sequence[Tensor], Tensor | None]:
        if self.merge is None:
            return inputs[0], [], None
        if self.merge.is_mean:
            return self.merge(inputs), [], None
        return *self.merge.parts(inputs), self.merge.scale


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
        self.norm: BatchNorm | None = None
        if head_channels:
            self.conv = Pointwise(width, head_channels, 1, bias=False)
            self.norm = BatchNorm(head_channels)
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


def _merge(node: Node, widths: Sequence[int]) -> Merge | None:
    if len(widths) == 1:
        return None
    return Merge(widths, channels=node.channels, kind=node.merge)


def _sepconv(width: int, channels: int, *, stride: int, bias: bool) -> nn.Sequential:
    depthwise = nn.Conv2d(width, width, 3, stride, padding=1, groups=width, bias=False)
    pointwise = Pointwise(width, channels, 1, bias=bias)
    return nn.Sequential(OrderedDict(depthwise=depthwise, pointwise=pointwise))
