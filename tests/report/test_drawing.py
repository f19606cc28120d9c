import xml.etree.ElementTree as ET

import pytest

from autokd.graphs import ArchGraph, Node
from autokd.report.drawing import describe, draw, legend
from tests.report.conftest import FakeRun

GRAPH = ArchGraph(
    (
        Node("stem", (), 8, 1),
        Node("conv3x3", (0,), 8, 1),
        Node("sepconv3x3", (0,), 16, 2),
        Node("identity", (1, 2), 16, 2),
    )
)


def test_drawing_is_well_formed_with_a_title_per_node_and_a_path_per_edge() -> None:
    root = ET.fromstring(draw(GRAPH))
    edges, marks = list(root)
    assert len(edges) == 4
    titles = [title.text for title in marks.iter("title")]
    assert titles[2] == "node 2: sepconv3x3, 16 channels, stride 2, reads 0"
    assert titles[0] == "node 0: stem, 8 channels, stride 1"
    assert [list(mark)[1].tag for mark in marks] == ["path", "circle", "rect", "path"]


def test_colour_follows_the_stage() -> None:
    _, marks = list(ET.fromstring(draw(GRAPH)))
    fills = [mark.get("fill") for mark in marks]
    assert fills[0] == fills[1] != fills[2] == fills[3]


def test_marker_grows_with_channels_and_with_a_narrower_comparison() -> None:
    def radius(channels: int, widest: int) -> float:
        nodes = (Node("stem", (), 4, 1), Node("conv3x3", (0,), channels, 1))
        (circle,) = ET.fromstring(draw(ArchGraph(nodes), widest=widest)).iter("circle")
        return float(circle.get("r", "nan"))

    assert radius(4, 64) < radius(16, 64) < radius(64, 64)
    assert radius(16, 16) == radius(64, 64)


def test_everything_lies_inside_the_drawing(run: FakeRun) -> None:
    for graph in run.students.values():
        root = ET.fromstring(draw(graph))
        _, _, width, height = map(float, root.get("viewBox", "").split())
        for circle in root.iter("circle"):
            x, y, r = (float(circle.get(key, "nan")) for key in ("cx", "cy", "r"))
            assert r <= x <= width - r
            assert r <= y <= height - r


def test_description_names_the_commonest_channels_of_each_stage() -> None:
    assert describe(GRAPH) == "4 nodes, 4 edges, depth 2; channels 8, 16"


@pytest.mark.parametrize("n_stages", [1, 3])
def test_legend_has_a_key_per_stage_and_operation(n_stages: int) -> None:
    root = ET.fromstring(f"<p>{legend(n_stages)}</p>")
    names = ["".join(key.itertext()) for key in root]
    stages = [f"stage {stage}" for stage in range(1, n_stages + 1)]
    assert names == [*stages, "stem", "conv3x3", "sepconv3x3", "identity"]
