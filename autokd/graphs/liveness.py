"""Memory that one image needs on its way through a student: activations alive at the same time.

A stated model, not a measurement: batch 1, float32, inference, nodes run one after the other in
their order, an activation is freed as soon as nothing will read it. While it runs, a node holds

- every earlier output that it or a later node reads,
- unless it is an ``identity``, the merged input of its operation, at the node's resolution,
- its output.

The stem holds the image with its first layer's output, then that with its own; the head holds its
input with its 1x1 convolution's output. Left out: what one operation needs inside (pooled or
projected copies of a merge, the depthwise half of ``sepconv3x3``, a convolution's workspace), the
head's few vectors, and all weights.
"""

import itertools

from autokd.graphs.ir import ArchGraph, InputShape, Node

__all__ = ["peak_bytes"]

_FLOAT32_BYTES = 4


def peak_bytes(graph: ArchGraph, shape: InputShape) -> int:
    """Find the most memory that live activations take at any moment.

    Args:
        graph: The student.
        shape: What it reads and answers.

    Returns:
        Bytes, by the model of the module docstring.
    """
    nodes = graph.nodes
    sizes = [node.channels * _positions(shape, node.stride) for node in nodes]
    freed_after = _freed_after(nodes)
    peak, live = _stem_peak(nodes[0], shape), sizes[0]
    for index, node in enumerate(nodes[1:], start=1):
        live += sizes[index]
        peak = max(peak, live + _merged(graph, node, shape))
        live -= sum(sizes[source] for source in freed_after[index])
    head = graph.head_channels * _positions(shape, nodes[-1].stride)
    return _FLOAT32_BYTES * max(peak, live + head)


def _positions(shape: InputShape, stride: int) -> int:
    side = -(-shape.size // stride)
    return side * side


def _freed_after(nodes: tuple[Node, ...]) -> list[list[int]]:
    last_reader: dict[int, int] = {}
    for index, node in enumerate(nodes):
        last_reader.update(dict.fromkeys(node.inputs, index))
    freed: list[list[int]] = [[] for _ in nodes]
    for source, reader in last_reader.items():
        freed[reader].append(source)
    return freed


def _merged(graph: ArchGraph, node: Node, shape: InputShape) -> int:
    if node.op == "identity":
        return 0
    channels = node.channels if len(node.inputs) > 1 else graph.nodes[node.inputs[0]].channels
    return channels * _positions(shape, node.stride)


def _stem_peak(stem: Node, shape: InputShape) -> int:
    image = shape.channels * _positions(shape, 1)
    if stem.stride == 1:
        first = stem.channels * _positions(shape, 1)
    else:
        first = -(-stem.channels // 2) * _positions(shape, 2)
    output = stem.channels * _positions(shape, stem.stride)
    return max(pair[0] + pair[1] for pair in itertools.pairwise((image, first, output)))
