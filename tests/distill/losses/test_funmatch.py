import math

import pytest
import torch
from torch import Tensor

from autokd.distill.losses.funmatch import funmatch
from autokd.distill.losses.seen import Seen
from autokd.errors import ShapeError

LABELS = torch.tensor([0, 3, 1])


def _logits(*shape: int, scale: float = 3.0) -> Tensor:
    return scale * torch.randn(*shape, dtype=torch.float64)


def _softmax(row: list[float], temperature: float) -> list[float]:
    powers = [math.exp(value / temperature) for value in row]
    return [power / sum(powers) for power in powers]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 10.0])
def test_it_is_the_divergence_summed_term_by_term(temperature: float) -> None:
    student, teacher = _logits(3, 4), _logits(3, 4)
    total = 0.0
    for row, teacher_row in zip(student.tolist(), teacher.tolist(), strict=True):
        pairs = zip(_softmax(teacher_row, temperature), _softmax(row, temperature), strict=True)
        total += sum(p * math.log(p / q) for p, q in pairs)
    found = funmatch(Seen(student, LABELS, teacher), temperature=temperature).item()
    assert found == pytest.approx(temperature**2 * total / 3, rel=1e-9)


def test_hard_labels_are_not_read() -> None:
    student, teacher = _logits(3, 4), _logits(3, 4)
    values = [
        funmatch(Seen(student, labels, teacher), temperature=2.0)
        for labels in (LABELS, LABELS.flip(0), torch.rand(3, 4))
    ]
    assert values[0] == values[1] == values[2]


def test_a_student_that_answers_as_the_teacher_costs_nothing() -> None:
    teacher = _logits(3, 4)
    assert funmatch(Seen(teacher + 7.0, LABELS, teacher), temperature=2.0).abs() < 1e-12


def test_derivative_agrees_with_finite_differences() -> None:
    student, teacher = _logits(3, 4).requires_grad_(), _logits(3, 4)
    assert torch.autograd.gradcheck(
        lambda logits: funmatch(Seen(logits, LABELS, teacher), temperature=2.5), student
    )


def test_a_missing_teacher_is_refused() -> None:
    with pytest.raises(ShapeError, match="found none"):
        funmatch(Seen(torch.zeros(3, 4), LABELS), temperature=1.0)
