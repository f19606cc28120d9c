from autokd.graphs.chain import chain
from autokd.graphs.ir import ArchGraph, InputShape
from autokd.parameters import Value


def draw(seed: int = 0, **parameters: Value) -> ArchGraph:
    given = {"params_budget": 1e5, **parameters}
    return chain(given, seed=seed, shape=InputShape(3, 32, 10))


def test_without_shortcuts_every_node_reads_the_one_before() -> None:
    nodes = draw(depth=4, shortcuts=False).nodes
    assert [node.inputs for node in nodes[1:]] == [(index,) for index in range(12)]
    assert [node.stride for node in nodes[1:]] == [1] * 4 + [2] * 4 + [4] * 4


def test_shortcuts_add_input_and_output_within_a_stage() -> None:
    nodes = draw(depth=2, shortcuts=True).nodes
    described = [(node.op, node.inputs) for node in nodes[1:]]
    assert described == [
        ("conv3x3", (0,)),
        ("conv3x3", (1,)),
        ("identity", (1, 2)),
        ("conv3x3", (3,)),
        ("conv3x3", (4,)),
        ("identity", (4, 5)),
        ("conv3x3", (6,)),
        ("conv3x3", (7,)),
        ("identity", (7, 8)),
    ]
    assert {node.merge for node in nodes} == {"sum"}


def test_depth_one_has_no_shortcut_to_add() -> None:
    assert draw(depth=1, shortcuts=True) == draw(depth=1, shortcuts=False)


def test_seed_has_no_effect() -> None:
    assert draw(seed=0) == draw(seed=1)
