"""Gives `hypothesis.strategies.from_type` random architecture graphs and input shapes."""

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from autokd.graphs.ir import ArchGraph, InputShape, Merge, Node, Op

OPS: tuple[Op, ...] = ("conv3x3", "sepconv3x3", "identity")
MERGES: tuple[Merge, ...] = ("sum", "mean")

widths = st.integers(1, 4)


@st.composite
def architecture_graphs(draw: DrawFn) -> ArchGraph:
    nodes = [Node("stem", (), draw(widths), draw(st.sampled_from((1, 4))))]
    for index in range(1, draw(st.integers(1, 8))):
        inputs = draw(st.sets(st.integers(0, index - 1), min_size=1, max_size=4))
        nodes.append(draw_node(draw, nodes, inputs))
    unread = set(range(len(nodes))) - {source for node in nodes for source in node.inputs}
    if len(unread) > 1:
        nodes.append(draw_node(draw, nodes, unread))
    notes = draw(st.lists(st.text(max_size=5), max_size=2))
    return ArchGraph(tuple(nodes), draw(st.integers(0, 9)), tuple(notes))


def draw_node(draw: DrawFn, nodes: list[Node], inputs: set[int]) -> Node:
    stride = max(nodes[source].stride for source in inputs) * draw(st.sampled_from((1, 2)))
    op, merge = draw(st.sampled_from(OPS)), draw(st.sampled_from(MERGES))
    return Node(op, tuple(sorted(inputs)), draw(widths), stride, merge)


input_shapes = st.builds(
    InputShape, st.sampled_from((1, 3)), st.integers(1, 40), st.integers(2, 12)
)

st.register_type_strategy(ArchGraph, architecture_graphs())
st.register_type_strategy(InputShape, input_shapes)
