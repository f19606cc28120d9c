import json
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autokd.errors import GraphError
from autokd.graphs.ir import ArchGraph, Merge, Node, Op

STEM = Node("stem", (), 4, 1)
CONV = Node("conv3x3", (0,), 8, 2)
LAST = Node("identity", (0, 1), 8, 4, "mean")
GRAPH = ArchGraph((STEM, CONV, LAST), 16, ("a note",))


@given(graph=st.from_type(ArchGraph))
def test_json_gives_the_graph_back(graph: ArchGraph) -> None:
    assert ArchGraph.from_json(graph.to_json()) == graph


@given(graph=st.from_type(ArchGraph))
def test_indentation_and_key_order_do_not_matter(graph: ArchGraph) -> None:
    shuffled = dict(reversed(json.loads(graph.to_json()).items()))
    assert ArchGraph.from_json(json.dumps(shuffled, indent=2)) == graph


def test_json_is_canonical() -> None:
    assert ArchGraph((STEM,)).to_json() == (
        '{"format":1,"head_channels":0,"nodes":[{"channels":4,"inputs":[],"merge":"sum",'
        '"op":"stem","stride":1}],"notes":[]}'
    )


def test_digest_is_that_of_the_network_alone() -> None:
    assert replace(GRAPH, notes=()).digest == GRAPH.digest
    assert replace(GRAPH, head_channels=17).digest != GRAPH.digest
    assert len(GRAPH.digest) == 64


def test_graph_is_hashable() -> None:
    assert {GRAPH, ArchGraph.from_json(GRAPH.to_json())} == {GRAPH}


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ((), "needs at least the stem"),
        ((STEM, Node(cast(Op, "conv5x5"), (0,), 8, 2)), r"node 1 \(conv5x5\): op must be one of"),
        (
            (STEM, Node("conv3x3", (0,), 8, 2, cast(Merge, "max"))),
            "merge must be one of .* found 'max'",
        ),
        ((CONV,), "the stem is node 0 and no other"),
        ((STEM, replace(STEM, inputs=(0,))), "the stem is node 0 and no other"),
        ((replace(STEM, inputs=(0,)),), "the stem reads the image"),
        ((replace(STEM, stride=2),), r"stride must be one of \[1, 4\], found 2"),
        ((replace(STEM, channels=0),), "channels must be an int of at least 1, found 0"),
        (
            (replace(STEM, channels=cast(int, 2.0)),),
            r"channels must be an int of at least 1, found 2\.0",
        ),
        ((replace(STEM, channels=True),), "channels must be an int of at least 1, found True"),
        ((STEM, replace(CONV, stride=3)), "stride must be a power of two, found 3"),
        ((STEM, replace(CONV, stride=0)), "stride must be a power of two, found 0"),
        ((STEM, replace(CONV, inputs=())), "it has no input"),
        ((STEM, replace(CONV, inputs=(1,))), r"inputs must be earlier nodes, found \[1\]"),
        ((STEM, replace(CONV, inputs=(-1,))), r"inputs must be earlier nodes, found \[-1\]"),
        ((STEM, replace(CONV, inputs=(0, 0))), r"distinct and ascending, found \[0, 0\]"),
        ((STEM, CONV, replace(LAST, inputs=(1, 0))), r"distinct and ascending, found \[1, 0\]"),
        ((STEM, CONV, replace(LAST, stride=1)), "stride 2 cannot feed a node of stride 1"),
        ((STEM, CONV, replace(LAST, inputs=(0,))), r"nodes \[1\] lead nowhere"),
    ],
)
def test_broken_rule_is_named(nodes: tuple[Node, ...], message: str) -> None:
    with pytest.raises(GraphError, match=message):
        ArchGraph(nodes)


@pytest.mark.parametrize("head_channels", [-1, 1.5, True])
def test_head_channels_must_be_a_count(head_channels: Any) -> None:
    with pytest.raises(GraphError, match="head_channels must be an int of at least 0"):
        ArchGraph((STEM,), head_channels)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "format 1 was expected, found 'list'"),
        ('{"format": 2}', "format 1 was expected, found 2"),
        ('{"format": 1}', "not an architecture graph: 'nodes'"),
        ('{"format": 1, "edges": []}', "has no \\['edges'"),
        ('{"format": 1, "nodes": 3}', "not an architecture graph"),
        ('{"format": 1, "nodes": [{"width": 3, "inputs": []}]}', "unexpected keyword.*'width'"),
        ('{"format": 1, "nodes": [3]}', "not an architecture graph"),
    ],
)
def test_foreign_text_is_refused(text: str, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        ArchGraph.from_json(text)
