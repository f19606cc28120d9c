"""The students of the benchmark, and one training step of each way to execute them."""

from dataclasses import dataclass
from functools import cache

import torch
from plain_student import PlainStudent
from torch import Tensor, nn
from torch.nn import functional

from autokd.distill.optimizer import Sgd
from autokd.graphs import GENERATORS, ArchGraph, InputShape
from autokd.students import Student, build
from autokd.students.ops import ConvNode
from autokd.study import Training

BATCH_SIZE = 64
SHAPE = InputShape(3, 32, 10)
VARIANTS = ("plain", "student", "recomputing")
TRAINING = Training(batch_size=BATCH_SIZE, learning_rate=0.01)
_CHECKED_IMAGES = 4


@dataclass(frozen=True)
class Case:
    """One student: the family's parameters; seed 0 draws it.

    Attributes:
        params: Budget of weights.
        cells: Nodes of the top graph.
        modules: Modules of a cell.
        nodes: Op nodes of a module.
    """

    op: str
    params: int
    cells: int
    modules: int
    nodes: int

    @property
    def name(self) -> str:
        """Operation, op nodes and weights."""
        return f"{self.op}, {self.cells * self.modules * self.nodes} nodes, {self.params:,} params"


CASES = tuple(
    Case(op, params, *sizes)
    for params, sizes in (
        (20_000, (5, 1, 4)),
        (100_000, (5, 3, 4)),
        (300_000, (6, 4, 5)),
        (1_000_000, (8, 5, 5)),
    )
    for op in ("conv3x3", "sepconv3x3")
)


@cache
def draw(case: Case) -> ArchGraph:
    """Draw the student's graph."""
    values = {
        "op": case.op,
        "params_budget": float(case.params),
        "top_nodes": case.cells,
        "middle_nodes": case.modules,
        "bottom_nodes": case.nodes,
    }
    return GENERATORS["hierarchical"].draw(values, seed=0, shape=SHAPE)


def make_student(case: Case) -> Student:
    """Build the student."""
    return build(draw(case), SHAPE, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25), seed=0)


def make_variant(case: Case, variant: str) -> nn.Module:
    """Build one of `VARIANTS`, all with the same weights."""
    student = make_student(case)
    if variant == "plain":
        return PlainStudent(student)
    for node in student.modules():
        if isinstance(node, ConvNode):
            node.recomputes = variant == "recomputing"
    return student


class Stepper:
    """Training steps of one variant on one batch, channels last.

    Attributes:
        n_params: Weights of the network.

    Args:
        case: The student.
        variant: How it is executed.
    """

    def __init__(self, case: Case, variant: str) -> None:
        network = make_variant(case, variant).train().to(memory_format=torch.channels_last)
        self._network = network
        self.n_params = sum(parameter.numel() for parameter in network.parameters())
        self._optimizer = Sgd(network.parameters(), TRAINING)
        self._images, self._labels = batch(BATCH_SIZE)

    def step(self) -> None:
        """Take one step."""
        functional.cross_entropy(self._network(self._images), self._labels).backward()
        self._optimizer.step(TRAINING.learning_rate)


def batch(n: int) -> tuple[Tensor, Tensor]:
    """Draw images in [0, 1], ``(n, 3, 32, 32)``, channels last, and labels, ``(n,)``."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(n, SHAPE.channels, SHAPE.size, SHAPE.size, generator=generator)
    labels = torch.randint(SHAPE.num_classes, (n,), generator=generator)
    return images.to(memory_format=torch.channels_last), labels


def largest_difference(case: Case) -> float:
    """Compare logits and all gradients of a training pass in float64, relative to their sizes.

    A gradient below a millionth of the network's largest counts as that millionth: those of biases
    in front of a batch norm are zero but for rounding.
    """
    images, labels = batch(_CHECKED_IMAGES)
    plain = make_variant(case, "plain").double().train()
    assert isinstance(plain, PlainStudent)
    wanted = _run(plain, images.double(), labels)
    gradients = [own.grad for own in plain.parameters() if own.grad is not None]
    smallest = 1e-6 * max(float(gradient.abs().max()) for gradient in gradients)
    differences = []
    for variant in VARIANTS[1:]:
        student = make_variant(case, variant).double().train()
        assert isinstance(student, Student)
        differences.append(_difference(_run(student, images.double(), labels), wanted))
        for own, others, part in plain.pairs(student):
            assert own.grad is not None
            assert others.grad is not None
            differences.append(_difference(part(others.grad), own.grad, smallest))
    return max(differences)


def _run(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    network.zero_grad()
    logits: Tensor = network(images)
    functional.cross_entropy(logits, labels).backward()
    return logits.detach()


def _difference(found: Tensor, wanted: Tensor, smallest: float = 0.0) -> float:
    return float((found - wanted).abs().max() / wanted.abs().max().clamp_min(smallest))
