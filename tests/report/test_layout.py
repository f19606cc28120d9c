from collections import defaultdict
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autokd.graphs import ArchGraph, Node
from autokd.report.layout import depths, lay_out


@st.composite
def graphs(draw: st.DrawFn) -> ArchGraph:
    n_nodes = draw(st.integers(1, 14))
    inputs = [()] + [
        tuple(sorted(draw(st.sets(st.integers(0, index - 1), min_size=1, max_size=3))))
        for index in range(1, n_nodes)
    ]
    unread = set(range(n_nodes - 1)) - {source for read in inputs for source in read}
    inputs[-1] = tuple(sorted({*inputs[-1], *unread})) if n_nodes > 1 else ()
    ops = ["stem", *["conv3x3"] * (n_nodes - 1)]
    return ArchGraph(
        tuple(Node(op, read, 4, 1) for op, read in zip(ops, inputs, strict=True))  # type: ignore[arg-type]
    )


def longest_path(graph: ArchGraph, index: int) -> int:
    """Slow reference: try every path back to the stem."""
    return max(
        (1 + longest_path(graph, source) for source in graph.nodes[index].inputs), default=0
    )


@given(graphs())
def test_depth_is_the_longest_path_from_the_stem(graph: ArchGraph) -> None:
    assert depths(graph) == [longest_path(graph, index) for index in range(len(graph.nodes))]


@given(graphs())
@settings(max_examples=60)
def test_places_of_a_column_are_at_least_one_row_apart(graph: ArchGraph) -> None:
    layout = lay_out(graph)
    columns: dict[float, set[float]] = defaultdict(set)
    for place in [*layout.nodes, *(place for path in layout.edges for place in path)]:
        columns[place[0]].add(place[1])
    for rows in columns.values():
        ordered = sorted(rows)
        assert all(b - a >= 1 - 1e-9 for a, b in pairwise(ordered))


@given(graphs())
@settings(max_examples=60)
def test_edge_runs_from_its_source_to_its_target_column_by_column(graph: ArchGraph) -> None:
    layout = lay_out(graph)
    edges = [(source, target) for target, node in enumerate(graph.nodes) for source in node.inputs]
    assert len(layout.edges) == len(edges)
    for (source, target), path in zip(edges, layout.edges, strict=True):
        assert (path[0], path[-1]) == (layout.nodes[source], layout.nodes[target])
        columns = [column for column, _ in path]
        assert columns == list(range(int(columns[0]), int(columns[-1]) + 1))


@given(graphs())
@settings(max_examples=60)
def test_layout_fills_its_size_from_zero(graph: ArchGraph) -> None:
    layout = lay_out(graph)
    places = [*layout.nodes, *(place for path in layout.edges for place in path)]
    assert min(row for _, row in places) == 0
    assert 1 + max(row for _, row in places) == pytest.approx(layout.n_rows)
    assert layout.n_columns == 1 + max(depths(graph))


def test_long_edge_bends_around_the_node_between() -> None:
    nodes = (
        Node("stem", (), 4, 1),
        Node("conv3x3", (0,), 4, 1),
        Node("conv3x3", (0, 1), 4, 1),
    )
    layout = lay_out(ArchGraph(nodes))
    (straight,) = [path for path in layout.edges if len(path) == 3]
    assert abs(straight[1][1] - layout.nodes[1][1]) >= 1
    assert sorted([straight[1][1], layout.nodes[1][1]]) == [0, 1]


def test_a_chain_is_a_straight_line() -> None:
    nodes = [Node("stem", (), 4, 1), *(Node("conv3x3", (i,), 4, 1) for i in range(5))]
    assert lay_out(ArchGraph(tuple(nodes))).nodes == tuple((float(i), 0.0) for i in range(6))
