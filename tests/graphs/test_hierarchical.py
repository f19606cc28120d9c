from autokd.graphs.hierarchical import hierarchical
from autokd.graphs.ir import ArchGraph, InputShape, Node
from autokd.parameters import Value

SHAPE = InputShape(3, 32, 10)


def draw(seed: int = 0, size: int = 32, **parameters: Value) -> ArchGraph:
    given = {"params_budget": 1e6, **parameters}
    return hierarchical(given, seed=seed, shape=InputShape(3, size, 10))


def n_ops(graph: ArchGraph) -> int:
    return sum(node.op == "conv3x3" for node in graph.nodes)


def cell_wiring(graph: ArchGraph, stage_stride: int) -> list[list[int]]:
    """How the op nodes of the only cell of a stage read each other, numbered from 0."""
    cell = [
        index
        for index, node in enumerate(graph.nodes)
        if node.op == "conv3x3" and node.stride == stage_stride
    ]
    return [[cell.index(s) for s in graph.nodes[i].inputs if s in cell] for i in cell]


def test_smallest_graph_is_three_cells_of_one_op_node() -> None:
    graph = draw(top_nodes=3, top_neighbours=2, top_rewiring=0.0, middle_nodes=1, bottom_nodes=1)
    first, second, third = sorted({node.channels for node in graph.nodes})
    assert graph.nodes == (
        Node("stem", (), first, 1),
        Node("conv3x3", (0,), first, 1),
        Node("conv3x3", (1,), second, 2),
        Node("conv3x3", (1, 2), third, 4),
    )


def test_op_nodes_are_the_product_of_the_levels() -> None:
    graph = draw(top_nodes=4, middle_nodes=3, bottom_nodes=5)
    assert n_ops(graph) == 4 * 3 * 5


def test_every_merge_without_an_op_is_a_sum_before_or_a_mean_after_a_subgraph() -> None:
    graph = draw(
        top_nodes=6, middle_nodes=5, middle_edges=0.3, bottom_nodes=6, bottom_rewiring=0.9
    )
    merges = [node for node in graph.nodes if node.op == "identity"]
    assert {node.merge for node in merges} == {"sum", "mean"}
    assert all(len(node.inputs) > 1 for node in merges)


def test_every_subgraph_is_drawn_with_a_seed_of_its_own() -> None:
    graph = draw(top_nodes=3, middle_nodes=1, bottom_nodes=12, bottom_rewiring=0.8)
    wirings = [cell_wiring(graph, stride) for stride in (1, 2, 4)]
    assert len({str(wiring) for wiring in wirings}) == 3


def test_cells_are_spread_over_three_resolutions() -> None:
    graph = draw(top_nodes=7, bottom_nodes=2)
    strides = [node.stride for node in graph.nodes if node.op == "conv3x3"]
    assert strides == [1] * 6 + [2] * 4 + [4] * 4


def test_large_images_are_reduced_by_the_stem() -> None:
    assert {node.stride for node in draw(size=224).nodes} == {4, 8, 16}


def test_disconnected_levels_are_connected_and_noted() -> None:
    graph = draw(top_nodes=3, middle_nodes=4, middle_edges=0.0)
    assert "3 of 3 middle graphs connected by 9 added edges" in graph.notes


def test_neighbours_that_cannot_act_are_noted() -> None:
    graph = draw(top_nodes=4, top_neighbours=5, bottom_nodes=9, bottom_neighbours=5)
    assert "top_neighbours 5 acts as 2" in graph.notes
    assert "bottom_neighbours 5 acts as 4" in graph.notes


def test_searched_operation_is_that_of_every_op_node() -> None:
    graph = draw(op="sepconv3x3")
    assert {node.op for node in graph.nodes} <= {"stem", "sepconv3x3", "identity"}
