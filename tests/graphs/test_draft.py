import pytest

from autokd.graphs.draft import Draft, split_stages
from autokd.graphs.ir import InputShape, Node
from autokd.graphs.random_dags import Dag

DIAMOND = Dag(((), (0,), (0,), (1, 2)))
BOW_TIE = Dag(((), (), (0, 1), (2,), (2,)))


def draft(size: int = 32) -> Draft:
    return Draft(InputShape(3, size, 10), "conv3x3")


@pytest.mark.parametrize(
    ("nodes", "stages"),
    [
        (3, [0, 1, 2]),
        (4, [0, 0, 1, 2]),
        (5, [0, 0, 1, 1, 2]),
        (6, [0, 0, 1, 1, 2, 2]),
        (10, [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]),
    ],
)
def test_nodes_are_split_a_third_each_in_index_order(nodes: int, stages: list[int]) -> None:
    assert split_stages(nodes) == stages


@pytest.mark.parametrize(("size", "strides"), [(8, (1, 2, 4)), (39, (1, 2, 4)), (40, (4, 8, 16))])
def test_image_size_decides_the_strides(size: int, strides: tuple[int, ...]) -> None:
    drawing = draft(size)
    for stage in range(3):
        drawing.add_op((stage,), stage)
    assert [node.stride for node in drawing.nodes] == [strides[0], *strides]
    assert [node.channels for node in drawing.nodes] == [1, 1, 2, 3]


def test_one_source_merges_its_inputs_itself() -> None:
    drawing = draft()
    drawing.nodes.append(drawing.nodes[0])
    assert drawing.wire_ops(DIAMOND, (0, 1), stage=0) == 5
    assert [node.inputs for node in drawing.nodes[2:]] == [(0, 1), (2,), (2,), (3, 4)]


def test_several_inputs_are_merged_once_for_several_sources() -> None:
    drawing = draft()
    drawing.nodes.append(drawing.nodes[0])
    drawing.wire_ops(BOW_TIE, (0, 1), stage=1)
    assert drawing.nodes[2] == Node("identity", (0, 1), 2, 2, "sum")
    assert [node.inputs for node in drawing.nodes[3:5]] == [(2,), (2,)]


def test_several_sinks_are_averaged() -> None:
    drawing = draft()
    output = drawing.wire_ops(BOW_TIE, (0,), stage=1)
    assert output == len(drawing.nodes) - 1
    assert drawing.nodes[output] == Node("identity", (4, 5), 2, 2, "mean")


def test_ring_with_the_neighbours_asked_for_is_no_note() -> None:
    drawing = draft()
    drawing.note_ring("top_neighbours", nodes=5, neighbours=4)
    assert drawing.notes == []
    drawing.note_ring("top_neighbours", nodes=4, neighbours=4)
    assert drawing.notes == ["top_neighbours 4 acts as 2"]


def test_repairs_are_counted() -> None:
    drawing = draft()
    drawing.note_repairs("top", [0])
    assert drawing.notes == []
    drawing.note_repairs("top", [1])
    drawing.note_repairs("bottom", [0, 2, 1])
    assert drawing.notes == [
        "1 of 1 top graphs connected by 1 added edge",
        "2 of 3 bottom graphs connected by 3 added edges",
    ]
