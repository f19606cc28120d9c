from collections.abc import Iterable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from autokd.distill.taps import Tap, paired, student_taps
from autokd.errors import ShapeError
from autokd.graphs import ArchGraph, InputShape, Node
from autokd.students import Student, build
from autokd.students.ops import ConvNode
from tests.distill.recording import TapeRecorder

GRAPH = ArchGraph(
    (
        Node("stem", (), 3, 1),
        Node("conv3x3", (0,), 4, 1),
        Node("sepconv3x3", (0, 1), 5, 2),
        Node("identity", (2,), 5, 2),
        Node("conv3x3", (1, 3), 6, 4),
        Node("identity", (3, 4), 6, 4, "mean"),
    ),
    0,
)
SHAPE = InputShape(1, 8, 3)
NAMES = ("nodes.1", "nodes.3", "nodes.5")


@pytest.fixture
def student() -> Student:
    student = build(GRAPH, SHAPE, mean=(0.3,), std=(0.2,), seed=1)
    torch.nn.init.normal_(student.head.linear.weight, generator=torch.Generator().manual_seed(2))
    return student


@pytest.fixture
def images() -> Tensor:
    return torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def _n_hooks(module: nn.Module) -> int:
    return sum(len(part._forward_hooks) for part in module.modules())


def _squares(maps: Iterable[Tensor]) -> Tensor:
    return torch.stack([each.square().sum() for each in maps]).sum()


def _run_by_hand(student: Student, images: Tensor) -> list[Tensor]:
    """Outputs of all nodes of `GRAPH`, one line a node."""
    stem, one, two, three, four, five = student.nodes

    def pool(maps: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(maps, 2)

    outputs = [stem((images - student.mean) / student.std)]
    outputs.append(one([outputs[0]]))
    outputs.append(two([pool(outputs[0]), pool(outputs[1])]))
    outputs.append(three([outputs[2]]))
    outputs.append(four([pool(pool(outputs[1])), pool(outputs[3])]))
    outputs.append(five([pool(outputs[3]), outputs[4]]))
    return outputs


def test_the_last_node_of_each_resolution_is_tapped_highest_first() -> None:
    assert student_taps(GRAPH) == NAMES


def test_a_stage_of_the_stem_alone_ends_with_the_stem() -> None:
    graph = ArchGraph((Node("stem", (), 3, 1), Node("conv3x3", (0,), 3, 2)), 0)
    assert student_taps(graph) == ("nodes.0", "nodes.1")


def test_maps_are_the_outputs_of_the_named_parts(student: Student, images: Tensor) -> None:
    student.eval()
    with Tap(student, NAMES) as tap:
        logits, maps = tap(images)
    outputs = _run_by_hand(student, images)
    for found, expected in zip(maps, (outputs[1], outputs[3], outputs[5]), strict=True):
        torch.testing.assert_close(found, expected)
    assert torch.equal(logits, student(images))


@pytest.mark.parametrize("recomputes", [False, True])
def test_gradients_through_maps_are_those_of_the_nodes(
    recomputes: bool, student: Student, images: Tensor
) -> None:
    parameters = list(student.nodes.parameters())
    outputs = _run_by_hand(student, images)
    expected = torch.autograd.grad(_squares(outputs[index] for index in (1, 3, 5)), parameters)
    for part in student.modules():
        if isinstance(part, ConvNode):
            part.recomputes = recomputes
    with Tap(student, NAMES) as tap:
        found = torch.autograd.grad(_squares(tap(images)[1]), parameters)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
        assert bool(theirs.abs().sum() > 0)


def test_the_loss_of_the_logits_has_the_same_gradients_with_a_tap(
    student: Student, images: Tensor
) -> None:
    def gradients(logits: Tensor) -> tuple[Tensor, ...]:
        return torch.autograd.grad(logits.square().sum(), [*student.parameters()])

    plain = gradients(student(images))
    with Tap(student, NAMES) as tap:
        tapped = gradients(tap(images)[0])
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(tapped, plain, strict=True))


def test_maps_of_a_bfloat16_pass_are_float32_with_gradients(
    student: Student, images: Tensor
) -> None:
    with Tap(student, NAMES) as tap, torch.autocast("cpu", torch.bfloat16):
        logits, maps = tap(images)
    assert logits.dtype == torch.bfloat16
    assert {each.dtype for each in maps} == {torch.float32}
    torch.autograd.backward(_squares(maps))
    gradient = student.nodes[0].get_parameter("conv1.weight").grad
    assert gradient is not None
    assert bool(gradient.isfinite().all())


def test_hooks_are_there_while_a_tap_is_open_and_gone_afterwards(student: Student) -> None:
    before = {*student.state_dict()}
    tap = Tap(student, NAMES)
    assert _n_hooks(student) == len(NAMES)
    assert {*student.state_dict()} == before
    tap.close()
    tap.close()
    assert _n_hooks(student) == 0


def test_an_error_in_the_network_leaves_no_hooks(student: Student) -> None:
    with pytest.raises(ShapeError), Tap(student, NAMES) as tap:
        tap(torch.rand(2, 3, 8, 8))
    assert _n_hooks(student) == 0


def test_maps_of_other_forward_passes_are_not_kept(student: Student, images: Tensor) -> None:
    with Tap(student, NAMES) as tap:
        kept = [tap(images)[1]]
        student(images[:2])
        with pytest.raises(ShapeError):
            tap(torch.rand(2, 3, 8, 8))
        kept.append(tap(images)[1])
        assert tap._maps is None
    assert all(torch.equal(*pair) for pair in zip(*kept, strict=True))


def test_a_recorded_pass_hands_out_the_maps_of_each_replay(
    student: Student, images: Tensor
) -> None:
    student.eval()
    place, kept = torch.empty_like(images), [torch.empty(0)] * 3
    with Tap(student, NAMES) as tap, torch.no_grad():

        def work() -> None:
            kept[:] = tap(place)[1]

        replay = TapeRecorder().record(work)
        replay()
        place.copy_(images)
        replay()
        assert all(torch.equal(*pair) for pair in zip(kept, tap(images)[1], strict=True))


def test_without_names_there_are_no_hooks_and_no_maps(student: Student, images: Tensor) -> None:
    with Tap(student, ()) as tap:
        assert _n_hooks(student) == 0
        assert tap(images)[1] == ()


def test_of_a_part_that_runs_twice_the_last_output_counts() -> None:
    relu = nn.ReLU()
    network = nn.Sequential(relu, nn.Conv2d(1, 2, 1), relu)
    images = torch.rand(2, 1, 4, 4)
    with Tap(network, ["0", "2"]) as tap:
        output, maps = tap(images)
    assert all(torch.equal(each, output) for each in maps)


def test_a_name_that_is_not_there_is_refused(student: Student) -> None:
    with pytest.raises(ShapeError, match=r"the network has no parts \['nodes.9'\]"):
        Tap(student, ["nodes.1", "nodes.9"])
    assert _n_hooks(student) == 0


def test_a_part_without_maps_is_named(student: Student, images: Tensor) -> None:
    with (
        Tap(student, ["nodes.1", "head"]) as tap,
        pytest.raises(ShapeError, match=r"the network's parts \['head'\] give no maps"),
    ):
        tap(images)


@given(st.lists(st.integers()), st.lists(st.integers()))
def test_pairs_are_the_deepest_of_each(student: list[int], teacher: list[int]) -> None:
    ours, theirs = paired(student, teacher)
    assert len(ours) == len(theirs) == min(len(student), len(teacher))
    assert [*ours] == student[len(student) - len(ours) :]
    assert [*theirs] == teacher[len(teacher) - len(theirs) :]
