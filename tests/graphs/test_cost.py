from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autokd.graphs.cost import Layer, cost, count_params
from autokd.graphs.ir import ArchGraph, InputShape, Node
from autokd.graphs.liveness import peak_bytes

SHAPE = InputShape(3, 8, 10)
Tensor = tuple[tuple[int, ...], int]
"""Shape of a weight tensor, and how often each of its weights is multiplied per image."""


def conv(fan_in: int, fan_out: int, kernel: int, side: int, *, groups: int = 1) -> list[Tensor]:
    return [((fan_out, fan_in // groups, kernel, kernel), side * side)]


def vectors(channels: int, n: int) -> list[Tensor]:
    return [((channels,), 0)] * n


def sides(shape: InputShape, stride: int) -> int:
    return len(range(0, shape.size, stride))


def stem_tensors(stem: Node, shape: InputShape) -> list[Tensor]:
    image, width, full = shape.channels, stem.channels, shape.size
    if stem.stride == 1:
        first = conv(image, width, 3, full) + vectors(width, 2)
        return first + conv(width, width, 3, full) + vectors(width, 2)
    half, middle, small = (width + 1) // 2, sides(shape, 2), sides(shape, 4)
    first = conv(image, image, 3, middle, groups=image) + conv(image, half, 1, middle)
    second = conv(half, half, 3, small, groups=half) + conv(half, width, 1, small)
    return first + vectors(half, 2) + second + vectors(width, 2)


def node_tensors(graph: ArchGraph, node: Node, shape: InputShape) -> list[Tensor]:
    side, out, found = sides(shape, node.stride), node.channels, list[Tensor]()
    width = graph.nodes[node.inputs[0]].channels
    for source in node.inputs if len(node.inputs) > 1 else ():
        if graph.nodes[source].channels != out:
            found += conv(graph.nodes[source].channels, out, 1, side) + vectors(out, 1)
        elif node.merge == "sum":
            found += [((), 0)]
        width = out
    if node.op == "conv3x3":
        found += conv(width, out, 3, side) + vectors(out, 3)
    elif node.op == "sepconv3x3":
        found += conv(width, width, 3, side, groups=width)
        found += conv(width, out, 1, side) + vectors(out, 3)
    elif width != out:
        found += conv(width, out, 1, side) + vectors(out, 1)
    return found


def head_tensors(graph: ArchGraph, shape: InputShape) -> list[Tensor]:
    last, head = graph.nodes[-1], graph.head_channels
    if not head:
        return [((shape.num_classes, last.channels), 1), *vectors(shape.num_classes, 1)]
    first = conv(last.channels, head, 1, sides(shape, last.stride)) + vectors(head, 2)
    return [*first, ((shape.num_classes, head), 1), *vectors(shape.num_classes, 1)]


def tensors(graph: ArchGraph, shape: InputShape) -> list[Tensor]:
    """Slow and obvious: the shape of every weight tensor of the network."""
    nodes = [t for node in graph.nodes[1:] for t in node_tensors(graph, node, shape)]
    return stem_tensors(graph.nodes[0], shape) + nodes + head_tensors(graph, shape)


@given(graph=st.from_type(ArchGraph), shape=st.from_type(InputShape))
def test_params_are_the_elements_of_all_weight_tensors(
    graph: ArchGraph, shape: InputShape
) -> None:
    assert cost(graph, shape).params == sum(prod(size) for size, _ in tensors(graph, shape))


@given(graph=st.from_type(ArchGraph), shape=st.from_type(InputShape))
def test_macs_are_the_uses_of_all_convolution_and_linear_weights(
    graph: ArchGraph, shape: InputShape
) -> None:
    assert cost(graph, shape).macs == sum(
        prod(size) * uses for size, uses in tensors(graph, shape)
    )


@given(graph=st.from_type(ArchGraph), shape=st.from_type(InputShape))
def test_cost_agrees_with_its_parts(graph: ArchGraph, shape: InputShape) -> None:
    found = cost(graph, shape)
    assert found.params == count_params(graph, shape)
    assert found.peak_bytes == peak_bytes(graph, shape)


def test_stem_with_a_plain_head_by_hand() -> None:
    graph = ArchGraph((Node("stem", (), 4, 1),))
    params = (3 * 4 * 9 + 8) + (4 * 4 * 9 + 8) + (4 * 10 + 10)
    assert cost(graph, SHAPE).params == params
    assert cost(graph, SHAPE).macs == 64 * (3 * 4 * 9 + 4 * 4 * 9) + 40


@pytest.mark.parametrize(
    ("node", "params"),
    [
        (Node("conv3x3", (0, 1), 8, 2), 9 * 64 + 3 * 8 + (4 * 8 + 8) + 1),
        (Node("conv3x3", (0, 1), 8, 2, "mean"), 9 * 64 + 3 * 8 + (4 * 8 + 8)),
        (Node("conv3x3", (1,), 4, 2), 9 * 32 + 3 * 4),
        (Node("sepconv3x3", (1,), 4, 2), 9 * 8 + 32 + 3 * 4),
        (Node("identity", (1,), 8, 4), 0),
        (Node("identity", (1,), 4, 4), 8 * 4 + 4),
        (Node("identity", (0, 1), 8, 2, "mean"), 4 * 8 + 8),
        (Node("identity", (0, 1), 5, 2), (4 * 5 + 5) + (8 * 5 + 5)),
    ],
)
def test_one_more_node_adds_by_hand(node: Node, params: int) -> None:
    before = (Node("stem", (), 4, 1), Node("conv3x3", (0,), 8, 2))
    added = count_params(ArchGraph((*before, node)), SHAPE) - count_params(
        ArchGraph(before), SHAPE
    )
    head = 10 * (node.channels - 8)
    assert added == params + head


def test_layer_with_only_a_constant_multiplies_nothing() -> None:
    scale = Layer(0, 0, 0, 1)
    assert (scale.params(7, 9), scale.macs(7, 9)) == (1, 0)
