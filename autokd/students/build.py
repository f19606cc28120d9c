"""From an architecture graph to a network.

The student's keys follow the graph: ``nodes.3.conv.weight`` is the convolution of node 3,
``nodes.0`` the stem. What the forward pass does beyond running the nodes in their order is
bookkeeping on *maps*, the outputs of nodes at a resolution: a pooled output is computed once for
all who read it at that resolution, and forgotten after the last of them.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from autokd.errors import ShapeError
from autokd.graphs.ir import ArchGraph, InputShape, Node
from autokd.students.merge import Projection
from autokd.students.ops import ConvNode, Head, IdentityNode, Stem

__all__ = ["Student", "build"]

_LINEAR_STD = 0.01
_Map = tuple[int, int]
"""A node and a stride: its output at that resolution."""


class Student(nn.Module):
    """A network that an architecture graph describes, with its normalisation inside.

    Attributes:
        graph: What it was built from.
        shape: What it reads and answers.

    Args:
        graph: The architecture.
        shape: What it reads and answers.
        mean: Subtracted from each channel, on the [0, 1] scale, one number a channel.
        std: Each channel is divided by it, > 0, one number a channel.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        graph: ArchGraph,
        shape: InputShape,
        *,
        mean: Sequence[float],
        std: Sequence[float],
    ) -> None:
        super().__init__()
        self.graph = graph
        self.shape = shape
        self.register_buffer("mean", _per_channel(mean))
        self.register_buffer("std", _per_channel(std))
        self.nodes = nn.ModuleList(_module(graph.nodes, node, shape) for node in graph.nodes)
        self.head = Head(
            graph.nodes[-1].channels,
            head_channels=graph.head_channels,
            num_classes=shape.num_classes,
        )
        self._reads = [[(source, node.stride) for source in node.inputs] for node in graph.nodes]
        self._forgets = _forgets(graph.nodes)

    def forward(self, images: Tensor) -> Tensor:
        """Classify images.

        Args:
            images: On the [0, 1] scale, ``(batch, channels, size, size)``.

        Returns:
            Logits, ``(batch, classes)``.

        Raises:
            ShapeError: If the images have other channels.
        """
        if images.shape[1] != self.shape.channels:
            found = tuple(images.shape)
            raise ShapeError(f"images of {self.shape.channels} channels expected, found {found}")
        maps: dict[_Map, Tensor] = {}
        for index, node in enumerate(self.nodes):
            if index == 0:
                output = node((images - self.mean) / self.std)
            else:
                output = node([self._read(maps, wanted) for wanted in self._reads[index]])
            maps[index, self.graph.nodes[index].stride] = output
            for unread in self._forgets[index]:
                del maps[unread]
        logits: Tensor = self.head(output)
        return logits

    def _read(self, maps: dict[_Map, Tensor], wanted: _Map) -> Tensor:
        if wanted not in maps:
            source, stride = wanted
            own = self.graph.nodes[source].stride
            ratio = stride // own
            maps[wanted] = functional.avg_pool2d(
                maps[source, own], ratio, ratio, ceil_mode=True, count_include_pad=False
            )
        return maps[wanted]


def build(
    graph: ArchGraph,
    shape: InputShape,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    seed: int,
) -> Student:
    """Build a student with fresh weights, on the CPU, in training mode.

    Convolutions are drawn from a normal distribution by fan-out, the linear layer from one of
    standard deviation 0.01, so that the first predictions are close to uniform; biases are 0,
    batch norms 1 and 0, the scalars of a ``sum`` 1.

    Args:
        graph: The architecture.
        shape: What it reads and answers.
        mean: Subtracted from each channel, on the [0, 1] scale, one number a channel.
        std: Each channel is divided by it, > 0, one number a channel.
        seed: Of the weights; equal arguments give equal weights. The global generator is left as
            it is.

    Returns:
        The student; its weights number `autokd.graphs.count_params`.

    Raises:
        ShapeError: If ``mean`` or ``std`` does not have one number a channel.

    Source: He et al. 2015, arXiv:1502.01852, section 2.2 (convolutions, backward case).
    """
    for name, numbers in (("mean", mean), ("std", std)):
        if len(numbers) != shape.channels:
            raise ShapeError(f"{name} needs {shape.channels} numbers, found {len(numbers)}")
    with torch.random.fork_rng(devices=[]):
        student = Student(graph, shape, mean=mean, std=std)
    _initialise(student, torch.Generator().manual_seed(seed))
    return student


def _per_channel(numbers: Sequence[float]) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float32).view(1, -1, 1, 1)


def _module(nodes: Sequence[Node], node: Node, shape: InputShape) -> nn.Module:
    if node.op == "stem":
        return Stem(node, image_channels=shape.channels)
    widths = [nodes[source].channels for source in node.inputs]
    return (IdentityNode if node.op == "identity" else ConvNode)(node, widths=widths)


def _forgets(nodes: Sequence[Node]) -> list[list[_Map]]:
    """List for each node the maps that nobody reads after it; pooling an output reads it."""
    last_reader: dict[_Map, int] = {}
    for index, node in enumerate(nodes):
        for source in node.inputs:
            last_reader[source, node.stride] = index
            last_reader[source, nodes[source].stride] = index
    forgets: list[list[_Map]] = [[] for _ in nodes]
    for wanted, index in last_reader.items():
        forgets[index].append(wanted)
    return forgets


def _initialise(student: Student, generator: torch.Generator) -> None:
    for module in student.modules():
        if isinstance(module, nn.Conv2d | Projection):
            # Counted by hand: torch's fan-out ignores groups, and a depthwise kernel has one
            # output channel a group.
            groups = module.groups if isinstance(module, nn.Conv2d) else 1
            fan_out = module.weight[:, 0].numel() // groups
            nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out), generator=generator)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=_LINEAR_STD, generator=generator)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
