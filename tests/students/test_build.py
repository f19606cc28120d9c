"""Students compute what their graphs say, weigh what the closed form says, and can be exported."""

import contextlib
import itertools
import math
import random
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from autokd.domains import CategoricalDomain, Domain, FixedDomain, IntDomain
from autokd.errors import InfeasibleError, ShapeError
from autokd.graphs import GENERATORS, ArchGraph, InputShape, Node, count_params
from autokd.parameters import Value
from autokd.space import load_space
from autokd.students.build import Student, build

State = dict[str, Tensor]

EVERYTHING = ArchGraph(
    (
        Node("stem", (), 4, 1),
        Node("conv3x3", (0,), 4, 1),
        Node("sepconv3x3", (0, 1), 6, 2, "sum"),
        Node("identity", (0, 1, 2), 6, 2, "mean"),
        Node("conv3x3", (1, 2, 3), 6, 2, "sum"),
        Node("identity", (3,), 8, 4),
        Node("sepconv3x3", (3, 4, 5), 8, 4, "mean"),
        Node("identity", (6,), 8, 4),
        Node("conv3x3", (0, 5, 7), 8, 8, "sum"),
    ),
    head_channels=10,
)
"""Every op with one and several inputs, with and without 1x1 convolutions."""
DIGITS = InputShape(1, 8, 10)


def make(graph: ArchGraph, shape: InputShape, *, seed: int = 0) -> Student:
    mean, std = [0.3, 0.4, 0.5], [0.2, 0.3, 0.4]
    return build(graph, shape, mean=mean[: shape.channels], std=std[: shape.channels], seed=seed)


def images_for(shape: InputShape, n: int = 2) -> Tensor:
    return torch.rand(n, shape.channels, shape.size, shape.size)


def count(student: Student) -> int:
    return sum(weight.numel() for weight in student.parameters())


def shake(student: Student) -> Student:
    """Give every weight and statistic a value of its own, in double precision."""
    for name, value in student.double().state_dict().items():
        if value.is_floating_point() and name not in ("mean", "std"):
            value.copy_(torch.rand_like(value) + 0.5 if name.endswith("var") else value)
            value.add_(torch.rand_like(value) / 2)
    return student.eval()


# A second student, written for the eye: one loop per sentence of `autokd.graphs.ir`.


def reference(student: Student, images: Tensor) -> Tensor:
    state = student.state_dict()
    nodes = student.graph.nodes
    normalised = (images - state["mean"]) / state["std"]
    outputs = [reference_stem(nodes[0], normalised, state)]
    for index, node in enumerate(nodes[1:], start=1):
        inputs = [
            pool(outputs[source], node.stride // nodes[source].stride) for source in node.inputs
        ]
        outputs.append(reference_node(node, inputs, state, f"nodes.{index}."))
    maps = outputs[-1].relu()
    if student.graph.head_channels:
        maps = norm(pointwise(maps, state["head.conv.weight"]), state, "head.norm.").relu()
    average = maps.mean(3).mean(2)
    logits: Tensor = average @ state["head.linear.weight"].T + state["head.linear.bias"]
    return logits


def reference_stem(node: Node, images: Tensor, state: State) -> Tensor:
    maps = images
    for unit in ("1", "2"):
        maps = maps if unit == "1" else maps.relu()
        if node.stride == 1:
            maps = functional.conv2d(maps, state[f"nodes.0.conv{unit}.weight"], padding=1)
        else:
            kernel = state[f"nodes.0.conv{unit}.depthwise.weight"]
            maps = functional.conv2d(maps, kernel, stride=2, padding=1, groups=maps.shape[1])
            maps = pointwise(maps, state[f"nodes.0.conv{unit}.pointwise.weight"])
        maps = norm(maps, state, f"nodes.0.norm{unit}.")
    return maps


def reference_node(node: Node, inputs: list[Tensor], state: State, prefix: str) -> Tensor:
    maps = inputs[0] if len(inputs) == 1 else reference_merge(node, inputs, state, prefix)
    if node.op == "identity":
        if maps.shape[1] != node.channels:
            return pointwise(
                maps, state[f"{prefix}project.weight"], state[f"{prefix}project.bias"]
            )
        return maps
    maps = maps.relu()
    if node.op == "conv3x3":
        kernel, bias = state[f"{prefix}conv.weight"], state[f"{prefix}conv.bias"]
        maps = functional.conv2d(maps, kernel, bias, padding=1)
    else:
        kernel = state[f"{prefix}conv.depthwise.weight"]
        maps = functional.conv2d(maps, kernel, padding=1, groups=maps.shape[1])
        kernel, bias = (state[f"{prefix}conv.pointwise.{name}"] for name in ("weight", "bias"))
        maps = pointwise(maps, kernel, bias)
    return norm(maps, state, f"{prefix}norm.")


def reference_merge(node: Node, inputs: list[Tensor], state: State, prefix: str) -> Tensor:
    terms, n_scaled, n_projected, column = [], 0, 0, 0
    for tensor in inputs:
        width = tensor.shape[1]
        if width != node.channels:
            kernel = state[f"{prefix}merge.project.weight"][:, column : column + width]
            first = n_projected * node.channels
            bias = state[f"{prefix}merge.project.bias"][first : first + node.channels]
            terms.append(pointwise(tensor, kernel, bias))
            n_projected, column = n_projected + 1, column + width
        elif node.merge == "sum":
            scalar = state[f"{prefix}merge.scale"][n_scaled]
            terms.append(tensor / (1 + torch.exp(-scalar)))
            n_scaled += 1
        else:
            terms.append(tensor)
    total = torch.stack(terms).sum(0)
    return total / len(inputs) if node.merge == "mean" else total


def pool(maps: Tensor, ratio: int) -> Tensor:
    side = -(-maps.shape[2] // ratio)
    pooled = maps.new_zeros(*maps.shape[:2], side, side)
    for row in range(side):
        for column in range(side):
            window = maps[:, :, row * ratio : (row + 1) * ratio, column * ratio :][..., :ratio]
            pooled[:, :, row, column] = window.mean((2, 3))
    return pooled


def pointwise(maps: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    mapped = torch.einsum("bihw,oi->bohw", maps, kernel[:, :, 0, 0])
    return mapped if bias is None else mapped + bias[:, None, None]


def norm(maps: Tensor, state: State, prefix: str) -> Tensor:
    names = ("running_mean", "running_var", "weight", "bias")
    mean, var, weight, bias = (state[prefix + name][:, None, None] for name in names)
    return (maps - mean) / torch.sqrt(var + 1e-5) * weight + bias


@settings(deadline=None)
@given(graph=st.from_type(ArchGraph), shape=st.from_type(InputShape))
def test_any_student_computes_what_its_graph_says(graph: ArchGraph, shape: InputShape) -> None:
    student = shake(make(graph, shape))
    images = images_for(shape, n=2).double()
    with torch.no_grad():
        torch.testing.assert_close(student(images), reference(student, images))


@settings(deadline=None)
@given(graph=st.from_type(ArchGraph), shape=st.from_type(InputShape))
def test_any_student_weighs_what_the_closed_form_says(graph: ArchGraph, shape: InputShape) -> None:
    assert count(make(graph, shape)) == count_params(graph, shape)


@pytest.mark.parametrize("size", [8, 9, 13, 16])
def test_student_with_everything_computes_what_its_graph_says(size: int) -> None:
    shape = InputShape(3, size, 5)
    student = shake(make(EVERYTHING, shape))
    images = images_for(shape, n=3).double()
    with torch.no_grad():
        torch.testing.assert_close(student(images), reference(student, images))
    assert count(student) == count_params(EVERYTHING, shape)


def test_every_weight_of_the_student_with_everything_receives_a_gradient() -> None:
    student = make(EVERYTHING, DIGITS)
    functional.cross_entropy(student(images_for(DIGITS, n=8)), torch.arange(8)).backward()  # type: ignore[no-untyped-call]
    without = [name for name, weight in student.named_parameters() if weight.grad is None]
    assert without == []


def test_keys_follow_the_graph() -> None:
    names = set(make(EVERYTHING, DIGITS).state_dict())
    assert {
        "nodes.0.conv1.weight",
        "nodes.1.conv.weight",
        "nodes.2.conv.depthwise.weight",
        "nodes.4.merge.scale",
        "nodes.3.merge.project.weight",
        "nodes.5.project.bias",
        "nodes.8.norm.running_var",
        "head.linear.weight",
        "mean",
        "std",
    } <= names
    assert not any(name.startswith("nodes.7.") for name in names)


def test_same_seed_gives_same_weights_and_other_seed_others() -> None:
    first, again, other = (make(EVERYTHING, DIGITS, seed=seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[name], again[name]) for name in first)
    drawn = [name for name in first if first[name].is_floating_point() and first[name].dim() > 1]
    drawn = [name for name in drawn if name not in ("mean", "std")]
    assert len(drawn) > 10
    assert not any(torch.equal(first[name], other[name]) for name in drawn)


def test_global_generator_neither_decides_the_weights_nor_moves() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = make(EVERYTHING, DIGITS).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    second = make(EVERYTHING, DIGITS).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_convolutions_start_at_the_variance_of_their_fan_out() -> None:
    graph = ArchGraph((Node("stem", (), 96, 1), Node("sepconv3x3", (0,), 128, 1)), 64)
    state = make(graph, DIGITS).state_dict()
    fan_outs = {
        "nodes.0.conv2.weight": 9 * 96,
        "nodes.1.conv.depthwise.weight": 9,
        "nodes.1.conv.pointwise.weight": 128,
        "head.conv.weight": 64,
    }
    for name, fan_out in fan_outs.items():
        expected = math.sqrt(2 / fan_out)
        assert state[name].std().item() == pytest.approx(expected, rel=0.1), name


def test_scalars_start_at_one_biases_at_zero_and_norms_at_identity() -> None:
    for name, value in make(EVERYTHING, DIGITS).named_parameters():
        if name.endswith("bias"):
            assert not value.any(), name
        elif name.endswith("scale") or "norm" in name:
            assert (value == 1).all(), name


def test_first_predictions_are_close_to_uniform() -> None:
    student = make(EVERYTHING, DIGITS).eval()
    probabilities = student(images_for(DIGITS, n=16)).softmax(1)
    torch.testing.assert_close(probabilities, torch.full((16, 10), 0.1), rtol=0, atol=0.03)


def test_student_normalises_for_itself() -> None:
    plain = build(EVERYTHING, DIGITS, mean=[0.0], std=[1.0], seed=0).eval()
    normalising = build(EVERYTHING, DIGITS, mean=[0.3], std=[0.2], seed=0).eval()
    images = images_for(DIGITS)
    torch.testing.assert_close(normalising(images), plain((images - 0.3) / 0.2))


def test_output_pooled_for_several_readers_is_pooled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pooled: list[int] = []
    original = functional.avg_pool2d

    def counting(maps: Tensor, ratio: int, stride: int, **options: bool) -> Tensor:
        pooled.append(ratio)
        return original(maps, ratio, stride, **options)

    monkeypatch.setattr(functional, "avg_pool2d", counting)
    readers = tuple(Node("conv3x3", (0,), 2, 2) for _ in range(3))
    graph = ArchGraph((Node("stem", (), 2, 1), *readers, Node("identity", (0, 1, 2, 3), 2, 4)))
    make(graph, DIGITS)(images_for(DIGITS))
    assert sorted(pooled) == [2, 2, 2, 2, 4]


def test_outputs_are_freed_after_their_last_reader() -> None:
    nodes = [Node("stem", (), 2, 1), *(Node("conv3x3", (i,), 2, 2) for i in range(4))]
    student = make(ArchGraph(tuple(nodes)), DIGITS)
    outputs: list[weakref.ref[Tensor]] = []
    alive_at_head: list[bool] = []

    def remember(_: nn.Module, __: object, output: Tensor) -> None:
        outputs.append(weakref.ref(output))

    def look(*_: object) -> None:
        alive_at_head.extend(output() is not None for output in outputs)

    for node in student.nodes:
        node.register_forward_hook(remember)
    student.head.register_forward_pre_hook(look)
    with torch.no_grad():
        student(images_for(DIGITS))
    assert alive_at_head == [False] * 4 + [True]


def test_images_of_other_channels_are_refused() -> None:
    student = make(EVERYTHING, InputShape(3, 8, 10))
    with pytest.raises(ShapeError, match=r"3 channels expected, found \(2, 1, 8, 8\)"):
        student(torch.rand(2, 1, 8, 8))


def test_normalisation_of_other_channels_is_refused() -> None:
    with pytest.raises(ShapeError, match="std needs 1 numbers, found 3"):
        build(EVERYTHING, DIGITS, mean=[0.5], std=[0.2, 0.2, 0.2], seed=0)


@pytest.mark.parametrize("size", [8, 13])
def test_student_is_exported_for_any_batch(size: int) -> None:
    shape = InputShape(1, size, 10)
    student = make(EVERYTHING, shape).eval()
    batch = {"images": {0: torch.export.Dim("batch")}}
    program = torch.export.export(student, (images_for(shape),), dynamic_shapes=batch)
    images = images_for(shape, n=5)
    torch.testing.assert_close(program.module()(images), student(images))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("size", [8, 13])
def test_onnx_runtime_agrees_where_windows_are_incomplete(tmp_path: Path, size: int) -> None:
    shape = InputShape(1, size, 10)
    student = make(EVERYTHING, shape).eval()
    batch = {"images": {0: torch.export.Dim("batch")}}
    file = tmp_path / "student.onnx"
    torch.onnx.export(student, (images_for(shape),), file, dynamo=True, dynamic_shapes=batch)
    images = images_for(shape, n=5)
    session = onnxruntime.InferenceSession(file)
    (logits,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
    np.testing.assert_allclose(logits, student(images).detach().numpy(), atol=1e-5)


def draw_value(domain: Domain, rng: random.Random) -> Value:
    if isinstance(domain, FixedDomain):
        return domain.value
    if isinstance(domain, CategoricalDomain):
        return rng.choice(domain.choices)
    if isinstance(domain, IntDomain):
        return rng.randint(domain.low, domain.high)
    if domain.log:
        return math.exp(rng.uniform(math.log(domain.low), math.log(domain.high)))
    return rng.uniform(domain.low, domain.high)


def drawn(space_name: str, shape: InputShape) -> Iterator[ArchGraph]:
    """Draw students of a shipped space, without end; infeasible ones are passed over."""
    space, rng = load_space(space_name), random.Random(0)
    domains = {dimension.name: dimension.domain for dimension in space.dimensions()}
    for seed in itertools.count():
        point = {
            name.removeprefix("architecture."): draw_value(domain, rng)
            for name, domain in domains.items()
            if name.startswith("architecture.")
        }
        with contextlib.suppress(InfeasibleError):
            yield GENERATORS[space.generator].draw(point, seed=seed, shape=shape)


def check_family(space_name: str, *, n: int, size: int) -> None:
    shape = InputShape(1, size, 10)
    for graph in itertools.islice(drawn(space_name, shape), n):
        check_runs(graph, shape)


def check_runs(graph: ArchGraph, shape: InputShape) -> None:
    """Build a student, weigh it, and run it forwards and backwards."""
    student = make(graph, shape)
    assert count(student) == count_params(graph, shape)
    logits = student(images_for(shape, n=2))
    assert logits.shape == (2, shape.num_classes)
    logits.square().sum().backward()
    gradients = [weight.grad for weight in student.parameters()]
    assert all(g is not None and torch.isfinite(g).all() for g in gradients)


@pytest.mark.parametrize("space", ["digits", "flat_digits", "chain_digits"])
def test_drawn_students_are_built_and_run(space: str) -> None:
    check_family(space, n=20, size=8)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("space", ["digits", "flat_digits", "chain_digits"])
def test_150_reduced_students_are_built_and_run(space: str) -> None:
    check_family(space, n=150, size=8)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("space", ["hierarchical", "flat", "chain"])
def test_150_full_students_are_built_and_run(space: str) -> None:
    check_family(space, n=150, size=16)
