"""A plain executor of an architecture graph, to measure autokd's students against.

Written as one would at first: a loop over modules, one 1x1 convolution for each input that needs
one, one scalar for each weighted input, multiplications and additions one after the other,
`relu`, `Conv2d`, `BatchNorm2d`. Two things it does as autokd does, for they are no part of the
comparison: a map that several nodes read at a coarser resolution is pooled once, and a map is
dropped after its last reader. Weights are copied from a student, so that both compute the same.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from autokd.graphs import Node
from autokd.students import Student
from autokd.students.ops import Merge, Projection

Place = tuple[int, int]
"""A node and a stride: its output at that resolution."""

Pair = tuple[nn.Parameter, nn.Parameter, Callable[[Tensor], Tensor]]
"""A parameter of the plain student, the student's, and the part of the latter that it equals."""


class PlainStudent(nn.Module):
    """The network of a student, executed plainly, with the student's weights.

    Args:
        student: A student whose stem keeps the resolution.
    """

    def __init__(self, student: Student) -> None:
        super().__init__()
        nodes = student.graph.nodes
        self._graph, self._unread = student.graph, _unread_after(student.graph.nodes)
        self.register_buffer("mean", student.mean.clone())
        self.register_buffer("std", student.std.clone())
        self.stem = _stem(nodes[0], student.shape.channels)
        self.nodes = nn.ModuleList(
            PlainNode(node, [nodes[source].channels for source in node.inputs])
            for node in nodes[1:]
        )
        self.head = PlainHead(
            nodes[-1].channels, student.graph.head_channels, student.shape.num_classes
        )
        with torch.no_grad():
            for own, others, part in self.pairs(student):
                own.copy_(part(others))

    def forward(self, images: Tensor) -> Tensor:
        """Classify images in [0, 1], ``(batch, channels, size, size)``."""
        maps = {(0, 1): self.stem((images - self.mean) / self.std)}
        for index, (node, module) in enumerate(
            zip(self._graph.nodes[1:], self.nodes, strict=True), start=1
        ):
            inputs = [self._read(maps, source, node.stride) for source in node.inputs]
            maps[index, node.stride] = module(inputs)
            del inputs
            for place in self._unread[index]:
                del maps[place]
        logits: Tensor = self.head(maps[index, node.stride])
        return logits

    def _read(self, maps: dict[Place, Tensor], source: int, stride: int) -> Tensor:
        if (source, stride) not in maps:
            own = self._graph.nodes[source].stride
            ratio = stride // own
            maps[source, stride] = functional.avg_pool2d(
                maps[source, own], ratio, ratio, ceil_mode=True, count_include_pad=False
            )
        return maps[source, stride]

    def pairs(self, student: Student) -> Iterator[Pair]:
        """Pair every parameter with the student's part that it equals."""
        yield from _alike(self.stem, student.nodes[0])
        for plain, node in zip(self.nodes, list(student.nodes)[1:], strict=True):
            yield from plain.pairs(node)
        yield from _alike(self.head, student.head)


class PlainNode(nn.Module):
    """One node: merge, then for a convolution ReLU, convolution and batch norm.

    Args:
        node: The node.
        widths: Channels of its inputs.
    """

    def __init__(self, node: Node, widths: Sequence[int]) -> None:
        super().__init__()
        self._is_mean, self._n = node.merge == "mean", len(widths)
        merges = len(widths) > 1
        needs = [width != node.channels and (merges or node.op == "identity") for width in widths]
        self.projections = nn.ModuleDict(
            {
                str(index): nn.Conv2d(width, node.channels, 1)
                for index, width in enumerate(widths)
                if needs[index]
            }
        )
        self.scales = nn.ParameterDict(
            {
                str(index): nn.Parameter(torch.ones(()))
                for index in range(len(widths))
                if merges and not self._is_mean and not needs[index]
            }
        )
        self.conv: nn.Module | None = None
        if node.op != "identity":
            self.conv = _convolution(node, node.channels if merges else widths[0])
            self.norm = nn.BatchNorm2d(node.channels)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Run the node on its inputs, ``(batch, width, side, side)`` each."""
        terms = [self._term(str(index), maps) for index, maps in enumerate(inputs)]
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        if self._is_mean and self._n > 1:
            total = total / self._n
        if self.conv is None:
            return total
        maps: Tensor = self.norm(self.conv(functional.relu(total)))
        return maps

    def _term(self, key: str, maps: Tensor) -> Tensor:
        if key in self.projections:
            projected: Tensor = self.projections[key](maps)
            return projected
        return maps * torch.sigmoid(self.scales[key]) if key in self.scales else maps

    def pairs(self, node: nn.Module) -> Iterator[Pair]:
        """Pair the parameters with those of the student's node."""
        merge = node.merge if isinstance(node.merge, Merge) else None
        project = getattr(node, "project", None) if merge is None else merge.project
        if isinstance(project, Projection):
            yield from self._projected(project)
        if merge is not None and merge.scale is not None:
            for place, scale in enumerate(self.scales.values()):
                yield scale, merge.scale, lambda values, place=place: values[place]
        if self.conv is not None:
            yield from _alike(self.conv, node.conv)
            yield from _alike(self.norm, node.norm)

    def _projected(self, project: Projection) -> Iterator[Pair]:
        start = 0
        for place, own in enumerate(self.projections.values()):
            columns = slice(start, start := start + own.in_channels)
            rows = slice(place * own.out_channels, (place + 1) * own.out_channels)
            yield own.weight, project.weight, lambda values, columns=columns: values[:, columns]
            yield own.bias, project.bias, lambda values, rows=rows: values[rows]


class PlainHead(nn.Module):
    """ReLU, perhaps a 1x1 convolution with norm and ReLU, average, linear."""

    def __init__(self, width: int, head_channels: int, num_classes: int) -> None:
        super().__init__()
        self.conv: nn.Module | None = None
        if head_channels:
            self.conv = nn.Conv2d(width, head_channels, 1, bias=False)
            self.norm = nn.BatchNorm2d(head_channels)
        self.linear = nn.Linear(head_channels or width, num_classes)

    def forward(self, maps: Tensor) -> Tensor:
        """Classify maps, ``(batch, width, side, side)``."""
        maps = functional.relu(maps)
        if self.conv is not None:
            maps = functional.relu(self.norm(self.conv(maps)))
        logits: Tensor = self.linear(maps.mean(dim=(2, 3)))
        return logits


def _unread_after(nodes: Sequence[Node]) -> list[list[Place]]:
    """List for each node the maps that no later one reads."""
    last: dict[Place, int] = {}
    for index, node in enumerate(nodes):
        for source in node.inputs:
            last |= {(source, node.stride): index, (source, nodes[source].stride): index}
    return [[place for place, reader in last.items() if reader == i] for i in range(len(nodes))]


def _stem(node: Node, image_channels: int) -> nn.Sequential:
    if node.stride != 1:
        raise ValueError(f"a stem of stride 1 is needed, found {node.stride}")
    return nn.Sequential(
        nn.Conv2d(image_channels, node.channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(node.channels),
        nn.ReLU(),
        nn.Conv2d(node.channels, node.channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(node.channels),
    )


def _convolution(node: Node, width: int) -> nn.Module:
    if node.op == "conv3x3":
        return nn.Conv2d(width, node.channels, 3, padding=1)
    depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)
    return nn.Sequential(depthwise, nn.Conv2d(width, node.channels, 1))


def _alike(plain: nn.Module, student: nn.Module) -> Iterator[Pair]:
    """Pair two modules whose parameters come in the same order."""
    for own, others in zip(plain.parameters(), student.parameters(), strict=True):
        yield own, others, lambda values: values
