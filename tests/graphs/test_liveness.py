from hypothesis import given
from hypothesis import strategies as st

from autokd.graphs.ir import ArchGraph, InputShape, Node
from autokd.graphs.liveness import peak_bytes

SHAPE = InputShape(3, 8, 10)


def simulate(graph: ArchGraph, shape: InputShape) -> int:
    """Slow and obvious: at every step, ask of every tensor whether it is still needed."""

    def floats(channels: int, stride: int) -> int:
        side = (shape.size + stride - 1) // stride
        return channels * side * side

    def is_live(tensor: int, step: int) -> bool:
        readers = [i for i, node in enumerate(graph.nodes) if tensor in node.inputs]
        return tensor <= step and any(reader >= step for reader in (*readers, tensor))

    stem, last = graph.nodes[0], graph.nodes[-1]
    image, output = floats(shape.channels, 1), floats(stem.channels, stem.stride)
    middle = output if stem.stride == 1 else floats((stem.channels + 1) // 2, 2)
    steps = [image + middle, middle + output]
    for step, node in enumerate(graph.nodes[1:], start=1):
        live = [n for i, n in enumerate(graph.nodes) if is_live(i, step)]
        held = sum(floats(n.channels, n.stride) for n in live)
        if node.op != "identity":
            several = len(node.inputs) > 1
            merged = node.channels if several else graph.nodes[node.inputs[0]].channels
            held += floats(merged, node.stride)
        steps.append(held)
    steps.append(floats(last.channels + graph.head_channels, last.stride))
    return 4 * max(steps)


@given(graph=st.from_type(ArchGraph), shape=st.from_type(InputShape))
def test_peak_equals_a_step_by_step_simulation(graph: ArchGraph, shape: InputShape) -> None:
    assert peak_bytes(graph, shape) == simulate(graph, shape)


def test_stem_alone_holds_image_and_two_maps_by_turns() -> None:
    assert peak_bytes(ArchGraph((Node("stem", (), 2, 1),)), SHAPE) == 4 * 64 * (3 + 2)
    assert peak_bytes(ArchGraph((Node("stem", (), 5, 1),)), SHAPE) == 4 * 64 * (5 + 5)


def test_reducing_stem_makes_half_the_channels_at_half_the_size_first() -> None:
    assert peak_bytes(ArchGraph((Node("stem", (), 5, 4),)), SHAPE) == 4 * (3 * 64 + 3 * 16)


def test_head_holds_its_convolution() -> None:
    assert peak_bytes(ArchGraph((Node("stem", (), 2, 1),), 50), SHAPE) == 4 * 64 * (2 + 50)


def test_an_output_that_is_read_late_stays() -> None:
    stem = Node("stem", (), 4, 1)
    chain = (stem, Node("conv3x3", (0,), 4, 1), Node("conv3x3", (1,), 4, 1))
    freed = ArchGraph((*chain, Node("conv3x3", (2,), 4, 1)))
    kept = ArchGraph((*chain, Node("conv3x3", (0, 2), 4, 1)))
    assert peak_bytes(freed, SHAPE) == 4 * 64 * 4 * 3
    assert peak_bytes(kept, SHAPE) == 4 * 64 * 4 * 4


def test_odd_sizes_round_up() -> None:
    assert peak_bytes(ArchGraph((Node("stem", (), 90, 4),)), InputShape(1, 9, 2)) == 4 * (
        45 * 25 + 90 * 9
    )
