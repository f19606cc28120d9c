import pytest

from autokd.graphs.flat import flat
from autokd.graphs.ir import ArchGraph, InputShape
from autokd.parameters import Value


def draw(**parameters: Value) -> ArchGraph:
    return draw_with(0, parameters)


def draw_with(seed: int, parameters: dict[str, Value]) -> ArchGraph:
    given = {"params_budget": 1e6, **parameters}
    return flat(given, seed=seed, shape=InputShape(3, 32, 10))


@pytest.mark.parametrize("graph", ["er", "ba", "ws"])
def test_every_stage_has_the_nodes_asked_for(graph: str) -> None:
    drawn = draw(graph=graph, nodes=7)
    strides = [node.stride for node in drawn.nodes if node.op == "conv3x3"]
    assert strides == [1] * 7 + [2] * 7 + [4] * 7


@pytest.mark.parametrize("graph", ["er", "ba", "ws"])
def test_a_stage_reads_only_the_output_of_the_one_before(graph: str) -> None:
    nodes = draw_with(3, {"graph": graph, "nodes": 9}).nodes
    for stride in (2, 4):
        first = next(index for index, node in enumerate(nodes) if node.stride == stride)
        entered = {s for node in nodes[first:] for s in node.inputs if s < first}
        assert entered == {first - 1}


def test_stages_are_drawn_with_seeds_of_their_own() -> None:
    nodes = draw(nodes=12).nodes
    firsts = [next(i for i, n in enumerate(nodes) if i and n.stride == s) for s in (1, 2, 4)]
    wirings = [[[s - f for s in n.inputs] for n in nodes[f : f + 12]] for f in firsts]
    assert len({str(wiring) for wiring in wirings}) == 3


@pytest.mark.parametrize(
    ("graph", "acting", "idle"),
    [
        ("er", {"edges": 0.9}, {"neighbours": 8, "rewiring": 0.1, "attachments": 1}),
        ("ba", {"attachments": 1}, {"neighbours": 8, "rewiring": 0.1, "edges": 0.9}),
        ("ws", {"neighbours": 8, "rewiring": 0.1}, {"attachments": 1, "edges": 0.9}),
    ],
)
def test_only_the_parameters_of_the_drawn_graph_act(
    graph: str, acting: dict[str, Value], idle: dict[str, Value]
) -> None:
    plain: dict[str, Value] = {"graph": graph}
    assert draw_with(0, {**plain, **idle}) == draw_with(0, plain)
    assert draw_with(0, {**plain, **acting}) != draw_with(0, plain)


def test_disconnected_stages_are_connected_and_noted() -> None:
    assert (
        "3 of 3 stage graphs connected by 12 added edges"
        in draw(graph="er", edges=0.0, nodes=5).notes
    )


def test_neighbours_that_cannot_act_are_noted() -> None:
    assert "neighbours 5 acts as 4" in draw(graph="ws", neighbours=5).notes
    assert not any("acts as" in note for note in draw(graph="er", neighbours=5).notes)
