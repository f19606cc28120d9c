"""What a student costs, in closed form from its graph: weights, multiply-accumulates, memory.

Every part of a student with weights is a `Layer`, four small numbers that give its weights and its
multiply-accumulates for any channels. `autokd.graphs.budget` sums the same layers with the
channels still open, so there is one formula and no second.

Counted as weights: all that training changes, the two per channel of a batch norm and the scalars
of ``sum`` merges included; running statistics are not. Counted as multiply-accumulates:
convolutions of every kind and the linear layer; biases, batch norms, activations, merges and
pooling are not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from autokd.graphs.ir import ArchGraph, InputShape, Node
from autokd.graphs.liveness import peak_bytes

__all__ = [
    "Cost",
    "Layer",
    "Placed",
    "cost",
    "count_params",
    "head_layers",
    "node_layers",
    "stem_layers",
]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one student costs.

    Attributes:
        params: Weights, count.
        macs: Multiply-accumulates per image, count.
        peak_bytes: High-water mark of live activations, bytes; see `autokd.graphs.liveness`.
    """

    params: int
    macs: int
    peak_bytes: int


class Layer(NamedTuple):
    """One layer with weights, for any channels.

    Attributes:
        product: Weights per pair of an input and an output channel.
        per_input: Weights per input channel: a depthwise kernel.
        per_output: Weights per output channel: a bias, a batch norm.
        constant: Weights that do not depend on channels.
    """

    product: int
    per_input: int
    per_output: int
    constant: int = 0

    def params(self, fan_in: int, fan_out: int) -> int:
        """Count the weights.

        Args:
            fan_in: Input channels, >= 1.
            fan_out: Output channels, >= 1.

        Returns:
            The count.
        """
        per_channel = self.per_input * fan_in + self.per_output * fan_out
        return self.product * fan_in * fan_out + per_channel + self.constant

    def macs(self, fan_in: int, fan_out: int) -> int:
        """Count the multiply-accumulates of one output position.

        Args:
            fan_in: Input channels, >= 1.
            fan_out: Output channels, >= 1.

        Returns:
            The count.
        """
        return (self.product * fan_out + self.per_input) * fan_in


class Placed(NamedTuple):
    """A layer with its channels and the stride of its output, 0 for a single position.

    Attributes:
        layer: The layer.
        fan_in: Input channels, >= 1.
        fan_out: Output channels, >= 1.
        stride: Image pixels per output pixel along one side; 0 after the global average.
    """

    layer: Layer
    fan_in: int
    fan_out: int
    stride: int


_OPS = {"conv3x3": Layer(9, 0, 3), "sepconv3x3": Layer(1, 9, 3)}
"""A bias and a batch norm make three weights per output channel."""
_JOIN = Layer(1, 0, 1)
_PLAIN_CONV = Layer(9, 0, 2)
_PLAIN_SEPCONV = Layer(1, 9, 2)
_PLAIN_POINTWISE = Layer(1, 0, 2)
_LINEAR = Layer(1, 0, 1)


def stem_layers(stem: Node, image_channels: int) -> list[Placed]:
    """List the layers of the stem.

    Args:
        stem: Node 0 of a graph.
        image_channels: Channels of the image, >= 1.

    Returns:
        Two layers, with strides 1 and 1 or 2 and 4.
    """
    width = stem.channels
    if stem.stride == 1:
        first = Placed(_PLAIN_CONV, image_channels, width, 1)
        return [first, Placed(_PLAIN_CONV, width, width, 1)]
    half = -(-width // 2)
    first = Placed(_PLAIN_SEPCONV, image_channels, half, 2)
    return [first, Placed(_PLAIN_SEPCONV, half, width, 4)]


def node_layers(nodes: Sequence[Node], node: Node) -> list[Placed]:
    """List the layers of a node that is not the stem.

    Args:
        nodes: All nodes up to this one, at least.
        node: One of them.

    Returns:
        The layers of its merge, all its scalars as one, then that of its operation.
    """
    out, stride = node.channels, node.stride
    fan_in = nodes[node.inputs[0]].channels
    layers = []
    if len(node.inputs) > 1:
        n_scalars = 0
        for source in node.inputs:
            width = nodes[source].channels
            if width != out:
                layers.append(Placed(_JOIN, width, out, stride))
            elif node.merge == "sum":
                n_scalars += 1
        if n_scalars:
            layers.append(Placed(Layer(0, 0, 0, n_scalars), out, out, stride))
        fan_in = out
    if node.op != "identity":
        layers.append(Placed(_OPS[node.op], fan_in, out, stride))
    elif fan_in != out:
        layers.append(Placed(_JOIN, fan_in, out, stride))
    return layers


def head_layers(last: Node, head_channels: int, num_classes: int) -> list[Placed]:
    """List the layers of the head.

    Args:
        last: Last node of a graph.
        head_channels: Channels of its 1x1 convolution, 0 for a head without one.
        num_classes: Classes, >= 2.

    Returns:
        The 1x1 convolution if there is one, then the linear layer.
    """
    if not head_channels:
        return [Placed(_LINEAR, last.channels, num_classes, 0)]
    pointwise = Placed(_PLAIN_POINTWISE, last.channels, head_channels, last.stride)
    return [pointwise, Placed(_LINEAR, head_channels, num_classes, 0)]


def count_params(graph: ArchGraph, shape: InputShape) -> int:
    """Count the weights of a student.

    Args:
        graph: The student.
        shape: What it reads and answers.

    Returns:
        The count, equal to that of the built student.
    """
    return sum(placed.layer.params(placed.fan_in, placed.fan_out) for placed in _all(graph, shape))


def cost(graph: ArchGraph, shape: InputShape) -> Cost:
    """Work out all that a student costs.

    Args:
        graph: The student.
        shape: What it reads and answers.

    Returns:
        Its cost; the module docstring says what is counted.
    """
    params, macs = 0, 0
    for layer, fan_in, fan_out, stride in _all(graph, shape):
        params += layer.params(fan_in, fan_out)
        macs += layer.macs(fan_in, fan_out) * _positions(stride, shape)
    return Cost(params, macs, peak_bytes(graph, shape))


def _all(graph: ArchGraph, shape: InputShape) -> Iterator[Placed]:
    nodes = graph.nodes
    yield from stem_layers(nodes[0], shape.channels)
    for node in nodes[1:]:
        yield from node_layers(nodes, node)
    yield from head_layers(nodes[-1], graph.head_channels, shape.num_classes)


def _positions(stride: int, shape: InputShape) -> int:
    side = -(-shape.size // stride) if stride else 1
    return side * side
