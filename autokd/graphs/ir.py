"""The architecture graph: one student, written out in full, without torch.

A graph is a list of nodes in topological order. Node 0 is the stem and reads the image; the last
node feeds the head. Every other node merges its inputs and applies its operation:

1. an input of finer resolution is average-pooled to the node's resolution, kernel and stride equal
to the ratio of the
   strides (incomplete windows at the border are kept and averaged over what they cover);
2. *one* input is then taken as it is: the operation maps its channels to the node's;
   *several* inputs are brought to the node's channels, those that differ by a 1x1 convolution with
   bias, and merged: ``sum`` scales each input that needed no 1x1 convolution by the sigmoid of a
   trained scalar and adds all up, ``mean`` averages them without any scalar;
3. ``conv3x3`` is ReLU, 3x3 convolution with bias, batch norm; ``sepconv3x3`` is ReLU, depthwise
3x3 convolution without
   bias, 1x1 convolution with bias, batch norm; ``identity`` passes the merged tensor on (a single
   input of other channels is brought to the node's by a 1x1 convolution with bias).

The stem is 3x3 convolution without bias, batch norm, ReLU, 3x3 convolution without bias, batch
norm at stride 1; at stride 4 it is two units of stride-2 depthwise 3x3 without bias, 1x1 without
bias, batch norm with a ReLU between them, of half the channels (rounded up) and then all.
The head is ReLU, then if ``head_channels`` is not 0 a 1x1 convolution without bias, batch norm and
ReLU to so many channels, then the global average over positions and a linear layer with bias.

The encoding is explicit so that a student outlives the library that drew it: rebuilding needs no
random numbers and no networkx. What it leaves out is the input's channels, size and the number of
classes: they are the data's (`InputShape`).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from autokd.errors import GraphError

__all__ = ["FORMAT", "ArchGraph", "InputShape", "Merge", "Node", "Op"]

FORMAT = 1
"""Version of the encoding, written into every JSON."""

Op = Literal["stem", "conv3x3", "sepconv3x3", "identity"]
Merge = Literal["sum", "mean"]

_OPS = ("stem", "conv3x3", "sepconv3x3", "identity")
_MERGES = ("sum", "mean")
_STEM_STRIDES = (1, 4)


@dataclass(frozen=True, slots=True)
class InputShape:
    """What a student reads and answers.

    Attributes:
        channels: Colour channels, 1 or 3.
        size: Height and width, pixels, >= 1.
        num_classes: Classes, >= 2.
    """

    channels: int
    size: int
    num_classes: int


@dataclass(frozen=True, slots=True)
class Node:
    """One node of an architecture graph.

    Attributes:
        op: Operation.
        inputs: Indices of earlier nodes, distinct and ascending; empty for the stem only.
        channels: Channels of the output, >= 1.
        stride: Image pixels per pixel of the output along one side, a power of two; a map of an
            image of n pixels has ``ceil(n / stride)`` pixels a side.
        merge: How several inputs become one.
    """

    op: Op
    inputs: tuple[int, ...]
    channels: int
    stride: int
    merge: Merge = "sum"


@dataclass(frozen=True)
class ArchGraph:
    """One student's architecture: immutable, hashable, checked when made.

    Attributes:
        nodes: Nodes in topological order, the stem first, the head's input last.
        head_channels: Channels of the head's 1x1 convolution, 0 for a head without one.
        notes: What the generator had to say, such as a repair: ``("top graph connected by 1
            edge",)``.

    Raises:
        GraphError: If a rule of the module docstring is broken; the message names the node.
    """

    nodes: tuple[Node, ...]
    head_channels: int = 0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check(self)

    def to_json(self) -> str:
        """Write the graph as canonical JSON.

        Returns:
            One line with sorted keys; equal graphs give equal text, and `from_json` gives the
            graph back.
        """
        return self._written(self.notes)

    @classmethod
    def from_json(cls, text: str) -> "ArchGraph":
        """Read a graph back.

        Args:
            text: What `to_json` wrote; indentation and key order do not matter.

        Returns:
            The graph, checked.

        Raises:
            GraphError: If the text is not such JSON, has another format, or breaks a rule.
        """
        try:
            raw = json.loads(text)
        except json.JSONDecodeError as error:
            raise GraphError(f"not JSON: {error}") from error
        return cls.from_mapping(raw)

    @classmethod
    def from_mapping(cls, raw: Any) -> "ArchGraph":
        """Read a graph from parsed JSON.

        Args:
            raw: The mapping that `to_json` encodes.

        Returns:
            The graph, checked.

        Raises:
            GraphError: If a key is missing or unknown, or a rule is broken.
        """
        if not isinstance(raw, Mapping) or raw.get("format") != FORMAT:
            found = raw.get("format") if isinstance(raw, Mapping) else type(raw).__name__
            raise GraphError(
                f"an architecture graph of format {FORMAT} was expected, found {found!r}"
            )
        unknown = sorted(set(raw) - {"format", "nodes", "head_channels", "notes"})
        if unknown:
            raise GraphError(f"an architecture graph has no {unknown}")
        try:
            nodes = tuple(_node(node) for node in raw["nodes"])
            return cls(nodes, raw["head_channels"], tuple(raw["notes"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise GraphError(f"not an architecture graph: {error}") from error

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the network, without the notes, as 64 hexadecimal digits."""
        return hashlib.sha256(self._written(()).encode()).hexdigest()

    def _written(self, notes: tuple[str, ...]) -> str:
        return (
            f'{{"format":{FORMAT},"head_channels":{self.head_channels},'
            f'"nodes":[{self._written_nodes}],"notes":{_compact(notes)}}}'
        )

    @cached_property
    def _written_nodes(self) -> str:
        return ",".join(map(_written, self.nodes))


def _written(node: Node) -> str:
    # By hand, since a graph is written twice in every trial: what is in it is checked, and needs
    # no escapes. `_compact` of a mapping takes three times as long.
    inputs = ",".join(map(str, node.inputs))
    return (
        f'{{"channels":{node.channels},"inputs":[{inputs}],"merge":"{node.merge}",'
        f'"op":"{node.op}","stride":{node.stride}}}'
    )


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _node(raw: Mapping[str, Any]) -> Node:
    return Node(**{**raw, "inputs": tuple(raw["inputs"])})


def _check(graph: ArchGraph) -> None:
    if not graph.nodes:
        raise GraphError("a graph needs at least the stem")
    if type(graph.head_channels) is not int or graph.head_channels < 0:
        raise GraphError(
            f"head_channels must be an int of at least 0, found {graph.head_channels!r}"
        )
    for index, node in enumerate(graph.nodes):
        problem = _problem(graph.nodes, index, node)
        if problem:
            raise GraphError(f"node {index} ({node.op}): {problem}")
    unread = set(range(len(graph.nodes) - 1)) - _read(graph.nodes)
    if unread:
        raise GraphError(f"nodes {sorted(unread)} lead nowhere: the head reads the last node only")


def _problem(nodes: tuple[Node, ...], index: int, node: Node) -> str | None:
    if node.op not in _OPS:
        return f"op must be one of {list(_OPS)}"
    if node.merge not in _MERGES:
        return f"merge must be one of {list(_MERGES)}, found {node.merge!r}"
    if (node.op == "stem") != (index == 0):
        return "the stem is node 0 and no other"
    if type(node.channels) is not int or node.channels < 1:
        return f"channels must be an int of at least 1, found {node.channels!r}"
    if type(node.stride) is not int or node.stride < 1 or node.stride & (node.stride - 1):
        return f"stride must be a power of two, found {node.stride!r}"
    if index == 0:
        return _stem_problem(node)
    return _inputs_problem(nodes, index, node)


def _stem_problem(node: Node) -> str | None:
    if node.inputs:
        return "the stem reads the image, not a node"
    if node.stride not in _STEM_STRIDES:
        return f"the stem's stride must be one of {list(_STEM_STRIDES)}, found {node.stride}"
    return None


def _inputs_problem(nodes: tuple[Node, ...], index: int, node: Node) -> str | None:
    if not node.inputs:
        return "it has no input"
    finest, last = 0, -1
    for source in node.inputs:
        if type(source) is not int or not 0 <= source < index:
            return f"inputs must be earlier nodes, found {list(node.inputs)}"
        if source <= last:
            return f"inputs must be distinct and ascending, found {list(node.inputs)}"
        finest, last = max(finest, nodes[source].stride), source
    if finest > node.stride:
        return f"an input of stride {finest} cannot feed a node of stride {node.stride}"
    return None


def _read(nodes: Iterable[Node]) -> set[int]:
    return {source for node in nodes for source in node.inputs}
