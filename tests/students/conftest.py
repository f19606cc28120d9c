"""Small students, drawn by hypothesis."""

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from autokd.graphs.ir import ArchGraph, InputShape, Merge, Node, Op

OPS: tuple[Op, ...] = ("conv3x3", "sepconv3x3", "identity")
MERGES: tuple[Merge, ...] = ("sum", "mean")


@st.composite
def graphs(draw: DrawFn) -> ArchGraph:
    """Every op, merge, stem and head, with strides that grow along the nodes."""
    stride = draw(st.sampled_from((1, 4)))
    nodes = [Node("stem", (), draw(st.integers(1, 3)), stride)]
    for index in range(1, draw(st.integers(1, 6))):
        inputs = draw(st.sets(st.integers(0, index - 1), min_size=1, max_size=4))
        stride *= draw(st.sampled_from((1, 1, 2, 4)))
        nodes.append(draw_node(draw, inputs, stride))
    unread = set(range(len(nodes))) - {source for node in nodes for source in node.inputs}
    if len(unread) > 1:
        nodes.append(draw_node(draw, unread, stride))
    return ArchGraph(tuple(nodes), draw(st.integers(0, 3)))


def draw_node(draw: DrawFn, inputs: set[int], stride: int) -> Node:
    op, merge = draw(st.sampled_from(OPS)), draw(st.sampled_from(MERGES))
    return Node(op, tuple(sorted(inputs)), draw(st.integers(1, 3)), stride, merge)


shapes = st.builds(InputShape, st.sampled_from((1, 3)), st.integers(4, 12), st.integers(2, 4))

st.register_type_strategy(ArchGraph, graphs())
st.register_type_strategy(InputShape, shapes)
